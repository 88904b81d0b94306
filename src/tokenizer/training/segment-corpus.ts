import { AlbertineError } from '../../core/errors.ts';
import { SPACE_MARK } from './segments.ts';

/** Distinct segments as numbers: what the Unigram trainer iterates over. */
export interface SegmentCorpus {
  /** Character of each character id; id 0 is reserved for "between segments". */
  alphabet: string[];
  /** Weighted frequency of each character id. */
  frequencies: Float64Array;
  /** Character ids of all segments, each followed by a 0. */
  characters: Int32Array;
  /** Where each segment starts in `characters`; one entry more than there are segments. */
  starts: Int32Array;
  /** Weighted count of each segment. */
  weights: Float64Array;
  /** Length of the longest segment in characters. */
  longest: number;
  /** Share of the text's characters that the alphabet covers. */
  coverage: number;
}

/**
 * Chooses the alphabet (the most frequent characters that together reach `characterCoverage`, and `requiredCharacters`)
 * and encodes segments with it. Segments are cut at characters outside the alphabet: no piece can contain them. Throws
 * `invalid_data` for an empty text.
 */
export function buildSegmentCorpus(
  segments: ReadonlyMap<string, number>,
  characterCoverage: number,
  requiredCharacters = '',
): SegmentCorpus {
  const counts = countCharacters(segments);
  const { alphabet, coverage } = chooseAlphabet(counts, characterCoverage, requiredCharacters);
  const idOf = new Map(alphabet.map((character, id) => [character, id]));
  const parts = cutIntoKnownParts(segments, idOf);
  // Sorted so that the result depends on the counts alone, not on the order of the input.
  const sorted = [...parts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const total = sorted.reduce((sum, [part]) => sum + part.length + 1, 0);
  const characters = new Int32Array(total);
  const starts = new Int32Array(sorted.length + 1);
  const weights = new Float64Array(sorted.length);
  let at = 0;
  let longest = 0;
  for (const [index, [part, weight]] of sorted.entries()) {
    starts[index] = at;
    weights[index] = weight;
    for (const character of part) characters[at++] = idOf.get(character)!;
    longest = Math.max(longest, at - starts[index]);
    at++;
  }
  starts[sorted.length] = at;
  const frequencies = Float64Array.from(alphabet, (character) => counts.get(character) ?? 0);
  return { alphabet, frequencies, characters: characters.slice(0, at), starts, weights, longest, coverage };
}

function countCharacters(segments: ReadonlyMap<string, number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [segment, weight] of segments)
    for (const character of segment) counts.set(character, (counts.get(character) ?? 0) + weight);
  return counts;
}

function chooseAlphabet(
  counts: ReadonlyMap<string, number>,
  characterCoverage: number,
  required: string,
): { alphabet: string[]; coverage: number } {
  let total = 0;
  for (const count of counts.values()) total += count;
  if (total === 0) throw new AlbertineError('invalid_data', 'the training text is empty', { value: 0 });
  const alphabet = [''];
  const wanted = new Set([...required.replaceAll(' ', SPACE_MARK)]);
  let covered = 0;
  for (const [character, count] of [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))) {
    // A lone surrogate cannot be written as UTF-8, and 0 separates pieces in SentencePiece's trie.
    if (character === '\0' || /\p{Surrogate}/u.test(character)) continue;
    if (covered / total >= characterCoverage && !wanted.has(character)) continue;
    alphabet.push(character);
    covered += count;
    wanted.delete(character);
  }
  return { alphabet: [...alphabet, ...wanted], coverage: covered / total };
}

function cutIntoKnownParts(
  segments: ReadonlyMap<string, number>,
  idOf: ReadonlyMap<string, number>,
): Map<string, number> {
  const parts = new Map<string, number>();
  const add = (part: string, weight: number) => {
    if (part) parts.set(part, (parts.get(part) ?? 0) + weight);
  };
  for (const [segment, weight] of segments) {
    let start = 0;
    let at = 0;
    for (const character of segment) {
      if (!idOf.has(character)) {
        add(segment.slice(start, at), weight);
        start = at + character.length;
      }
      at += character.length;
    }
    add(start === 0 ? segment : segment.slice(start), weight);
  }
  return parts;
}
