import { AlbertineError, requireInteger } from '../core/errors.ts';

/** The answer to one query. Documents are any numbers that identify them. */
export interface RankedQuery {
  /** Documents found, best first, none twice. */
  ranking: ArrayLike<number>;
  /** Gain of each relevant document; those not listed, or with 0, are irrelevant. Binary relevance is a gain of 1. */
  relevance: ReadonlyMap<number, number>;
}

/**
 * How a document's relevance counts in nDCG: as it is (trec_eval), or as `2^relevance - 1` (Burges et al. 2005).
 * Both are the same for binary relevance.
 */
export type Gain = 'linear' | 'exponential';

/** How well right answers rank, over all queries. */
export interface RankingScores {
  /** Number of queries. */
  queries: number;
  /** Share of the queries whose right answer is first, and among the first ten. */
  accuracyAt1: number;
  /** Share of the queries whose right answer is among the first ten. */
  accuracyAt10: number;
  /** Mean of 1 / rank of the right answer. */
  meanReciprocalRank: number;
}

/**
 * A query with one right answer, from the scores of all candidates, higher for more alike: `right` is the index of the
 * right one in `scores`. Candidates with the same score as the right one rank before it, so that a system that cannot
 * tell texts apart gains nothing by the order in which they are listed; a score that is NaN counts against the system,
 * too. Wrong ones are not sorted among themselves: measure the place of the right one (accuracy, recall, reciprocal
 * rank), nothing else. Throws `invalid_argument` for a `right` without a score.
 */
export function rankAnswer(right: number, scores: ArrayLike<number>): RankedQuery {
  requireInteger('right', right, { min: 0, max: scores.length - 1 });
  const before: number[] = [];
  const after: number[] = [];
  for (let i = 0; i < scores.length; i++) if (i !== right) (scores[i] < scores[right] ? after : before).push(i);
  return { ranking: [...before, right, ...after], relevance: new Map([[right, 1]]) };
}

/**
 * Accuracy and mean reciprocal rank of queries with one right answer, as from {@link rankAnswer}; NaN without queries.
 */
export function rankingScores(queries: readonly RankedQuery[]): RankingScores {
  return {
    queries: queries.length,
    accuracyAt1: recallAtK(queries, 1),
    accuracyAt10: recallAtK(queries, 10),
    meanReciprocalRank: meanReciprocalRank(queries),
  };
}

/*
 * Every mean below is over the queries that have a relevant document, as in trec_eval; NaN if there is none.
 * `k` is how many places count; a ranking shorter than that is as if followed by irrelevant documents.
 */

/**
 * Mean reciprocal rank of the first relevant document; 0 for a query where it is not among the first `k` (default:
 * all).
 */
export function meanReciprocalRank(queries: readonly RankedQuery[], k = Infinity): number {
  return meanOver(queries, k, ({ ranking, relevance }) => {
    const depth = Math.min(k, ranking.length);
    for (let rank = 0; rank < depth; rank++) if (gainOf(relevance, ranking[rank]) > 0) return 1 / (rank + 1);
    return 0;
  });
}

/** Mean share of a query's relevant documents that are among its first `k`. */
export function recallAtK(queries: readonly RankedQuery[], k: number): number {
  return meanOver(queries, k, (query) => hits(query, k) / relevantCount(query));
}

/** Mean share of the first `k` places that hold a relevant document. */
export function precisionAtK(queries: readonly RankedQuery[], k: number): number {
  return meanOver(queries, k, (query) => hits(query, k) / k);
}

/**
 * Mean normalised discounted cumulative gain of the first `k` places, discounted by `log2(rank + 1)` with ranks from 1
 * (Järvelin & Kekäläinen 2002, in the usual later form). 1 is the best possible order of all relevant documents.
 */
export function ndcgAtK(queries: readonly RankedQuery[], k: number, { gain = 'linear' }: { gain?: Gain } = {}): number {
  const value = (relevance: number): number => (gain === 'linear' ? relevance : 2 ** relevance - 1);
  return meanOver(queries, k, ({ ranking, relevance }) => {
    const found = Array.from({ length: Math.min(k, ranking.length) }, (_, rank) =>
      value(gainOf(relevance, ranking[rank])),
    );
    const ideal = [...relevance.values()]
      .sort((a, b) => b - a)
      .slice(0, k)
      .map(value);
    return discountedSum(found) / discountedSum(ideal);
  });
}

/**
 * Mean average precision: the precision at the rank of every relevant document among the first `k` (default: all),
 * summed and divided by the number of relevant documents.
 */
export function meanAveragePrecision(queries: readonly RankedQuery[], k = Infinity): number {
  return meanOver(queries, k, (query) => {
    let found = 0;
    let sum = 0;
    for (let rank = 0; rank < Math.min(k, query.ranking.length); rank++) {
      if (gainOf(query.relevance, query.ranking[rank]) > 0) sum += ++found / (rank + 1);
    }
    return sum / relevantCount(query);
  });
}

function meanOver(queries: readonly RankedQuery[], k: number, score: (query: RankedQuery) => number): number {
  if (k !== Infinity) requireInteger('k', k, { min: 1 });
  let sum = 0;
  let count = 0;
  for (const query of queries) {
    requireDistinct(query.ranking);
    if (relevantCount(query) === 0) continue;
    sum += score(query);
    count++;
  }
  return sum / count;
}

function gainOf(relevance: ReadonlyMap<number, number>, document: number): number {
  return relevance.get(document) ?? 0;
}

function relevantCount({ relevance }: RankedQuery): number {
  let count = 0;
  for (const gain of relevance.values()) {
    if (!(gain >= 0))
      throw new AlbertineError('invalid_argument', `a relevance must not be negative, got ${gain}`, { value: gain });
    if (gain > 0) count++;
  }
  return count;
}

function hits({ ranking, relevance }: RankedQuery, k: number): number {
  let count = 0;
  for (let rank = 0; rank < Math.min(k, ranking.length); rank++) if (gainOf(relevance, ranking[rank]) > 0) count++;
  return count;
}

function discountedSum(gains: readonly number[]): number {
  return gains.reduce((sum, gain, rank) => sum + gain / Math.log2(rank + 2), 0);
}

function requireDistinct(ranking: ArrayLike<number>): void {
  if (new Set(Array.from(ranking)).size !== ranking.length)
    throw new AlbertineError('invalid_argument', 'a ranking must not list a document twice');
}
