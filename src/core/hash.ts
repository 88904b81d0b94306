const LANES = 8;
const PRIME = 0x9e3779b1;

/**
 * Eight hashes of an array of words, each over every eighth word, so that their multiplications overlap in the
 * processor. Not cryptographic. Written out, because it mostly runs once, at start, before the engine would make one
 * function of many.
 */
export function hashLanes(words: Uint32Array): number[] {
  const { length } = words;
  let [a, b, c, d, e, f, g, h] = Array.from({ length: LANES }, (_, lane) => Math.imul(length + 1, PRIME) + lane);
  let i = 0;
  for (; i + LANES <= length; i += LANES) {
    a = Math.imul(((a << 13) | (a >>> 19)) ^ words[i], PRIME);
    b = Math.imul(((b << 13) | (b >>> 19)) ^ words[i + 1], PRIME);
    c = Math.imul(((c << 13) | (c >>> 19)) ^ words[i + 2], PRIME);
    d = Math.imul(((d << 13) | (d >>> 19)) ^ words[i + 3], PRIME);
    e = Math.imul(((e << 13) | (e >>> 19)) ^ words[i + 4], PRIME);
    f = Math.imul(((f << 13) | (f >>> 19)) ^ words[i + 5], PRIME);
    g = Math.imul(((g << 13) | (g >>> 19)) ^ words[i + 6], PRIME);
    h = Math.imul(((h << 13) | (h >>> 19)) ^ words[i + 7], PRIME);
  }
  for (; i < length; i++) a = Math.imul(((a << 13) | (a >>> 19)) ^ words[i], PRIME);
  return [a, b, c, d, e, f, g, h];
}

/** Bytes as 32-bit words, zero-filled to a whole number of them; a copy unless they are aligned. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const whole = bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0;
  const padded = whole ? bytes : new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  if (!whole) padded.set(bytes);
  return new Uint32Array(padded.buffer, padded.byteOffset, padded.length / 4);
}
