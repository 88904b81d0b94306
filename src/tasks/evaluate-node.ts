import { AlbertineError } from '../core/errors.ts';
import type { AskOptions, Scores, TaskTypes } from './task.ts';
import type { TaskModel } from './task-model.ts';
import type { Labelled } from './tuning.ts';

/** Figures of a model on labelled data. */
export interface TaskEvaluation extends Scores {
  /** Rows evaluated. */
  count: number;
  /** Texts that were cut, and tokens lost by that. */
  truncatedTexts: number;
  /** Tokens that were cut off. */
  truncatedTokens: number;
  /** Tokens of all texts, and those that stand for what the vocabulary does not have. */
  tokens: number;
  /** Tokens that stand for what the vocabulary does not have. */
  unknownTokens: number;
  /** Rows left out because they were bad (only with `onError: 'skip'`). */
  skippedRows: number;
  /** What was found while reading. */
  remarks: readonly string[];
}

/** Asks a model for every row and compares. Throws `invalid_data` where there is none. */
export async function evaluateTask<T extends TaskTypes>(
  model: Pick<TaskModel<T>, 'task' | 'facts' | 'predict'>,
  { rows, report, remarks }: Pick<Labelled<T>, 'rows' | 'report' | 'remarks'>,
  options: AskOptions & T['options'],
): Promise<TaskEvaluation> {
  if (rows.length === 0) throw new AlbertineError('invalid_data', 'there is no row to evaluate', { value: 0 });
  const answers = await model.predict(
    rows.map(({ input }) => input),
    options,
  );
  const scores = model.task.score(
    rows.map(({ gold }) => gold),
    answers,
    model.facts,
  );
  const sum = (of: (answer: (typeof answers)[number]) => number): number =>
    answers.reduce((total, answer) => total + of(answer), 0);
  return {
    ...scores,
    count: rows.length,
    truncatedTexts: answers.filter(({ truncatedTokens }) => truncatedTokens > 0).length,
    truncatedTokens: sum(({ truncatedTokens }) => truncatedTokens),
    tokens: sum(({ tokenCount }) => tokenCount),
    unknownTokens: sum(({ unknownTokens = 0 }) => unknownTokens),
    skippedRows: report.skipped,
    remarks,
  };
}
