import type { ScoredRow } from './stores/store.ts';

/** What the parts of a hybrid search count; chosen on one half of XQuAD by bench/retrieval/fusion.ts. */
export const VECTOR_WEIGHT = 0.15;
/** See {@link VECTOR_WEIGHT}. */
export const LEXICAL_WEIGHT = 1 - VECTOR_WEIGHT;

/** A ranking with what its scores count. */
export interface WeightedRanking {
  /** Best first. */
  ranking: readonly ScoredRow[];
  /** What its scores count. */
  weight: number;
  /** The score that counts nothing. */
  floor: number;
  /** The score that counts the whole weight. */
  ceiling: number;
}

/**
 * A weighted sum of scores, each scaled from its floor to its ceiling (a convex combination: Bruch, Gai and Ingber
 * 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"). What a ranking does not have counts 0 there. Best
 * first.
 */
export function fuse(rankings: readonly WeightedRanking[]): ScoredRow[] {
  const scores = new Map<number, number>();
  for (const { ranking, weight, floor, ceiling } of rankings)
    for (const { row, score } of ranking) {
      const scaled = ceiling > floor ? (score - floor) / (ceiling - floor) : 1;
      scores.set(row, (scores.get(row) ?? 0) + weight * scaled);
    }
  return sorted(scores);
}

/** How strongly first places count in {@link reciprocalRanks}. */
const RANK_CONSTANT = 60;

/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): the sum of 1 / (60 + rank). Kept beside {@link fuse} to
 * measure it by; it knows nothing of how much better one chunk is than the next.
 */
export function reciprocalRanks(rankings: readonly (readonly ScoredRow[])[]): ScoredRow[] {
  const scores = new Map<number, number>();
  for (const ranking of rankings)
    ranking.forEach(({ row }, i) => scores.set(row, (scores.get(row) ?? 0) + 1 / (RANK_CONSTANT + i + 1)));
  return sorted(scores);
}

const sorted = (scores: ReadonlyMap<number, number>): ScoredRow[] =>
  Array.from(scores, ([row, score]) => ({ row, score })).sort((a, b) => b.score - a.score || a.row - b.row);
