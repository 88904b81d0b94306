import { AlbertineError } from '../core/errors.ts';
import type { EncoderBatch } from './batch.ts';
import type { AlbertEncoder } from './encoder.ts';
import { QUANTIZATION_SITES, type QuantizationSite } from './network.ts';
import {
  activationScale,
  joinRanges,
  rangeOf,
  type ActivationRange,
  type Calibration,
  type RangeMethod,
} from './quantize.ts';

const BINS = 2048;
const CUT_FRACTION = 1 / 20_000;
/** Shares of each end of the range that `meanSquareError` tries. */
const SHARES = Array.from({ length: 20 }, (_, i) => 1 - i * 0.04);

/** Counts of values in equal bins over a range. */
export interface Histogram {
  range: ActivationRange;
  counts: Float64Array;
}

/**
 * Ranges of every executed layer's dense inputs over sample batches, which should hold no padding (padded rows would
 * count). The encoder must run in f32. Goes over `batches` twice unless `minMax` is asked for: extremes first, then
 * histograms.
 */
export async function calibrate(
  encoder: AlbertEncoder,
  batches: Iterable<EncoderBatch>,
  method: RangeMethod,
): Promise<Calibration> {
  const extremes: Partial<Record<QuantizationSite, ActivationRange>>[] = [];
  await visitSites(encoder, batches, (layer, site, values) => {
    const known = (extremes[layer] ??= {});
    known[site] = joinRanges(known[site], rangeOf(values));
  });
  if (extremes.length === 0)
    throw new AlbertineError('invalid_argument', 'calibration needs at least one text', { value: batches });
  if (method === 'minMax') return extremes as Calibration;
  const histograms = (extremes as Calibration).map((sites) => mapSites((site) => emptyHistogram(sites[site])));
  await visitSites(encoder, batches, (layer, site, values) => countValues(histograms[layer][site], values));
  const choose = method === 'percentile' ? percentileRange : leastSquaresRange;
  return histograms.map((sites) => mapSites((site) => choose(sites[site])));
}

/** A histogram without values; a range of one point is widened so that bins have a width. */
export function emptyHistogram({ min, max }: ActivationRange): Histogram {
  return { range: { min, max: max > min ? max : min + 1e-6 }, counts: new Float64Array(BINS) };
}

/** Adds values; those outside the range fall into the outermost bins. */
export function countValues({ range, counts }: Histogram, values: Float32Array): void {
  const factor = BINS / (range.max - range.min);
  for (let i = 0; i < values.length; i++)
    counts[Math.max(0, Math.min(BINS - 1, Math.floor((values[i] - range.min) * factor)))]++;
}

/** The range without one value in 20,000 on either side. */
export function percentileRange({ range, counts }: Histogram): ActivationRange {
  const allowed = counts.reduce((a, b) => a + b, 0) * CUT_FRACTION;
  const width = (range.max - range.min) / BINS;
  let first = 0;
  let last = BINS - 1;
  for (let cut = counts[first]; first < last && cut <= allowed; cut += counts[first]) first++;
  for (let cut = counts[last]; last > first && cut <= allowed; cut += counts[last]) last--;
  return { min: range.min + first * width, max: range.min + (last + 1) * width };
}

/** The range with the least expected squared error of 8-bit rounding and cutting. */
export function leastSquaresRange(histogram: Histogram): ActivationRange {
  const { range } = histogram;
  let best = range;
  let least = Infinity;
  for (const low of range.min < 0 ? SHARES : [1]) {
    for (const high of range.max > 0 ? SHARES : [1]) {
      const candidate = { min: range.min * low, max: range.max * high };
      const error = squaredError(histogram, candidate);
      if (error < least) [best, least] = [candidate, error];
    }
  }
  return best;
}

function squaredError({ range, counts }: Histogram, candidate: ActivationRange): number {
  const { scale } = activationScale(candidate);
  const width = (range.max - range.min) / BINS;
  const rounding = (scale * scale) / 12;
  const low = Math.min(0, candidate.min);
  const high = Math.max(0, candidate.max);
  let error = 0;
  for (let bin = 0; bin < BINS; bin++) {
    if (counts[bin] === 0) continue;
    const value = range.min + (bin + 0.5) * width;
    const beyond = value < low ? low - value : value > high ? value - high : 0;
    error += counts[bin] * (beyond > 0 ? beyond * beyond : rounding);
  }
  return error;
}

async function visitSites(
  encoder: AlbertEncoder,
  batches: Iterable<EncoderBatch>,
  visit: (layer: number, site: QuantizationSite, values: Float32Array) => void,
): Promise<void> {
  for (const batch of batches) {
    await encoder.forward(batch, {
      onSites: (layer, sites) => QUANTIZATION_SITES.forEach((site) => visit(layer, site, sites[site])),
    });
  }
}

function mapSites<T>(make: (site: QuantizationSite) => T): Record<QuantizationSite, T> {
  return Object.fromEntries(QUANTIZATION_SITES.map((site) => [site, make(site)])) as Record<QuantizationSite, T>;
}
