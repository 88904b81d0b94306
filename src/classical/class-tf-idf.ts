import type { Terms } from './terms.ts';

/** A term of a class with its weight. */
export interface ClassTerm {
  /** As it was given. */
  term: string;
  /** Class-based tf-idf. */
  weight: number;
}

/**
 * What classes of texts are about: terms that are frequent in a class and rare elsewhere. The weight of a term in a class
 * is its share of the class's terms times `ln(1 + average terms of a class / occurrences of the term in all)`, the
 * class-based tf-idf of BERTopic (Grootendorst 2022; the average is rounded down, as there).
 */
export class ClassTfIdf {
  private readonly terms: Terms;
  private readonly classes = new Map<number, { counts: Map<string, number>; total: number }>();
  private readonly frequencies = new Map<string, number>();

  constructor(terms: Terms) {
    this.terms = terms;
  }

  /** Counts a text as one of a class. */
  add(text: string, own: number): void {
    const found = this.classes.get(own) ?? { counts: new Map<string, number>(), total: 0 };
    this.classes.set(own, found);
    for (const term of this.terms(text)) {
      found.counts.set(term, (found.counts.get(term) ?? 0) + 1);
      found.total++;
      this.frequencies.set(term, (this.frequencies.get(term) ?? 0) + 1);
    }
  }

  /**
   * Terms of a class that occur there at least `minCount` times, by falling weight, equal ones by falling count, then in
   * the order of their first occurrence.
   */
  top(own: number, most: number, minCount = 1): ClassTerm[] {
    const { counts, total } = this.classes.get(own) ?? { counts: new Map<string, number>(), total: 0 };
    const all = [...this.classes.values()].reduce((sum, one) => sum + one.total, 0);
    const average = Math.floor(all / this.classes.size);
    return [...counts]
      .filter(([, count]) => count >= minCount)
      .map(([term, count]) => ({
        term,
        weight: (count / total) * Math.log(1 + average / this.frequencies.get(term)!),
      }))
      .sort((a, b) => b.weight - a.weight || counts.get(b.term)! - counts.get(a.term)!)
      .slice(0, most);
  }
}
