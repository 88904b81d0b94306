import type { Prose } from '../core/prose.ts';
import type { Setting, Settings } from '../core/settings.ts';
import type { ReadReport } from '../data/rows.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { HeadDefinition, HeadResults } from '../training/head.ts';
import type { RunInfo } from '../training/report/run-record.ts';
import type { HeadFeeds, Unit, UnitBatch } from '../training/units.ts';
import type { TrainingOutcome } from '../training/trainer-options.ts';
import type { FineTuneRunOptions } from '../training/run/options.ts';
import type { HeadAnswers } from '../training/run/start-heads-node.ts';
import type { Encoded, Task, TaskTypes } from './task.ts';
import type { TaskModel } from './task-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { RunSettings } from '../training/run/run-folder-node.ts';

/** Options that fine-tuning any task on labelled files has. */
export interface TuningOptions extends FineTuneRunOptions {
  /** Labelled examples. */
  train: string;
  /** Held-out examples. Without it a tenth of the training rows is held out. */
  evaluation?: string;
  /** Figure by which the best weights are kept; each task has its own default. */
  metric?: string;
  /**
   * Leaves out rows whose text (case, white space and compatibility forms do not count) and answer stood before, and
   * training rows whose text is held out. Default false: they are counted and told.
   */
  dropDuplicates?: boolean;
  /**
   * Starts a new head also where the checkpoint's answers the same labels. Default false: that one is kept, its rows in
   * the order of the labels.
   */
  freshHead?: boolean;
}

/** A row of labelled data. */
export interface LabelledRow<T extends TaskTypes> {
  /** What is asked. */
  input: T['input'];
  /** What is right. */
  gold: T['gold'];
}

/** Labelled data in memory. */
export interface Labelled<T extends TaskTypes> {
  /** In the order of the file. */
  rows: readonly LabelledRow<T>[];
  /** What a model that learns them answers: for training data what occurs, for others what was given. */
  facts: T['facts'];
  /** Rows read and left out. */
  report: ReadReport;
  /** What was found while reading, to be told in one line with the counts: repairs, empty texts. */
  remarks: readonly string[];
}

/** The parts of labelled data that are trained on and judged by. */
export interface Splits<T extends TaskTypes> {
  /** What is trained on. */
  train: Labelled<T>;
  /** What is held out. */
  evaluation: Labelled<T>;
}

/** What a task says of its data before training. */
export interface DataReport {
  /** Facts worth a line. */
  remarks: readonly string[];
  /** What may spoil the result. */
  warnings: readonly string[];
  /** For `run.json`. */
  info: RunInfo;
}

/** What a task adds when its model is trained and saved. */
export interface Aftermath {
  /** What may spoil the result. */
  warnings: readonly (string | Prose)[];
  /** For `run.json`. */
  info: RunInfo;
  /** Keys for `config.json`: the model is saved once more with them. */
  extra?: Readonly<Record<string, unknown>>;
}

/**
 * How a task is learned: reading labelled data, targets and loss. Splitting, planning, the run with its folder, keeping
 * the best weights and saving are written once over this.
 */
export interface Tuning<T extends TaskTypes, O extends TuningOptions> {
  /** How it is asked once it is learned. */
  readonly task: Task<T>;
  /** The function that takes the options, for messages. */
  readonly subject: string;
  /** How settings, notes and cards call the model to start from. Default: as the options name it. */
  readonly modelName?: string;
  /** Its settings besides those of every run: each option has one. */
  readonly declared: Settings & Readonly<Record<Exclude<keyof O, keyof FineTuneRunOptions>, Setting>>;
  /** Tokens an input, units a step and passes over the data where the options do not say. */
  readonly defaults: {
    maxLength: number;
    batchSize: number;
    epochs: (data: { units: number; facts: T['facts']; batchSize: number }) => number;
  };
  /** Throws `invalid_argument` for options that contradict each other. */
  check?(options: O): void;
  /**
   * Reads a file; with `facts` only those answers are allowed. Throws `invalid_data` for what nothing can be learned
   * from.
   */
  read(path: string, options: O, facts?: T['facts']): Promise<Labelled<T>>;
  /** Completes the facts by the training data and the tokeniser. */
  adapt?(train: Labelled<T>, options: O, tokenizer: Tokenizer): { facts: T['facts']; remarks: readonly string[] };
  /** The texts by which rows are equal. */
  texts(input: T['input']): readonly string[];
  /** An answer as text, by which equal texts are compared. Default: as JSON. */
  label?(gold: T['gold'], facts: T['facts']): string;
  /** Whether equal texts with different answers are worth a warning. Default: where there is {@link Tuning.label}. */
  contradict?(facts: T['facts']): boolean;
  /** Whether the held-out part has the same mix of labels. Default false. */
  stratified?(options: O): boolean;
  /** Throws `invalid_data` where rows were left out and the rest does not do. */
  requireUsable?(train: Labelled<T>, path: string): void;
  /** Tells how answers are distributed. */
  describe?(splits: Splits<T>, options: O): DataReport;
  /** What the head answers, to find out whether the checkpoint's can be kept. */
  answers(facts: T['facts']): HeadAnswers;
  /** The head to be trained, with its loss. */
  head(config: AlbertConfig, facts: T['facts'], options: O): HeadDefinition;
  /** What is drawn: one for a text, one for each window of a long one. */
  units(
    encoded: Encoded<T['piece']>,
    gold: T['gold'],
    context: { facts: T['facts']; options: O; train: Labelled<T> },
  ): Unit[];
  /** Targets of a batch as the head takes them. */
  feeds(batch: UnitBatch<unknown>, facts: T['facts'], options: O): HeadFeeds;
  /** The options as the task encodes and decodes with them in training and its evaluations. */
  asking(options: O): T['options'];
  /** Metric by which the best weights are kept. */
  defaultMetric(facts: T['facts']): string;
  /** The task's own settings of the run. */
  settings(options: O, facts: T['facts']): RunSettings;
  /** Figures of a simple method on the held-out rows; undefined where it has none or takes too long. */
  baseline?(splits: Splits<T>, options: O): (() => Promise<RunInfo['baseline']>) | undefined;
  /**
   * The facts as they stand after the steps done, where decoding reads what is being learned: from the head's results
   * in an evaluation.
   */
  learned?(facts: T['facts'], results: HeadResults): T['facts'];
  /** What `config.json` says of the answers. */
  stored(
    facts: T['facts'],
    options: O,
  ): { labels?: string[]; problemType?: string; extra?: Readonly<Record<string, unknown>> };
  /** What the model card says; `use` is code that asks the model. */
  readonly card: { name: string; description: (rows: string, facts: T['facts']) => string; use: readonly string[] };
  /** Opens what was saved, for {@link Tuning.finish}. */
  open?(folder: string, options: O): Promise<TaskModel<T>>;
  /** Looks at the saved model with the held-out rows. */
  finish?(
    model: TaskModel<T>,
    held: { evaluation: Labelled<T>; encoded: readonly Encoded<T['piece']>[]; options: O; outcome: TrainingOutcome },
  ): Promise<Aftermath>;
}
