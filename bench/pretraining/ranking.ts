/** How well the right answers rank, over all queries. */
export interface RankingScores {
  queries: number;
  /** Share of the queries whose right answer is first, and among the first ten. */
  accuracyAt1: number;
  accuracyAt10: number;
  /** Mean of 1 / rank of the right answer. */
  meanReciprocalRank: number;
}

/**
 * Rank of the right answer, from 1. Answers with the same score as the right one rank before it, so that a system that cannot tell
 * texts apart gains nothing by the order in which they are listed.
 */
export function rankOf(right: number, scores: ArrayLike<number>): number {
  let rank = 1;
  for (let i = 0; i < scores.length; i++) if (i !== right && !(scores[i] < scores[right])) rank++;
  return rank;
}

/** Scores of the ranks of the right answers; NaN without queries. */
export function rankingScores(ranks: readonly number[]): RankingScores {
  const mean = (value: (rank: number) => number): number => ranks.reduce((sum, rank) => sum + value(rank), 0) / ranks.length;
  return {
    queries: ranks.length,
    accuracyAt1: mean((rank) => Number(rank <= 1)),
    accuracyAt10: mean((rank) => Number(rank <= 10)),
    meanReciprocalRank: mean((rank) => 1 / rank),
  };
}
