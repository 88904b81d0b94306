import { SparseFeatures, type SparseRow } from './features.ts';
import { termsOf, type TermOptions } from './terms.ts';

/** Options of {@link WordFeatures.learn}. */
export interface WordFeatureOptions extends TermOptions {
  /** Texts that a term must occur in. Default 1. */
  minDocuments?: number;
  /** Terms at most, those of the most texts. Default 200,000. */
  maxFeatures?: number;
  /** Counts as `1 + ln(count)`. Default false. */
  sublinear?: boolean;
}

/** A vocabulary with the weights of its terms, as JSON. */
export interface StoredWordFeatures {
  /** How terms are made and counted. */
  options: Required<Pick<WordFeatureOptions, 'wordNgrams' | 'sublinear'>> & Pick<TermOptions, 'characterNgrams'>;
  /** By column. */
  terms: string[];
  /** Inverse document frequency of each term. */
  idf: number[];
}

const MAX_FEATURES = 200_000;

/**
 * Texts as tf-idf of their terms at length 1: counts times `ln((1 + texts) / (1 + texts with the term)) + 1`, terms that
 * were not learned left out. The same numbers as scikit-learn's `TfidfVectorizer` on the same terms.
 */
export class WordFeatures {
  /** Number of terms. */
  readonly columns: number;
  private readonly stored: StoredWordFeatures;
  private readonly index: ReadonlyMap<string, number>;

  constructor(stored: StoredWordFeatures) {
    this.stored = stored;
    this.columns = stored.terms.length;
    this.index = new Map(stored.terms.map((term, column) => [term, column]));
  }

  /** Takes the terms and their weights from texts. */
  static learn(texts: readonly string[], options: WordFeatureOptions = {}): WordFeatures {
    const {
      wordNgrams = 1,
      characterNgrams,
      minDocuments = 1,
      maxFeatures = MAX_FEATURES,
      sublinear = false,
    } = options;
    const frequencies = new Map<string, number>();
    for (const text of texts)
      for (const term of new Set(termsOf(text, { wordNgrams, characterNgrams })))
        frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
    let kept = [...frequencies].filter(([, documents]) => documents >= minDocuments);
    if (kept.length > maxFeatures)
      kept = kept.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, maxFeatures);
    kept.sort(([a], [b]) => (a < b ? -1 : 1));
    return new WordFeatures({
      options: { wordNgrams, sublinear, ...(characterNgrams && { characterNgrams }) },
      terms: kept.map(([term]) => term),
      idf: kept.map(([, documents]) => Math.log((1 + texts.length) / (1 + documents)) + 1),
    });
  }

  /** `[texts, columns]`. */
  of(texts: readonly string[]): SparseFeatures {
    return new SparseFeatures(
      texts.map((text) => this.row(text)),
      this.columns,
    );
  }

  /** For {@link WordFeatures} again. */
  toJSON(): StoredWordFeatures {
    return this.stored;
  }

  private row(text: string): SparseRow {
    const { options, idf } = this.stored;
    const counts = new Map<number, number>();
    for (const term of termsOf(text, options)) {
      const column = this.index.get(term);
      if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1);
    }
    const columns = [...counts.keys()].sort((a, b) => a - b);
    const weights = columns.map((column) => {
      const count = counts.get(column)!;
      return (options.sublinear ? 1 + Math.log(count) : count) * idf[column];
    });
    const length = Math.hypot(...weights) || 1;
    return { indices: Int32Array.from(columns), values: Float64Array.from(weights, (weight) => weight / length) };
  }
}
