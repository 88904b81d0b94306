import { AlbertineError, requireInteger } from '../core/errors.ts';
import { createRandom } from '../core/random.ts';
import { requireSameLength } from './check.ts';

/** Options of resampling. */
export interface ResamplingOptions {
  /** How often. Default 1,000. */
  samples?: number;
  /** Default 1. */
  seed?: number;
}

/** A mean with the range in which it lies in 95 % of resamplings. */
export interface MeanInterval {
  /** Of the values themselves. */
  mean: number;
  /** Lower bound. */
  low: number;
  /** Upper bound. */
  high: number;
}

/**
 * Mean of values with its 95 % bootstrap interval (Efron 1979, percentiles): the values are drawn again, as many, with
 * repetition. NaN of nothing.
 */
export function bootstrapMean(values: ArrayLike<number>, options: ResamplingOptions = {}): MeanInterval {
  const { samples, random } = prepare(options);
  const count = values.length;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[i];
  if (count === 0) return { mean: NaN, low: NaN, high: NaN };
  const means = Float64Array.from({ length: samples }, () => {
    let drawn = 0;
    for (let i = 0; i < count; i++) drawn += values[random.integer(count)];
    return drawn / count;
  }).sort();
  const at = (share: number): number => means[Math.min(samples - 1, Math.floor(share * samples))];
  return { mean: sum / count, low: at(0.025), high: at(0.975) };
}

/**
 * A figure of items that is no mean of theirs (F1, a correlation), with its 95 % bootstrap interval (Efron 1979,
 * percentiles): `figure` is given places of items, drawn with repetition, as many as there are. Samples whose figure is
 * NaN (a correlation of equal values) are left out.
 */
export function bootstrapFigure(
  count: number,
  figure: (items: Int32Array) => number,
  options: ResamplingOptions = {},
): MeanInterval {
  const { samples, random } = prepare(options);
  const items = Int32Array.from({ length: count }, (_, i) => i);
  const value = figure(items);
  const drawn: number[] = [];
  for (let sample = 0; sample < samples && count > 0; sample++) {
    for (let i = 0; i < count; i++) items[i] = random.integer(count);
    const found = figure(items);
    if (!Number.isNaN(found)) drawn.push(found);
  }
  const sorted = Float64Array.from(drawn).sort();
  const at = (share: number): number =>
    sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { mean: value, low: at(0.025), high: at(0.975) };
}

/** How two systems differ on the same segments. */
export interface PairedTest {
  /** Mean of the first less that of the second. */
  difference: number;
  /** 95 % bootstrap interval of the difference. */
  low: number;
  /** Its upper bound. */
  high: number;
  /** Two-sided, by approximate randomisation: how often chance makes a difference as large. */
  pValue: number;
}

/**
 * Paired significance test of two systems' values for the same segments: approximate randomisation (Noreen 1989; values
 * of a segment are exchanged at random), and the bootstrap interval of the difference. Throws `shape_mismatch`.
 */
export function pairedTest(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: ResamplingOptions = {},
): PairedTest {
  const count = requireSameLength(first, second, "the systems' values");
  const { samples, random } = prepare(options);
  const differences = Float64Array.from({ length: count }, (_, i) => first[i] - second[i]);
  const { mean: difference, low, high } = bootstrapMean(differences, options);
  let asLarge = 0;
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += random.uniform() < 0.5 ? differences[i] : -differences[i];
    // What rounding alone makes different is as large.
    if (Math.abs(sum / count) >= Math.abs(difference) - 1e-12) asLarge++;
  }
  return { difference, low, high, pValue: (asLarge + 1) / (samples + 1) };
}

function prepare({ samples = 1000, seed = 1 }: ResamplingOptions): {
  samples: number;
  random: ReturnType<typeof createRandom>;
} {
  requireInteger('samples', samples, { min: 1 });
  if (!Number.isInteger(seed))
    throw new AlbertineError('invalid_argument', `seed must be a whole number, got ${seed}`, { value: seed });
  return { samples, random: createRandom(seed) };
}
