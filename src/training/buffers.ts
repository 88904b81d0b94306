import { float32, type HostTensor } from '../runtime/tensor.ts';

/**
 * Reusable float32 memory by name. A buffer grows to the largest size it was asked for and is then reused, so a run with
 * many batch shapes allocates as much as its largest batch and no more.
 */
export class BufferPool {
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
