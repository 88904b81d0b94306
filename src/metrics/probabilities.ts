import { AlbertineError, requireInteger } from '../core/errors.ts';
import { requireSameLength } from './check.ts';

/** Rows of class probabilities, one a gold label. */
export type ProbabilityRows = ArrayLike<ArrayLike<number>>;

/**
 * Mean negative natural logarithm of the probability given to the gold class, in nats. Probabilities are kept within
 * `[2^-52, 1 - 2^-52]`, as scikit-learn does, so that one confident error does not make it infinite. NaN of nothing.
 */
export function logLoss(gold: ArrayLike<number>, probabilities: ProbabilityRows): number {
  const count = requireSameLength(gold, probabilities, 'gold labels and rows of probabilities');
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const probability = probabilityOf(probabilities[i], gold[i]);
    sum -= Math.log(Math.min(1 - Number.EPSILON, Math.max(Number.EPSILON, probability)));
  }
  return sum / count;
}

/**
 * Share of rows whose gold class is among the `k` most probable. Of equally probable classes the one with the lower
 * index comes first. NaN of nothing.
 */
export function topKAccuracy(gold: ArrayLike<number>, probabilities: ProbabilityRows, k: number): number {
  requireInteger('k', k, { min: 1 });
  const count = requireSameLength(gold, probabilities, 'gold labels and rows of probabilities');
  let found = 0;
  for (let i = 0; i < count; i++) {
    const row = probabilities[i];
    const own = probabilityOf(row, gold[i]);
    let before = 0;
    for (let other = 0; other < row.length; other++)
      if (row[other] > own || (row[other] === own && other < gold[i])) before++;
    if (before < k) found++;
  }
  return found / count;
}

/** One bar of a reliability diagram. */
export interface CalibrationBin {
  /** Confidences in `(low, high]`; the first bin holds 0 as well. */
  low: number;
  /** Upper end. */
  high: number;
  /** Rows in the bar. */
  count: number;
  /** Mean probability of the predicted class; NaN in an empty bin. */
  confidence: number;
  /** Share of right predictions; NaN in an empty bin. */
  accuracy: number;
}

/** Rows by the probability of their most probable class (the lowest index among equals), in bins of equal width. */
export function calibrationBins(gold: ArrayLike<number>, probabilities: ProbabilityRows, bins = 15): CalibrationBin[] {
  requireInteger('bins', bins, { min: 1 });
  const rows = requireSameLength(gold, probabilities, 'gold labels and rows of probabilities');
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (let i = 0; i < rows; i++) {
    const row = probabilities[i];
    let best = 0;
    for (let index = 1; index < row.length; index++) if (row[index] > row[best]) best = index;
    const bin = sums[binOf(probabilityOf(row, best), bins)];
    bin.count++;
    bin.confidence += row[best];
    if (best === gold[i]) bin.right++;
  }
  return sums.map(({ count, confidence, right }, index) => ({
    low: index / bins,
    high: (index + 1) / bins,
    count,
    confidence: confidence / count,
    accuracy: right / count,
  }));
}

/**
 * Expected calibration error: the mean distance between confidence and accuracy over bins of equal width, weighted by
 * rows; 0 is calibrated (Guo et al. 2017, "On Calibration of Modern Neural Networks"). Default 15 bins. NaN of nothing.
 */
export function expectedCalibrationError(gold: ArrayLike<number>, probabilities: ProbabilityRows, bins = 15): number {
  let sum = 0;
  for (const { count, confidence, accuracy } of calibrationBins(gold, probabilities, bins))
    if (count > 0) sum += count * Math.abs(accuracy - confidence);
  return sum / gold.length;
}

/** The bin whose `(low, high]` holds a confidence; compared with the limits themselves, since products are rounded. */
function binOf(confidence: number, bins: number): number {
  let bin = Math.min(bins - 1, Math.floor(confidence * bins));
  while (bin > 0 && confidence <= bin / bins) bin--;
  while (bin < bins - 1 && confidence > (bin + 1) / bins) bin++;
  return bin;
}

function probabilityOf(row: ArrayLike<number>, index: number): number {
  const probability = row[index];
  if (!(probability >= 0 && probability <= 1 + 1e-6)) {
    throw new AlbertineError('invalid_argument', `class ${index} needs a probability from 0 to 1, got ${probability}`, {
      value: probability,
    });
  }
  return probability;
}
