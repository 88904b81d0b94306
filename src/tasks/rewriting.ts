import { requireInteger } from '../core/errors.ts';
import type { Edit, TextRange } from '../perturbation/perturbation.ts';
import type { Labelled, LabelledRow } from './tuning.ts';
import type { TaskTypes } from './task.ts';
import type { TaskModel } from './task-model.ts';

/** A text of a row that can be rewritten. */
export interface RewritableText {
  /** As it stands in the row. */
  text: string;
  /** Stretches that the answer names; they have to be there after rewriting too. */
  spans: readonly TextRange[];
  /** Stretches that stay as they are, whatever is done. */
  fixed: readonly TextRange[];
  /** Whether more or less may be said in it: not where it is compared with another one, or asks something. */
  isWhole: boolean;
}

/** What became of a text. */
export interface RewrittenText {
  /** The text. */
  text: string;
  /** In the original text. */
  edits: readonly Edit[];
}

/** How the texts of a task's rows are taken out, rewritten, and put back with what is right. */
export interface Rewriting<T extends TaskTypes> {
  /** The texts of a row, at least one. */
  texts(row: LabelledRow<T>): RewritableText[];
  /** The row with its texts rewritten; places in them are carried along. */
  put(row: LabelledRow<T>, texts: readonly RewrittenText[]): LabelledRow<T>;
  /** Whether an answer says the same of the rewritten texts as of the original ones. */
  same(before: T['output'], after: T['output'], texts: readonly RewrittenText[], facts: T['facts']): boolean;
  /** A figure of one row from 0 to 1: 1 where all is right. */
  right(gold: T['gold'], output: T['output'], facts: T['facts']): number;
  /** Whether the mean of {@link Rewriting.right} is the task's default figure. Default false. */
  averages?(facts: T['facts']): boolean;
  /** The groups that a row is in, by what is right of it. */
  labels(gold: T['gold'], facts: T['facts']): string[];
  /** An answer, or what is right, in a few words. */
  show(answer: { gold: T['gold'] } | { output: T['output'] }, row: LabelledRow<T>, facts: T['facts']): string;
  /** Probability of what is answered, where there is one. */
  confidence?(output: T['output']): number | undefined;
  /** Probability of what is right, where there is one: what an attack lowers. Default: there is none. */
  belief?(gold: T['gold'], output: T['output'], facts: T['facts']): number;
  /** Throws `unsupported` for models whose answers cannot be compared so. */
  check?(facts: T['facts']): void;
}

/** Labelled rows whose texts can be rewritten, with the model that is asked. */
export interface RewritableData<T extends TaskTypes = TaskTypes> {
  /** The model that is asked. */
  model: Pick<TaskModel<T>, 'task' | 'facts' | 'predict' | 'fingerprint'>;
  /** The rows. */
  data: Labelled<T>;
  /** How their texts are rewritten. */
  rewriting: Rewriting<T>;
  /** The task's default figure. */
  metric: string;
  /** As the model is asked in evaluations. */
  asking: T['options'];
}

/** A few rows of many, evenly spread over all; all where there are no more. */
export function spread<T>(rows: readonly T[], limit: number | undefined): T[] {
  if (limit === undefined || rows.length <= limit) return [...rows];
  requireInteger('limit', limit, { min: 1 });
  return Array.from({ length: limit }, (_, i) => rows[Math.floor((i * rows.length) / limit)]);
}
