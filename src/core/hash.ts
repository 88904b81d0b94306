const LANES = 8;
const PRIME = 0x9e3779b1;

/** Eight hashes of an array of words, each over every eighth word, so that their multiplications overlap in the processor. Not cryptographic. */
export function hashLanes(words: Uint32Array): number[] {
  let [a, b, c, d, e, f, g, h] = Array.from({ length: LANES }, (_, lane) => Math.imul(words.length + 1, PRIME) + lane);
  const step = (lane: number, word: number): number => Math.imul(((lane << 13) | (lane >>> 19)) ^ word, PRIME);
  let i = 0;
  for (; i + LANES <= words.length; i += LANES) {
    a = step(a, words[i]);
    b = step(b, words[i + 1]);
    c = step(c, words[i + 2]);
    d = step(d, words[i + 3]);
    e = step(e, words[i + 4]);
    f = step(f, words[i + 5]);
    g = step(g, words[i + 6]);
    h = step(h, words[i + 7]);
  }
  for (; i < words.length; i++) a = step(a, words[i]);
  return [a, b, c, d, e, f, g, h];
}

/** Bytes as 32-bit words, zero-filled to a whole number of them; a copy unless they are aligned. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const whole = bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0;
  const padded = whole ? bytes : new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  if (!whole) padded.set(bytes);
  return new Uint32Array(padded.buffer, padded.byteOffset, padded.length / 4);
}
