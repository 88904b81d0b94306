import { AlbertineError, requireInteger } from '../core/errors.ts';
import { createRandom, mixSeed, shuffle } from '../core/random.ts';

/** Row indices of two disjoint parts, each in ascending order. */
export interface Split {
  /** Rows to learn from. */
  train: number[];
  /** Rows held out. */
  validation: number[];
}

/** Options of {@link stratifiedSplit}. */
export interface SplitOptions {
  /** One number a row; rows with the same one (equal texts) stay together. Default: every row by itself. */
  groups?: ArrayLike<number>;
}

/**
 * Splits rows so that both parts have the same mix of labels. The validation part has `round(fraction * rows)` rows,
 * shared out by largest remainder; every label keeps at least one training row, and a label with one row is only
 * trained on. Groups of rows are not torn apart: the validation part then has about as many rows, and a group with
 * several labels is only trained on. The same labels, fraction and seed give the same split. Throws `invalid_argument`
 * unless `0 < fraction < 1`.
 */
export function stratifiedSplit(
  labels: ArrayLike<string | number>,
  fraction: number,
  seed: number,
  options: SplitOptions = {},
): Split {
  if (!(fraction > 0 && fraction < 1))
    throw new AlbertineError('invalid_argument', `fraction must be between 0 and 1, got ${fraction}`, {
      value: fraction,
    });
  const strata = groupByLabel(labels);
  const quotas = strata.map(({ rows }) => {
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
  const groups = options.groups ?? Array.from({ length: labels.length }, (_, row) => row);
  const mixed = groupsOfSeveralLabels(labels, groups);
  const split: Split = { train: [], validation: [] };
  let wanted = 0;
  for (const [index, { rows }] of strata.entries()) {
    // Each label has its own random numbers, so that rows added to one do not move those of another.
    const shuffled = shuffle([...rows], createRandom(mixSeed(seed, index)));
    wanted += quotas[index].size;
    const chosen = chooseGroups(
      shuffled.map((row) => groups[row]),
      { wanted: Math.min(wanted - split.validation.length, MOST_OF_QUOTA * quotas[index].size), barred: mixed },
    );
    for (const row of shuffled) (chosen.has(groups[row]) ? split.validation : split.train).push(row);
  }
  split.train.sort((a, b) => a - b);
  split.validation.sort((a, b) => a - b);
  return split;
}

/**
 * What labels of few, often repeated texts cannot give is taken from others only up to this multiple of their own
 * share, lest one be nearly all held out.
 */
const MOST_OF_QUOTA = 2;

/** Groups, in order of appearance, while each brings the number of their rows nearer to `wanted`; never all rows. */
function chooseGroups(
  groups: readonly number[],
  { wanted, barred }: { wanted: number; barred: ReadonlySet<number> },
): Set<number> {
  const sizes = new Map<number, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const chosen = new Set<number>();
  let taken = 0;
  for (const [group, size] of sizes) {
    if (
      barred.has(group) ||
      taken + size >= groups.length ||
      Math.abs(taken + size - wanted) >= Math.abs(taken - wanted)
    )
      continue;
    chosen.add(group);
    taken += size;
  }
  return chosen;
}

function groupsOfSeveralLabels(labels: ArrayLike<string | number>, groups: ArrayLike<number>): Set<number> {
  const labelOf = new Map<number, string | number>();
  const mixed = new Set<number>();
  for (let row = 0; row < labels.length; row++) {
    const known = labelOf.get(groups[row]);
    if (known === undefined) labelOf.set(groups[row], labels[row]);
    else if (known !== labels[row]) mixed.add(groups[row]);
  }
  return mixed;
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

/** How often each label occurs where a row may have any number of them. */
export interface MultiLabelBalance {
  /** Number of rows. */
  rows: number;
  /**
   * All labels, most frequent first; equal counts in their own order. `count` is of the rows that have the label,
   * `share` of all rows.
   */
  classes: { label: string; count: number; share: number }[];
  /** Rows without any label. */
  unlabelled: number;
  /** Mean number of labels of a row; NaN without rows, as are the two that follow. */
  labelsPerRow: number;
  /** Rows of the most frequent label over rows of the rarest; Infinity where a label is on no row. */
  imbalance: number;
  /** Hamming loss of giving every row the labels that more than half of the rows have: what a model has to beat. */
  constantHammingLoss: number;
}

/**
 * Counts labels of rows given as the indices of their labels (none twice), to be shown before training. Throws
 * `invalid_argument` for an index without a label.
 */
export function multiLabelBalance(targets: readonly ArrayLike<number>[], labels: readonly string[]): MultiLabelBalance {
  const counts = new Array<number>(labels.length).fill(0);
  for (const target of targets)
    for (let i = 0; i < target.length; i++)
      counts[requireInteger('a label index', target[i], { min: 0, max: labels.length - 1 })]++;
  const rows = targets.length;
  const classes = labels
    .map((label, index) => ({ label, count: counts[index], share: counts[index] / rows }))
    .sort((a, b) => b.count - a.count);
  const total = (value: (count: number) => number): number => counts.reduce((sum, count) => sum + value(count), 0);
  return {
    rows,
    classes,
    unlabelled: targets.filter(({ length }) => length === 0).length,
    labelsPerRow: total((count) => count) / rows,
    imbalance: rows === 0 || labels.length === 0 ? NaN : classes[0].count / classes[classes.length - 1].count,
    constantHammingLoss: total((count) => Math.min(count, rows - count)) / (rows * labels.length),
  };
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
