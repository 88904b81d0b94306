import { MODEL_KEYS } from '../checkpoint/model-keys.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { HeadName } from '../model/heads.ts';
import type { Piece } from '../training/units.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Albert } from '../loaded/albert.ts';
import type { LongTextPolicy } from '../loaded/text-windows.ts';

/** Options that asking any task has. */
export interface AskOptions {
  /** What happens to texts longer than the model takes; what each task does by default it says itself. */
  longText?: LongTextPolicy;
  /** Tokens per window, special tokens included. Default: the length it was trained with. */
  maxLength?: number;
  /** Padded tokens per batch. Default 1024. */
  batchTokens?: number;
}

/** The types of a task, in one place. */
export interface TaskTypes {
  /** What is asked: a text, a pair, a question with its context. */
  input: unknown;
  /** What is right, in labelled data. */
  gold: unknown;
  /** What is answered. */
  output: object;
  /** What a checkpoint says of its answers: labels and the like. */
  facts: object;
  /** A row of a batch, with what decoding needs of it. */
  piece: Piece;
  /** Options of asking. */
  options: AskOptions;
}

/** An input as the network reads it. */
export interface Encoded<P extends Piece = Piece> {
  /** At least one: the whole text, its windows, or those of each option. */
  pieces: P[];
  /** Windows that the longest text was read in, where pieces are not its windows alone. Default: as many as pieces. */
  windows?: number;
  /** Tokens of the whole input, without special ones. */
  tokenCount: number;
  /** Tokens that were cut off. */
  truncatedTokens: number;
  /** Tokens that stand for what the vocabulary does not have. */
  unknownTokens: number;
}

/** How an input is tokenised. */
export interface EncodeHow<T extends TaskTypes> {
  /** The model's tokeniser. */
  tokenizer: Tokenizer;
  /** What the checkpoint says of its answers. */
  facts: T['facts'];
  /** Those of the call. */
  options: T['options'];
  /** Tokens that the network reads at once, special ones included. */
  maxLength: number;
  /** Undefined: the task's own default. */
  longText: LongTextPolicy | undefined;
}

/** What the network says to an input. */
export interface Raw<T extends TaskTypes> {
  /** The input as the network read it. */
  encoded: Encoded<T['piece']>;
  /** For each piece: one row, or one row a token. */
  logits: readonly Float32Array[];
  /** What the checkpoint says of its answers. */
  facts: T['facts'];
  /** Those of the call. */
  options: T['options'];
}

/** What happened to a text on its way to the network. */
export interface TextCounts {
  /** Tokens without special tokens. */
  tokenCount: number;
  /** Windows the text was cut into; 1 where it fits. */
  windows: number;
  /** Tokens that were cut off and read by nothing. */
  truncatedTokens: number;
  /** Tokens that stand for what the vocabulary does not have; absent where there are none. */
  unknownTokens?: number;
}

/** A table of an evaluation: rows of cells, numbers right-aligned. */
export interface ScoreTable {
  /** Stands above the table. Default: nothing. */
  title?: string;
  /** Heads of the columns. Default: none. */
  columns?: readonly string[];
  /** Cells from left to right. */
  rows: readonly (readonly (string | number)[])[];
}

/** Figures of answers against what is right. */
export interface Scores {
  /** Those that {@link Task.metrics} declares, or some of them. NaN where undefined. */
  metrics: Readonly<Record<string, number>>;
  /** What `evaluate --json` has besides, by name: figures per label, a confusion matrix. */
  details?: Readonly<Record<string, unknown>>;
  /** The details for people. */
  tables?: () => ScoreTable[];
  /** What a reader of the figures has to know. */
  notes?: readonly string[];
}

/** Whether more of a figure is better. */
export type Direction = 'higher' | 'lower';

/**
 * One task: how inputs become rows of a batch, and what the network says becomes an answer and a score. Predicting,
 * evaluating, the command line and saving are written once over this; how it is trained is in its `Tuning`.
 */
export interface Task<T extends TaskTypes> {
  /** The verb of `finetune`, and `albertine_task` of a checkpoint. */
  readonly name: string;
  /** The head whose weights a checkpoint must have; it gives the logits. */
  readonly head: HeadName;
  /** Every figure that {@link Task.score} may give. */
  readonly metrics: Readonly<Record<string, Direction>>;
  /**
   * Reads what a checkpoint says of its answers, and checks it against its weights. Throws `invalid_config` or
   * `weights_mismatch`.
   */
  facts(model: Albert): T['facts'];
  /** Throws `invalid_argument` for what cannot be asked; `index` is its place, `subject` the function that takes it. */
  requireInput(subject: string, input: unknown, index: number): void;
  /** The text that messages about an input show. */
  text(input: T['input']): string;
  /** Turns an input into rows for the network. Throws `text_too_long` where `longText` is `error`. */
  encode(input: T['input'], how: EncodeHow<T>): Encoded<T['piece']>;
  /** Reads an answer out of the logits. */
  decode(input: T['input'], raw: Raw<T>): T['output'];
  /** `outputs[i]` was answered where `gold[i]` is right. */
  score(gold: readonly T['gold'][], outputs: readonly T['output'][], facts: T['facts']): Scores;
}

/**
 * Longest input that a model was trained with; its positions where it does not say. Throws nothing: what is no length
 * is left out.
 */
export function storedMaxLength({ config, checkpoint }: Pick<Albert, 'config' | 'checkpoint'>): number {
  const stored = checkpoint.details.extra[MODEL_KEYS.maxLength];
  return Math.min(
    config.maxPositionEmbeddings,
    typeof stored === 'number' && stored > 0 ? stored : config.maxPositionEmbeddings,
  );
}

/** Outputs of a head with as many as labels. */
export function outputsOf(model: Pick<Albert, 'weights'>, marker: string): number | undefined {
  return model.weights.get(marker)?.shape[0];
}

/** The network that a task is asked with. */
export type TaskNetwork = Pick<Albert, 'encoder'> & { config: AlbertConfig };
