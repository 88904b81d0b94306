import type { Terms } from './terms.ts';

/**
 * A text as term counts times smoothed inverse document frequencies
 * `ln((1 + documents) / (1 + documents with the term)) + 1` (as scikit-learn does; a term that no document has gets the
 * largest weight there is).
 */
export class TfIdf {
  private readonly terms: Terms;
  private readonly documents: number;
  private readonly frequencies = new Map<string, number>();

  /** Document frequencies are counted in `documents`. */
  constructor(documents: readonly string[], terms: Terms) {
    this.terms = terms;
    this.documents = documents.length;
    for (const document of documents)
      for (const term of new Set(terms(document))) this.frequencies.set(term, (this.frequencies.get(term) ?? 0) + 1);
  }

  /** Weight of each term of a text, scaled so that their squares add up to 1; empty for a text without terms. */
  vector(text: string): Map<string, number> {
    const counts = new Map<string, number>();
    for (const term of this.terms(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
    const weights = new Map([...counts].map(([term, count]) => [term, count * this.idf(term)]));
    const length = Math.hypot(...weights.values());
    return new Map([...weights].map(([term, weight]) => [term, weight / length]));
  }

  private idf(term: string): number {
    return Math.log((1 + this.documents) / (1 + (this.frequencies.get(term) ?? 0))) + 1;
  }
}

/** Cosine of two vectors of {@link TfIdf.vector}, which have length 1; 0 where one is empty. */
export function sparseCosine(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const [shorter, longer] = a.size <= b.size ? [a, b] : [b, a];
  let sum = 0;
  for (const [term, weight] of shorter) sum += weight * (longer.get(term) ?? 0);
  return sum;
}
