import type { ReadReport } from '../data/rows.ts';
import type { TrainingOutcome } from '../training/trainer-options.ts';
import type { Albert } from '../loaded/albert.ts';
import type { TaskEvaluation } from './evaluate-node.ts';
import type { FineTuneRunOptions } from '../training/run/options.ts';
import type { RewritableData } from './rewriting.ts';
import type { TaskService } from './service.ts';
import type { Direction, TextCounts } from './task.ts';

/** Options of a verb by name, as flags or JSON give them; the task checks them. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/** A run of fine-tuning that has ended, with what is printed of it. */
export interface FinishedRun extends Omit<TrainingOutcome, 'weights'> {
  output: string;
  /** Facts for people, a line each. */
  lines: readonly string[];
  /** The commands to try next, without `albertine`. */
  next: readonly string[];
}

/** Rows to be asked about, read while they are consumed. */
export interface AskedRows extends AsyncIterable<{ number: number; input: unknown; fields?: Record<string, unknown> }> {
  /** For messages: a path, `standard input`, `arguments`. */
  readonly name: string;
  readonly report: ReadReport;
  readonly notes: readonly string[];
}

/** A text as `predict` reads it by itself: an argument, a line, a field. */
export interface AskedText {
  text: string;
  pair?: string;
}

/** A model that answers, as `predict` uses it. */
export interface Predictor {
  /** Throws `invalid_argument` where the model does not take such inputs; before anything is read. */
  requireInputs(pairs: boolean): void;
  /**
   * How a text becomes what is asked; undefined where texts alone say too little, so that {@link Predictor.open} reads
   * the rows.
   */
  ofText(options: GivenOptions): ((text: AskedText) => unknown) | undefined;
  /** The flag with which texts alone can be asked, where {@link Predictor.ofText} is undefined without it. */
  textsWith?: string;
  /** Opens a file of rows that are more than texts. */
  open?(path: string, options: GivenOptions): AskedRows;
  /** Answers in the order of the inputs; memory is bounded. */
  answers(inputs: AsyncIterable<unknown>, options: GivenOptions): AsyncGenerator<TextCounts>;
  /** An answer as a line of JSON has it, `index` and counts not among it. */
  record(answer: TextCounts, options: GivenOptions): Record<string, unknown>;
  /** The same one level deep, for a table. */
  cells(answer: TextCounts, options: GivenOptions): Record<string, unknown>;
  /** What the user should know about the answers, once they are given. Default: nothing. */
  remarks?(): string[];
}

/** What a task does, behind the command line: code that a row of the registry loads when it is needed. */
export interface TaskVerbs {
  /** Direction of every figure of an evaluation. Default: more is better, except of `loss`. */
  metrics?: Readonly<Record<string, Direction>>;
  /** Options are those of a run with the task's own. */
  fineTune(options: FineTuneRunOptions & GivenOptions): Promise<FinishedRun>;
  /** Figures of a model on a labelled file; `heading` is printed above them. */
  evaluate(
    model: Albert,
    path: string,
    options: GivenOptions & { signal?: AbortSignal },
  ): Promise<TaskEvaluation & { heading?: string }>;
  predictor?(model: Albert): Predictor;
  /** For a server; absent where there is no `service` in the manual. */
  service?(model: Albert): TaskService;
  /** Labelled rows whose texts can be rewritten; absent where the task does not say how. Options are those of `evaluate`. */
  rewritable?(model: Albert, path: string, options: GivenOptions): Promise<RewritableData>;
}

/** A model that is open, as `evaluate` and `predict` ask it, whatever kind of folder it is from. */
export interface AskedModel extends Disposable {
  /** What the user should know about it. */
  readonly notes: readonly string[];
  /** Figures on a labelled file; `heading` is printed above them. */
  evaluate(
    path: string,
    options: GivenOptions & { signal?: AbortSignal },
  ): Promise<TaskEvaluation & { heading?: string }>;
  /** Undefined for models that answer nothing. */
  readonly predictor: Predictor | undefined;
  /** For a server. */
  readonly service?: TaskService;
  /** Labelled rows whose texts can be rewritten; absent where the task does not say how. Options are those of `evaluate`. */
  rewritable?(path: string, options: GivenOptions): Promise<RewritableData>;
}
