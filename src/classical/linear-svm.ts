import { createPause } from '../core/interrupt.ts';
import type { Random } from '../core/random.ts';
import type { FeatureMatrix } from './features.ts';
import type { LinearModel, Targets } from './linear.ts';

/** Options of {@link trainLinearSvm}. */
export interface LinearSvmOptions {
  /** Inverse strength of the penalty: `C * sum of squared hinge losses + |w|² / 2`. */
  c: number;
  /** How much each row counts. Default: 1. */
  rowWeights?: ArrayLike<number>;
  /** By which the order of the rows is drawn. */
  random: Random;
  /** Passes over the rows. Default 1,000. */
  maxPasses?: number;
  /** Difference between the largest and the smallest projected gradient at which it ends. Default 1e-4. */
  tolerance?: number;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/**
 * Linear support vector machines with squared hinge loss, one against the rest for each output: coordinate descent on
 * the dual with shrinking (Hsieh et al. 2008, as liblinear). The bias is a feature of value 1 and penalised like the
 * others, as in scikit-learn's `LinearSVC`, whose minimum this is.
 */
export async function trainLinearSvm(
  features: FeatureMatrix,
  targets: Targets,
  options: LinearSvmOptions,
): Promise<LinearModel> {
  const { columns } = features;
  const { outputs } = targets;
  const weights = new Float64Array(columns * outputs);
  const bias = new Float64Array(outputs);
  const squares = rowSquares(features);
  for (let output = 0; output < outputs; output++) {
    const signs = Float64Array.from({ length: features.rows }, (_, row) =>
      targets.values[row * outputs + output] === 1 ? 1 : -1,
    );
    const own = await separate(features, signs, { ...options, squares });
    for (let j = 0; j < columns; j++) weights[j * outputs + output] = own.weights[j];
    bias[output] = own.bias;
  }
  return { weights, bias };
}

/** Squared length of every row. */
function rowSquares(features: FeatureMatrix): Float64Array {
  const vector = new Float64Array(features.columns);
  return Float64Array.from({ length: features.rows }, (_, row) => {
    features.addTo(row, 1, { vector });
    const squares = features.dot(row, vector);
    features.addTo(row, -1, { vector });
    return squares;
  });
}

/** Algorithm 3 of Hsieh et al. for one output. */
async function separate(
  features: FeatureMatrix,
  signs: Float64Array,
  options: LinearSvmOptions & { squares: Float64Array },
): Promise<{ weights: Float64Array; bias: number }> {
  const { c, rowWeights, random, maxPasses = 1000, tolerance = 1e-4, signal, squares } = options;
  const weights = new Float64Array(features.columns);
  let bias = 0;
  const alphas = new Float64Array(features.rows);
  const order = Array.from({ length: features.rows }, (_, row) => row);
  const pause = createPause(signal);
  let active = order.length;
  let bound = Infinity;
  for (let pass = 0; pass < maxPasses; pass++) {
    await pause();
    let [most, least] = [-Infinity, Infinity];
    for (let i = 0; i < active; i++) swap(order, i, i + random.integer(active - i));
    for (let i = 0; i < active; i++) {
      const row = order[i];
      const diagonal = 1 / (2 * c * (rowWeights?.[row] ?? 1));
      const gradient = signs[row] * (features.dot(row, weights) + bias) - 1 + diagonal * alphas[row];
      if (alphas[row] === 0 && gradient > bound) {
        // It will most likely stay at its bound: not looked at again until the others are done.
        active--;
        swap(order, i, active);
        i--;
        continue;
      }
      const projected = alphas[row] === 0 ? Math.min(gradient, 0) : gradient;
      most = Math.max(most, projected);
      least = Math.min(least, projected);
      if (Math.abs(projected) <= 1e-12) continue;
      const next = Math.max(alphas[row] - gradient / (squares[row] + 1 + diagonal), 0);
      const change = (next - alphas[row]) * signs[row];
      alphas[row] = next;
      features.addTo(row, change, { vector: weights });
      bias += change;
    }
    bound = most > 0 ? most : Infinity;
    if (most - least > tolerance) continue;
    if (active === order.length) break;
    active = order.length;
    bound = Infinity;
  }
  return { weights, bias };
}

function swap(values: number[], i: number, j: number): void {
  [values[i], values[j]] = [values[j], values[i]];
}
