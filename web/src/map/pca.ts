import { createRandom } from '../../../src/core/random.ts';

/** Points in the plane, `[x, y]` a text. */
export type Points = readonly (readonly [x: number, y: number])[];

/** Vectors on their directions of largest variance. */
export interface Principal {
  points: [x: number, y: number][];
  /** Share of the variance of each of the two directions. */
  shares: [number, number];
}

/** Rounds at most, and the change of a direction at which it has settled. */
const [ROUNDS, SETTLED] = [500, 1e-10];
/** Share of the squares below which variance is an effect of rounding. */
const ROUNDING = 1e-12;

/**
 * The two principal components of vectors (Pearson 1901), by power iteration on the centred vectors themselves, the
 * second beside the first. The largest number of a direction is positive, so that the same texts give the same map.
 */
export function principalComponents(vectors: readonly ArrayLike<number>[]): Principal {
  const [rows, size] = [vectors.length, vectors[0]?.length ?? 0];
  const mean = new Float64Array(size);
  for (const vector of vectors) for (let i = 0; i < size; i++) mean[i] += vector[i] / rows;
  const centred = vectors.map((vector) => Float64Array.from({ length: size }, (_, i) => vector[i] - mean[i]));
  const total = centred.reduce((sum, row) => sum + dot(row, row), 0);
  // Of equal vectors rounding is all that is left, and no direction.
  if (total <= ROUNDING * rows * dot(mean, mean)) return { points: vectors.map(() => [0, 0]), shares: [0, 0] };
  const first = direction(centred, []);
  const second = direction(centred, [first]);
  const [xs, ys] = [first, second].map((axis) => centred.map((row) => dot(row, axis)));
  const share = (values: number[]): number => values.reduce((sum, v) => sum + v * v, 0) / total;
  return { points: xs.map((x, i) => [x, ys[i]]), shares: [share(xs), share(ys)] };
}

function direction(centred: readonly Float64Array[], beside: readonly Float64Array[]): Float64Array {
  const size = centred[0]?.length ?? 0;
  const random = createRandom(beside.length + 1);
  let axis = scaled(Float64Array.from({ length: size }, () => random.uniform() - 0.5));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(size);
    for (const row of centred) {
      const along = dot(row, axis);
      for (let i = 0; i < size; i++) next[i] += along * row[i];
    }
    for (const other of beside) {
      const along = dot(next, other);
      for (let i = 0; i < size; i++) next[i] -= along * other[i];
    }
    const settled = scaled(next);
    const change = 1 - Math.abs(dot(settled, axis));
    axis = settled;
    if (change < SETTLED) break;
  }
  const largest = axis.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  return largest < 0 ? axis.map((value) => -value) : axis;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Of length 1; of nothing nothing. */
function scaled(vector: Float64Array): Float64Array {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector;
}
