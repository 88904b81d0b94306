import { requireNotInterrupted } from '../core/interrupt.ts';
import { AlbertScorer } from '../analysis/score/scorer.ts';
import type { Albert } from '../loaded/albert.ts';
import { Reranker } from '../tasks/rank/reranker.ts';

/** Puts texts that were found into a better order: a score for each, higher for better. */
export interface TextRanker extends Disposable {
  /** Scores of texts for a query, in their order. */
  rank(query: string, texts: readonly string[], signal?: AbortSignal): Promise<number[]>;
}

/**
 * ALBERTScore of the texts beside the query: its recall, how well every token of the query is matched in a text. With
 * the model of the index, which stays open when the ranker is disposed.
 */
export function scoreRanker(model: Albert): TextRanker {
  const scorer = AlbertScorer.from(model);
  return {
    async rank(query, texts, signal) {
      const { scores } = await scorer.score(
        { candidates: texts, references: texts.map(() => query) },
        { ...(signal && { signal }) },
      );
      return scores.map(({ recall }) => recall);
    },
    [Symbol.dispose]() {
      scorer.forget();
    },
  };
}

/** A fine-tuned ranker by its folder or hub id. */
export async function foldersRanker(folder: string, options: { threads?: number } = {}): Promise<TextRanker> {
  const ranker = await Reranker.load(folder, options);
  return { ...modelRanker(ranker), [Symbol.dispose]: () => ranker[Symbol.dispose]() };
}

/** A fine-tuned ranker that is open, and stays so when this is disposed. Long texts are read in windows. */
export function modelRanker(ranker: Reranker): TextRanker {
  return {
    async rank(query, texts, signal) {
      requireNotInterrupted(signal, 'reranking was interrupted');
      const ranking = await ranker.rank(query, texts, { longText: 'window' });
      const scores = new Array<number>(texts.length).fill(0);
      for (const { candidate, score } of ranking) scores[candidate] = score;
      return scores;
    },
    [Symbol.dispose]: () => undefined,
  };
}
