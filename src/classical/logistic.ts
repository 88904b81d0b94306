/** A row of features: dense, or the values at some indices. */
export interface FeatureRow {
  values: ArrayLike<number>;
  /** Absent: `values` has every feature. */
  indices?: ArrayLike<number>;
}

/** Rows with the index of each one's class. */
export interface LabelledRows {
  rows: readonly FeatureRow[];
  classes: readonly number[];
}

/** Options of {@link trainLogistic}. */
export interface LogisticOptions {
  classes: number;
  features: number;
  /** Inverse strength of the L2 penalty on the weights, as scikit-learn's `C`: `C * sum of losses + |w|² / 2`. */
  c: number;
  /** Weights to begin with, such as those of a stronger penalty. Default: zeros. */
  start?: Float64Array;
  /** Default 200. */
  maxIterations?: number;
}

/** Steps whose curvature L-BFGS remembers. */
const MEMORY = 10;
/** Largest component of the gradient, per row, at which the minimum counts as found. */
const TOLERANCE = 1e-6;

/**
 * Multinomial logistic regression, to be read with {@link predictClass}: `[features + 1, classes]`, the last row is the
 * bias. Full-batch L-BFGS with halved steps.
 */
export function trainLogistic(data: LabelledRows, options: LogisticOptions): Float64Array {
  const { classes, features, c, maxIterations = 200 } = options;
  const evaluate = (weights: Float64Array): { loss: number; gradient: Float64Array } =>
    lossOf(data, weights, { classes, features, c });
  let weights = options.start ?? new Float64Array((features + 1) * classes);
  let { loss, gradient } = evaluate(weights);
  const steps: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let i = 0; i < maxIterations && largest(gradient) > TOLERANCE; i++) {
    const direction = descent(gradient, steps);
    const slope = dot(direction, gradient);
    let size = steps.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    let next = { weights: combine(weights, direction, size), ...evaluate(combine(weights, direction, size)) };
    while (next.loss > loss + 1e-4 * size * slope && size > 1e-8) {
      size /= 2;
      const tried = combine(weights, direction, size);
      next = { weights: tried, ...evaluate(tried) };
    }
    if (next.loss >= loss) break;
    const [s, y] = [combine(next.weights, weights, -1), combine(next.gradient, gradient, -1)];
    const curvature = dot(s, y);
    if (curvature > 1e-12) steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > MEMORY) steps.shift();
    ({ weights, loss, gradient } = next);
  }
  return weights;
}

/** Class with the highest logit. */
export function predictClass(row: FeatureRow, weights: Float64Array, classes: number): number {
  const logits = logitsOf(row, weights, new Float64Array(classes));
  return logits.indexOf(Math.max(...logits));
}

/** Share of the rows whose class is predicted. */
export function classAccuracy({ rows, classes: truth }: LabelledRows, weights: Float64Array, classes: number): number {
  return rows.filter((row, i) => predictClass(row, weights, classes) === truth[i]).length / rows.length;
}

/** Mean loss with its penalty, and the gradient. */
function lossOf(
  { rows, classes: truth }: LabelledRows,
  weights: Float64Array,
  { classes, features, c }: Pick<LogisticOptions, 'classes' | 'features' | 'c'>,
): { loss: number; gradient: Float64Array } {
  const gradient = new Float64Array(weights.length);
  const errors = new Float64Array(classes);
  let loss = 0;
  rows.forEach((row, i) => {
    logitsOf(row, weights, errors);
    const highest = Math.max(...errors);
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += Math.exp(errors[k] - highest);
    const logSum = highest + Math.log(sum);
    loss += logSum - errors[truth[i]];
    for (let k = 0; k < classes; k++) errors[k] = Math.exp(errors[k] - logSum) / rows.length;
    errors[truth[i]] -= 1 / rows.length;
    const { values, indices } = row;
    for (let j = 0; j < values.length; j++) add(gradient, (indices?.[j] ?? j) * classes, errors, values[j]);
    add(gradient, features * classes, errors, 1);
  });
  const penalty = 1 / (c * rows.length);
  let squares = 0;
  for (let j = 0; j < features * classes; j++) {
    squares += weights[j] * weights[j];
    gradient[j] += penalty * weights[j];
  }
  return { loss: loss / rows.length + (penalty * squares) / 2, gradient };
}

/** target[at..] += factor * source */
function add(target: Float64Array, at: number, source: Float64Array, factor: number): void {
  for (let k = 0; k < source.length; k++) target[at + k] += factor * source[k];
}

function logitsOf({ values, indices }: FeatureRow, weights: Float64Array, logits: Float64Array): Float64Array {
  const classes = logits.length;
  const bias = weights.length - classes;
  for (let k = 0; k < classes; k++) logits[k] = weights[bias + k];
  for (let j = 0; j < values.length; j++) {
    const at = (indices?.[j] ?? j) * classes;
    const value = values[j];
    for (let k = 0; k < classes; k++) logits[k] += value * weights[at + k];
  }
  return logits;
}

/** L-BFGS's two loops (Nocedal and Wright, algorithm 7.4). */
function descent(
  gradient: Float64Array,
  steps: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  let q = gradient;
  const factors: number[] = [];
  for (const { s, y, rho } of steps.toReversed()) {
    factors.push(rho * dot(s, q));
    q = combine(q, y, -factors.at(-1)!);
  }
  const last = steps.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1;
  q = q.map((value) => value * scale);
  for (const { s, y, rho } of steps) q = combine(q, s, factors.pop()! - rho * dot(y, q));
  return q.map((value) => -value);
}

const combine = (a: Float64Array, b: Float64Array, factor: number): Float64Array =>
  a.map((value, i) => value + factor * b[i]);
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
