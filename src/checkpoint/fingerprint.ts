import { hashLanes, wordsOf } from '../core/hash.ts';
import { hash32 } from '../core/random.ts';
import type { Weights } from '../model/parameters.ts';

/** Tensors of more words than this (1 MiB) are sampled: so many pages of so many words (4 KiB). */
const MAX_WHOLE_WORDS = 1 << 18;
const SAMPLED_PAGES = 64;
const PAGE_WORDS = 1 << 10;

/**
 * Short content hash of weights: 16 hexadecimal digits over names, shapes and the exact bits of the values, independent
 * of the order of the map. Of a tensor of more than 1 MiB only 64 pages of 4 KiB are read, evenly spaced from its first
 * to its last, so that the hash costs milliseconds at any size. It tells checkpoints apart (results, caches, indexes):
 * training and conversion change every page. It is neither cryptographic nor an integrity check: a few values changed
 * in a large tensor can go unnoticed.
 */
export async function weightsFingerprint(weights: Weights): Promise<string> {
  const encoder = new TextEncoder();
  let low = 0x243f6a88;
  let high = 0x85a308d3;
  for (const name of [...weights.keys()].sort()) {
    const { shape, data } = weights.get(name)!;
    const label = encoder.encode(`${name}[${shape.join(',')}]`);
    for (const words of [wordsOf(label), ...sample(data)]) {
      for (const lane of hashLanes(words)) {
        low = hash32(low, lane);
        high = hash32(high ^ 0x13198a2e, lane ^ low);
      }
    }
  }
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** The words of a tensor that are hashed: all, or evenly spaced pages of a large one. */
function sample(data: Float32Array): Uint32Array[] {
  const view = (start: number, length: number): Uint32Array =>
    new Uint32Array(data.buffer, data.byteOffset + start * 4, length);
  if (data.length <= MAX_WHOLE_WORDS) return [view(0, data.length)];
  const last = data.length - PAGE_WORDS;
  return Array.from({ length: SAMPLED_PAGES }, (_, page) =>
    view(Math.round((page * last) / (SAMPLED_PAGES - 1)), PAGE_WORDS),
  );
}
