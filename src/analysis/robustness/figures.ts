import { bootstrapMean, bootstrapStatistic, type MeanInterval } from '../../metrics/resampling.ts';
import type { RewritableData, RewrittenText } from '../../tasks/rewriting.ts';
import type { TaskTypes } from '../../tasks/task.ts';
import type { LabelledRow } from '../../tasks/tuning.ts';
import type { RobustnessRecord } from './measure.ts';
import type { RobustnessCondition, RobustnessFailure, RobustnessGroup, RobustnessReport } from './report.ts';

/** A row with what was answered. */
export interface AnsweredRow {
  row: LabelledRow<TaskTypes>;
  /** Place in the data. */
  index: number;
  answer: object;
}

/** The same after a perturbation. */
type PerturbedRow = AnsweredRow & { texts: RewrittenText[] };

/** Groups of fewer rows say nothing. */
const FEWEST = 10;
const CALIBRATION = 'expectedCalibrationError';

/** Compares answers to perturbed rows with those to the rows as they are. */
export class RobustnessFigures {
  /** The rows as they are. */
  readonly rows: readonly AnsweredRow[];
  private readonly source: RewritableData;
  private readonly right: number[];
  /** Rows of each group, by its name. */
  private readonly groups: ReadonlyMap<string, readonly number[]>;

  constructor(source: RewritableData, rows: readonly AnsweredRow[]) {
    this.source = source;
    this.rows = rows;
    this.right = rows.map((row) => this.rightOf(row));
    this.groups = this.groupRows();
  }

  /** Figures of the rows as they are. */
  clean(): RobustnessReport['clean'] {
    const { value, ece } = this.score(this.rows);
    const interval = this.averages
      ? bootstrapMean(this.right)
      : bootstrapStatistic(this.rows.length, (drawn) => this.score(drawn.map((i) => this.rows[i])).value);
    return { ...interval, mean: value, ...(ece !== undefined && { ece }) };
  }

  /** Figures of the same rows after a perturbation. */
  of(
    after: readonly PerturbedRow[],
    examples: number,
  ): Omit<RobustnessCondition, 'perturbation' | 'severity' | 'rejected'> {
    const { rewriting, model } = this.source;
    const changed = after.flatMap(({ texts }, i) => (texts.some(({ edits }) => edits.length > 0) ? [i] : []));
    const right = after.map((row) => this.rightOf(row));
    const stayed = changed.filter((i) =>
      rewriting.same(this.rows[i].answer, after[i].answer, after[i].texts, model.facts),
    ).length;
    const edits = changed.reduce((sum, i) => sum + after[i].texts.reduce((own, text) => own + text.edits.length, 0), 0);
    const worse = changed.filter((i) => right[i] < this.right[i]);
    const { value, ece } = this.score(after);
    const groups = this.groupFigures(right);
    const worstGroup = groups.reduce<RobustnessGroup | undefined>(
      (worst, group) => (worst === undefined || group.value < worst.value ? group : worst),
      undefined,
    );
    return {
      changed: changed.length,
      edits: edits / changed.length,
      value,
      difference: this.difference(after, right),
      consistency: stayed / changed.length,
      ...(ece !== undefined && { ece }),
      ...(worstGroup && { worstGroup }),
      groups,
      worse: worse.length,
      better: changed.filter((i) => right[i] > this.right[i]).length,
      failures: worse.slice(0, examples).map((i) => this.failure(i, after[i])),
    };
  }

  /** What is told of every row. */
  records(after: readonly PerturbedRow[]): Omit<RobustnessRecord, 'perturbation' | 'severity'>[] {
    const { rewriting } = this.source;
    return after.map((row, i) => {
      const confidence = rewriting.confidence?.(row.answer);
      return {
        index: row.index,
        changed: row.texts.some(({ edits }) => edits.length > 0),
        texts: row.texts.map(({ text }) => text),
        ...this.shown(i, row),
        right: this.rightOf(row),
        ...(confidence !== undefined && { confidence }),
      };
    });
  }

  private get averages(): boolean {
    const { rewriting, model } = this.source;
    return rewriting.averages?.(model.facts) ?? false;
  }

  private difference(after: readonly AnsweredRow[], right: readonly number[]): MeanInterval {
    if (this.averages) return bootstrapMean(right.map((own, i) => own - this.right[i]));
    const value = (rows: readonly AnsweredRow[], drawn: readonly number[]): number =>
      this.score(drawn.map((i) => rows[i])).value;
    return bootstrapStatistic(after.length, (drawn) => value(after, drawn) - value(this.rows, drawn));
  }

  private score(rows: readonly AnsweredRow[]): { value: number; ece: number | undefined } {
    const { model, metric } = this.source;
    const { metrics } = model.task.score(
      rows.map(({ row }) => row.gold),
      rows.map(({ answer }) => answer),
      model.facts,
    );
    return { value: metrics[metric], ece: metrics[CALIBRATION] };
  }

  private rightOf({ row: { gold }, answer }: AnsweredRow): number {
    return this.source.rewriting.right(gold, answer, this.source.model.facts);
  }

  private groupFigures(right: readonly number[]): RobustnessGroup[] {
    const mean = (values: readonly number[], rows: readonly number[]): number =>
      rows.reduce((sum, i) => sum + values[i], 0) / rows.length;
    return Array.from(this.groups, ([name, rows]) => ({
      name,
      rows: rows.length,
      value: mean(right, rows),
      clean: mean(this.right, rows),
    }));
  }

  /** Rows by what is right of them, and by thirds of their length. */
  private groupRows(): Map<string, number[]> {
    const { rewriting, model } = this.source;
    const groups = new Map<string, number[]>();
    const add = (name: string, row: number): void => void groups.set(name, [...(groups.get(name) ?? []), row]);
    const lengths = this.rows.map(({ row }) => rewriting.texts(row).reduce((sum, { text }) => sum + text.length, 0));
    const sorted = [...lengths].sort((a, b) => a - b);
    const [first, second] = [1, 2].map((third) => sorted[Math.floor((third * sorted.length) / 3)]);
    this.rows.forEach(({ row }, i) => {
      for (const label of rewriting.labels(row.gold, model.facts)) add(`label ${label}`, i);
      const length = lengths[i];
      add(
        length <= first
          ? `length up to ${first}`
          : length <= second
            ? `length ${first + 1} to ${second}`
            : `length over ${second}`,
        i,
      );
    });
    for (const [name, rows] of groups) if (rows.length < FEWEST) groups.delete(name);
    return groups;
  }

  private shown(i: number, after: AnsweredRow): Pick<RobustnessFailure, 'gold' | 'before' | 'after'> {
    const { rewriting, model } = this.source;
    const { row, answer } = this.rows[i];
    return {
      gold: rewriting.show({ gold: row.gold }, row, model.facts),
      before: rewriting.show({ output: answer }, row, model.facts),
      after: rewriting.show({ output: after.answer }, after.row, model.facts),
    };
  }

  private failure(i: number, after: PerturbedRow): RobustnessFailure {
    const { row, index } = this.rows[i];
    return {
      index,
      clean: this.source.rewriting.texts(row).map(({ text }) => text),
      perturbed: after.texts,
      ...this.shown(i, after),
    };
  }
}
