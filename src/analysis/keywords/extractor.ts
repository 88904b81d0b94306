import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import { requireNotInterrupted } from '../../core/interrupt.ts';
import type { FileSource } from '../../core/files.ts';
import { hashLanes } from '../../core/hash.ts';
import { requireOptions, requireTexts, type OptionKinds } from '../../core/options.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { embeddingFingerprint, planEmbedding } from '../../loaded/embed-plan.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { dot } from '../../metrics/similarity.ts';
import { hasHan } from '../../metrics/text/words.ts';
import { findCandidates, GivenPhrases, type CandidateRule } from './candidates.ts';
import { byScore, chooseMaxSum, chooseMmr, withoutOverlaps, CHOICE_METHODS, type ChoiceMethod } from './choose.ts';
import { combinedScores } from './rank.ts';
import { STOP_WORD_LANGUAGES, stopWordsOf, type StopWordLanguage, type StopWords } from './stop-words.ts';
import { KEYWORD_VECTORS, vectorsOf, type KeywordVectors } from './vectors.ts';

/** How keywords are found; the same for all documents of an extractor. */
export interface KeywordOptions {
  /** Keywords a document. Default 10. */
  topK?: number;
  /**
   * Phrases that are looked for, whatever their words. Default: runs of words between stop words and punctuation, of
   * up to 5 words; of Chinese, parts of up to 3 words of such runs as well.
   */
  candidates?: Iterable<string>;
  /** Candidates of all runs of `[shortest, longest]` words instead, as KeyBERT has them (stop words are in none). */
  ngrams?: readonly [shortest: number, longest: number];
  /** Candidates are what this matches instead. */
  pattern?: RegExp;
  /** Languages of the package's stop words (`en`, `zh`), and more words; `[]` for none. Default `['en', 'zh']`. */
  stopWords?: readonly StopWordLanguage[];
  /** Words of your own, besides those of the languages. */
  moreStopWords?: Iterable<string>;
  /** What candidates are compared by. Default `isolated`, which measures best. */
  vectors?: KeywordVectors;
  /**
   * `combined`: the cosine, with the place of the first occurrence, the number of occurrences and of words;
   * `similarity`: the cosine alone, as KeyBERT. Default `combined`, which measures better.
   */
  ranking?: 'combined' | 'similarity';
  /** Default `none`; `mmr` where `diversity` is given. */
  method?: ChoiceMethod;
  /** With `mmr`: from 0, the best candidates, to 1, those that are least alike. Default 0.5. */
  diversity?: number;
  /** With `max-sum`: best candidates that are chosen among. Default 20, or `topK` + 5 where that is more. */
  pool?: number;
  /** Words that draw the document towards them: its vector counts three quarters, their mean one. */
  seedWords?: readonly string[];
  /** Tokens of a window of a long document; default: the model's. */
  maxLength?: number;
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

/** A phrase that says what its document is about. */
export interface Keyword {
  /** As it stands in the document, in its most frequent form. */
  text: string;
  /** What it was ranked by; the order within one document is what it is good for. */
  score: number;
  /** Cosine of its vector and the document's. */
  similarity: number;
  /** UTF-16 ranges of every occurrence, plurals and other spellings with a hyphen among them. */
  offsets: [start: number, end: number][];
}

/** What was found in a document. */
export interface DocumentKeywords {
  /** The best first; fewer than `topK` where there are not so many candidates. */
  keywords: Keyword[];
  /** Candidates that were compared. */
  candidates: number;
  /** Windows that the document was read in. */
  windows: number;
}

const OPTIONS: OptionKinds<KeywordOptions> = {
  topK: 'number',
  candidates: 'any',
  ngrams: 'list',
  pattern: 'object',
  stopWords: 'list',
  moreStopWords: 'any',
  vectors: 'string',
  ranking: 'string',
  method: 'string',
  diversity: 'number',
  pool: 'number',
  seedWords: 'list',
  maxLength: 'number',
  batchTokens: 'number',
};
/** Words of the longest phrase, where candidates are runs between stop words. */
const PHRASE_WORDS = 5;
const [TOP_K, DIVERSITY, POOL, POOL_BEYOND] = [10, 0.5, 20, 5];

/** Options with their defaults. */
interface Plan {
  topK: number;
  rule: CandidateRule;
  stop: StopWords;
  vectors: KeywordVectors;
  ranking: 'combined' | 'similarity';
  method: ChoiceMethod;
  diversity: number;
  pool: number;
  seeds: readonly string[];
}

/**
 * Keywords of documents by their embeddings, as KeyBERT finds them (Grootendorst 2020; EmbedRank, Bennani-Smires et
 * al. 2018): phrases whose vectors are nearest to the document's. A document has the same keywords alone and
 * in a list, Chinese is cut into words, long documents are read in windows, and every occurrence is given
 * with its place.
 */
export class KeywordExtractor implements Disposable {
  /** The model that embeds. */
  readonly model: Albert;
  private readonly options: KeywordOptions;
  private readonly plan: Plan;

  private constructor(model: Albert, options: KeywordOptions) {
    requireOptions('KeywordExtractor', options, OPTIONS);
    this.model = model;
    this.plan = planOf(options);
    this.options = options;
    planEmbedding(model, pick(options, ['maxLength', 'batchTokens']));
  }

  /**
   * Loads a model by name: in Node a folder or a hub id (default: the built-in model), in a page the URL of its folder.
   * Errors as of `Albert.load`.
   */
  static async load(
    model?: string | URL,
    { keywords = {}, ...options }: LoadOptions & { keywords?: KeywordOptions } = {},
  ): Promise<KeywordExtractor> {
    return KeywordExtractor.from(await loadNamed(model, options), keywords);
  }

  /** Opens a folder. Errors as of `Albert.open`. */
  static async open(files: FileSource, keywords: KeywordOptions = {}): Promise<KeywordExtractor> {
    return KeywordExtractor.from(await Albert.open(files), keywords);
  }

  /**
   * Wraps a model that is already loaded; disposing this one disposes the model. Throws `invalid_argument` for options
   * that are out of range or do not go together.
   */
  static from(model: Albert, keywords: KeywordOptions = {}): KeywordExtractor {
    return new KeywordExtractor(model, keywords);
  }

  /** Identifies what makes the scores: model, windows, kind of vectors, ranking. */
  get fingerprint(): string {
    const { vectors, ranking, rule, method, seeds } = this.plan;
    const plan = planEmbedding(this.model, pick(this.options, ['maxLength', 'batchTokens']));
    const seedHash = hashLanes(Uint32Array.from(seeds.join('\n'), (character) => character.codePointAt(0)!))[0] >>> 0;
    return [
      embeddingFingerprint(this.model, plan),
      `keywords=${vectors}:${ranking}:${rule.kind}:${method}`,
      ...(seeds.length > 0 ? [`seeds=${seedHash.toString(16).padStart(8, '0')}`] : []),
    ].join(';');
  }

  /**
   * The keywords of each document, in their order. A document has the same ones whatever else is in the list. One
   * without candidates, an empty one for example, has none.
   */
  async extract(documents: readonly string[], { signal }: { signal?: AbortSignal } = {}): Promise<DocumentKeywords[]> {
    requireTexts('extract', documents);
    const found: DocumentKeywords[] = [];
    for (const document of documents) {
      requireNotInterrupted(signal, 'interrupted while keywords were looked for');
      found.push(await this.extractOne(document, signal));
    }
    return found;
  }

  /** Frees the model's native memory. */
  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  private async extractOne(text: string, signal: AbortSignal | undefined): Promise<DocumentKeywords> {
    const { rule, stop, seeds, vectors } = this.plan;
    const candidates = findCandidates(text, rule, stop);
    if (candidates.length === 0) return { keywords: [], candidates: 0, windows: 0 };
    const embedded = await vectorsOf(
      this.model,
      { text, candidates, seeds },
      { vectors, ...pick(this.options, ['maxLength', 'batchTokens']), ...(signal && { signal }) },
    );
    const similarities = embedded.candidates.map((vector) => dot(vector, embedded.document));
    const scores = this.plan.ranking === 'similarity' ? similarities : combinedScores(candidates, similarities);
    // Parts of a Chinese run say the same again; of other languages only whole runs are candidates.
    const ranges = candidates.map(({ text: own, offsets }) => (rule.kind === 'phrases' && hasHan(own) ? offsets : []));
    const apart = withoutOverlaps(scores, ranges);
    const chosen = this.choose(
      apart.map((i) => scores[i]),
      apart.map((i) => embedded.candidates[i]),
    ).map((i) => apart[i]);
    return {
      keywords: chosen.map((i) => ({
        text: candidates[i].text,
        score: scores[i],
        similarity: similarities[i],
        offsets: candidates[i].offsets,
      })),
      candidates: candidates.length,
      windows: embedded.windows,
    };
  }

  private choose(scores: readonly number[], vectors: readonly Float32Array[]): number[] {
    const { method, topK, diversity, pool } = this.plan;
    if (method === 'none') return byScore(scores).slice(0, topK);
    const choices = { scores, similarity: (a: number, b: number) => dot(vectors[a], vectors[b]) };
    const chosen = method === 'mmr' ? chooseMmr(choices, { topK, diversity }) : chooseMaxSum(choices, { topK, pool });
    return chosen.sort((a, b) => scores[b] - scores[a] || a - b);
  }
}

function planOf(options: KeywordOptions): Plan {
  const topK = requireInteger('topK', options.topK ?? TOP_K, { min: 1 });
  const { diversity, pool, seedWords = [], stopWords = STOP_WORD_LANGUAGES, moreStopWords } = options;
  const method = requireOneOf('method', options.method ?? (diversity === undefined ? 'none' : 'mmr'), CHOICE_METHODS);
  requireFor('diversity', diversity, method === 'mmr', 'mmr');
  requireFor('pool', pool, method === 'max-sum', 'max-sum');
  requireTexts('seedWords', seedWords);
  for (const language of stopWords) requireOneOf('stopWords', language, STOP_WORD_LANGUAGES);
  return {
    topK,
    rule: ruleOf(options),
    stop: stopWordsOf(stopWords, { ...(moreStopWords && { more: moreStopWords }) }),
    vectors: requireOneOf('vectors', options.vectors ?? 'isolated', KEYWORD_VECTORS),
    ranking: requireOneOf('ranking', options.ranking ?? 'combined', ['combined', 'similarity']),
    method,
    diversity: requireShare('diversity', diversity ?? DIVERSITY),
    pool: requireInteger('pool', pool ?? Math.max(POOL, topK + POOL_BEYOND), { min: topK }),
    seeds: seedWords,
  };
}

function requireShare(name: string, value: number): number {
  if (value >= 0 && value <= 1) return value;
  throw new AlbertineError('invalid_argument', prose`${option(name)} must be between 0 and 1, got ${value}`, {
    value,
    option: name,
  });
}

function requireFor(name: string, value: unknown, isUsed: boolean, method: ChoiceMethod): void {
  if (value !== undefined && !isUsed)
    throw new AlbertineError('invalid_argument', prose`${option(name)} is for ${option('method', method)}`, {
      value,
      option: name,
    });
}

function ruleOf({ candidates, ngrams, pattern, stopWords, moreStopWords }: KeywordOptions): CandidateRule {
  const given = Object.entries({ candidates, ngrams, pattern }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(given[0][0])} and ${option(given[1][0])} are two ways to find candidates: give one`,
      { value: given.map(([name]) => name), option: given[1][0] },
    );
  const unbounded = candidates !== undefined || pattern !== undefined;
  if (unbounded && (stopWords !== undefined || moreStopWords !== undefined))
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('stopWords')} do nothing where candidates are given or match a pattern`,
      { value: stopWords, option: 'stopWords' },
    );
  if (candidates !== undefined) return { kind: 'given', phrases: new GivenPhrases(candidates) };
  if (pattern !== undefined)
    return { kind: 'pattern', pattern: new RegExp(pattern.source, [...new Set(`${pattern.flags}g`)].join('')) };
  if (ngrams === undefined) return { kind: 'phrases', maxWords: PHRASE_WORDS };
  const [min, max] = ngrams;
  requireInteger('ngrams', min, { min: 1 });
  return { kind: 'ngrams', min, max: requireInteger('ngrams', max, { min }) };
}
