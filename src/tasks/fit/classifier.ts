import { AlbertineError } from '../../core/errors.ts';
import { requireOptions, requireSource, requireTexts, type OptionKinds } from '../../core/options.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { PLAIN_PRODUCTS } from '../../classical/features.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { EmbedOptions } from '../../loaded/embed-plan.ts';
import {
  classifyTask,
  labelAnswer,
  type ClassifierFacts,
  type ClassifierInput,
  type ClassifyTypes,
  type Prediction,
} from '../classify/task.ts';
import type { Task, TextCounts } from '../task.ts';
import { answerStream } from '../task-model.ts';
import { fitFingerprint } from './fingerprint.ts';
import type { FittedWeights } from './fit.ts';
import { decide, probabilitiesOf } from './kinds.ts';
import type { FeatureInput, TextFeatures } from './text-features.ts';

/** Options of {@link FittedClassifier.predict}. */
export interface FittedPredictOptions {
  /** Labels to list, best first. Default: all. */
  topK?: number;
  /** Padded tokens per batch of embedding. Default 1024. */
  batchTokens?: number;
}

const PREDICT_OPTIONS: OptionKinds<FittedPredictOptions> = { topK: 'number', batchTokens: 'number' };

/** What a fitted classifier answers. */
export type FittedPrediction = Prediction & {
  /**
   * Features are words alone and the text has none that was learned, so that the answer is the one to no text at all:
   * what is most frequent.
   */
  noKnownWords?: true;
};

/** What a {@link FittedClassifier} is made of. */
export interface FittedParts {
  /** Turns texts into numbers. */
  features: TextFeatures;
  /** What was learned. */
  weights: FittedWeights;
  /** Labels, and what an answer is. */
  facts: Pick<ClassifierFacts, 'labels' | 'problem'>;
  /** Gives the vectors; absent where the features are words alone. */
  encoder?: Albert;
}

/**
 * A classic classifier of texts, or of pairs of texts, on vectors of a model, on words, or on both: what `fit` learns.
 * Long texts are read whole, in windows. Dispose it to free the encoder's memory.
 */
export class FittedClassifier implements Disposable {
  /** Scored and shown as a classifier. */
  readonly task: Task<ClassifyTypes> = classifyTask;
  /** Labels, and what an answer is. */
  readonly facts: ClassifierFacts;
  /** Turns texts into numbers. */
  readonly features: TextFeatures;
  /** What was learned. */
  readonly weights: FittedWeights;
  /** Gives the vectors; undefined where the features are words alone. */
  readonly encoder: Albert | undefined;

  constructor({ features, weights, facts, encoder }: FittedParts) {
    this.features = features;
    this.weights = weights;
    this.facts = { ...facts, temperature: 1, pairs: features.pairs };
    this.encoder = encoder;
  }

  /** Names of the labels; empty for regression. */
  get labels(): readonly string[] {
    return this.facts.labels;
  }

  /** Encoder, precision and what was learned on its vectors. */
  get fingerprint(): string {
    return [fitFingerprint(this), ...(this.encoder ? [this.encoder.fingerprint] : [])].join(';');
  }

  /**
   * Answers in input order, as a fine-tuned classifier's. `tokenCount` is of the encoder (of a pair that of both
   * texts), or where the features are words alone, of the numbers that are not 0. Throws `invalid_argument` for pairs
   * where single texts were learned, and the other way round.
   */
  async predict(inputs: readonly ClassifierInput[], options: FittedPredictOptions = {}): Promise<FittedPrediction[]> {
    requireOptions('predict', options, PREDICT_OPTIONS);
    const texts = this.read(inputs);
    if (texts.length === 0) return [];
    const { input, counts } = await featureInput(texts, this.encoder, pick(options, ['batchTokens']));
    const { matrix, words } = this.features.of(input, PLAIN_PRODUCTS);
    const values = await decide(matrix, this.weights.learned, this.weights);
    const outputs = values.length / texts.length;
    return texts.map((_, row) => ({
      ...labelAnswer(
        probabilitiesOf(values.subarray(row * outputs, (row + 1) * outputs), {
          classifier: this.weights.classifier,
          problem: this.facts.problem,
          labels: this.labels.length,
          ...(this.weights.sigmoids && { sigmoids: this.weights.sigmoids }),
        }),
        this.facts,
        options.topK,
      ),
      ...(counts?.[row] ?? { tokenCount: words!.length(row), windows: 1, truncatedTokens: 0 }),
      ...(!this.encoder && words!.length(row) === 0 && { noKnownWords: true as const }),
    }));
  }

  /** Throws `invalid_argument` for single texts (`pairs` false) where pairs were learned, and the other way round. */
  requireInputs(pairs: boolean): void {
    if (pairs === this.features.pairs) return;
    throw pairs
      ? new AlbertineError(
          'invalid_argument',
          'this model was learned on single texts, and a pair of texts was given',
          {
            hint: prose`For pairs learn one with ${option('pairField')}`,
          },
        )
      : new AlbertineError(
          'invalid_argument',
          'this model was learned on pairs of texts, and one text alone was given',
          {
            hint: prose`Give the second text too: as { text, pair }, with --pair, or for a file with ${option('pairField')}`,
          },
        );
  }

  /** Answers to a source of any length with bounded memory, in input order; see {@link FittedClassifier.predict}. */
  async *predictStream(
    source: AsyncIterable<ClassifierInput> | Iterable<ClassifierInput>,
    { lookAhead, ...options }: FittedPredictOptions & { lookAhead?: number } = {},
  ): AsyncGenerator<FittedPrediction> {
    requireSource('predictStream', source);
    yield* answerStream((inputs) => this.predict(inputs, options), source, lookAhead);
  }

  /** Frees the encoder. */
  [Symbol.dispose](): void {
    this.encoder?.[Symbol.dispose]();
  }

  private read(inputs: readonly ClassifierInput[]): TextOrPair[] {
    if (!Array.isArray(inputs)) requireTexts('predict', inputs);
    return inputs.map((input: ClassifierInput, index) => {
      classifyTask.requireInput('predict', input, index);
      const read = typeof input === 'string' ? { text: input } : input;
      this.requireInputs(read.pair !== undefined);
      return read;
    });
  }
}

interface TextOrPair {
  text: string;
  pair?: string;
}

/**
 * Texts, or pairs of texts, as features are made of them, and what happened to them in the encoder. Of pairs all have a
 * second text.
 */
export async function featureInput(
  rows: readonly TextOrPair[],
  encoder: Albert | undefined,
  options: EmbedOptions,
): Promise<{ input: FeatureInput; counts?: TextCounts[] }> {
  const texts = rows.map(({ text }) => text);
  const pairs = rows[0]?.pair === undefined ? undefined : rows.map(({ pair }) => pair!);
  if (!encoder) return { input: { texts, ...(pairs && { second: { texts: pairs } }) } };
  const { data, dimensions, texts: all } = await encoder.embed([...texts, ...(pairs ?? [])], options);
  const first = data.subarray(0, texts.length * dimensions);
  const vectors = { data: first, dimensions };
  if (!pairs) return { input: { texts, vectors }, counts: all };
  return {
    input: { texts, vectors, second: { texts: pairs, vectors: { data: data.subarray(first.length), dimensions } } },
    counts: texts.map((_, row) => sumOf(all[row], all[texts.length + row])),
  };
}

function sumOf(a: TextCounts, b: TextCounts): TextCounts {
  const unknownTokens = (a.unknownTokens ?? 0) + (b.unknownTokens ?? 0);
  return {
    tokenCount: a.tokenCount + b.tokenCount,
    windows: Math.max(a.windows, b.windows),
    truncatedTokens: a.truncatedTokens + b.truncatedTokens,
    ...(unknownTokens > 0 && { unknownTokens }),
  };
}
