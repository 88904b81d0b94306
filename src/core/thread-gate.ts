const INSIDE = 1;
const CLOSED = 2;

/**
 * What a thread passes to do what it must not be stopped in. Another thread closes the gate and waits until nobody is
 * inside; then the first can be stopped.
 */
export class ThreadGate {
  /** To be sent to the other thread, which makes its own `ThreadGate` of it. */
  readonly memory: SharedArrayBuffer;
  private readonly state: Int32Array;

  constructor(memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.state = new Int32Array(memory);
  }

  /** Goes in; `false` when the gate is closed. */
  enter(): boolean {
    return Atomics.compareExchange(this.state, 0, 0, INSIDE) === 0;
  }

  leave(): void {
    Atomics.and(this.state, 0, ~INSIDE);
    Atomics.notify(this.state, 0);
  }

  close(): void {
    Atomics.or(this.state, 0, CLOSED);
  }

  /** Blocks this thread until nobody is inside, at most so many milliseconds. */
  waitUntilLeft(timeout: number): void {
    Atomics.wait(this.state, 0, CLOSED | INSIDE, timeout);
  }
}
