import { requireSameLength } from './check.ts';

/** Inner product. Throws `shape_mismatch`. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const length = requireSameLength(a, b, 'the two vectors');
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[i] * b[i];
  return sum;
}

/** Cosine of the angle between two vectors, in [-1, 1]. A zero vector has no direction and is similar to nothing: 0. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const product = dot(a, b);
  const length = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
  return length === 0 ? 0 : Math.min(1, Math.max(-1, product / length));
}

/** Euclidean distance. Throws `shape_mismatch`. */
export function euclidean(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const length = requireSameLength(a, b, 'the two vectors');
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}

/** The scalar product of a query with the numbers from a place on. */
export function dotAt(query: Float32Array, data: Float32Array | Int8Array, at: number): number {
  const { length } = query;
  const whole = length - (length % 4);
  // Four sums, so that one addition need not wait for the one before; declared one by one, which is twice as fast here
  // as together.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k < whole; k += 4) {
    s0 += query[k] * data[at + k];
    s1 += query[k + 1] * data[at + k + 1];
    s2 += query[k + 2] * data[at + k + 2];
    s3 += query[k + 3] * data[at + k + 3];
  }
  for (; k < length; k++) s0 += query[k] * data[at + k];
  return s0 + s1 + s2 + s3;
}
