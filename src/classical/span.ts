import { createPause } from '../core/interrupt.ts';
import { DenseFeatures, type DenseProducts, type FeatureMatrix } from './features.ts';
import type { LinearModel } from './linear.ts';

/** Rows in as many numbers as there are rows, and the way back. */
export interface Span {
  /** `[rows, rows]`; inner products are those of the given rows. */
  features: DenseFeatures;
  /** What a model of these is for the given features. */
  lift(model: LinearModel): Promise<LinearModel>;
}

/** Rows up to which it is worth it: the work grows with their third power. */
const MOST_ROWS = 2000;
/** Share of a row's squared length below which nothing of it is left outside the rows before it. */
const NOTHING = 1e-10;

/**
 * Few rows of many features in fewer numbers: models with an L2 penalty see rows only through their inner products
 * (Kimeldorf and Wahba 1971), so that they may be learned on the Cholesky factor of these, which is exact.
 */
export async function spanOf(features: FeatureMatrix, products: DenseProducts, signal?: AbortSignal): Promise<Span> {
  const { rows } = features;
  const factor = Float64Array.from(await features.similarities(features)); // becomes lower triangular, [rows, rows]
  const basis: boolean[] = [];
  const pause = createPause(signal);
  for (let i = 0; i < rows; i++) {
    await pause();
    for (let j = 0; j <= i; j++) {
      let sum = factor[i * rows + j];
      for (let k = 0; k < j; k++) sum -= factor[i * rows + k] * factor[j * rows + k];
      if (j < i) factor[i * rows + j] = basis[j] ? sum / factor[j * rows + j] : 0;
      else {
        basis.push(sum > NOTHING * factor[i * rows + i]);
        factor[i * rows + i] = basis[i] ? Math.sqrt(sum) : 0;
      }
    }
    factor.fill(0, i * rows + i + 1, (i + 1) * rows);
  }
  return {
    features: new DenseFeatures(factor, rows, products),
    lift: async ({ weights, bias }) => {
      // The rows' own factors a with Lᵀ a = weights, from the last to the first.
      const outputs = bias.length;
      const own = Float64Array.from(weights); // [rows, outputs]
      for (let i = rows - 1; i >= 0; i--) {
        for (let k = 0; k < outputs; k++) {
          const value = basis[i] ? own[i * outputs + k] / factor[i * rows + i] : 0;
          own[i * outputs + k] = value;
          for (let j = 0; j < i; j++) own[j * outputs + k] -= factor[i * rows + j] * value;
        }
      }
      return { weights: await features.multiplyTransposed(own, outputs), bias };
    },
  };
}

/** {@link spanOf} where there are more features than rows, and not too many rows; else undefined. */
export async function spanWhereSmaller(
  features: FeatureMatrix,
  products: DenseProducts,
  signal?: AbortSignal,
): Promise<Span | undefined> {
  const { rows, columns } = features;
  return rows <= MOST_ROWS && columns > rows ? spanOf(features, products, signal) : undefined;
}
