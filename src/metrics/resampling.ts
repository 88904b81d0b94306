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
  const { samples, random } = prepareResampling(options);
  const count = values.length;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[i];
  if (count === 0) return { mean: NaN, low: NaN, high: NaN };
  const means = Float64Array.from({ length: samples }, () => {
    let drawn = 0;
    for (let i = 0; i < count; i++) drawn += values[random.integer(count)];
    return drawn / count;
  });
  return { mean: sum / count, ...at95(means) };
}

/** Between which 95 % of resampled figures lie. */
export function at95(figures: Float64Array): { low: number; high: number } {
  const sorted = figures.slice().sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { low: at(0.025), high: at(0.975) };
}

/** The same by the normal approximation, which resampling comes to with many values, and takes one pass. */
export function normalMean(values: ArrayLike<number>): MeanInterval {
  const count = values.length;
  let [average, squares] = [0, 0];
  for (let i = 0; i < count; i++) {
    const distance = values[i] - average;
    average += distance / (i + 1);
    squares += distance * (values[i] - average);
  }
  if (count === 0) return { mean: NaN, low: NaN, high: NaN };
  const half = (1.959964 * Math.sqrt(squares / count)) / Math.sqrt(count);
  return { mean: average, low: average - half, high: average + half };
}

/**
 * A figure of rows that is no mean of figures of each, with its 95 % bootstrap interval: `statistic` is given the rows
 * that were drawn. Samples in which it is undefined are left out. By default 200 samples, since it may take long.
 */
export function bootstrapStatistic(
  count: number,
  statistic: (rows: readonly number[]) => number,
  { samples: given = 200, ...options }: ResamplingOptions = {},
): MeanInterval {
  const { samples, random } = prepareResampling({ samples: given, ...options });
  const mean = statistic(Array.from({ length: count }, (_, i) => i));
  const drawn = Array.from({ length: count === 0 ? 0 : samples }, () =>
    statistic(Array.from({ length: count }, () => random.integer(count))),
  ).filter((value) => !Number.isNaN(value));
  return drawn.length === 0 ? { mean, low: NaN, high: NaN } : { mean, ...at95(Float64Array.from(drawn)) };
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
  const { samples, random } = prepareResampling(options);
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

/** Options with their defaults, checked. */
export function prepareResampling({ samples = 1000, seed = 1 }: ResamplingOptions): {
  samples: number;
  random: ReturnType<typeof createRandom>;
} {
  requireInteger('samples', samples, { min: 1 });
  if (!Number.isInteger(seed))
    throw new AlbertineError('invalid_argument', `seed must be a whole number, got ${seed}`, { value: seed });
  return { samples, random: createRandom(seed) };
}

/**
 * p-values corrected for how many there are (Holm 1979): with all below a level rejected, the chance of one or more
 * wrong rejections is at most that level, whatever the tests have to do with each other. In the order given.
 */
export function holmCorrection(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((a, b) => pValues[a] - pValues[b]);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]));
    adjusted[index] = largest;
  });
  return adjusted;
}
