/** Sums of 32-bit numbers: further digits would be noise. */
export const rounded = (value: number): number => Number(value.toPrecision(7));

/** A number as people write it: digits with an optional sign, point and exponent. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * The number that a text stands for, white space around it aside; NaN for anything but a finite decimal number.
 * `Number` itself also takes `0x10`, `0b11`, `Infinity` and the empty string, none of which anybody means in a column
 * of numbers.
 */
export function parseDecimal(text: string): number {
  const value = DECIMAL.test(text.trim()) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : NaN;
}
