import type { ReadOptions } from '../../data/read-node.ts';
import type { EmbeddingPooling } from '../../training/contrastive-head.ts';
import type { VectorLoss } from '../../training/distill/vector-head.ts';
import type { ProblemType } from '../../training/heads.ts';
import type { NewNetwork } from '../../training/run/new-network.ts';
import type { FineTuneRunOptions } from '../../training/run/options.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import type { DISTILL_TASKS } from './settings.ts';

/** What `distill` can hand on. */
export type DistillTask = (typeof DISTILL_TASKS)[number];

/** Options of `distill`. */
export interface DistillOptions
  extends Omit<FineTuneRunOptions, 'model'>, Omit<ReadOptions, 'fields' | 'maxLineBytes'> {
  /**
   * What is handed on: sentence vectors (`embedding`, the default), the states of single tokens (`tokens`), guesses at
   * masked words (`masked`), or the answers of a text classifier (`classify`).
   */
  task?: DistillTask;
  /** What learns: path or hub id of an ALBERT; a preset's name, or a shape, for a new network. */
  student: NewNetwork;
  /** Files of texts, read as one: .txt, .csv, .tsv, .jsonl or .parquet. */
  input: readonly string[];
  /** An ALBERT (path or hub id) whose vectors, or answers, are computed first and kept in `teacherCache`. */
  teacher?: string;
  /**
   * `embedding`: vectors of any encoder, a row a text: .npy, .jsonl or .parquet. Without it and `teacher`, `input` has
   * them in `vectorField`. `tokens`: a row a token of the teacher, special ones among them.
   */
  teacherVectors?: readonly string[];
  /** Default `text`. */
  textField?: string;
  /** `classify`: second text of a pair. */
  pairField?: string;
  /** `embedding`, `tokens`: a list of numbers. Default `embedding`. */
  vectorField?: string;
  /**
   * `tokens` with `teacherVectors`: where the teacher's tokens stand in the text, as Python's `offset_mapping`. Default
   * `offsets`.
   */
  offsetsField?: string;
  /** `tokens`: what is counted there. Default `codePoint`, as Python does. */
  offsetUnit?: 'codePoint' | 'utf16';
  /** `classify` without `teacher`: logits, one a label. Default `logits`. */
  logitsField?: string;
  /** `classify` without `teacher`: names of the labels, in the order of the logits. Default `LABEL_0`, `LABEL_1` ... */
  labels?: readonly string[];
  /** `classify` without `teacher`. Default `singleLabel`, or `regression` for one number. */
  problem?: ProblemType;
  /** `classify`: label by people, where a row has one. */
  labelField?: string;
  /** Vocabulary of a new network: a model that has it. Default: the teacher's, else the built-in model's. */
  tokenizer?: string;
  /** Start of a new network. Default `teacher`, where that is an ALBERT with the same vocabulary; else `random`. */
  wordEmbeddings?: 'teacher' | 'random';
  /**
   * Texts to judge by; equal ones stay on one side. Default 1,000, at most a tenth. `classify` has no such choice: it
   * holds out a tenth.
   */
  heldOut?: number;
  /** `embedding`: stored with the model. Default: the student's if it is `cls`, else `mean`. */
  pooling?: EmbeddingPooling;
  /** `embedding`, `tokens`. Default `cosine`. */
  loss?: VectorLoss;
  /** `embedding`, `tokens`: subtracts the mean of the teacher's vectors. Default true. */
  centre?: boolean;
  /**
   * `embedding`, `tokens`: turns the targets to where the student's vectors lie at the start (a rotation, which changes no
   * similarity among them). Default true.
   */
  turn?: boolean;
  /**
   * `embedding`, `tokens`: learns the teacher's whole vector through a linear layer that the saved model does not have. Default
   * false: its main directions.
   */
  projection?: boolean;
  /** `embedding`: factor on the loss over similarities within a step. Default 0.5. */
  similarityWeight?: number;
  /** Divides similarities (default 0.2) or logits (default 2). */
  temperature?: number;
  /**
   * Part of the loss on the words that were there (`masked`) or on labels by people (`classify`). Default 0, or 0.5 with
   * `labelField`.
   */
  hardWeight?: number;
  /**
   * `embedding`: texts of similar length share a step, which pads less and so is faster; similarities are then learned
   * among texts of one length only. Default false.
   */
  groupByLength?: boolean;
  /** Folder that keeps what `teacher` said. Default `distillation` in `output`. */
  teacherCache?: string;
  /**
   * Figure by which the best weights are kept. Default `cosine`; `divergence` for `masked` and `classify`, or `mse` for
   * a number.
   */
  metric?: string;
}

/** Result of `distill`. */
export interface DistillResult extends Omit<TrainingOutcome, 'weights'> {
  /** Folder of the run, with the best student. */
  output: string;
  /** What was handed on. */
  task: DistillTask;
  /** Texts learned from. */
  trainRows: number;
  /** Texts held out. */
  evaluationRows: number;
  /** Held-out figures of the student before the first step; absent where nothing is held out, or its head is new. */
  start?: Readonly<Record<string, number>>;
  /** Those of the weights that are kept. */
  end?: Readonly<Record<string, number>>;
  /** What `onEvent` was told as `warning`. */
  warnings: readonly string[];
}
