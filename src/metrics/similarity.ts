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
