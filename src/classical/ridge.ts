import { createPause } from '../core/interrupt.ts';
import type { FeatureMatrix } from './features.ts';
import type { LinearModel, Targets } from './linear.ts';

/** Options of {@link trainRidge}. */
export interface RidgeOptions {
  /** Inverse of scikit-learn's `alpha`: `C * sum of squared errors + |w|²`. */
  c: number;
  /** Default 1,000. */
  maxIterations?: number;
  /** Length of the residual, as a share of the right side's, at which it ends. Default 1e-9. */
  tolerance?: number;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/**
 * Ridge regression on each output, the bias not penalised: conjugate gradients on the normal equations of the centred
 * features, so that sparse ones stay sparse.
 */
export async function trainRidge(
  features: FeatureMatrix,
  { values, outputs }: Targets,
  { c, maxIterations = 1000, tolerance = 1e-9, signal }: RidgeOptions,
): Promise<LinearModel> {
  const { rows, columns } = features;
  const means = (await features.multiplyTransposed(new Float64Array(rows).fill(1 / rows), 1)) as Float64Array;
  const targetMeans = columnSums(values, outputs).map((sum) => sum / rows);
  const centred = values.map((value, i) => value - targetMeans[i % outputs]);
  /** `Xcᵀ · E` for `E` whose columns may have any mean. */
  const transposed = async (errors: Float64Array): Promise<Float64Array> => {
    const sums = columnSums(errors, outputs);
    const product = await features.multiplyTransposed(errors, outputs);
    return product.map((value, i) => value - means[Math.floor(i / outputs)] * sums[i % outputs]);
  };
  const apply = async (direction: Float64Array): Promise<Float64Array> => {
    const shift = new Float64Array(outputs); // means · direction
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < outputs; k++) shift[k] += means[j] * direction[j * outputs + k];
    const product = await features.multiply(direction, outputs);
    const back = await transposed(product.map((value, i) => value - shift[i % outputs]));
    return back.map((value, i) => value + direction[i] / c);
  };
  const weights = await conjugateGradients(apply, await transposed(centred), {
    outputs,
    maxIterations,
    tolerance,
    signal,
  });
  const bias = Float64Array.from(targetMeans);
  for (let j = 0; j < columns; j++) for (let k = 0; k < outputs; k++) bias[k] -= means[j] * weights[j * outputs + k];
  return { weights, bias };
}

/** Solves `A x = b` for each of the outputs, which are the columns of `b` (Hestenes and Stiefel 1952). */
async function conjugateGradients(
  apply: (direction: Float64Array) => Promise<Float64Array>,
  b: Float64Array,
  {
    outputs,
    maxIterations,
    tolerance,
    signal,
  }: { outputs: number; maxIterations: number; tolerance: number; signal: AbortSignal | undefined },
): Promise<Float64Array> {
  const x = new Float64Array(b.length);
  const pause = createPause(signal);
  const residual = Float64Array.from(b);
  const direction = Float64Array.from(b);
  let squares = columnSums(
    b.map((value) => value * value),
    outputs,
  );
  const enough = squares.map((value) => value * tolerance * tolerance);
  for (let i = 0; i < maxIterations && squares.some((value, k) => value > enough[k]); i++) {
    await pause();
    const product = await apply(direction);
    const curvature = columnSums(
      product.map((value, j) => value * direction[j]),
      outputs,
    );
    const step = squares.map((value, k) => (value > enough[k] ? value / curvature[k] : 0));
    for (let j = 0; j < x.length; j++) {
      x[j] += step[j % outputs] * direction[j];
      residual[j] -= step[j % outputs] * product[j];
    }
    const next = columnSums(
      residual.map((value) => value * value),
      outputs,
    );
    const momentum = next.map((value, k) => (squares[k] > enough[k] ? value / squares[k] : 0));
    for (let j = 0; j < x.length; j++) direction[j] = residual[j] + momentum[j % outputs] * direction[j];
    squares = next;
  }
  return x;
}

/** Sums over the rows of `[rows, outputs]`. */
function columnSums(values: Float64Array, outputs: number): number[] {
  const sums = new Array<number>(outputs).fill(0);
  for (let i = 0; i < values.length; i++) sums[i % outputs] += values[i];
  return sums;
}
