import type { Terms } from './terms.ts';

/** How strongly repetitions and lengths count: the values that Lucene has. */
const [K1, B] = [1.2, 0.75];

/**
 * Documents by their words, for queries in words (Okapi BM25, Robertson et al. 1994, with Lucene's idf). Only documents
 * that share a term with the query are looked at.
 */
export class Bm25 {
  private readonly terms: Terms;
  private readonly lengths: number[];
  private readonly meanLength: number;
  /** For each term the documents that have it, with how often. */
  private readonly postings = new Map<string, { documents: number[]; counts: number[] }>();

  constructor(documents: readonly string[], terms: Terms) {
    this.terms = terms;
    this.lengths = documents.map((document, index) => {
      const counts = new Map<string, number>();
      const all = terms(document);
      for (const term of all) counts.set(term, (counts.get(term) ?? 0) + 1);
      for (const [term, count] of counts) {
        const posting = this.postings.get(term) ?? { documents: [], counts: [] };
        posting.documents.push(index);
        posting.counts.push(count);
        this.postings.set(term, posting);
      }
      return all.length;
    });
    this.meanLength = this.lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, documents.length);
  }

  /** Score of every document, 0 where it shares no term with the query. */
  scores(query: string): Float64Array {
    const scores = new Float64Array(this.lengths.length);
    for (const term of new Set(this.terms(query))) {
      const posting = this.postings.get(term);
      if (!posting) continue;
      const idf = this.idf(posting.documents.length);
      posting.documents.forEach((document, i) => {
        const count = posting.counts[i];
        scores[document] +=
          (idf * count * (K1 + 1)) / (count + K1 * (1 - B + (B * this.lengths[document]) / this.meanLength));
      });
    }
    return scores;
  }
  /**
   * The score that no document can reach: of one that has every term of the query endlessly often. Terms that no
   * document has count as the rarest.
   */
  bound(query: string): number {
    let sum = 0;
    for (const term of new Set(this.terms(query)))
      sum += this.idf(this.postings.get(term)?.documents.length ?? 0) * (K1 + 1);
    return sum;
  }

  private idf(found: number): number {
    return Math.log(1 + (this.lengths.length - found + 0.5) / (found + 0.5));
  }
}
