import { AlbertineError } from '../../core/errors.ts';
import {
  DenseFeatures,
  JoinedFeatures,
  type DenseProducts,
  type FeatureMatrix,
  type SparseFeatures,
} from '../../classical/features.ts';
import { WordFeatures, type StoredWordFeatures } from '../../classical/word-features.ts';
import { pairColumns, pairVectors, pairWords } from './pair-features.ts';
import type { FeatureKind } from './settings.ts';

/** Neighbouring words, repetitions by their logarithm: what measured best beside vectors. */
const WORDS = { wordNgrams: 2, sublinear: true } as const;
/** Texts from which terms that only one has are left out: they are most of the terms then, and say next to nothing. */
const MANY_TEXTS = 1000;
/** Deviation below which a number of the vectors counts as the same in all rows. */
const NO_DEVIATION = 1e-6;

/** Vectors of texts, as `embed` gives them. */
export interface TextVectors {
  /** `[rows, dimensions]` */
  data: Float32Array;
  /** Numbers a vector. */
  dimensions: number;
}

/** Texts with their vectors, where the features have vectors. */
export interface FeatureInput {
  /** For the words. */
  texts: readonly string[];
  /** For the vectors. */
  vectors?: TextVectors;
  /** The second texts, where they are pairs; as many. */
  second?: Pick<FeatureInput, 'texts' | 'vectors'>;
}

/** Mean and deviation of each number of the vectors, or of what pairs of them are made into. */
export interface VectorScale {
  /** By number. */
  means: Float64Array;
  /** By number. */
  deviations: Float64Array;
}

/** The parts of features side by side. */
export interface FeatureParts {
  /** `[rows, dimensions]`; a row has length 1 on average over what was learned from. */
  vectors?: DenseFeatures;
  /** `[rows, terms]`; a row has length 1. Of pairs `[rows, 2 * terms + 3]`, of any length. */
  words?: SparseFeatures;
  /** The two side by side, or the one there is. */
  matrix: FeatureMatrix;
}

/**
 * Texts, or pairs of texts, into numbers: standardised vectors, tf-idf, or both; of pairs what {@link pairVectors} and
 * {@link pairWords} make of them. What it needs is taken from texts without their labels.
 */
export class TextFeatures {
  /** Undefined without vectors. */
  readonly scale: VectorScale | undefined;
  /** Undefined without words. */
  readonly words: WordFeatures | undefined;
  /** Whether it takes pairs of texts. */
  readonly pairs: boolean;

  constructor({ scale, words, pairs = false }: { scale?: VectorScale; words?: StoredWordFeatures; pairs?: boolean }) {
    this.pairs = pairs;
    this.scale = scale;
    this.words = words && new WordFeatures(words);
  }

  /** Takes scale and vocabulary from texts. Throws `invalid_data` where texts have no words to learn from. */
  static learn(kind: FeatureKind, { texts: first, vectors, second }: FeatureInput): TextFeatures {
    const texts = second ? [...first, ...second.texts] : first;
    const words =
      kind === 'embedding'
        ? undefined
        : WordFeatures.learn(texts, { ...WORDS, minDocuments: texts.length < MANY_TEXTS ? 1 : 2 }).toJSON();
    if (words?.terms.length === 0)
      throw new AlbertineError('invalid_data', 'the texts have no words to learn from', {
        hint: 'Take the features embedding',
      });
    return new TextFeatures({
      ...(kind !== 'words' && { scale: scaleOf(second ? pairVectors(vectors!, second.vectors!) : vectors!) }),
      ...(words && { words }),
      pairs: second !== undefined,
    });
  }

  /** Numbers of a vector, or of a pair of them; 0 without vectors. */
  get dimensions(): number {
    return this.scale?.means.length ?? 0;
  }

  /** Numbers of the words of a text, or of a pair; 0 without words. */
  get wordColumns(): number {
    const terms = this.words?.columns ?? 0;
    return this.pairs && terms > 0 ? pairColumns(terms) : terms;
  }

  /** Numbers of a text, or of a pair. */
  get columns(): number {
    return this.dimensions + this.wordColumns;
  }

  /** The numbers of texts, or of pairs. */
  of({ texts, vectors, second }: FeatureInput, products?: DenseProducts): FeatureParts {
    const joined = second && vectors ? pairVectors(vectors, second.vectors!) : vectors;
    const dense = this.scale && new DenseFeatures(standardised(joined!, this.scale), this.dimensions, products);
    const own = this.words?.of(texts);
    const sparse = own && second ? pairWords(own, this.words!.of(second.texts)) : own;
    const parts = [dense, sparse].filter((part) => part !== undefined);
    return {
      ...(dense && { vectors: dense }),
      ...(sparse && { words: sparse }),
      matrix: parts.length === 1 ? parts[0] : new JoinedFeatures(parts),
    };
  }
}

function scaleOf({ data, dimensions }: TextVectors): VectorScale {
  const rows = data.length / dimensions;
  const means = new Float64Array(dimensions);
  const squares = new Float64Array(dimensions);
  data.forEach((value, i) => (means[i % dimensions] += value / rows));
  data.forEach((value, i) => (squares[i % dimensions] += (value - means[i % dimensions]) ** 2 / rows));
  return { means, deviations: squares.map(Math.sqrt) };
}

/** Mean 0 and deviation `1 / sqrt(dimensions)`, so that rows are about as long as those of the words. */
function standardised({ data, dimensions }: TextVectors, { means, deviations }: VectorScale): Float64Array {
  const factors = deviations.map((deviation) =>
    deviation < NO_DEVIATION ? 0 : 1 / (deviation * Math.sqrt(dimensions)),
  );
  return Float64Array.from(data, (value, i) => (value - means[i % dimensions]) * factors[i % dimensions]);
}
