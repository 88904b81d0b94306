import type { RowRange } from '../graph/operators/quantized.ts';
import type { Activation } from './config.ts';
import type { QuantizationSite } from './network.ts';

/**
 * Where the scales of 8-bit activations come from.
 * - `static`: ranges calibrated on sample text, per executed layer and site; values beyond are cut.
 * - `perRow`: each token's own largest values; no calibration. Costs a pass for the range and one to scale the product
 *   back.
 * - `mixed`: `static` where LayerNorm has just made all rows alike in size, `perRow` after attention and inside the
 *   feed-forward block, where single tokens of trained networks have values many times larger than the others'.
 * - `dynamic`: the range of the whole batch, so that a vector depends slightly on its batch mates. With the others it
 *   does not.
 */
export const ACTIVATION_QUANTIZATIONS = ['mixed', 'perRow', 'static', 'dynamic'] as const;
export type ActivationQuantization = (typeof ACTIVATION_QUANTIZATIONS)[number];

/** An int8 dense weight, transposed to `[inputs, outputs]` as the kernel wants it, with one scale per output. */
export interface Int8Weight {
  inputs: number;
  outputs: number;
  values: Int8Array;
  scales: Float32Array;
}

/** Range of an activation site at one depth, from calibration. */
export interface ActivationRange {
  min: number;
  max: number;
}

/** Scale and zero point of an unsigned 8-bit activation. */
export interface ActivationScale {
  scale: number;
  zeroPoint: number;
}

/** Calibrated ranges: one entry per executed layer (depth * innerGroupNum + inner), each with all sites. */
export type Calibration = Record<QuantizationSite, ActivationRange>[];

/** A row-major matrix of signed bytes with one scale per row: `matrix ≈ values * scales`. */
export interface Int8Matrix {
  values: Int8Array;
  scales: Float32Array;
}

/**
 * Symmetric quantisation of a `[rows, width]` matrix with one scale per row. `bits` is 8, or 7 for processors without
 * VNNI, whose 16-bit intermediate sums of u8 x s8 pairs would saturate: 255 * 127 * 2 exceeds int16, 255 * 64 * 2 does
 * not.
 */
export function quantizeMatrix(data: Float32Array, rows: number, width: number, bits: 7 | 8 = 8): Int8Matrix {
  const limit = bits === 8 ? 127 : 64;
  const values = new Int8Array(rows * width);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    let largest = 0;
    for (let i = start; i < start + width; i++) largest = Math.max(largest, Math.abs(data[i]));
    const scale = largest === 0 ? 1 : Math.fround(largest / limit);
    scales[row] = scale;
    for (let i = start; i < start + width; i++)
      values[i] = Math.max(-limit, Math.min(limit, Math.round(data[i] / scale)));
  }
  return { values, scales };
}

/** {@link quantizeMatrix} of a `[outputs, inputs]` weight, in the layout that the kernel wants. */
export function quantizeWeight(data: Float32Array, outputs: number, inputs: number, bits: 7 | 8 = 8): Int8Weight {
  return toInt8Weight(quantizeMatrix(data, outputs, inputs, bits), outputs, inputs);
}

/** A stored `[outputs, inputs]` matrix in the kernel's `[inputs, outputs]` layout. */
export function toInt8Weight({ values, scales }: Int8Matrix, outputs: number, inputs: number): Int8Weight {
  const transposed = new Int8Array(values.length);
  // In strips of 64 columns, so that the rows being written stay in the cache.
  for (let strip = 0; strip < inputs; strip += 64) {
    const end = Math.min(inputs, strip + 64);
    for (let row = 0; row < outputs; row++)
      for (let i = strip; i < end; i++) transposed[i * outputs + row] = values[row * inputs + i];
  }
  return { inputs, outputs, values: transposed, scales };
}

/** Halves 8-bit weights to 7 bits, doubling their scales: what a machine without VNNI loads from an int8 checkpoint. */
export function reduceRange(weight: Int8Weight): Int8Weight {
  return {
    ...weight,
    values: weight.values.map((value) => Math.max(-64, Math.min(64, Math.round(value / 2)))),
    scales: weight.scales.map((scale) => scale * 2),
  };
}

/** Back to float32 in `[outputs, inputs]`, for comparisons and for loading an int8 checkpoint as f32. */
export function dequantizeWeight(weight: Int8Weight): Float32Array {
  const { inputs, outputs, values, scales } = weight;
  const data = new Float32Array(inputs * outputs);
  for (let i = 0; i < inputs; i++)
    for (let row = 0; row < outputs; row++) data[row * inputs + i] = values[i * outputs + row] * scales[row];
  return data;
}

/** Scale and zero point of a range, which is widened to contain 0 so that 0 is exact. */
export function activationScale({ min, max }: ActivationRange): ActivationScale {
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  const scale = high > low ? (high - low) / 255 : 1;
  return { scale, zeroPoint: Math.max(0, Math.min(255, Math.round(-low / scale))) };
}

/** Smallest range that covers both. */
export function joinRanges(a: ActivationRange | undefined, b: ActivationRange): ActivationRange {
  return a ? { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) } : b;
}

/** Minimum and maximum of values. */
export function rangeOf(values: ArrayLike<number>): ActivationRange {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/** Which site feeds which dense layer. */
export const SITE_OF_DENSE: Record<string, QuantizationSite> = {
  'attention.query': 'attentionInput',
  'attention.key': 'attentionInput',
  'attention.value': 'attentionInput',
  'attention.dense': 'attentionContext',
  ffn: 'feedForwardInput',
  ffn_output: 'feedForwardInner',
};

/** Dense layers of a transformer layer that int8 inference replaces. */
export const QUANTIZED_DENSE = Object.keys(SITE_OF_DENSE);

/**
 * Names of the graph inputs that carry a site's static scale and zero point, for the i-th layer of a compiled block.
 */
export const siteInputs = (site: QuantizationSite, index: number): { scale: string; zeroPoint: string } => ({
  scale: `${index}.${site}.scale`,
  zeroPoint: `${index}.${site}.zeroPoint`,
});

/** True for modes that take ranges from sample text. */
export function needsCalibration(activations: ActivationQuantization): boolean {
  return activations === 'static' || activations === 'mixed';
}

/**
 * True for sites that LayerNorm feeds (the first layer's apart): their rows are alike in size, so one range suits all
 * of them.
 */
export function isNormalizedSite(site: QuantizationSite): boolean {
  return site === 'attentionInput' || site === 'feedForwardInput';
}

/** The feed-forward's inner activation: room below zero only as far as the function goes there. */
const INNER_RANGE: Record<Activation, RowRange> = {
  gelu_erf: { zeroPoint: 16, lowest: -0.1701 },
  gelu_tanh: { zeroPoint: 16, lowest: -0.1701 },
  silu: { zeroPoint: 24, lowest: -0.2785 },
  relu: { zeroPoint: 0, lowest: 0 },
  sigmoid: { zeroPoint: 0, lowest: 0 },
  tanh: { zeroPoint: 128 },
};

/** What `perRow` quantisation knows of a site. */
export function rowRange(site: QuantizationSite, activation: Activation): RowRange {
  return site === 'feedForwardInner' ? INNER_RANGE[activation] : { zeroPoint: 128 };
}

/**
 * How a static range is chosen from the values seen in calibration. `minMax` keeps all of them; `percentile` cuts one
 * value in 20,000 on either side; `meanSquareError` weighs the error of cutting against the finer steps it buys
 * (Choukroun et al. 2019, "Low-bit Quantization of Neural Networks for Efficient Inference", with both ends free).
 */
export const RANGE_METHODS = ['minMax', 'percentile', 'meanSquareError'] as const;
export type RangeMethod = (typeof RANGE_METHODS)[number];
