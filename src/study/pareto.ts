import { lossesOf, type Direction, type Trial } from './trial.ts';

/* Losses are rows of numbers to be minimised. */

/** Whether `a` is nowhere worse than `b` and somewhere better. */
function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => value <= b[i]) && a.some((value, i) => value < b[i]);
}

/** Complete trials that no other one beats in every objective, by the first objective, the best first. */
export function paretoFront(trials: readonly Trial[], directions: readonly Direction[]): Trial[] {
  const complete = trials
    .filter(({ state }) => state === 'complete')
    .map((trial) => ({ trial, losses: lossesOf(trial, directions) }));
  return complete
    .filter(({ losses }) => !complete.some((other) => dominates(other.losses, losses)))
    .sort((a, b) => a.losses[0] - b.losses[0])
    .map(({ trial }) => trial);
}

/** The rank of every row: 0 for those that none beats, 1 for those that only they beat, and so on (Deb et al. 2002). */
export function dominationRanks(rows: readonly (readonly number[])[]): number[] {
  const ranks = new Array<number>(rows.length).fill(-1);
  let left = rows.map((_, i) => i);
  for (let rank = 0; left.length > 0; rank++) {
    const front = left.filter((i) => !left.some((j) => dominates(rows[j], rows[i])));
    // Rows with NaN are beaten by nothing and beat nothing, so that there always is a front.
    for (const i of front) ranks[i] = rank;
    left = left.filter((i) => ranks[i] < 0);
  }
  return ranks;
}

/** Volume of what rows beat, up to a reference point that is worse than they are in every respect. */
export function hypervolume(rows: readonly (readonly number[])[], reference: readonly number[]): number {
  const [first, ...others] = [...rows].sort((a, b) => a[0] - b[0]);
  if (first === undefined) return 0;
  if (first.length === 1) return Math.max(0, reference[0] - first[0]);
  // What the first beats, and what the others beat besides: theirs without the part that the first covers.
  const own = first.reduce((volume, value, i) => volume * Math.max(0, reference[i] - value), 1);
  const limited = others.map((row) => row.map((value, i) => Math.max(value, first[i])));
  const front = limited.filter(
    (row, i) => !limited.some((other, j) => dominates(other, row) || (j < i && equal(other, row))),
  );
  return own + hypervolume(others, reference) - hypervolume(front, reference);
}

const equal = (a: readonly number[], b: readonly number[]): boolean => a.every((value, i) => value === b[i]);

/**
 * Indices of `count` rows that together beat the largest volume, chosen greedily (Guerreiro et al. 2016). Of equal rows
 * the first is chosen, the others only where there are not enough different ones.
 */
export function spreadSubset(rows: readonly (readonly number[])[], count: number): number[] {
  if (count >= rows.length) return rows.map((_, i) => i);
  const reference = referencePoint(rows);
  const order = rows
    .map((_, i) => i)
    .filter((i) => rows.findIndex((row) => equal(row, rows[i])) === i)
    .sort((a, b) => compareRows(rows[a], rows[b]));
  if (order.length < count) {
    const twins = rows.map((_, i) => i).filter((i) => !order.includes(i));
    return [...order, ...twins.slice(0, count - order.length)];
  }
  const chosen: number[] = [];
  while (chosen.length < count) {
    const before = hypervolume(
      chosen.map((i) => rows[i]),
      reference,
    );
    let best = -1;
    let most = -Infinity;
    for (const i of order) {
      if (chosen.includes(i)) continue;
      const gain =
        hypervolume(
          [...chosen, i].map((j) => rows[j]),
          reference,
        ) - before;
      // What floating point cannot tell apart counts as equal: the first of the order is chosen.
      if (best < 0 || gain > most + Math.abs(most) * 1e-12) [best, most] = [i, gain];
    }
    chosen.push(best);
  }
  return chosen;
}

function compareRows(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}

/** A little worse than the worst in every objective. */
function referencePoint(rows: readonly (readonly number[])[]): number[] {
  return rows[0].map((_, i) => {
    const worst = Math.max(...rows.map((row) => row[i]));
    return Math.max(1.1 * worst, 0.9 * worst) || 1e-12;
  });
}
