import { AlbertineError } from '../core/errors.ts';
import { createRandom, mixSeed, shuffle } from '../core/random.ts';

/** Row indices of two disjoint parts, each in ascending order. */
export interface Split {
  train: number[];
  validation: number[];
}

/**
 * Splits rows so that both parts have the same mix of labels. The validation part has `round(fraction * rows)` rows,
 * shared out by largest remainder; every label keeps at least one training row, and a label with one row is only trained on.
 * The same labels, fraction and seed give the same split. Throws `invalid_argument` unless `0 < fraction < 1`.
 */
export function stratifiedSplit(labels: ArrayLike<string | number>, fraction: number, seed: number): Split {
  if (!(fraction > 0 && fraction < 1)) throw new AlbertineError('invalid_argument', `fraction must be between 0 and 1, got ${fraction}`, { value: fraction });
  const groups = groupByLabel(labels);
  const quotas = groups.map(({ rows }) => {
    const exact = rows.length * fraction;
    const limit = rows.length - 1;
    return { size: Math.min(Math.floor(exact), limit), remainder: exact - Math.floor(exact), limit };
  });
  let missing = Math.round(labels.length * fraction) - quotas.reduce((sum, { size }) => sum + size, 0);
  for (const quota of [...quotas].sort((a, b) => b.remainder - a.remainder)) {
    if (missing > 0 && quota.size < quota.limit) {
      quota.size++;
      missing--;
    }
  }
  const split: Split = { train: [], validation: [] };
  for (const [index, { rows }] of groups.entries()) {
    // Each label has its own random numbers, so that rows added to one do not move those of another.
    const shuffled = shuffle([...rows], createRandom(mixSeed(seed, index)));
    split.validation.push(...shuffled.slice(0, quotas[index].size));
    split.train.push(...shuffled.slice(quotas[index].size));
  }
  split.train.sort((a, b) => a - b);
  split.validation.sort((a, b) => a - b);
  return split;
}

/** How often each label occurs. */
export interface ClassBalance {
  /** Most frequent first; equal counts in order of first appearance. `share` is of all rows. */
  classes: { label: string | number; count: number; share: number }[];
  /** Rows of the most frequent label over rows of the rarest; 1 is balanced, NaN without rows. */
  imbalance: number;
  /** Accuracy of always answering with the most frequent label: what a model has to beat. NaN without rows. */
  majorityShare: number;
}

/** Counts labels, to be shown before training. */
export function classBalance(labels: ArrayLike<string | number>): ClassBalance {
  const classes = groupByLabel(labels)
    .map(({ label, rows }) => ({ label, count: rows.length, share: rows.length / labels.length }))
    .sort((a, b) => b.count - a.count);
  if (classes.length === 0) return { classes, imbalance: NaN, majorityShare: NaN };
  return { classes, imbalance: classes[0].count / classes[classes.length - 1].count, majorityShare: classes[0].share };
}

function groupByLabel(labels: ArrayLike<string | number>): { label: string | number; rows: number[] }[] {
  const groups = new Map<string | number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const rows = groups.get(labels[row]);
    if (rows) rows.push(row);
    else groups.set(labels[row], [row]);
  }
  return [...groups].map(([label, rows]) => ({ label, rows }));
}
