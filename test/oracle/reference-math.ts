import type { Activation } from '../../src/model/config.ts';

/** The error function to about 1e-15: its Taylor series near zero, a continued fraction for `1 - erf` further out. */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude > 6) return Math.sign(x);
  if (magnitude < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  // erfc(x) = exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + 1 / (x + (3/2) / (x + ...))))
  let fraction = magnitude;
  for (let n = 120; n >= 1; n--) fraction = magnitude + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-magnitude * magnitude) / Math.sqrt(Math.PI) / fraction);
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The scalar functions behind the activation names. */
export const ACTIVATION_FUNCTIONS: Record<Activation, (x: number) => number> = {
  gelu_erf: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x) => Math.max(0, x),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sigmoid,
};

/** A float64 matrix, row-major. */
export interface Matrix {
  rows: number;
  columns: number;
  data: Float64Array;
}

/** A weight as the reference reads it; `Weights` of the package fit, and so do float64 ones for finite differences. */
export interface ReferenceWeight {
  shape: number[];
  data: Float32Array | Float64Array;
}

/** `x · W^T + b` with `weight` [outputs, inputs] and `bias` [outputs]. */
export function linear(x: Matrix, weight: ReferenceWeight, bias?: ReferenceWeight): Matrix {
  const [outputs, inputs] = weight.shape;
  if (inputs !== x.columns) throw new Error(`linear: weight has ${inputs} inputs, x has ${x.columns} columns`);
  const data = new Float64Array(x.rows * outputs);
  for (let row = 0; row < x.rows; row++) {
    for (let output = 0; output < outputs; output++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += x.data[row * inputs + i] * weight.data[output * inputs + i];
      data[row * outputs + output] = sum + (bias ? bias.data[output] : 0);
    }
  }
  return { rows: x.rows, columns: outputs, data };
}

/** Layer normalisation of every row with the biased variance (Ba et al. 2016, arXiv 1607.06450). */
export function layerNorm(x: Matrix, gain: ReferenceWeight, bias: ReferenceWeight, epsilon: number): Matrix {
  const { rows, columns } = x;
  const data = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const values = x.data.subarray(row * columns, (row + 1) * columns);
    const mean = values.reduce((a, b) => a + b, 0) / columns;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / columns;
    const scale = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < columns; i++)
      data[row * columns + i] = (values[i] - mean) * scale * gain.data[i] + bias.data[i];
  }
  return { rows, columns, data };
}

/** Applies `f` to every element. */
export function mapMatrix(x: Matrix, f: (value: number, index: number) => number): Matrix {
  return { ...x, data: x.data.map(f) };
}

/** Element-wise sum. */
export function add(a: Matrix, b: Matrix): Matrix {
  return mapMatrix(a, (value, i) => value + b.data[i]);
}

/**
 * Softmax over the entries of `scores` where `visible` holds; the others, and everything where none is visible, are
 * exactly 0.
 */
export function maskedSoftmax(scores: readonly number[], visible: readonly boolean[]): number[] {
  const largest = scores.reduce((best, score, i) => (visible[i] && score > best ? score : best), -Infinity);
  const exponentials = scores.map((score, i) => (visible[i] ? Math.exp(score - largest) : 0));
  const total = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => (total === 0 ? 0 : value / total));
}

/** Mean of `-log softmax(logits)[label]` over the rows whose label is not `ignore`. */
export function crossEntropy(logits: Float64Array, labels: readonly number[], ignore = -100): number {
  const classes = logits.length / labels.length;
  const losses = labels.flatMap((label, row) => {
    if (label === ignore) return [];
    const values = logits.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...values);
    return [largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0)) - values[label]];
  });
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}
