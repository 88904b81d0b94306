import { mean, requireSameLength } from './check.ts';
import { kendallTau, pearson, spearman } from './correlation.ts';

/** Mean squared error; NaN of nothing. Throws `shape_mismatch`. */
export function meanSquaredError(gold: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const count = requireSameLength(gold, predicted, 'gold values and predictions');
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (gold[i] - predicted[i]) ** 2;
  return sum / count;
}

/** Mean absolute error; NaN of nothing. Throws `shape_mismatch`. */
export function meanAbsoluteError(gold: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const count = requireSameLength(gold, predicted, 'gold values and predictions');
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.abs(gold[i] - predicted[i]);
  return sum / count;
}

/**
 * Coefficient of determination: 1 is perfect, 0 as good as always answering the mean, below 0 worse.
 * NaN when all gold values are equal (there is nothing to explain) or with fewer than two.
 */
export function r2(gold: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const error = meanSquaredError(gold, predicted);
  const average = mean(gold);
  let variance = 0;
  let varies = false;
  for (let i = 0; i < gold.length; i++) {
    variance += (gold[i] - average) ** 2 / gold.length;
    if (gold[i] !== gold[0]) varies = true;
  }
  return varies ? 1 - error / variance : NaN;
}

/** Result of {@link regressionReport}. */
export interface RegressionReport {
  /** Rows. */
  count: number;
  /** Mean squared error. */
  mse: number;
  /** Square root of `mse`, in the unit of the values. */
  rmse: number;
  /** Mean absolute error. */
  mae: number;
  /** Share of the variance that is explained; negative where the mean predicts better: {@link r2}. */
  r2: number;
  /** Linear correlation: {@link pearson}. */
  pearson: number;
  /** Correlation of ranks: {@link spearman}. */
  spearman: number;
  /** Kendall's tau-b: {@link kendallTau}. */
  kendall: number;
}

/** The usual figures for numeric targets. Throws `shape_mismatch`. Undefined figures are NaN (null in JSON). */
export function regressionReport(gold: ArrayLike<number>, predicted: ArrayLike<number>): RegressionReport {
  const mse = meanSquaredError(gold, predicted);
  return {
    count: gold.length,
    mse,
    rmse: Math.sqrt(mse),
    mae: meanAbsoluteError(gold, predicted),
    r2: r2(gold, predicted),
    pearson: pearson(gold, predicted),
    spearman: spearman(gold, predicted),
    kendall: kendallTau(gold, predicted),
  };
}
