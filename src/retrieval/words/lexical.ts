import { Bm25 } from '../../classical/bm25.ts';
import { mixedTerms } from '../../classical/terms.ts';

/** What words say of every chunk. */
export interface LexicalScores {
  /** BM25 of every chunk, 0 where it shares no word with the query. */
  scores: Float64Array;
  /** A score that no chunk exceeds. */
  bound: number;
}

/** The words of all chunks. */
export interface LexicalIndex extends AsyncDisposable {
  search(query: string): Promise<LexicalScores>;
}

/** The words of an index that has no file of them, found by the first search. */
export function wordsInMemory(readTexts: () => Promise<string[]>): LexicalIndex {
  let made: Promise<Bm25> | undefined;
  return {
    async search(query) {
      const bm25 = await (made ??= readTexts().then((texts) => new Bm25(texts, mixedTerms)));
      return { scores: bm25.scores(query), bound: bm25.bound(query) };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
