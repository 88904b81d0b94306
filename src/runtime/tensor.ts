import { AlbertineError } from '../core/errors.ts';
import type { DataType, TypedArray } from '../graph/graph.ts';
import type { Ort, OrtTensor } from './ort.ts';

/** Values for one input or output of a compiled graph, in host memory. */
export class HostTensor {
  /** Type of the elements. */
  readonly dtype: DataType;
  /** Outermost dimension first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: TypedArray;
  private native: OrtTensor | undefined;

  /** `data` is referenced, not copied. Throws `shape_mismatch` when its length is not the shape's product. */
  constructor(dtype: DataType, shape: readonly number[], data: TypedArray) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (size !== data.length)
      throw new AlbertineError(
        'shape_mismatch',
        `a tensor of shape [${shape.join(', ')}] needs ${size} values, got ${data.length}`,
        { value: shape },
      );
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** The runtime's view of the same memory. */
  toNative(ort: Ort): OrtTensor {
    this.native ??= new ort.Tensor(this.dtype as 'float32', this.data as Float32Array, this.shape);
    return this.native;
  }

  /** Overwrites the values with those of a tensor of the same type and shape. */
  copyFrom(other: HostTensor): void {
    if (other.dtype !== this.dtype || other.shape.join() !== this.shape.join()) {
      throw new AlbertineError(
        'shape_mismatch',
        `cannot copy ${other.dtype} [${other.shape.join(', ')}] into ${this.dtype} [${this.shape.join(', ')}]`,
        { value: other.shape },
      );
    }
    (this.data as Float32Array).set(other.data as Float32Array);
  }

  /** Wraps a tensor that the runtime returned. */
  static fromNative(native: OrtTensor): HostTensor {
    const tensor = new HostTensor(native.type as DataType, native.dims, native.data as unknown as TypedArray);
    tensor.native = native;
    return tensor;
  }
}

/**
 * Values that stay in a device's memory: a place that a graph's output can be kept in and that can be fed to any graph
 * of that device. A run never writes into what the place holds, it puts a new buffer there and frees the old one, so
 * the same tensor may be an input and an output of one run. Dispose it before the graph that wrote it.
 */
export class DeviceTensor implements Disposable {
  /** Type of the elements. */
  readonly dtype: DataType;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  private native: OrtTensor | undefined;

  constructor(dtype: DataType, shape: readonly number[]) {
    this.dtype = dtype;
    this.shape = shape;
  }

  /** The runtime's handle of the values. Throws `runtime_failed` when nothing was written yet, or after disposal. */
  toNative(): OrtTensor {
    if (!this.native)
      throw new AlbertineError(
        'runtime_failed',
        `a device tensor of shape [${this.shape.join(', ')}] is read before it was written`,
        { value: this.shape },
      );
    return this.native;
  }

  /** Takes over an output of a run and frees the values held before. */
  replace(native: OrtTensor): void {
    this.native?.dispose();
    this.native = native;
  }

  /** Frees the device's memory. */
  [Symbol.dispose](): void {
    this.native?.dispose();
    this.native = undefined;
  }
}

/** What a compiled graph can be fed with and can write to. */
export type RunTensor = HostTensor | DeviceTensor;

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A new zero-filled tensor. */
export function zeros(dtype: DataType, shape: readonly number[]): HostTensor {
  return new HostTensor(dtype, shape, new ARRAYS[dtype](shape.reduce((a, b) => a * b, 1)));
}

/** A float32 tensor over existing values. */
export function float32(shape: readonly number[], data: Float32Array): HostTensor {
  return new HostTensor('float32', shape, data);
}

/** An int64 tensor from integers. */
export function int64(shape: readonly number[], values: ArrayLike<number> | BigInt64Array): HostTensor {
  const data =
    values instanceof BigInt64Array
      ? values
      : BigInt64Array.from(values as ArrayLike<number> & Iterable<number>, BigInt);
  return new HostTensor('int64', shape, data);
}
