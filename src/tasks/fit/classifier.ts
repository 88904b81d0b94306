import { AlbertineError } from '../../core/errors.ts';
import { requireOptions, requireSource, requireTexts, type OptionKinds } from '../../core/options.ts';
import { PLAIN_PRODUCTS } from '../../classical/features.ts';
import type { Albert } from '../../loaded/albert.ts';
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
import { TextFeatures, type TextVectors } from './text-features.ts';

/** Options of {@link FittedClassifier.predict}. */
export interface FittedPredictOptions {
  /** Labels to list, best first. Default: all. */
  topK?: number;
  /** Padded tokens per batch of embedding. Default 1024. */
  batchTokens?: number;
}

const PREDICT_OPTIONS: OptionKinds<FittedPredictOptions> = { topK: 'number', batchTokens: 'number' };

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
 * A classic classifier on vectors of a model, on words, or on both: what `fit` learns. Long texts are read whole, in
 * windows. Dispose it to free the encoder's memory.
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
    this.facts = { ...facts, temperature: 1, pairs: false };
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
   * Answers in input order, as a fine-tuned classifier's. `tokenCount` is of the encoder, or of terms that were learned
   * where the features are words alone. Throws `invalid_argument` for pairs of texts.
   */
  async predict(inputs: readonly ClassifierInput[], options: FittedPredictOptions = {}): Promise<Prediction[]> {
    requireOptions('predict', options, PREDICT_OPTIONS);
    const texts = inputs.map((input) => singleText(input));
    requireTexts('predict', texts);
    if (texts.length === 0) return [];
    const { vectors, counts } = await this.read(texts, options);
    const { matrix, words } = this.features.of({ texts, ...(vectors && { vectors }) }, PLAIN_PRODUCTS);
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
    }));
  }

  /** Answers to a source of any length with bounded memory, in input order; see {@link FittedClassifier.predict}. */
  async *predictStream(
    source: AsyncIterable<ClassifierInput> | Iterable<ClassifierInput>,
    { lookAhead, ...options }: FittedPredictOptions & { lookAhead?: number } = {},
  ): AsyncGenerator<Prediction> {
    requireSource('predictStream', source);
    yield* answerStream((inputs) => this.predict(inputs, options), source, lookAhead);
  }

  /** Frees the encoder. */
  [Symbol.dispose](): void {
    this.encoder?.[Symbol.dispose]();
  }

  private async read(
    texts: readonly string[],
    { batchTokens }: FittedPredictOptions,
  ): Promise<{ vectors?: TextVectors; counts?: TextCounts[] }> {
    if (!this.encoder) return {};
    const {
      data,
      dimensions,
      texts: counts,
    } = await this.encoder.embed(texts, {
      ...(batchTokens !== undefined && { batchTokens }),
    });
    return { vectors: { data, dimensions }, counts };
  }
}

function singleText(input: ClassifierInput): string {
  if (typeof input === 'string') return input;
  if (input?.pair === undefined) return input?.text;
  throw noPairs();
}

/** What pairs of texts are answered with. */
export function noPairs(): AlbertineError {
  return new AlbertineError('invalid_argument', 'this model takes single texts, and a pair of texts was given', {
    hint: 'For pairs there is: albertine finetune classify --pair-field NAME',
  });
}
