import { countOf } from '../core/count.ts';
import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { optionsOf, requireOptions, requireSource, requireText, requireTexts } from '../core/options.ts';
import { softmaxRow } from '../core/softmax.ts';
import { bucketWithin, planBatches } from '../data/batches.ts';
import type { ProblemType } from '../data/dataset.ts';
import { Albert, type LoadOptions } from './albert.ts';
import { PREDICT_OPTIONS, PREDICT_STREAM_OPTIONS } from './option-kinds.ts';
import { countedFrom, requireFiniteResult } from './finite-results.ts';
import { countUnknown } from '../tokenizer/tokenizer.ts';
import { LONG_TEXT_POLICIES, tooLong, type LongTextPolicy } from './text-windows.ts';

/** Keys of `config.json` that this package adds to a fine-tuned classifier. */
export const CLASSIFIER_KEYS = { maxLength: 'albertine_max_length', temperature: 'albertine_temperature', pairs: 'albertine_pairs' } as const;

/** A text, or a pair of texts. */
export type ClassifierInput = string | { text: string; pair?: string };

/** Options of {@link TextClassifier.predict}. */
export interface PredictOptions {
  /** Labels to list, best first. Default: all. */
  topK?: number;
  /** Default `window`: logits of the windows are averaged by their tokens. A pair is always truncated unless `error`. */
  longText?: LongTextPolicy;
  /** Tokens per window, special tokens included. Default: the length it was trained with. */
  maxLength?: number;
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

/** A label with its probability. */
export interface ScoredLabel {
  label: string;
  score: number;
}

/** Options of {@link TextClassifier.predictStream}. */
export interface PredictStreamOptions extends PredictOptions {
  /** Inputs read ahead and sorted by length together; 1 answers every input at once. Default 256. */
  lookAhead?: number;
}

/** What was predicted for one text. */
export interface Prediction {
  /** Best label; for regression the number as text. */
  label: string;
  /** Probability of `label`; for regression the number itself. */
  score: number;
  /** Single-label: softmax probabilities, best first; multi-label: independent probabilities; regression: empty. */
  labels: ScoredLabel[];
  /** Multi-label: those at or above 0.5. */
  assigned?: string[];
  tokenCount: number;
  windows: number;
  truncatedTokens: number;
  /** Tokens that stand for what the vocabulary does not have; absent where there are none. */
  unknownTokens?: number;
}

/** Tokens of a text (or window) with special tokens. */
export interface EncodedInput {
  ids: Int32Array;
  typeIds: Int32Array;
}

/** Probability from which a multi-label classifier assigns a label. */
export const MULTI_LABEL_THRESHOLD = 0.5;

/** Index of the largest value; the first of equal ones. */
export function bestClass(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

interface Piece extends EncodedInput { text: number }

/** A fine-tuned `AlbertForSequenceClassification`: this package's or Hugging Face's. */
export class TextClassifier implements Disposable {
  readonly model: Albert;
  readonly labels: readonly string[];
  readonly problem: ProblemType;
  /** Divides the logits before the softmax; from calibration, else 1. */
  readonly temperature: number;
  readonly maxLength: number;
  /** Whether it was fine-tuned on pairs of texts or on single ones, and so takes only those; undefined where the checkpoint does not say. */
  readonly pairs: boolean | undefined;

  private constructor(model: Albert) {
    const classifier = model.weights.get('classifier.weight');
    if (!classifier) throw new AlbertineError('weights_mismatch', 'this checkpoint has no classifier head', { value: model.checkpoint.location, hint: 'Fine-tune one with: albertine finetune classify' });
    const { details } = model.checkpoint;
    this.model = model;
    this.labels = details.labels ?? Array.from({ length: classifier.shape[0] }, (_, i) => `LABEL_${i}`);
    this.problem = problemOf(details.problemType, classifier.shape[0]);
    this.temperature = numberKey(details.extra[CLASSIFIER_KEYS.temperature]) ?? 1;
    this.maxLength = Math.min(model.config.maxPositionEmbeddings, numberKey(details.extra[CLASSIFIER_KEYS.maxLength]) ?? model.config.maxPositionEmbeddings);
    requireSettings(model, { outputs: classifier.shape[0], labels: this.labels.length, problem: this.problem, maxLength: this.maxLength });
    const pairs = details.extra[CLASSIFIER_KEYS.pairs];
    this.pairs = typeof pairs === 'boolean' ? pairs : undefined;
  }

  /** Opens a checkpoint folder with a classifier head. Throws `weights_mismatch` when it has none. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<TextClassifier> {
    return new TextClassifier(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing the classifier disposes the model. */
  static from(model: Albert): TextClassifier {
    return new TextClassifier(model);
  }

  /** Labels with probabilities, in input order. Throws as {@link requireInputs} does, and `text_too_long` with `longText: 'error'`. */
  async predict(inputs: readonly ClassifierInput[], options: PredictOptions = {}): Promise<Prediction[]> {
    requireOptions('predict', options, PREDICT_OPTIONS);
    requireInputList('predict', inputs);
    const topK = options.topK === undefined ? undefined : requireInteger('topK', options.topK, { min: 1 });
    const { logits, texts } = await this.logits(inputs, options);
    const width = logits.length / Math.max(1, inputs.length);
    return texts.map((text, row) => ({ ...this.interpret(logits.subarray(row * width, (row + 1) * width), topK), ...text }));
  }

  /**
   * Predictions for a source of any length with bounded memory, in input order; the source is read only as fast as they are taken.
   */
  async* predictStream(source: AsyncIterable<ClassifierInput> | Iterable<ClassifierInput>, options: PredictStreamOptions = {}): AsyncGenerator<Prediction> {
    requireSource('predictStream', source);
    requireOptions('predictStream', options, PREDICT_STREAM_OPTIONS);
    const predictOptions = optionsOf<PredictOptions>(options, PREDICT_OPTIONS);
    const lookAhead = requireInteger('lookAhead', options.lookAhead ?? 256, { min: 1 });
    let waiting: ClassifierInput[] = [];
    let done = 0;
    const predict = async (): Promise<Prediction[]> => this.predict(waiting, predictOptions).catch((error: unknown) => {
      throw countedFrom(done, error);
    });
    for await (const input of source) {
      waiting.push(input);
      if (waiting.length < lookAhead) continue;
      yield* await predict();
      done += waiting.length;
      waiting = [];
    }
    if (waiting.length > 0) yield* await predict();
  }

  /** Raw logits `[texts, labels]` (windows averaged), and what happened to each text. Throws `not_finite` naming a text whose logits have NaN or infinity. */
  async logits(inputs: readonly ClassifierInput[], options: PredictOptions = {}): Promise<{ logits: Float32Array; texts: Pick<Prediction, 'tokenCount' | 'windows' | 'truncatedTokens' | 'unknownTokens'>[] }> {
    requireOptions('logits', options, PREDICT_OPTIONS);
    requireInputList('logits', inputs);
    const longText = requireOneOf('longText', options.longText ?? 'window', LONG_TEXT_POLICIES);
    const maxLength = requireInteger('maxLength', options.maxLength ?? this.maxLength, { min: 3, max: this.model.config.maxPositionEmbeddings });
    const split = inputs.map((input, index) => this.encode(input, { index, longText, maxLength }));
    const pieces = split.flatMap(({ pieces: own }) => own);
    const pieceLogits = await this.logitsOf(pieces, options.batchTokens);
    const width = this.problem === 'regression' ? 1 : this.labels.length;
    const logits = new Float32Array(inputs.length * width);
    const totals = split.map(({ pieces: own }) => own.reduce((sum, { ids }) => sum + ids.length, 0));
    pieces.forEach(({ text, ids }, piece) => {
      for (let i = 0; i < width; i++) logits[text * width + i] += (ids.length / totals[text]) * pieceLogits[piece * width + i];
    });
    inputs.forEach((input, index) => {
      requireFiniteResult(logits.subarray(index * width, (index + 1) * width), { what: 'prediction', index, text: typeof input === 'string' ? input : input.text, weights: this.model.weights });
    });
    return { logits, texts: split.map(({ pieces: own, unknownTokens, ...counts }) => ({ ...counts, windows: own.length, ...(unknownTokens > 0 && { unknownTokens }) })) };
  }

  /**
   * Throws `invalid_argument` for single texts (`pairs` false) where the model was fine-tuned on pairs, and the other way round: it
   * would answer, and the answer would mean nothing.
   */
  requireInputs(pairs: boolean): void {
    if (this.pairs === undefined || this.pairs === pairs) return;
    throw this.pairs
      ? new AlbertineError('invalid_argument', 'this model was fine-tuned on pairs of texts, and one text alone was given', { hint: 'Give the second text too: as { text, pair }, with --pair, or for a file with pairField' })
      : new AlbertineError('invalid_argument', 'this model was fine-tuned on single texts, and a pair of texts was given', { hint: 'Leave the second text (pair, pairField) out, or use a model fine-tuned on pairs' });
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  private encode(input: ClassifierInput, how: { index: number; longText: LongTextPolicy; maxLength: number }): { pieces: Piece[]; tokenCount: number; truncatedTokens: number; unknownTokens: number } {
    const { text, pair } = typeof input === 'string' ? { text: input, pair: undefined } : input;
    const { index, longText, maxLength } = how;
    this.requireInputs(pair !== undefined);
    const { tokenizer } = this.model;
    const encodings = longText === 'window' && pair === undefined
      ? tokenizer.encodeWindows(text, { maxLength })
      : [tokenizer.encode(text, { maxLength, ...(pair !== undefined && { pair }) })];
    const truncatedTokens = encodings.reduce((sum, encoding) => sum + encoding.truncatedTokens, 0);
    const tokenCount = truncatedTokens + encodings.reduce((sum, { specialTokensMask }) => sum + specialTokensMask.reduce((n, special) => n + 1 - special, 0), 0);
    if (longText === 'error' && truncatedTokens > 0) throw tooLong(tokenCount, maxLength);
    const unknownTokens = encodings.reduce((sum, { ids }) => sum + countUnknown(tokenizer, ids), 0);
    return { pieces: encodings.map(({ ids, typeIds }) => ({ text: index, ids, typeIds })), tokenCount, truncatedTokens, unknownTokens };
  }

  /** Logits `[inputs, labels]` of texts that are tokenised already. */
  async logitsOf(pieces: readonly EncodedInput[], batchTokens = 1024): Promise<Float32Array> {
    const { config, encoder } = this.model;
    const width = this.problem === 'regression' ? 1 : this.labels.length;
    const all = new Float32Array(pieces.length * width);
    const bucket = bucketWithin(config.maxPositionEmbeddings);
    for (const rows of planBatches(pieces.map(({ ids }) => ids.length), { tokenBudget: batchTokens, bucket })) {
      const sequenceLength = bucket(Math.max(...rows.map((row) => pieces[row].ids.length)));
      const size = rows.length * sequenceLength;
      const batch = { batchSize: rows.length, sequenceLength, inputIds: new Int32Array(size).fill(config.padTokenId), tokenTypeIds: new Int32Array(size), attentionMask: new Uint8Array(size) };
      rows.forEach((row, i) => {
        batch.inputIds.set(pieces[row].ids, i * sequenceLength);
        batch.tokenTypeIds.set(pieces[row].typeIds, i * sequenceLength);
        batch.attentionMask.fill(1, i * sequenceLength, i * sequenceLength + pieces[row].ids.length);
      });
      const { lastHiddenState } = await encoder.forward(batch);
      const logits = await encoder.logits('sequenceClassification', await encoder.pool(lastHiddenState, rows.length));
      rows.forEach((row, i) => all.set(logits.subarray(i * width, (i + 1) * width), row * width));
    }
    return all;
  }

  /** Probabilities of one row of logits: softmax with the calibrated temperature, or one by one for multi-label. */
  probabilities(logits: Float32Array): Float32Array {
    return this.problem === 'multiLabel' ? logits.map((value) => 1 / (1 + Math.exp(-value / this.temperature))) : softmaxRow(logits, this.temperature);
  }

  private interpret(logits: Float32Array, topK: number | undefined): Pick<Prediction, 'label' | 'score' | 'labels' | 'assigned'> {
    if (this.problem === 'regression') return { label: String(logits[0]), score: logits[0], labels: [] };
    const probabilities = this.probabilities(logits);
    const scored = this.labels.map((label, i) => ({ label, score: probabilities[i] })).sort((a, b) => b.score - a.score);
    const assigned = this.problem === 'multiLabel' ? { assigned: scored.filter(({ score }) => score >= MULTI_LABEL_THRESHOLD).map(({ label }) => label) } : {};
    return { ...scored[0], labels: scored.slice(0, topK), ...assigned };
  }
}

/** What the config says of a classifier is somebody's word, and has to fit its weights. */
function requireSettings({ checkpoint: { configFile } }: Albert, { outputs, labels, problem, maxLength }: { outputs: number; labels: number; problem: ProblemType; maxLength: number }): void {
  if (problem === 'regression' ? outputs !== 1 : labels !== outputs) {
    throw new AlbertineError('weights_mismatch', `${configFile}: it describes ${problem === 'regression' ? 'one number' : countOf(labels, 'label')}, and the classifier has ${countOf(outputs, 'output')}`, {
      value: outputs, hint: 'The config belongs to another checkpoint',
    });
  }
  if (!Number.isInteger(maxLength) || maxLength < 3) throw new AlbertineError('invalid_config', `${configFile}: ${CLASSIFIER_KEYS.maxLength} must be a whole number of at least 3, got ${maxLength}`, { value: maxLength });
}

/** Throws `invalid_argument` unless every input is a text, or a text with perhaps a second one. */
function requireInputList(subject: string, inputs: readonly ClassifierInput[]): void {
  if (!Array.isArray(inputs)) requireTexts(subject, inputs);
  inputs.forEach((input: ClassifierInput | null, index) => {
    if (typeof input !== 'object' || input === null) return requireText(subject, input, index);
    requireText(subject, input.text, index);
    if (input.pair !== undefined) requireText(subject, input.pair, index);
  });
}

function problemOf(problemType: string | undefined, outputs: number): ProblemType {
  if (problemType === 'multi_label_classification') return 'multiLabel';
  if (problemType === 'regression' || (problemType === undefined && outputs === 1)) return 'regression';
  return 'singleLabel';
}

const numberKey = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);
