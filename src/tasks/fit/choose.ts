import { createRandom, shuffle } from '../../core/random.ts';
import type { FeatureMatrix } from '../../classical/features.ts';
import type { LinearModel, Targets } from '../../classical/linear.ts';
import { decide, KINDS, type TrainHow } from './kinds.ts';
import type { ClassifierKind } from './settings.ts';

/** How well a strength did on rows that were held out. */
export interface TriedStrength {
  /** C, or the number of neighbours. */
  strength: number;
  /** The figure on rows that were held out. */
  score: number;
}

/** What cross-validation found. */
export interface Choice {
  strength: number;
  tried: TriedStrength[];
  /** Decision values of the rows, each by a classifier that did not see it: `[rows, outputs]`. */
  heldOut: Float64Array;
}

/** What {@link chooseStrength} is given besides features and targets. */
export interface ChooseOptions {
  classifier: ClassifierKind;
  /** From small to large. */
  strengths: readonly number[];
  /** The part each row is in. */
  folds: ArrayLike<number>;
  how: Omit<TrainHow, 'strength' | 'start' | 'exact'>;
  /** A figure of held-out decision values, the higher the better. */
  score: (heldOut: Float64Array) => number;
  /** Told about classifiers that are learned, and how many there are at most. */
  onDone?: (total: number) => void;
}

/** Strengths in a row that are worse than the best before the weaker penalties, which take longest, are left out. */
const WORSE_IN_A_ROW = 2;

/** The strength whose classifiers do best on the parts that they did not see. */
export async function chooseStrength(
  features: FeatureMatrix,
  targets: Targets,
  { classifier, strengths, folds, how, score, onDone }: ChooseOptions,
): Promise<Choice> {
  const parts = splitsOf(folds).map((split) => ({
    ...split,
    train: features.pick(split.rows),
    held: features.pick(split.heldOut),
    targets: pickTargets(targets, split.rows),
  }));
  const starts = new Map<number, LinearModel>();
  const tried: TriedStrength[] = [];
  let best: { strength: number; score: number; heldOut: Float64Array } | undefined;
  let worse = 0;
  for (const strength of strengths) {
    if (worse === WORSE_IN_A_ROW) break;
    const heldOut = new Float64Array(targets.values.length);
    for (const [index, part] of parts.entries()) {
      how.signal?.throwIfAborted();
      const start = starts.get(index);
      const learned = await KINDS[classifier].train(part.train, part.targets, {
        ...how,
        strength,
        exact: false,
        ...(how.rowWeights && { rowWeights: part.rows.map((row) => how.rowWeights![row]) }),
        ...(start && { start }),
      });
      if ('linear' in learned) starts.set(index, learned.linear);
      const values = await decide(part.held, learned, { classifier });
      part.heldOut.forEach((row, i) =>
        heldOut.set(values.subarray(i * targets.outputs, (i + 1) * targets.outputs), row * targets.outputs),
      );
      onDone?.(strengths.length * parts.length);
    }
    const own = { strength, score: score(heldOut) };
    tried.push(own);
    worse = best === undefined || own.score > best.score ? 0 : worse + 1;
    if (worse === 0) best = { ...own, heldOut };
  }
  return { strength: best!.strength, tried, heldOut: best!.heldOut };
}

function splitsOf(folds: ArrayLike<number>): { rows: number[]; heldOut: number[] }[] {
  const all = Array.from({ length: folds.length }, (_, row) => row);
  return [...new Set(Array.from(folds))].map((fold) => ({
    rows: all.filter((row) => folds[row] !== fold),
    heldOut: all.filter((row) => folds[row] === fold),
  }));
}

function pickTargets({ values, outputs }: Targets, rows: readonly number[]): Targets {
  const picked = new Float64Array(rows.length * outputs);
  rows.forEach((row, i) => picked.set(values.subarray(row * outputs, (row + 1) * outputs), i * outputs));
  return { values: picked, outputs };
}

/**
 * Shares rows out over parts so that each label is in all of them as evenly as its rows allow, and equal texts are in
 * the same part: a text that was learned is no test.
 */
export function stratifiedFolds(
  rows: readonly { label: string; text: string }[],
  folds: number,
  seed: number,
): Int32Array {
  const groups = new Map<string, number[]>();
  rows.forEach(({ text }, row) => {
    const known = groups.get(text);
    if (known) known.push(row);
    else groups.set(text, [row]);
  });
  const byLabel = new Map<string, number[][]>();
  for (const group of shuffle([...groups.values()], createRandom(seed))) {
    const { label } = rows[group[0]];
    byLabel.set(label, [...(byLabel.get(label) ?? []), group]);
  }
  const result = new Int32Array(rows.length);
  let next = 0;
  // Dealing goes on where the label before ended, so that the parts are equally large.
  for (const label of [...byLabel.keys()].sort())
    for (const group of byLabel.get(label)!) {
      for (const row of group) result[row] = next % folds;
      next++;
    }
  return result;
}
