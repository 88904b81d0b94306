import { requireInteger } from '../../core/errors.ts';
import { requireNotInterrupted } from '../../core/interrupt.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { vocabularyWords, type VocabularyWord } from '../../tokenizer/vocabulary-words.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { PerturbedLanguage } from '../../perturbation/perturbation.ts';
import { allWords, FUNCTION_WORDS, hanWords, isNegation } from '../../perturbation/words.ts';
import { isOpposite } from './opposites.ts';

/** A word that stands near another. */
export interface NearWord {
  /** The word. */
  word: string;
  /** Cosine of the two words' vectors. */
  cosine: number;
}

/** Options of {@link WordVectors.near}. */
export interface NearOptions {
  /** The language of the words that are found. */
  language: PerturbedLanguage;
  /** Words at most. Default 10. */
  count?: number;
  /** Words that are less near are left out. Default 0.7. */
  minCosine?: number;
}

/** Options of {@link WordVectors.build}. */
export interface WordVectorOptions {
  /** Words of each language that can be found: the vocabulary's first, which are the commonest. Default 3,000. */
  candidates?: number;
  /** Told about what is done. */
  onProgress?: ProgressListener;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

const [CANDIDATES, COUNT, MIN_COSINE, GROUP] = [3000, 10, 0.7, 256];

/**
 * Vectors of words by themselves, as a model for vectors of sentences gives them: those of a text that may be replaced,
 * and the commonest whole words of the model's vocabulary, which stand in their place. Nearness is likeness of use, not
 * of meaning: frequent opposites are left out by a list, and what else is wrong has to be found by comparing the texts.
 */
export class WordVectors {
  private readonly places: ReadonlyMap<string, number>;
  private readonly candidates: Readonly<Record<PerturbedLanguage, readonly string[]>>;
  private readonly data: Float32Array;
  private readonly width: number;
  private readonly found = new Map<string, readonly NearWord[]>();

  private constructor(
    words: readonly string[],
    candidates: Readonly<Record<PerturbedLanguage, readonly string[]>>,
    data: Float32Array,
  ) {
    this.places = new Map(words.map((word, i) => [word, i]));
    this.candidates = candidates;
    this.data = data;
    this.width = data.length / words.length;
  }

  /** Computes the vectors of the words of texts and of the candidates. Throws `interrupted`. */
  static async build(
    model: Albert,
    texts: readonly string[],
    { candidates: count = CANDIDATES, onProgress, signal }: WordVectorOptions = {},
  ): Promise<WordVectors> {
    requireInteger('candidates', count, { min: 1 });
    const candidates = commonWords(model, count);
    const own = texts.flatMap((text) => allWords(text).map(({ word }) => word.toLowerCase()));
    const words = [...new Set([...own.filter(isReplaceable), ...candidates.en, ...candidates.zh])];
    const meter = new ProgressMeter(onProgress, { stage: 'embedding words', unit: 'words', total: words.length });
    let data: Float32Array | undefined;
    for (let from = 0; from < words.length; from += GROUP) {
      requireNotInterrupted(signal, 'interrupted while words were embedded');
      const group = words.slice(from, from + GROUP);
      const vectors = (await model.embed(group, { normalize: true })).data;
      data ??= new Float32Array((vectors.length / group.length) * words.length);
      data.set(vectors, from * (vectors.length / group.length));
      meter.add(group.length);
    }
    meter.finish();
    return new WordVectors(words, candidates, data!);
  }

  /** The nearest candidates of a word, best first; none for one that has no vector, or that must stay. */
  near(word: string, { language, count = COUNT, minCosine = MIN_COSINE }: NearOptions): readonly NearWord[] {
    const plain = word.toLowerCase();
    const key = `${language} ${plain}`;
    let all = this.found.get(key);
    if (!all) {
      const place = this.places.get(plain);
      all = place === undefined || !isReplaceable(plain) ? [] : this.nearest(plain, place, language);
      this.found.set(key, all);
    }
    return all.filter(({ cosine }) => cosine >= minCosine).slice(0, count);
  }

  private nearest(word: string, place: number, language: PerturbedLanguage): NearWord[] {
    const all = this.candidates[language]
      .filter((other) => other !== word && !isOpposite(word, other) && !isNegation(other))
      .map((other) => ({ word: other, cosine: this.cosine(place, this.places.get(other)!) }));
    return all.sort((a, b) => b.cosine - a.cosine).slice(0, 50);
  }

  private cosine(a: number, b: number): number {
    const { data, width } = this;
    let sum = 0;
    for (let i = 0; i < width; i++) sum += data[a * width + i] * data[b * width + i];
    return sum;
  }
}

/** Whether a word says enough by itself to be replaced; negations stay. */
export const isReplaceable = (word: string): boolean =>
  !FUNCTION_WORDS.has(word.toLowerCase()) && !isNegation(word) && (word.length > 2 || /\p{Script=Han}{2}/u.test(word));

/** Words of the vocabulary that can be put in place of others, the commonest ones. */
function commonWords({ tokenizer }: Albert, count: number): Record<PerturbedLanguage, string[]> {
  const words = vocabularyWords(tokenizer).filter(({ text }) => isReplaceable(text));
  const texts = (isFit: (word: VocabularyWord) => boolean): string[] =>
    words
      .filter(isFit)
      .map(({ text }) => text)
      .slice(0, count);
  return {
    en: texts(({ text }) => /^[a-z]{3,}$/.test(text)),
    // A piece of the vocabulary may be of several words, or of parts of them.
    zh: texts(({ text, isHan }) => isHan && /^.{2,4}$/u.test(text) && hanWords(text).length === 1),
  };
}
