import { lowestLogProbability, type PieceSet, ReversedTrie } from './pieces.ts';
import type { SegmentCorpus } from './segment-corpus.ts';

/** What the E step finds. */
export interface Expectation {
  /** Expected number of uses of each piece. */
  counts: Float64Array;
  /** Natural log-likelihood of the whole corpus, all segmentations summed. */
  logLikelihood: number;
  /** Expected number of pieces in the corpus. */
  tokens: number;
}

/** SentencePiece's price for a character without a piece: this much below the lowest log-probability. */
export const UNKNOWN_PENALTY = 10;

/**
 * Bounds that keep the scaled recursion finite. Training never comes near the first (a piece used once in 10^10 has
 * 1e-11), and with it only pieces of over 16 characters, and then only across text of the rarest characters, can meet
 * the second.
 */
const SMALLEST_PROBABILITY = 1e-18;
const LARGEST_SCALE = 1e300;

/** Segments text with one fixed set of pieces. */
export class UnigramLattice {
  readonly trie: ReversedTrie;
  private readonly corpus: SegmentCorpus;
  private readonly pieces: PieceSet;
  private readonly unknownLogProbability: number;

  /** `reuse.trie` must have been built from these pieces; `reuse.lowest` is their lowest log-probability. */
  constructor(corpus: SegmentCorpus, pieces: PieceSet, reuse: { trie?: ReversedTrie; lowest?: number } = {}) {
    this.corpus = corpus;
    this.pieces = pieces;
    this.trie = reuse.trie ?? new ReversedTrie(pieces, corpus.alphabet.length);
    this.unknownLogProbability = (reuse.lowest ?? lowestLogProbability(pieces)) - UNKNOWN_PENALTY;
  }

  /**
   * Forward-backward over every segment. The forward probability of each position is kept as its ratio to the previous
   * one (as in scaled hidden Markov models), so nothing underflows and no logarithm is taken inside the loop over
   * pieces.
   */
  expectation(): Expectation {
    const {
      corpus: { characters, starts, weights },
      trie,
    } = this;
    const { roots, pieceAt } = trie;
    const probabilities = this.pieces.logProbabilities.map((value) =>
      value === -Infinity ? 0 : Math.max(Math.exp(value), SMALLEST_PROBABILITY),
    );
    const unknownProbability = Math.max(Math.exp(this.unknownLogProbability), SMALLEST_PROBABILITY);
    const counts = new Float64Array(probabilities.length);
    const scratch = new Scratch(this.corpus.longest, trie.maxLength);
    const { ratio, inverse, reached, edgeEnd, edgePiece, edgeLength, edgeValue } = scratch;
    let logLikelihood = 0;
    let tokens = 0;

    for (let segment = 0; segment < weights.length; segment++) {
      const from = starts[segment];
      const length = starts[segment + 1] - 1 - from;
      let edges = 0;
      let logSum = 0;
      let product = 1;
      for (let end = 1; end <= length; end++) {
        let total = 0;
        let scale = 1; // product of 1 / ratio over the positions that the edge jumps
        let hasSingle = false;
        let node = roots[characters[from + end - 1]];
        for (let size = 1; node !== 0; size++) {
          const piece = pieceAt[node];
          if (piece >= 0 && probabilities[piece] > 0) {
            if (size === 1) hasSingle = true;
            const value = probabilities[piece] * scale;
            total += value;
            edgePiece[edges] = piece;
            edgeLength[edges] = size;
            edgeValue[edges++] = value;
          }
          if (size === end) break;
          scale = Math.min(scale * inverse[end - size], LARGEST_SCALE);
          node = trie.child(node, characters[from + end - size - 1]);
        }
        if (!hasSingle) {
          total += unknownProbability;
          edgePiece[edges] = -1;
          edgeLength[edges] = 1;
          edgeValue[edges++] = unknownProbability;
        }
        edgeEnd[end] = edges;
        ratio[end] = total;
        inverse[end] = 1 / total;
        reached[end] = 0;
        product *= total;
        if (product < 1e-200) {
          logSum += Math.log(product);
          product = 1;
        }
      }
      logSum += Math.log(product);
      logLikelihood += weights[segment] * logSum;

      // `reached[end]` is the posterior probability that a piece ends there; it starts as the segment's weight.
      reached[length] = weights[segment];
      for (let end = length; end > 0; end--) {
        if (reached[end] === 0) continue;
        const factor = reached[end] * inverse[end];
        for (let edge = edgeEnd[end - 1]; edge < edgeEnd[end]; edge++) {
          const posterior = edgeValue[edge] * factor;
          if (edgePiece[edge] >= 0) counts[edgePiece[edge]] += posterior;
          reached[end - edgeLength[edge]] += posterior;
          tokens += posterior;
        }
      }
    }
    return { counts, logLikelihood, tokens };
  }

  /**
   * How often each piece is used when every segment takes its best segmentation; `unknown` characters have no piece.
   */
  bestSegmentations(): { counts: Float64Array; unknown: number; logProbability: number } {
    const {
      corpus: { characters, starts, weights },
    } = this;
    const counts = new Float64Array(this.pieces.lengths.length);
    const scratch = new Scratch(this.corpus.longest, 1);
    let unknown = 0;
    let logProbability = 0;
    for (let segment = 0; segment < weights.length; segment++) {
      const length = starts[segment + 1] - 1 - starts[segment];
      logProbability += weights[segment] * this.bestPath(characters, starts[segment], length, { scratch });
      for (let end = length; end > 0; end -= scratch.edgeLength[end]) {
        const piece = scratch.edgePiece[end];
        if (piece >= 0) counts[piece] += weights[segment];
        else unknown += weights[segment];
      }
    }
    return { counts, unknown, logProbability };
  }

  /**
   * The best way to write piece `index` with other pieces (-1 for a character without a piece), and its
   * log-probability. Undefined for single characters.
   */
  alternative(index: number): { pieces: number[]; logProbability: number } | undefined {
    const { characters, starts, lengths } = this.pieces;
    const length = lengths[index];
    if (length < 2) return undefined;
    const scratch = (this.pieceScratch ??= new Scratch(this.trie.maxLength, 1));
    const logProbability = this.bestPath(characters, starts[index], length, { scratch, exceptWhole: true });
    const used: number[] = [];
    for (let end = length; end > 0; end -= scratch.edgeLength[end]) used.push(scratch.edgePiece[end]);
    return { pieces: used, logProbability };
  }

  private pieceScratch: Scratch | undefined;

  /**
   * Viterbi; leaves the last edge of the best path to each position in `scratch` and returns the path's
   * log-probability.
   */
  private bestPath(
    characters: Int32Array,
    from: number,
    length: number,
    { scratch, exceptWhole = false }: { scratch: Scratch; exceptWhole?: boolean },
  ): number {
    const {
      trie,
      unknownLogProbability,
      pieces: { logProbabilities },
    } = this;
    const { roots, pieceAt } = trie;
    const { ratio: best, edgePiece, edgeLength } = scratch;
    best[0] = 0;
    for (let end = 1; end <= length; end++) {
      let score = best[end - 1] + unknownLogProbability;
      edgePiece[end] = -1;
      edgeLength[end] = 1;
      let node = roots[characters[from + end - 1]];
      for (let size = 1; node !== 0; size++) {
        const piece = pieceAt[node];
        if (piece >= 0 && !(exceptWhole && size === length)) {
          const candidate = best[end - size] + logProbabilities[piece];
          if (candidate > score) {
            score = candidate;
            edgePiece[end] = piece;
            edgeLength[end] = size;
          }
        }
        if (size === end) break;
        node = trie.child(node, characters[from + end - size - 1]);
      }
      best[end] = score;
    }
    return best[length];
  }
}

/** Work space for one segment. */
class Scratch {
  readonly ratio: Float64Array;
  readonly inverse: Float64Array;
  readonly reached: Float64Array;
  readonly edgeEnd: Int32Array;
  readonly edgePiece: Int32Array;
  readonly edgeLength: Int32Array;
  readonly edgeValue: Float64Array;

  constructor(positions: number, edgesPerPosition: number) {
    this.ratio = new Float64Array(positions + 1);
    this.inverse = new Float64Array(positions + 1);
    this.reached = new Float64Array(positions + 1);
    this.edgeEnd = new Int32Array(positions + 1);
    const edges = (positions + 1) * (edgesPerPosition + 1);
    this.edgePiece = new Int32Array(edges);
    this.edgeLength = new Int32Array(edges);
    this.edgeValue = new Float64Array(edges);
  }
}

/** Pieces expected less often than this leave the vocabulary in the M step, as in SentencePiece. */
const MINIMUM_EXPECTED_COUNT = 0.5;

/**
 * Variational M step: `exp(digamma(count)) / exp(digamma(sum))` instead of `count / sum`, which acts as a sparse prior
 * (Liang and Klein 2007, as used by SentencePiece). Changes the log-probabilities of `pieces` in place.
 */
export function maximise(pieces: PieceSet, counts: Float64Array): void {
  let sum = 0;
  for (const count of counts) if (count >= MINIMUM_EXPECTED_COUNT) sum += count;
  const logSum = digamma(sum);
  for (let index = 0; index < counts.length; index++) {
    pieces.logProbabilities[index] =
      counts[index] >= MINIMUM_EXPECTED_COUNT ? digamma(counts[index]) - logSum : -Infinity;
  }
}

/** Derivative of the logarithm of the gamma function, for `x > 0`; absolute error below 1e-9. */
export function digamma(x: number): number {
  let result = 0;
  for (; x < 7; x++) result -= 1 / x;
  x -= 0.5;
  const inverse2 = 1 / (x * x);
  const inverse4 = inverse2 * inverse2;
  return (
    result +
    Math.log(x) +
    inverse2 / 24 -
    (7 / 960) * inverse4 +
    (31 / 8064) * inverse4 * inverse2 -
    (127 / 30720) * inverse4 * inverse4
  );
}
