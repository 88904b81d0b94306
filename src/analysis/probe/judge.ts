import { accuracy, classificationReport } from '../../metrics/classification.ts';
import { pearson, spearman } from '../../metrics/correlation.ts';
import { bootstrapStatistic, bootstrapMean } from '../../metrics/resampling.ts';
import { OUTSIDE, targetsOf, type ProbePart, type ProbeRow, type ProbeTask } from './task.ts';

/** What probes of a task are judged by. */
export const PROBE_FIGURES = ['accuracy', 'f1', 'spearman'] as const;
/**
 * One of {@link PROBE_FIGURES}: share of right labels; of word labels with `O`, F1 of the words that are not `O` (their
 * labels together); rank correlation with the scores.
 */
export type ProbeFigure = (typeof PROBE_FIGURES)[number];

/** A figure with its 95 % bootstrap interval. */
export interface Interval {
  /** Of the rows themselves. */
  value: number;
  /** Lower bound. */
  low: number;
  /** Upper bound. */
  high: number;
}

/** What a task's probes are judged by. */
export const figureOf = ({ kind, labels }: Pick<ProbeTask, 'kind' | 'labels'>): ProbeFigure =>
  kind === 'similarity' ? 'spearman' : kind === 'tags' && labels.includes(OUTSIDE) ? 'f1' : 'accuracy';

/** Resamplings of rank correlations and F1, which take longer than means. */
const SAMPLES = 500;

/** Judges predictions of one part of a task: label indices, or numbers. */
export class Judge {
  readonly figure: ProbeFigure;
  readonly gold: readonly number[];
  private readonly outside: number;
  private readonly labels: readonly string[];
  private readonly rows: readonly ProbeRow[];

  constructor(task: ProbeTask, part: ProbePart) {
    this.figure = figureOf(task);
    this.labels = task.labels;
    this.outside = task.labels.indexOf(OUTSIDE);
    this.rows = task.parts[part];
    this.gold = targetsOf(this.rows);
  }

  /** The figure. A correlation with predictions that are all the same is 0. */
  value(predictions: ArrayLike<number>): number {
    if (this.figure === 'spearman') return orNone(spearman(predictions, this.gold));
    if (this.figure === 'accuracy') return this.accuracy(predictions);
    return f1Of(this.gold.map((_, row) => this.counts(predictions, row, row + 1)));
  }

  /** The figure with its interval; texts are resampled, of word labels with all their words. */
  interval(predictions: ArrayLike<number>, seed: number): Interval {
    const { gold } = this;
    let found;
    if (this.figure === 'accuracy' && this.rows.length === gold.length)
      found = bootstrapMean(this.hits(predictions), { seed });
    else if (this.figure === 'spearman')
      found = bootstrapStatistic(
        gold.length,
        (items) =>
          spearman(
            Float64Array.from(items, (i) => predictions[i]),
            Float64Array.from(items, (i) => gold[i]),
          ),
        { samples: SAMPLES, seed },
      );
    else {
      const texts = this.textCounts(predictions);
      found = bootstrapStatistic(texts.length, (items) => f1Of(Array.from(items, (i) => texts[i])), {
        samples: SAMPLES,
        seed,
      });
    }
    const value = this.value(predictions);
    // Predictions that are all the same have no correlation in any sample.
    return Number.isNaN(found.low) ? { value, low: value, high: value } : { value, low: found.low, high: found.high };
  }

  /** Share of rows whose label is right. */
  accuracy(predictions: ArrayLike<number>): number {
    return accuracy(this.gold, predictions);
  }

  /** Further figures of the same predictions, by name. */
  others(predictions: ArrayLike<number>): Record<string, number> {
    if (this.figure === 'spearman') return { pearson: orNone(pearson(predictions, this.gold)) };
    const report = classificationReport(this.gold, predictions, { labels: this.labels });
    return { ...(this.figure === 'f1' && { accuracy: report.accuracy }), macroF1: report.macroF1 };
  }

  private hits(predictions: ArrayLike<number>): number[] {
    return this.gold.map((target, row) => Number(predictions[row] === target));
  }

  /** Of each text: what its words add to F1, or to the accuracy of words. */
  private textCounts(predictions: ArrayLike<number>): Counts[] {
    let from = 0;
    return this.rows.map(({ target }) => {
      const to = from + (typeof target === 'number' ? 1 : target.length);
      const counts = this.counts(predictions, from, to);
      from = to;
      return counts;
    });
  }

  /** Where there is no `O` every word is predicted and to be found, so that F1 is the accuracy. */
  private counts(predictions: ArrayLike<number>, from: number, to: number): Counts {
    const counts = { right: 0, predicted: 0, wanted: 0 };
    for (let row = from; row < to; row++) {
      if (predictions[row] !== this.outside) counts.predicted++;
      if (this.gold[row] !== this.outside) counts.wanted++;
      if (this.gold[row] !== this.outside && predictions[row] === this.gold[row]) counts.right++;
    }
    return counts;
  }
}

interface Counts {
  right: number;
  predicted: number;
  wanted: number;
}

function f1Of(all: readonly Counts[]): number {
  const sum = { right: 0, predicted: 0, wanted: 0 };
  for (const { right, predicted, wanted } of all) {
    sum.right += right;
    sum.predicted += predicted;
    sum.wanted += wanted;
  }
  return sum.predicted + sum.wanted === 0 ? 0 : (2 * sum.right) / (sum.predicted + sum.wanted);
}

const orNone = (correlation: number): number => (Number.isNaN(correlation) ? 0 : correlation);
