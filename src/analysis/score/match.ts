/** A text as its tokens' vectors. */
export interface TokenVectors {
  /** Vocabulary ids, special tokens among them. */
  ids: Int32Array;
  /** Row-major `[tokens, width]`, of length 1 each. */
  vectors: Float32Array;
}

/** How well a candidate matches a reference. */
export interface PairScore {
  /** Weighted mean over the candidate's tokens of the largest cosine with a token of the reference. */
  precision: number;
  /** The same over the reference's tokens. */
  recall: number;
  /** Their harmonic mean. */
  f1: number;
}

/** What a token counts: 0 for special tokens. */
export type TokenWeight = (id: number) => number;

/** Special tokens of a text without any other. */
export const ONLY_SPECIAL = 2;

/**
 * Greedy matching (Zhang et al. 2020, "BERTScore"): every token is matched with the most similar one of the other text.
 * Special tokens may be matched, and count nothing themselves. A text without tokens, or whose tokens all count nothing,
 * matches nothing: 0.
 */
export function greedyMatch(candidate: TokenVectors, reference: TokenVectors, weight: TokenWeight): PairScore {
  const matching = new GreedyMatching(candidate, reference);
  matching.compare();
  return matching.score(weight);
}

/** {@link greedyMatch} in steps, because two long texts take minutes. */
export class GreedyMatching {
  private readonly candidate: TokenVectors;
  private readonly reference: TokenVectors;
  private readonly best: Float64Array;
  private readonly bestOfReference: Float64Array;
  private compared = 0;

  constructor(candidate: TokenVectors, reference: TokenVectors) {
    this.candidate = candidate;
    this.reference = reference;
    this.best = new Float64Array(candidate.ids.length).fill(-Infinity);
    this.bestOfReference = new Float64Array(reference.ids.length).fill(-Infinity);
  }

  /** Whether all tokens are compared. */
  get isComplete(): boolean {
    return this.compared === this.best.length;
  }

  /** Compares further tokens of the candidate with all of the reference, in about so many products; returns how many. */
  compare(products = Infinity): number {
    const { best, bestOfReference, candidate, reference } = this;
    const width = candidate.vectors.length / candidate.ids.length;
    const tokens = Math.max(1, Math.floor(products / reference.vectors.length));
    const [start, end] = [this.compared, Math.min(best.length, this.compared + tokens)];
    for (let i = start; i < end; i++) {
      for (let j = 0; j < bestOfReference.length; j++) {
        const similarity = dotAt(candidate.vectors, reference.vectors, { i: i * width, j: j * width, width });
        if (similarity > best[i]) best[i] = similarity;
        if (similarity > bestOfReference[j]) bestOfReference[j] = similarity;
      }
    }
    this.compared = end;
    return (end - start) * reference.vectors.length;
  }

  /** When all is compared. */
  score(weight: TokenWeight): PairScore {
    const { candidate, reference } = this;
    if (isEmpty(candidate.ids) || isEmpty(reference.ids)) return { precision: 0, recall: 0, f1: 0 };
    const precision = weightedMean(this.best, candidate.ids, weight);
    const recall = weightedMean(this.bestOfReference, reference.ids, weight);
    return { precision, recall, f1: harmonicMean(precision, recall) };
  }
}

/** Whether two texts, as ids with special ones, score 0 because of what they are made of. */
export function matchNothing(candidate: Int32Array, reference: Int32Array, weight: TokenWeight): boolean {
  const countsNothing = (ids: Int32Array): boolean => ids.every((id) => weight(id) === 0);
  return isEmpty(candidate) || isEmpty(reference) || (countsNothing(candidate) && countsNothing(reference));
}

const isEmpty = (ids: Int32Array): boolean => ids.length <= ONLY_SPECIAL;

/** Cosines of all tokens of two texts: `[candidate tokens, reference tokens]`. */
export function similarityMatrix(candidate: TokenVectors, reference: TokenVectors): Float64Array {
  const width = candidate.vectors.length / candidate.ids.length;
  const [own, other] = [candidate.ids.length, reference.ids.length];
  const matrix = new Float64Array(own * other);
  for (let i = 0; i < own; i++)
    for (let j = 0; j < other; j++)
      matrix[i * other + j] = dotAt(candidate.vectors, reference.vectors, { i: i * width, j: j * width, width });
  return matrix;
}

/** 2 PR / (P + R); 0 where that is not defined. */
export function harmonicMean(precision: number, recall: number): number {
  const f1 = (2 * precision * recall) / (precision + recall);
  return Number.isFinite(f1) ? f1 : 0;
}

function dotAt(a: Float32Array, b: Float32Array, { i, j, width }: { i: number; j: number; width: number }): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = width - (width % 4);
  let k = 0;
  // Four sums, so that one addition need not wait for the one before.
  for (; k < whole; k += 4) {
    s0 += a[i + k] * b[j + k];
    s1 += a[i + k + 1] * b[j + k + 1];
    s2 += a[i + k + 2] * b[j + k + 2];
    s3 += a[i + k + 3] * b[j + k + 3];
  }
  for (; k < width; k++) s0 += a[i + k] * b[j + k];
  return s0 + s1 + s2 + s3;
}

function weightedMean(values: Float64Array, ids: Int32Array, weight: TokenWeight): number {
  let [sum, total] = [0, 0];
  values.forEach((value, token) => {
    const counts = weight(ids[token]);
    sum += counts * value;
    total += counts;
  });
  return total > 0 ? sum / total : 0;
}
