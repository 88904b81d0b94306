import { meanReciprocalRank, recallAtK, type RankedQuery } from '../../src/metrics/index.ts';

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
 * A query with one right answer, from the scores of all candidates. Candidates with the same score as the right one rank before it, so that a
 * system that cannot tell texts apart gains nothing by the order in which they are listed. Wrong ones are not sorted among themselves.
 */
export function rankAnswer(right: number, scores: ArrayLike<number>): RankedQuery {
  const before: number[] = [];
  const after: number[] = [];
  for (let i = 0; i < scores.length; i++) if (i !== right) (scores[i] < scores[right] ? after : before).push(i);
  return { ranking: [...before, right, ...after], relevance: new Map([[right, 1]]) };
}

/** Scores of queries of {@link rankAnswer}; NaN without queries. */
export function rankingScores(queries: readonly RankedQuery[]): RankingScores {
  return { queries: queries.length, accuracyAt1: recallAtK(queries, 1), accuracyAt10: recallAtK(queries, 10), meanReciprocalRank: meanReciprocalRank(queries) };
}
