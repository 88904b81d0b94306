import type { FeatureMatrix } from './features.ts';
import { minimise, type Evaluated } from './lbfgs.ts';
import { decisionValues, type LinearModel, type Targets } from './linear.ts';

/** Options of {@link trainLogistic}. */
export interface LogisticOptions {
  /** Inverse strength of the L2 penalty on the weights, as scikit-learn's `C`: `C * sum of losses + |w|² / 2`. */
  c: number;
  /**
   * Whether each output is right or wrong by itself (a sigmoid each), instead of one of all (softmax). Default: for one
   * output.
   */
  independent?: boolean;
  /** How much each row counts. Default: 1. */
  rowWeights?: ArrayLike<number>;
  /** A model to begin with, such as that of a stronger penalty. Default: zeros. */
  start?: LinearModel;
  /** Default 500. */
  maxIterations?: number;
  /** Largest component of the gradient of the mean loss at which the minimum counts as found. Default 1e-6. */
  tolerance?: number;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/**
 * Logistic regression: multinomial, or one for each output. The bias is not penalised. Full-batch L-BFGS; the minimum
 * is that of scikit-learn's `LogisticRegression`.
 */
export async function trainLogistic(
  features: FeatureMatrix,
  targets: Targets,
  { start, maxIterations, tolerance, signal, ...options }: LogisticOptions,
): Promise<LinearModel> {
  const { outputs } = targets;
  const size = features.columns * outputs;
  const model = (point: Float64Array): LinearModel => ({
    weights: point.subarray(0, size),
    bias: point.subarray(size),
  });
  const begin = new Float64Array(size + outputs);
  if (start) {
    begin.set(start.weights);
    begin.set(start.bias, size);
  }
  const found = await minimise((point) => lossOf(features, targets, { model: model(point), ...options }), {
    start: begin,
    maxIterations,
    tolerance,
    signal,
  });
  return model(found);
}

/** Mean loss with its penalty, and the gradient: that of the weights, then that of the bias. */
async function lossOf(
  features: FeatureMatrix,
  { values: targets, outputs }: Targets,
  { model, c, rowWeights, independent = outputs === 1 }: LogisticOptions & { model: LinearModel },
): Promise<Evaluated> {
  const { rows, columns } = features;
  const scores = await decisionValues(features, model); // [rows, outputs], becomes the errors
  const gradient = new Float64Array((columns + 1) * outputs);
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * outputs, (row + 1) * outputs];
    const weight = (rowWeights?.[row] ?? 1) / rows;
    const own = scores.subarray(from, to);
    loss += weight * (independent ? sigmoidErrors : softmaxErrors)(own, targets.subarray(from, to));
    for (let k = 0; k < outputs; k++) {
      own[k] *= weight;
      gradient[columns * outputs + k] += own[k];
    }
  }
  gradient.set(await features.multiplyTransposed(scores, outputs));
  const penalty = 1 / (c * rows);
  let squares = 0;
  model.weights.forEach((value, i) => {
    squares += value * value;
    gradient[i] += penalty * value;
  });
  return { loss: loss + (penalty * squares) / 2, gradient };
}

/** Loss of a row by the softmax of its scores, which become probability minus target. */
function softmaxErrors(scores: Float64Array, targets: Float64Array): number {
  const highest = Math.max(...scores);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - highest);
  const logSum = highest + Math.log(sum);
  let loss = 0;
  for (let k = 0; k < scores.length; k++) {
    loss += targets[k] * (logSum - scores[k]);
    scores[k] = Math.exp(scores[k] - logSum) - targets[k];
  }
  return loss;
}

/** The same by a sigmoid for each score. */
function sigmoidErrors(scores: Float64Array, targets: Float64Array): number {
  let loss = 0;
  for (let k = 0; k < scores.length; k++) {
    const score = scores[k];
    loss += Math.max(score, 0) - score * targets[k] + Math.log1p(Math.exp(-Math.abs(score)));
    scores[k] = 1 / (1 + Math.exp(-score)) - targets[k];
  }
  return loss;
}
