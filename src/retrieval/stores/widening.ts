import type { ScoredRow } from './store.ts';

/**
 * The nearest rows that a mask accepts, of a store that knows no masks: as many more are asked for as the mask takes away,
 * and more again, up to all, until enough are left.
 */
export async function nearestAccepted(
  { rows, wanted, accept, accepted }: { rows: number; wanted: number; accept: Uint8Array; accepted: number },
  nearest: (limit: number) => Promise<ScoredRow[]>,
): Promise<ScoredRow[]> {
  for (let times = 1.5; ; times *= 4) {
    const limit = Math.min(rows, Math.ceil((wanted * times * rows) / accepted));
    const found = (await nearest(limit)).filter(({ row }) => accept[row] !== 0);
    if (found.length >= wanted || limit === rows) return found.slice(0, wanted);
  }
}
