/**
 * Conversions between 32-bit floats and the two 16-bit formats of checkpoints, rounding to nearest, ties to even.
 * 16-bit values are held as their bit patterns in a `Uint16Array`.
 */

let halfTable: Float32Array | undefined;

/** All 65,536 half-precision values as 32-bit floats, indexed by bit pattern; built on first use (256 KiB). */
function halfValues(): Float32Array {
  if (halfTable) return halfTable;
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 0x1f;
    const mantissa = bits & 0x3ff;
    if (exponent === 0x1f) table[bits] = mantissa ? NaN : sign * Infinity;
    else if (exponent === 0) table[bits] = sign * mantissa * 2 ** -24;
    else table[bits] = sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
  }
  halfTable = table;
  return table;
}

/** IEEE half precision to 32-bit float, exact. `out` must be at least as long as `bits`. */
export function float16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const table = halfValues();
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]];
  return out;
}

/** bfloat16 to 32-bit float, exact. `out` must be at least as long as `bits`. */
export function bfloat16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return out;
}

/**
 * Bits of a 32-bit float's magnitude from which half precision no longer has a finite value: 65,520 rounds to infinity.
 */
const HALF_OVERFLOW = 0x477ff000;
/** 2^-14, the smallest normal half. */
const HALF_SMALLEST_NORMAL = 0x38800000;
/** 2^-25: anything up to here rounds to zero. */
const HALF_UNDERFLOW = 0x33000000;
const INFINITY_BITS = 0x7f800000;

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude >= HALF_OVERFLOW) return sign | (magnitude > INFINITY_BITS ? 0x7e00 : 0x7c00);
  if (magnitude >= HALF_SMALLEST_NORMAL) {
    // Moves the exponent bias from 127 to 15 (0x38000000) and adds just under half a unit, or half when the result
    // would be odd.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  if (magnitude <= HALF_UNDERFLOW) return sign;
  // Subnormal: the value in units of 2^-24 is the 24-bit significand shifted right by 126 - exponent.
  const shift = 126 - (magnitude >>> 23);
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const units = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (units + (rest > middle || (rest === middle && (units & 1) === 1) ? 1 : 0));
}

/**
 * 32-bit floats to half precision. Values beyond 65,504 become infinite and NaN becomes the quiet NaN, as in PyTorch;
 * see {@link countFloat16Overflow} for finding the former first.
 */
export function float32ToFloat16(values: Float32Array, out: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) out[i] = halfBits(words[i]);
  return out;
}

/** Number of finite values that half precision cannot hold (magnitude from 65,520). */
export function countFloat16Overflow(values: Float32Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude >= 65520 && magnitude !== Infinity) count++;
  }
  return count;
}

/** 32-bit floats to bfloat16. NaN becomes 0x7fc0, as in PyTorch. */
export function float32ToBfloat16(
  values: Float32Array,
  out: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    out[i] = (word & 0x7fffffff) > INFINITY_BITS ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
