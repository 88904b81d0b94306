import { AlbertineError } from '../core/errors.ts';
import { ratio, requireSameLength } from './check.ts';
import { expectedCalibrationError, logLoss } from './probabilities.ts';

/** Counts and scores of one class. */
export interface ClassScores {
  /** The class. */
  label: string;
  /** Of the rows predicted as this class, the share that is; 0 if none was predicted. */
  precision: number;
  /** Of the rows of this class, the share that was found; 0 if there is none. */
  recall: number;
  /** Harmonic mean of both: `2 TP / (2 TP + FP + FN)`; 0 if the class occurs nowhere. */
  f1: number;
  /** Rows of this class. */
  support: number;
  /** Rows predicted as this class. */
  predicted: number;
}

/** Averages of precision, recall and F1. */
export interface AveragedScores {
  /**
   * Unweighted mean over the classes that occur in the gold labels or the predictions; with several labels a row over
   * all classes. As scikit-learn.
   */
  macroPrecision: number;
  /** See `macroPrecision`; of recalls. */
  macroRecall: number;
  /** See `macroPrecision`; of F1s. */
  macroF1: number;
  /** From the counts of all classes together. With one label a row all three equal the accuracy. */
  microPrecision: number;
  /** See `microPrecision`. */
  microRecall: number;
  /** See `microPrecision`. */
  microF1: number;
  /** Mean over classes weighted by support. */
  weightedPrecision: number;
  /** See `weightedPrecision`; of recalls, which is the accuracy with one label a row. */
  weightedRecall: number;
  /** See `weightedPrecision`; of F1s. */
  weightedF1: number;
}

/** Result of {@link classificationReport}. */
export interface ClassificationReport extends AveragedScores {
  /** Rows. */
  count: number;
  /** Share of the rows whose class is right. */
  accuracy: number;
  /** Mean recall of the classes that occur: {@link balancedAccuracy}. */
  balancedAccuracy: number;
  /** From -1 to 1; 0 by chance: {@link matthewsCorrelation}. */
  matthews: number;
  /** With probabilities: {@link logLoss} in nats. */
  logLoss?: number;
  /** With probabilities: {@link expectedCalibrationError} with 15 bins. */
  expectedCalibrationError?: number;
  /** In the order of the labels. */
  perClass: ClassScores[];
  /** `[gold][predicted]`. */
  confusionMatrix: number[][];
}

/** Options of {@link classificationReport}. */
export interface ClassificationOptions {
  /** Names of the classes, by index. */
  labels: readonly string[];
  /** One row of probabilities a gold label, each summing to 1. */
  probabilities?: ArrayLike<ArrayLike<number>>;
}

/** Share of equal entries; NaN of nothing. Throws `shape_mismatch`. */
export function accuracy(gold: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const count = requireSameLength(gold, predicted, 'gold labels and predictions');
  let right = 0;
  for (let i = 0; i < count; i++) if (gold[i] === predicted[i]) right++;
  return right / count;
}

/** Counts by `[gold][predicted]`. Throws `invalid_argument` for an index outside `[0, numClasses)`. */
export function confusionMatrix(gold: ArrayLike<number>, predicted: ArrayLike<number>, numClasses: number): number[][] {
  const count = requireSameLength(gold, predicted, 'gold labels and predictions');
  const matrix = Array.from({ length: numClasses }, () => new Array<number>(numClasses).fill(0));
  for (let i = 0; i < count; i++) {
    requireClass(gold[i], numClasses);
    requireClass(predicted[i], numClasses);
    matrix[gold[i]][predicted[i]]++;
  }
  return matrix;
}

/**
 * Mean recall over the classes that occur in the gold labels (all rows of the confusion matrix that are not empty); NaN
 * of nothing.
 */
export function balancedAccuracy(matrix: readonly (readonly number[])[]): number {
  let sum = 0;
  let classes = 0;
  for (const [index, row] of matrix.entries()) {
    const support = total(row);
    if (support === 0) continue;
    sum += row[index] / support;
    classes++;
  }
  return sum / classes;
}

/**
 * Matthews correlation coefficient for any number of classes, in [-1, 1] (R_K of Gorodkin 2004, "Comparing two
 * K-category assignments by a K-category correlation coefficient"). 0, as in scikit-learn, when all gold labels or all
 * predictions are one class.
 */
export function matthewsCorrelation(matrix: readonly (readonly number[])[]): number {
  const goldCounts = matrix.map(total);
  const predictedCounts = matrix.map((_, column) => matrix.reduce((sum, row) => sum + row[column], 0));
  const count = total(goldCounts);
  const right = matrix.reduce((sum, row, index) => sum + row[index], 0);
  const dot = (a: number[], b: number[]): number => a.reduce((sum, value, index) => sum + value * b[index], 0);
  const covariance = right * count - dot(goldCounts, predictedCounts);
  const spread =
    (count * count - dot(predictedCounts, predictedCounts)) * (count * count - dot(goldCounts, goldCounts));
  return ratio(covariance, Math.sqrt(spread), 0);
}

/**
 * The usual figures for one label a row, in one object. Throws `shape_mismatch`, or `invalid_argument` for an index
 * without a label.
 */
export function classificationReport(
  gold: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { labels, probabilities }: ClassificationOptions,
): ClassificationReport {
  const matrix = confusionMatrix(gold, predicted, labels.length);
  const counts = labels.map((label, index) => ({
    label,
    truePositives: matrix[index][index],
    support: total(matrix[index]),
    predicted: matrix.reduce((sum, row) => sum + row[index], 0),
  }));
  return {
    count: gold.length,
    accuracy: accuracy(gold, predicted),
    balancedAccuracy: balancedAccuracy(matrix),
    ...averageScores(counts),
    matthews: matthewsCorrelation(matrix),
    ...(probabilities && {
      logLoss: logLoss(gold, probabilities),
      expectedCalibrationError: expectedCalibrationError(gold, probabilities),
    }),
    perClass: counts.map(scoresOf),
    confusionMatrix: matrix,
  };
}

/** Result of {@link multiLabelReport}. */
export interface MultiLabelReport extends AveragedScores {
  /** Rows. */
  count: number;
  /** Share of rows whose label set is exactly right (subset accuracy). */
  accuracy: number;
  /** Share of wrong decisions over all rows and labels. */
  hammingLoss: number;
  /** Mean over rows of the F1 between gold and predicted sets; a row where both are empty counts 1. */
  samplesF1: number;
  /** In the order of the labels. */
  perClass: ClassScores[];
}

/**
 * The usual figures for any number of labels a row, each row given as the indices of its labels. Errors as
 * {@link classificationReport}.
 */
export function multiLabelReport(
  gold: ArrayLike<ArrayLike<number>>,
  predicted: ArrayLike<ArrayLike<number>>,
  { labels }: { labels: readonly string[] },
): MultiLabelReport {
  const count = requireSameLength(gold, predicted, 'gold labels and predictions');
  const counts = labels.map((label) => ({ label, truePositives: 0, support: 0, predicted: 0 }));
  let exact = 0;
  let wrong = 0;
  let samplesF1 = 0;
  for (let i = 0; i < count; i++) {
    const goldSet = new Set(Array.from(gold[i], (index) => requireClass(index, labels.length)));
    const predictedSet = new Set(Array.from(predicted[i], (index) => requireClass(index, labels.length)));
    for (const index of goldSet) counts[index].support++;
    for (const index of predictedSet) counts[index].predicted++;
    const shared = [...goldSet].filter((index) => predictedSet.has(index));
    for (const index of shared) counts[index].truePositives++;
    const differing = goldSet.size + predictedSet.size - 2 * shared.length;
    if (differing === 0) exact++;
    wrong += differing;
    samplesF1 += ratio(2 * shared.length, goldSet.size + predictedSet.size, 1);
  }
  return {
    count,
    accuracy: exact / count,
    hammingLoss: wrong / (count * labels.length),
    samplesF1: samplesF1 / count,
    ...averageScores(counts, counts),
    perClass: counts.map(scoresOf),
  };
}

interface ClassCounts {
  label: string;
  truePositives: number;
  support: number;
  predicted: number;
}

function scoresOf({ label, truePositives, support, predicted }: ClassCounts): ClassScores {
  return {
    label,
    precision: ratio(truePositives, predicted, 0),
    recall: ratio(truePositives, support, 0),
    f1: ratio(2 * truePositives, predicted + support, 0),
    support,
    predicted,
  };
}

/**
 * As scikit-learn: with one label a row a class that neither occurs nor is predicted is left out, with several every
 * column of the indicator matrix counts.
 */
function averageScores(
  counts: readonly ClassCounts[],
  present = counts.filter(({ support, predicted }) => support + predicted > 0),
): AveragedScores {
  const scores = present.map(scoresOf);
  const sum = (value: (score: ClassScores) => number): number => scores.reduce((a, score) => a + value(score), 0);
  const support = sum((score) => score.support);
  const predicted = sum((score) => score.predicted);
  const truePositives = present.reduce((a, { truePositives: n }) => a + n, 0);
  const macro = (key: 'precision' | 'recall' | 'f1'): number => sum((score) => score[key]) / scores.length;
  const weighted = (key: 'precision' | 'recall' | 'f1'): number =>
    ratio(
      sum((score) => score[key] * score.support),
      support,
      0,
    );
  return {
    macroPrecision: macro('precision'),
    macroRecall: macro('recall'),
    macroF1: macro('f1'),
    microPrecision: ratio(truePositives, predicted, 0),
    microRecall: ratio(truePositives, support, 0),
    microF1: ratio(2 * truePositives, predicted + support, 0),
    weightedPrecision: weighted('precision'),
    weightedRecall: weighted('recall'),
    weightedF1: weighted('f1'),
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function requireClass(index: number, numClasses: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= numClasses) {
    throw new AlbertineError(
      'invalid_argument',
      `a class index must be an integer from 0 to ${numClasses - 1}, got ${index}`,
      { value: index },
    );
  }
  return index;
}
