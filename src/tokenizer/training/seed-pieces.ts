import type { PieceSet } from './pieces.ts';
import type { SegmentCorpus } from './segment-corpus.ts';
import { SPACE_MARK } from './segments.ts';
import { commonPrefixLengths, suffixArray } from './suffix-array.ts';

/** Limits of {@link makeSeedPieces}. */
export interface SeedOptions {
  /** How many substrings to keep at most, single characters not counted. */
  seedSize: number;
  /** Longest piece in characters. */
  maxPieceLength: number;
}

/**
 * The starting vocabulary of Unigram training: every character, and the substrings that occur at least twice and cannot
 * be extended to the right without losing occurrences, the best `seedSize` by `frequency x length` (Kudo 2018, section
 * 3.2). Found with a suffix array; frequencies are the segments' weights, so a repeated segment costs its text once.
 */
export function makeSeedPieces(corpus: SegmentCorpus, options: SeedOptions): PieceSet {
  const candidates = findSubstrings(corpus, options);
  const kept = bestCandidates(candidates, options.seedSize);
  const singles = firstPositions(corpus);
  const size = singles.length + kept.length;
  const pieces: PieceSet = {
    characters: corpus.characters,
    starts: new Int32Array(size),
    lengths: new Int32Array(size),
    logProbabilities: new Float64Array(size),
  };
  const scores = pieces.logProbabilities;
  for (const [index, start] of singles.entries()) {
    pieces.starts[index] = start;
    pieces.lengths[index] = 1;
    scores[index] = corpus.frequencies[corpus.characters[start]];
  }
  for (let i = 0; i < kept.length; i++) {
    const index = singles.length + i;
    pieces.starts[index] = candidates.starts[kept[i]];
    pieces.lengths[index] = candidates.lengths[kept[i]];
    scores[index] = candidates.scores[kept[i]];
  }
  const logSum = Math.log(scores.reduce((sum, score) => sum + score, 0));
  for (let index = 0; index < size; index++) scores[index] = Math.log(scores[index]) - logSum;
  return pieces;
}

/** Growable parallel arrays. */
class Candidates {
  starts = new Int32Array(1 << 16);
  lengths = new Int32Array(1 << 16);
  scores = new Float64Array(1 << 16);
  size = 0;

  add(start: number, length: number, score: number): void {
    if (this.size === this.starts.length) this.grow();
    this.starts[this.size] = start;
    this.lengths[this.size] = length;
    this.scores[this.size++] = score;
  }

  private grow(): void {
    const capacity = this.size * 2;
    const copy = <T extends Int32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.starts = copy(this.starts, new Int32Array(capacity));
    this.lengths = copy(this.lengths, new Int32Array(capacity));
    this.scores = copy(this.scores, new Float64Array(capacity));
  }
}

/**
 * Walks the suffix array once with a stack of open LCP intervals: each interval is a right-maximal substring and its
 * frequency is the weight of the suffixes inside. Prefix lengths are clipped at the end of the segment.
 */
function findSubstrings(corpus: SegmentCorpus, options: SeedOptions): Candidates {
  const { characters } = corpus;
  const order = suffixArray(characters, corpus.alphabet.length);
  const prefixes = commonPrefixLengths(characters, order);
  const { remaining, weights } = perPosition(corpus);
  const found = new Candidates();
  const isPiece = pieceFilter(corpus, options);
  const report = (start: number, length: number, frequency: number) => {
    if (frequency >= 2 && isPiece(start, length)) found.add(start, length, frequency * length);
  };

  const depths = [0];
  const weightBefore = [0];
  let weightSoFar = 0;
  const clipped = (rank: number) =>
    rank < order.length ? Math.min(prefixes[rank], remaining[order[rank]], remaining[order[rank - 1]]) : 0;
  for (let rank = 0, shared = 0; rank < order.length; rank++) {
    const position = order[rank];
    const next = clipped(rank + 1);
    // The suffix alone (a segment's end that occurs nowhere else) counts when its segment repeats.
    if (remaining[position] > Math.max(shared, next)) report(position, remaining[position], weights[position]);
    const before = weightSoFar;
    weightSoFar += weights[position];
    let openedAt = before;
    while (depths[depths.length - 1] > next) {
      const depth = depths.pop()!;
      openedAt = weightBefore.pop()!;
      report(position, depth, weightSoFar - openedAt);
    }
    if (depths[depths.length - 1] < next) {
      depths.push(next);
      weightBefore.push(openedAt);
    }
    shared = next;
  }
  return found;
}

/** For each position: characters left in its segment, and the segment's weight (0 on separators). */
function perPosition(corpus: SegmentCorpus): { remaining: Int32Array; weights: Float32Array } {
  const remaining = new Int32Array(corpus.characters.length);
  const weights = new Float32Array(corpus.characters.length);
  for (let segment = 0; segment < corpus.weights.length; segment++) {
    const end = corpus.starts[segment + 1] - 1; // without the separator
    for (let at = corpus.starts[segment]; at < end; at++) {
      remaining[at] = end - at;
      weights[at] = corpus.weights[segment];
    }
  }
  return { remaining, weights };
}

/** Inside a segment every substring is a legal piece, except that none may end in a space. */
function pieceFilter(corpus: SegmentCorpus, options: SeedOptions): (start: number, length: number) => boolean {
  const space = corpus.alphabet.indexOf(SPACE_MARK);
  return (start, length) =>
    length > 1 && length <= options.maxPieceLength && corpus.characters[start + length - 1] !== space;
}

/** Indices of the `limit` highest scores, best first; ties in suffix order. */
function bestCandidates({ scores, size }: Candidates, limit: number): Int32Array {
  const threshold = size > limit ? scores.slice(0, size).sort()[size - limit] : -Infinity;
  const above = new Int32Array(Math.min(size, limit));
  let count = 0;
  for (let i = 0; i < size; i++) if (scores[i] > threshold) above[count++] = i;
  for (let i = 0; i < size && count < above.length; i++) if (scores[i] === threshold) above[count++] = i;
  return above.sort((a, b) => scores[b] - scores[a] || a - b);
}

/** A position of each character that occurs. */
function firstPositions(corpus: SegmentCorpus): number[] {
  const first = new Map<number, number>();
  for (const [position, character] of corpus.characters.entries())
    if (character !== 0 && !first.has(character)) first.set(character, position);
  return [...first].sort(([a], [b]) => a - b).map(([, position]) => position);
}
