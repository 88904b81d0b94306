import { AlbertineError } from '../core/errors.ts';
import type { DataType, TypedArray } from '../graph/graph.ts';
import type { Ort, OrtTensor } from './ort.ts';

/** Values for one input or output of a compiled graph, in host memory (or kept by the runtime after a device run). */
export class HostTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
  private native: OrtTensor | undefined;

  /** `data` is referenced, not copied. Throws `shape_mismatch` when its length is not the shape's product. */
  constructor(dtype: DataType, shape: readonly number[], data: TypedArray) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (size !== data.length) throw new AlbertineError('shape_mismatch', `a tensor of shape [${shape.join(', ')}] needs ${size} values, got ${data.length}`, { value: shape });
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
      throw new AlbertineError('shape_mismatch', `cannot copy ${other.dtype} [${other.shape.join(', ')}] into ${this.dtype} [${this.shape.join(', ')}]`, { value: other.shape });
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

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, int64: BigInt64Array,
  int32: Int32Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
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
  const data = values instanceof BigInt64Array ? values : BigInt64Array.from(values as ArrayLike<number> & Iterable<number>, BigInt);
  return new HostTensor('int64', shape, data);
}
