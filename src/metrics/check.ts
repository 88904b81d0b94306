import { AlbertineError } from '../core/errors.ts';

/** Throws `shape_mismatch` unless both lists have the same length; returns it. */
export function requireSameLength(a: { length: number }, b: { length: number }, what = 'the two lists'): number {
  if (a.length !== b.length)
    throw new AlbertineError('shape_mismatch', `${what} differ in length: ${a.length} and ${b.length}`, {
      value: b.length,
    });
  return a.length;
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** `a / b`, and `otherwise` when `b` is 0. */
export function ratio(a: number, b: number, otherwise: number): number {
  return b === 0 ? otherwise : a / b;
}
