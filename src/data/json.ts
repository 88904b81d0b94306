import { AlbertineError } from '../core/errors.ts';

/**
 * A value as JSON without spaces. Typed arrays become arrays, and the numbers of a Float32Array are written with as
 * few digits as read back as the same 32-bit float (at most 9). A NaN or infinity throws `invalid_data`: JSON has none.
 * Properties that are undefined are left out, as in `JSON.stringify`.
 */
export function toJson(value: unknown): string {
  if (value instanceof Float32Array) return `[${Array.from(value, formatFloat32).join(',')}]`;
  if (ArrayBuffer.isView(value))
    return `[${Array.from(value as unknown as ArrayLike<number>, formatNumber).join(',')}]`;
  if (Array.isArray(value)) return `[${value.map((item) => toJson(item ?? null)).join(',')}]`;
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'object' && value !== null && !hasToJson(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${toJson(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** A value for {@link toJson} with null for NaN, which JSON has not. */
export function withoutNaN(value: unknown): unknown {
  if (typeof value === 'number') return Number.isNaN(value) ? null : value;
  if (Array.isArray(value)) return value.map(withoutNaN);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutNaN(member)]));
}

/** A 32-bit float as the number with the fewest digits (at most 9) that read back as it: further ones would be noise. */
export function short(value: number): number {
  // Rounding to a fixed number of decimals is several times faster than toPrecision and is enough for most numbers of
  // vectors.
  if (value < 1 && value > -1)
    for (const scale of SCALES) {
      const rounded = Math.round(value * scale) / scale;
      if (Math.fround(rounded) === value) return rounded;
    }
  // 6 digits are not always enough and 9 always are (IEEE 754, section 5.12.2).
  for (const digits of [6, 7, 8]) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const SCALES = [1e6, 1e7, 1e8, 1e9];

/**
 * A short decimal (at most 9 digits) that reads back as the same 32-bit float. Throws `invalid_data` for NaN and
 * infinities.
 */
export const formatFloat32 = (value: number): string => formatNumber(short(value));

function formatNumber(value: number): string {
  if (!Number.isFinite(value))
    throw new AlbertineError('invalid_data', `JSON and CSV cannot hold the number ${value}`, { value });
  return String(value);
}

function hasToJson(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}
