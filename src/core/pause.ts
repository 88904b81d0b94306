/** Milliseconds of computing after which events get a turn. */
const LONG_ENOUGH = 50;

/**
 * Lets timers and signals have their turn in long computations: what it gives is awaited in every round, and waits only
 * where some time has passed since the last turn. Then it throws the reason of an aborted signal.
 */
export function createPause(signal?: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last >= LONG_ENOUGH) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      last = performance.now();
    }
    signal?.throwIfAborted();
  };
}
