import { AlbertineError } from '../core/errors.ts';

/**
 * Decompresses one raw Snappy block (no framing). Throws `invalid_file` if it is damaged or longer than `maxLength`.
 */
export function decompressSnappy(bytes: Uint8Array, maxLength: number): Uint8Array {
  const fail = (problem: string): never => {
    throw new AlbertineError('invalid_file', `damaged Snappy data: ${problem}`);
  };
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length || shift > 28) fail('no length');
    const byte = bytes[at++];
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > maxLength) fail(`${length} bytes are claimed`);
  const out = new Uint8Array(length);
  let filled = 0;
  /** Little-endian integer of `size` bytes at `at`. */
  const integer = (size: number): number => {
    if (at + size > bytes.length) fail('cut short');
    let value = 0;
    for (let i = 0; i < size; i++) value += bytes[at++] * 2 ** (8 * i);
    return value;
  };
  while (at < bytes.length) {
    const tag = bytes[at++];
    const high = tag >>> 2;
    if ((tag & 3) === 0) {
      const size = (high < 60 ? high : integer(high - 59)) + 1;
      if (at + size > bytes.length || filled + size > length) fail('a literal is too long');
      out.set(bytes.subarray(at, at + size), filled);
      at += size;
      filled += size;
      continue;
    }
    const isShort = (tag & 3) === 1;
    const size = isShort ? (high & 7) + 4 : high + 1;
    const distance = isShort ? ((tag >>> 5) << 8) + integer(1) : integer((tag & 3) === 2 ? 2 : 4);
    if (distance === 0 || distance > filled || filled + size > length) fail('a copy points outside');
    // Byte by byte: a copy may overlap what it writes.
    for (let i = 0; i < size; i++, filled++) out[filled] = out[filled - distance];
  }
  if (filled !== length) fail(`${filled} of ${length} bytes`);
  return out;
}
