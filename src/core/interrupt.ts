import { AlbertineError } from './errors.ts';

/** Throws `interrupted` where the signal is aborted: its own reason where that is an error of ours. */
export function requireNotInterrupted(signal: AbortSignal | undefined, message = 'interrupted'): void {
  if (!signal?.aborted) return;
  const reason: unknown = signal.reason;
  throw reason instanceof AlbertineError ? reason : new AlbertineError('interrupted', message, { cause: reason });
}

/** Milliseconds of computing after which events get a turn. */
const LONG_ENOUGH = 50;

/**
 * Lets timers and signals have their turn in long computations: what it gives is awaited in every round, and waits only
 * where some time has passed since the last turn. Then it throws as {@link requireNotInterrupted} does.
 */
export function createPause(signal?: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last >= LONG_ENOUGH) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      last = performance.now();
    }
    requireNotInterrupted(signal);
  };
}
