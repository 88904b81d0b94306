import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { requireOptions, requireTexts, type OptionKinds } from '../../core/options.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { createPause } from '../../core/interrupt.ts';
import { embeddingFingerprint, planEmbedding, type EmbedPlan } from '../../loaded/embed-plan.ts';
import type { TokenEmbeddings } from '../../loaded/embed-tokens.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { rescaled, type ScoreBaseline } from './baseline.ts';
import type { IdfWeights } from './idf.ts';
import { usualLayer } from './layer.ts';
import {
  greedyMatch,
  GreedyMatching,
  matchNothing,
  ONLY_SPECIAL,
  similarityMatrix,
  type PairScore,
  type TokenVectors,
} from './match.ts';

/** How texts are compared; the same for all that a scorer compares. */
export interface ScorerOptions {
  /**
   * Depth whose token states are compared: 0 is the mapped embeddings, -1 the last. Default: where ALBERT's sizes
   * correlate best with people; the last of a model for vectors of sentences; else three quarters of the depths.
   */
  layer?: number;
  /** Weights of tokens. Default: all count the same, special ones nothing. */
  idf?: IdfWeights;
  /** Tokens of a window of a long text; default: the model's. */
  maxLength?: number;
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

/** Texts to be compared, by name, so that they cannot be exchanged unnoticed. */
export interface TextPairs {
  /** What is judged. */
  candidates: readonly string[];
  /** What it is judged by, one text or several for each candidate. */
  references: readonly (string | readonly string[])[];
}

/** Options of {@link AlbertScorer.score}. */
export interface PairScoreOptions {
  /** Of several references: `best`, each figure's largest, or `mean`. Default `best`. */
  several?: 'best' | 'mean';
  /** Rescales scores so that this is 0. Throws `invalid_argument` where it was made for other scores. */
  baseline?: ScoreBaseline | undefined;
  /** Stops between batches, and within the matching of long texts, with `interrupted`. */
  signal?: AbortSignal | undefined;
}

/** Scores of pairs. */
export interface AlbertScores extends PairRemarks {
  /** One a candidate. */
  scores: PairScore[];
}

/** What is to be known of texts that are compared. */
export interface PairRemarks {
  /** Candidates that score 0, because they or all of their references have no token. */
  emptyPairs: number;
  /** Texts that were read in several windows. */
  windowedTexts: number;
}

/** Two texts token by token, for a picture. */
export interface TokenAlignment extends PairScore {
  /** Tokens without special ones, with their UTF-16 ranges. */
  candidate: { token: string; start: number; end: number; weight: number }[];
  /** The same of the reference. */
  reference: { token: string; start: number; end: number; weight: number }[];
  /** Cosines, a row a token of the candidate. */
  similarities: number[][];
}

const SCORER_OPTIONS: OptionKinds<ScorerOptions> = {
  layer: 'number',
  idf: 'object',
  maxLength: 'number',
  batchTokens: 'number',
};
const PAIR_OPTIONS: OptionKinds<PairScoreOptions> = { several: 'string', baseline: 'object', signal: 'object' };
/** Numbers of vectors that are kept for texts that come again: 128 MB. */
const KEPT_NUMBERS = 1 << 25;
/** Products of a step of matching, some tens of milliseconds, between which an interrupt is noticed. */
const STEP_PRODUCTS = 1 << 25;

/**
 * ALBERTScore: the documents' score of a text beside a reference, by greedy matching of contextual token vectors (Zhang
 * et al. 2020, "BERTScore"), for every language that the model reads. Scores are those of the package bert_score on the
 * same folder and layer; unlike there, long texts are read in windows and never cut.
 */
export class AlbertScorer implements Disposable {
  /** The model whose states are compared. */
  readonly model: Albert;
  /** Depth whose states are compared. */
  readonly layer: number;
  /** Weights of tokens, where there are any. */
  readonly idf: IdfWeights | undefined;
  private readonly options: ScorerOptions;
  private readonly kept = new Map<string, TokenVectors & { windows: number }>();
  private keptNumbers = 0;

  private constructor(model: Albert, options: ScorerOptions) {
    requireOptions('AlbertScorer', options, SCORER_OPTIONS);
    const { numHiddenLayers: depth } = model.config;
    const layer = requireInteger('layer', options.layer ?? usualLayer(model), { min: -depth - 1, max: depth });
    this.model = model;
    this.layer = layer < 0 ? layer + depth + 1 : layer;
    this.idf = options.idf;
    this.options = options;
  }

  /**
   * Loads a model by name: in Node a folder or a hub id (default: the built-in model), in a page the URL of its folder.
   * Errors as of `Albert.load`.
   */
  static async load(
    model?: string | URL,
    { scorer = {}, ...options }: LoadOptions & { scorer?: ScorerOptions } = {},
  ): Promise<AlbertScorer> {
    return AlbertScorer.from(await loadNamed(model, options), scorer);
  }

  /** Opens a folder. Errors as of `Albert.open`. */
  static async open(files: FileSource, scorer: ScorerOptions = {}): Promise<AlbertScorer> {
    return AlbertScorer.from(await Albert.open(files), scorer);
  }

  /** Wraps a model that is already loaded; disposing this one disposes the model. */
  static from(model: Albert, scorer: ScorerOptions = {}): AlbertScorer {
    return new AlbertScorer(model, scorer);
  }

  /** Identifies what makes the numbers: model, layer, windows, weights. */
  get fingerprint(): string {
    return [
      embeddingFingerprint(this.model, this.plan).replace(/;pooling=\w+/, ''),
      'albertscore',
      ...(this.idf ? [`idf=${this.idf.fingerprint}`] : []),
    ].join(';');
  }

  /**
   * Scores each candidate by its references. Throws `shape_mismatch` for another number of references than of
   * candidates, `invalid_argument` for a candidate without one.
   */
  async score({ candidates, references }: TextPairs, options: PairScoreOptions = {}): Promise<AlbertScores> {
    requireTexts('score', candidates);
    requireOptions('score', options, PAIR_OPTIONS);
    const several = requireOneOf('several', options.several ?? 'best', ['best', 'mean']);
    const { baseline } = options;
    if (baseline) this.requireOwn(baseline);
    const groups = referenceGroups({ candidates, references });
    const vectors = await this.vectorsOf(new Set([...candidates, ...groups.flat()]), options.signal);
    const step = this.stepsOf(options.signal);
    const scores: PairScore[] = [];
    for (const [i, candidate] of candidates.entries()) {
      const found: PairScore[] = [];
      for (const reference of groups[i]) {
        const matching = new GreedyMatching(vectors.get(candidate)!, vectors.get(reference)!);
        await step(matching);
        found.push(matching.score(this.weight));
      }
      const score = COMBINED[several](found);
      scores.push(baseline ? rescaled(score, baseline) : score);
    }
    return { scores, ...remarksOf({ candidates, groups, texts: vectors, weight: this.weight }) };
  }

  /** What {@link AlbertScorer.score} would remark of pairs, from their tokens alone. */
  inspect({ candidates, references }: TextPairs): PairRemarks {
    const groups = referenceGroups({ candidates, references });
    const { cls, sep } = this.model.tokenizer.special;
    const room = this.plan.window.maxLength - ONLY_SPECIAL;
    const texts = new Map(
      [...new Set([...candidates, ...groups.flat()])].map((text) => {
        const ids = this.model.tokenizer.encodeIds(text);
        return [text, { ids: Int32Array.of(cls, ...ids, sep), windows: ids.length > room ? 2 : 1 }];
      }),
    );
    return remarksOf({ candidates, groups, texts, weight: this.weight });
  }

  /**
   * Forgets the vectors of earlier texts. Scores can differ in their last digits by which texts are computed together,
   * so that only afterwards they are those of a new scorer.
   */
  forget(): void {
    this.kept.clear();
    this.keptNumbers = 0;
  }

  /** Two texts with the cosine of every pair of tokens, without special ones. */
  async align(candidate: string, reference: string): Promise<TokenAlignment> {
    requireTexts('align', [candidate, reference]);
    const [own, other] = await this.model.embedTokens([candidate, reference], this.tokenOptions);
    const [a, b] = [vectorsOf(own), vectorsOf(other)];
    const all = similarityMatrix(a, b);
    const places = ({ tokens }: TokenEmbeddings): number[] => [...tokens.keys()].filter((i) => tokens[i].start >= 0);
    const shown = ({ tokens }: TokenEmbeddings): TokenAlignment['candidate'] =>
      tokens
        .filter(({ start }) => start >= 0)
        .map(({ token, start, end, id }) => ({ token, start, end, weight: this.weight(id!) }));
    return {
      ...greedyMatch(a, b, this.weight),
      candidate: shown(own),
      reference: shown(other),
      similarities: places(own).map((i) => places(other).map((j) => all[i * b.ids.length + j])),
    };
  }

  /** Frees the model's native memory. */
  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  private get embedOptions(): { layers: number[] } & Pick<ScorerOptions, 'maxLength' | 'batchTokens'> {
    return { layers: [this.layer], ...pick(this.options, ['maxLength', 'batchTokens']) };
  }

  private get plan(): EmbedPlan {
    return planEmbedding(this.model, { ...this.embedOptions, normalize: true });
  }

  private get tokenOptions(): ReturnType<() => AlbertScorer['embedOptions']> & { normalize: true } {
    return { ...this.embedOptions, normalize: true };
  }

  private readonly weight = (id: number): number => {
    const { cls, sep } = this.model.tokenizer.special;
    return id === cls || id === sep ? 0 : (this.idf?.weight(id) ?? 1);
  };

  private requireOwn({ fingerprint }: ScoreBaseline): void {
    if (fingerprint === this.fingerprint) return;
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('baseline')} was made with another model, layer or weights than these scores`,
      { value: fingerprint, option: 'baseline', hint: 'Make one with the same options' },
    );
  }

  /** Matches all tokens; now and then others may run, such as who listens for an interrupt. */
  private stepsOf(signal: AbortSignal | undefined): (matching: GreedyMatching) => Promise<void> {
    const pause = createPause(signal);
    return async (matching) => {
      do {
        matching.compare(STEP_PRODUCTS);
        await pause();
      } while (!matching.isComplete);
    };
  }

  /** Vectors of texts, each computed once; those of the last texts are kept for the next call. */
  private async vectorsOf(
    texts: ReadonlySet<string>,
    signal: AbortSignal | undefined,
  ): Promise<Map<string, TokenVectors & { windows: number }>> {
    const found = new Map<string, TokenVectors & { windows: number }>();
    const missing: string[] = [];
    for (const text of texts) {
      const kept = this.kept.get(text);
      if (kept) found.set(text, kept);
      else missing.push(text);
    }
    const embedded = await this.model.embedTokens(missing, { ...this.tokenOptions, ...(signal && { signal }) });
    embedded.forEach((text, i) => {
      const vectors = { ...vectorsOf(text), windows: text.windows };
      found.set(missing[i], vectors);
      this.keep(missing[i], vectors);
    });
    return found;
  }

  private keep(text: string, vectors: TokenVectors & { windows: number }): void {
    this.kept.set(text, vectors);
    this.keptNumbers += vectors.vectors.length;
    for (const [oldest, { vectors: numbers }] of this.kept) {
      if (this.keptNumbers <= KEPT_NUMBERS) return;
      this.kept.delete(oldest);
      this.keptNumbers -= numbers.length;
    }
  }
}

/** References of every candidate. Throws where there are not as many, or none of one. */
function referenceGroups({ candidates, references }: TextPairs): (readonly string[])[] {
  if (candidates.length !== references.length)
    throw new AlbertineError(
      'shape_mismatch',
      `there are ${candidates.length} candidates and ${references.length} references`,
      { value: references.length },
    );
  return references.map((group, index) => {
    const texts = typeof group === 'string' ? [group] : group;
    if (texts.length === 0)
      throw new AlbertineError('invalid_argument', `candidate ${index} has no reference`, { value: index });
    return texts;
  });
}

function remarksOf({
  candidates,
  groups,
  texts,
  weight,
}: {
  candidates: readonly string[];
  groups: readonly (readonly string[])[];
  texts: ReadonlyMap<string, { ids: Int32Array; windows: number }>;
  weight: (id: number) => number;
}): PairRemarks {
  const ids = (text: string): Int32Array => texts.get(text)!.ids;
  return {
    emptyPairs: candidates.filter((candidate, i) =>
      groups[i].every((reference) => matchNothing(ids(candidate), ids(reference), weight)),
    ).length,
    windowedTexts: [...texts.values()].filter(({ windows }) => windows > 1).length,
  };
}

function vectorsOf({ tokens }: TokenEmbeddings): TokenVectors {
  const width = tokens[0].embedding.length;
  const vectors = new Float32Array(tokens.length * width);
  tokens.forEach(({ embedding }, i) => vectors.set(embedding, i * width));
  return { ids: Int32Array.from(tokens, ({ id }) => id!), vectors };
}

const largest = (scores: readonly PairScore[], name: keyof PairScore): number =>
  scores.reduce((most, score) => Math.max(most, score[name]), -Infinity);
const average = (scores: readonly PairScore[], name: keyof PairScore): number =>
  scores.reduce((sum, score) => sum + score[name], 0) / scores.length;

/** Of several references; as bert_score, each figure by itself. */
const COMBINED: Record<'best' | 'mean', (scores: readonly PairScore[]) => PairScore> = {
  best: (scores) => ({
    precision: largest(scores, 'precision'),
    recall: largest(scores, 'recall'),
    f1: largest(scores, 'f1'),
  }),
  mean: (scores) => ({
    precision: average(scores, 'precision'),
    recall: average(scores, 'recall'),
    f1: average(scores, 'f1'),
  }),
};
