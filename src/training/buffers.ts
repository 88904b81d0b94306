import { DeviceTensor, float32, type HostTensor, type RunTensor } from '../runtime/tensor.ts';

/** Tensors by name for the activations of a step. */
export interface Buffers {
  /**
   * A float32 tensor that keeps what was written to it until `name` is asked for with another shape; new ones hold
   * nothing.
   */
  tensor(name: string, shape: readonly number[]): RunTensor;
  /** Bytes held. */
  readonly byteLength: number;
}

/**
 * Reusable float32 memory by name. A buffer grows to the largest size it was asked for and is then reused, so a run
 * with many batch shapes allocates as much as its largest batch and no more.
 */
export class BufferPool implements Buffers {
  private readonly buffers = new Map<string, Float32Array>();

  /** A tensor over the buffer `name`; its content is undefined, and it is valid until `name` is asked for again. */
  tensor(name: string, shape: readonly number[]): HostTensor {
    const size = shape.reduce((a, b) => a * b, 1);
    let buffer = this.buffers.get(name);
    if (!buffer || buffer.length < size) {
      buffer = new Float32Array(size);
      this.buffers.set(name, buffer);
    }
    return float32(shape, buffer.subarray(0, size));
  }

  /** Bytes held. */
  get byteLength(): number {
    let total = 0;
    for (const buffer of this.buffers.values()) total += buffer.byteLength;
    return total;
  }
}

/**
 * Places in a device's memory by name. The runtime keeps freed buffers for the next run, so nothing is reserved here.
 */
export class DeviceBuffers implements Buffers, Disposable {
  private readonly places = new Map<string, DeviceTensor>();

  tensor(name: string, shape: readonly number[]): DeviceTensor {
    const held = this.places.get(name);
    if (held && held.shape.join() === shape.join()) return held;
    held?.[Symbol.dispose]();
    const place = new DeviceTensor('float32', shape);
    this.places.set(name, place);
    return place;
  }

  get byteLength(): number {
    return [...this.places.values()].reduce(
      (total, { shape }) => total + Float32Array.BYTES_PER_ELEMENT * shape.reduce((a, b) => a * b, 1),
      0,
    );
  }

  [Symbol.dispose](): void {
    for (const place of this.places.values()) place[Symbol.dispose]();
    this.places.clear();
  }
}
