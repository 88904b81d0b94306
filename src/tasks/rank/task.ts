import { AlbertineError, describeValue, requireInteger } from '../../core/errors.ts';
import { requireText, type OptionKinds } from '../../core/options.ts';
import {
  meanAveragePrecision,
  meanReciprocalRank,
  ndcgAtK,
  recallAtK,
  type RankedQuery,
} from '../../metrics/retrieval.ts';
import { encodeOptions, optionLogits, type OptionPiece } from '../option-pieces.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AskOptions, Scores, Task, TextCounts } from '../task.ts';
import { ASK_OPTIONS } from '../task-model.ts';

/** A query with the texts that are to be ranked for it. */
export interface RankInput {
  /** What is looked for. */
  query: string;
  /** The texts to be put in order. */
  candidates: readonly string[];
  /** Goes into the result. */
  id?: string;
}

/**
 * Options of `Reranker.predict`. `longText` is `truncate` by default, which cuts candidates; with `window` one is read
 * in windows, and counts where it fits best.
 */
export interface RankOptions extends AskOptions {
  /** Candidates listed, best first. Default: all. */
  topK?: number;
}

/** See `requireOptions`. */
export const RANK_OPTIONS: OptionKinds<RankOptions> = { ...ASK_OPTIONS, topK: 'number' };

/** A candidate with how well it fits. */
export interface RankedCandidate {
  /** Its index in the input. */
  candidate: number;
  /** From 0 to 1: the sigmoid of its logit, as the cross-encoders of sentence-transformers give it. */
  score: number;
}

/** Candidates, best first; those with equal scores in input order. */
export interface RankAnswer {
  /** That of the input. */
  id?: string;
  /** All candidates, or the best `topK`. */
  ranking: RankedCandidate[];
}

/** {@link RankAnswer} with what happened to the texts, of all pairs together. */
export type RankPrediction = RankAnswer & TextCounts;

/** The types of {@link rankTask}. A gold is the relevance of each candidate, 0 for none. */
export interface RankTypes {
  /** What is asked. */
  input: RankInput;
  /** What is right. */
  gold: readonly number[];
  /** What is answered. */
  output: RankAnswer;
  /** A checkpoint says nothing more. */
  facts: object;
  /** A row for the network: the query with one candidate. */
  piece: OptionPiece;
  /** Options of asking. */
  options: RankOptions;
}

/** Candidates for a query into their order. */
export const rankTask: Task<RankTypes> = {
  name: 'rank',
  head: 'sequenceClassification',
  metrics: { mrr: 'higher', ndcg10: 'higher', map: 'higher', accuracyAt1: 'higher' },
  facts({ weights, checkpoint: { location } }: Albert) {
    const outputs = weights.get('classifier.weight')!.shape[0];
    if (outputs !== 1)
      throw new AlbertineError(
        'weights_mismatch',
        `${location}: a ranker has one output, and this head has ${outputs}`,
        { value: outputs },
      );
    return {};
  },
  requireInput(subject, input, index) {
    const { query, candidates } = (input ?? {}) as Record<string, unknown>;
    requireText(subject, query, index);
    if (
      Array.isArray(candidates) &&
      candidates.length > 0 &&
      candidates.every((candidate) => typeof candidate === 'string')
    )
      return;
    throw new AlbertineError(
      'invalid_argument',
      `input ${index} of ${subject} must have candidates, which are texts, got ${describeValue(candidates)}`,
      { value: input, hint: "Such as { query: 'a question', candidates: ['a text', 'another'] }" },
    );
  },
  text: ({ query }) => query,
  encode: ({ query, candidates }, { tokenizer, maxLength, longText = 'truncate' }) =>
    encodeOptions(
      candidates.map((candidate) => [query, candidate] as const),
      { tokenizer, maxLength, longText, long: 'second' },
    ),
  decode({ candidates, id }, { encoded: { pieces }, logits, options }) {
    const topK = options.topK === undefined ? undefined : requireInteger('topK', options.topK, { min: 1 });
    const ranking = optionLogits(pieces, logits, candidates.length)
      .map((logit, candidate) => ({ candidate, logit }))
      .sort((a, b) => b.logit - a.logit || a.candidate - b.candidate);
    return {
      ...(id !== undefined && { id }),
      ranking: ranking.slice(0, topK).map(({ candidate, logit }) => ({ candidate, score: 1 / (1 + Math.exp(-logit)) })),
    };
  },
  score(gold, outputs): Scores {
    const queries = outputs.map(({ ranking }, row) => rankedQuery(ranking, gold[row]));
    const candidates = gold.reduce((sum, { length }) => sum + length, 0);
    return {
      metrics: {
        mrr: meanReciprocalRank(queries),
        ndcg10: ndcgAtK(queries, 10),
        map: meanAveragePrecision(queries),
        accuracyAt1: meanReciprocalRank(queries, 1),
      },
      details: { queries: queries.length, candidates, recallAt10: recallAtK(queries, 10) },
    };
  },
};

/**
 * Of candidates with equal scores the relevant ones count as last: a model that tells nothing apart must not gain by
 * the order of a file.
 */
function rankedQuery(ranking: readonly RankedCandidate[], gains: readonly number[]): RankedQuery {
  const order = [...ranking].sort((a, b) => b.score - a.score || gains[a.candidate] - gains[b.candidate]);
  return {
    ranking: order.map(({ candidate }) => candidate),
    relevance: new Map(gains.map((gain, candidate) => [candidate, gain])),
  };
}
