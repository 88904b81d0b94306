import type { Terms } from './terms.ts';

/** How strongly repetitions and lengths count: the values that Lucene has. */
const [K1, B] = [1.2, 0.75];

/** The documents that have a term, ascending, with how often. */
export interface Posting {
  documents: ArrayLike<number>;
  counts: ArrayLike<number>;
}

/** What BM25 knows of documents besides their terms: how many terms each has, and all have on average. */
export interface DocumentLengths {
  lengths: ArrayLike<number>;
  meanLength: number;
}

/** Score of every document, 0 where it has none of the terms, given those that have each term of a query. */
export function bm25Scores(
  postings: Iterable<Posting | undefined>,
  { lengths, meanLength }: DocumentLengths,
): Float64Array {
  const scores = new Float64Array(lengths.length);
  for (const posting of postings) {
    if (!posting) continue;
    const { documents, counts } = posting;
    const weight = idf(documents.length, lengths.length);
    for (let i = 0; i < documents.length; i++) {
      const [document, count] = [documents[i], counts[i]];
      scores[document] += (weight * count * (K1 + 1)) / (count + K1 * (1 - B + (B * lengths[document]) / meanLength));
    }
  }
  return scores;
}

/**
 * The score that no document can reach: of one that has every term of a query endlessly often. `found` says of each term
 * how many of the documents have it; a term that none has counts as the rarest.
 */
export function bm25Bound(found: Iterable<number>, documents: number): number {
  let sum = 0;
  for (const count of found) sum += idf(count, documents) * (K1 + 1);
  return sum;
}

const idf = (found: number, documents: number): number => Math.log(1 + (documents - found + 0.5) / (found + 0.5));

/**
 * Documents by their words, for queries in words (Okapi BM25, Robertson et al. 1994, with Lucene's idf). Only documents
 * that share a term with the query are looked at.
 */
export class Bm25 {
  private readonly terms: Terms;
  private readonly lengths: DocumentLengths;
  private readonly postings = new Map<string, { documents: number[]; counts: number[] }>();

  constructor(documents: readonly string[], terms: Terms) {
    this.terms = terms;
    const lengths = documents.map((document, index) => {
      const all = terms(document);
      for (const [term, count] of countTerms(all)) {
        const posting = this.postings.get(term) ?? { documents: [], counts: [] };
        posting.documents.push(index);
        posting.counts.push(count);
        this.postings.set(term, posting);
      }
      return all.length;
    });
    this.lengths = { lengths, meanLength: lengths.reduce((sum, one) => sum + one, 0) / Math.max(1, documents.length) };
  }

  /** Score of every document, 0 where it shares no term with the query. */
  scores(query: string): Float64Array {
    return bm25Scores(this.postingsOf(query), this.lengths);
  }

  /** See {@link bm25Bound}. */
  bound(query: string): number {
    const found = this.postingsOf(query).map((posting) => posting?.documents.length ?? 0);
    return bm25Bound(found, this.lengths.lengths.length);
  }

  private postingsOf(query: string): (Posting | undefined)[] {
    return Array.from(new Set(this.terms(query)), (term) => this.postings.get(term));
  }
}

/** How often each of the terms occurs. */
export function countTerms(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}
