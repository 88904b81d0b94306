import { hash32 } from '../core/random.ts';
import type { Weights } from '../model/parameters.ts';

const LANES = 8;
const PRIME = 0x9e3779b1;

/**
 * Short content hash of weights: 16 hexadecimal digits over names, shapes and the exact bits of all values, independent of the order of
 * the map. For telling checkpoints apart (results, caches, indexes); it is not cryptographic. Reads about a gigabyte a second.
 */
export async function weightsFingerprint(weights: Weights): Promise<string> {
  const encoder = new TextEncoder();
  let low = 0x243f6a88;
  let high = 0x85a308d3;
  for (const name of [...weights.keys()].sort()) {
    const { shape, data } = weights.get(name)!;
    const label = encoder.encode(`${name}[${shape.join(',')}]`);
    const padded = new Uint8Array(Math.ceil(label.length / 4) * 4);
    padded.set(label);
    for (const words of [new Uint32Array(padded.buffer), new Uint32Array(data.buffer, data.byteOffset, data.length)]) {
      for (const lane of hashLanes(words)) {
        low = hash32(low, lane);
        high = hash32(high ^ 0x13198a2e, lane ^ low);
      }
    }
  }
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** Eight running hashes, each over every eighth word, so that their multiplications overlap in the processor. */
function hashLanes(words: Uint32Array): number[] {
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
