import { MODEL_KEYS } from '../../checkpoint/model-keys.ts';
import type { FileSource } from '../../core/files.ts';
import { requireOptions } from '../../core/options.ts';
import type { ProblemType } from '../../data/dataset.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { pieceLogits } from '../piece-logits.ts';
import type { Piece } from '../../training/units.ts';
import type { TextCounts } from '../task.ts';
import { countsOf, TaskModel } from '../task-model.ts';
import {
  averageWindows,
  CLASSIFY_OPTIONS,
  classifyTask,
  labelProbabilities,
  requireSide,
  type ClassifierInput,
  type ClassifyTypes,
  type PredictOptions,
} from './task.ts';

/** Keys of `config.json` that this package adds to a fine-tuned classifier. */
export const CLASSIFIER_KEYS = {
  maxLength: MODEL_KEYS.maxLength,
  temperature: 'albertine_temperature',
  pairs: 'albertine_pairs',
} as const;

/** A fine-tuned `AlbertForSequenceClassification`: this package's or Hugging Face's. */
export class TextClassifier extends TaskModel<ClassifyTypes> {
  private constructor(model: Albert) {
    super(model, classifyTask, CLASSIFY_OPTIONS);
  }

  /** Loads a classifier by name: in Node a folder or a hub id, in a page the URL of its folder. Errors as of `open`. */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<TextClassifier> {
    return new TextClassifier(await loadNamed(model, options));
  }

  /** Opens a checkpoint folder with a classifier head. Throws `weights_mismatch` when it has none. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<TextClassifier> {
    return new TextClassifier(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing the classifier disposes the model. */
  static from(model: Albert): TextClassifier {
    return new TextClassifier(model);
  }

  /** Names of the classes, in the order of the logits. */
  get labels(): readonly string[] {
    return this.facts.labels;
  }

  /** What an answer is: one label, any number of labels, or a number. */
  get problem(): ProblemType {
    return this.facts.problem;
  }

  /** Divides the logits before the softmax; from calibration, else 1. */
  get temperature(): number {
    return this.facts.temperature;
  }

  /**
   * Whether it was fine-tuned on pairs of texts or on single ones, and so takes only those; undefined where the
   * checkpoint does not say.
   */
  get pairs(): boolean | undefined {
    return this.facts.pairs;
  }

  /**
   * Raw logits `[texts, labels]` (windows averaged), and what happened to each text. Throws `not_finite` naming a text
   * whose logits have NaN or infinity.
   */
  async logits(
    inputs: readonly ClassifierInput[],
    options: PredictOptions = {},
  ): Promise<{ logits: Float32Array; texts: TextCounts[] }> {
    requireOptions('logits', options, CLASSIFY_OPTIONS);
    const asked = await this.ask('logits', inputs, options);
    const width = this.problem === 'regression' ? 1 : this.labels.length;
    const logits = new Float32Array(inputs.length * width);
    asked.forEach((raw, row) => logits.set(averageWindows(raw.encoded.pieces, raw.logits), row * width));
    return { logits, texts: asked.map(({ encoded }) => countsOf(encoded)) };
  }

  /** Logits `[inputs, labels]` of texts that are tokenised already. */
  async logitsOf(pieces: readonly Piece[], batchTokens?: number): Promise<Float32Array> {
    const rows = await pieceLogits(this.model, pieces, { head: 'sequenceClassification', batchTokens });
    const width = this.problem === 'regression' ? 1 : this.labels.length;
    const all = new Float32Array(rows.length * width);
    rows.forEach((row, i) => all.set(row, i * width));
    return all;
  }

  /** Probabilities of one row of logits: softmax with the calibrated temperature, or one by one for multi-label. */
  probabilities(logits: Float32Array): Float32Array {
    return labelProbabilities(logits, this.facts);
  }

  /**
   * Throws `invalid_argument` for single texts (`pairs` false) where the model was fine-tuned on pairs, and the other
   * way round: it would answer, and the answer would mean nothing.
   */
  requireInputs(pairs: boolean): void {
    requireSide(this.facts, pairs);
  }
}
