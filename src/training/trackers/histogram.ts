/** Summary of a set of finite numbers. */
export interface HistogramSummary {
  count: number;
  /** Values that were NaN or infinite; they enter nothing else. */
  nonFinite: number;
  min: number;
  max: number;
  sum: number;
  sumOfSquares: number;
  /** Upper edges of the buckets, ascending; bucket i holds the values in [edge i-1, edge i). */
  bucketLimits: number[];
  bucketCounts: number[];
}

/**
 * Counts values in equal-width buckets between their minimum and maximum (default 30, as TensorBoard shows them).
 * An empty or all non-finite input gives no buckets and zeros.
 */
export function summarizeHistogram(values: ArrayLike<number>, buckets = 30): HistogramSummary {
  let [count, min, max, sum, sumOfSquares] = [0, Infinity, -Infinity, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    count++;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    sumOfSquares += value * value;
  }
  const nonFinite = values.length - count;
  if (count === 0) return { count, nonFinite, min: 0, max: 0, sum, sumOfSquares, bucketLimits: [], bucketCounts: [] };
  if (min === max) return { count, nonFinite, min, max, sum, sumOfSquares, bucketLimits: [max], bucketCounts: [count] };
  const bucketCounts = new Array<number>(buckets).fill(0);
  const scale = buckets / (max - min);
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) bucketCounts[Math.min(buckets - 1, Math.floor((values[i] - min) * scale))]++;
  }
  const bucketLimits = bucketCounts.map((_, index) => (index === buckets - 1 ? max : min + (index + 1) / scale));
  return { count, nonFinite, min, max, sum, sumOfSquares, bucketLimits, bucketCounts };
}
