import { bootstrapMean, normalMean, type MeanInterval } from '../../metrics/resampling.ts';
import { addStatistics, StatisticRows, type TextMetric } from '../../metrics/text/metric.ts';

/** A figure over all pairs. */
export interface MetricSummary extends MeanInterval {
  /** Of metrics that are not a mean of their segments: BLEU, chrF. */
  corpus?: number;
}

/** What was scored, in figures. */
export interface ScoreSummary {
  /** Pairs scored. */
  pairs: number;
  /** By name: mean over pairs with its 95 % interval, by the bootstrap up to 50,000 pairs and else the normal one. */
  metrics: Record<string, MetricSummary>;
  /** Candidates that score 0, because they or all of their references have no token. */
  emptyPairs: number;
  /** Texts that were read in several windows, counted in each group of pairs. */
  windowedTexts: number;
  /** Rows that were left out. */
  skippedRows: number;
  /** Of metrics of words by name: how they were counted. */
  signatures?: Record<string, string>;
  /** Of the sentence vectors of `cosine`. */
  cosineFingerprint?: string;
  /** Of ALBERTScore: model, layer, windows, weights, baseline. */
  fingerprint?: string;
  /** Depth whose states were compared. */
  layer?: number;
}

/** Of more values drawing again takes minutes and comes to the normal interval. */
const MOST_RESAMPLED = 50_000;
const intervalOf = (values: readonly number[]): MeanInterval =>
  values.length > MOST_RESAMPLED ? normalMean(values) : bootstrapMean(values);

/** Gathers the figures of pairs: eight bytes a pair and metric, and four a count that is kept. */
export class ScoreTotals {
  private readonly values = new Map<string, number[]>();
  private readonly sums = new Map<string, number[]>();
  private readonly rows: Map<string, StatisticRows> | undefined;

  /** `keepStatistics`: keeps the counts of every pair, for {@link ScoreTotals.statistics}. */
  constructor(keepStatistics = false) {
    this.rows = keepStatistics ? new Map() : undefined;
  }

  /** A figure of the next pair. */
  add(name: string, value: number): void {
    const values = this.values.get(name);
    if (values) values.push(value);
    else this.values.set(name, [value]);
  }

  /** Counts of the next pair, for a corpus figure. */
  addStatistics(name: string, statistics: readonly number[]): void {
    const sums = this.sums.get(name) ?? [];
    addStatistics(sums, statistics);
    this.sums.set(name, sums);
    if (!this.rows) return;
    const rows = this.rows.get(name) ?? new StatisticRows();
    rows.add(statistics);
    this.rows.set(name, rows);
  }

  /** Counts of a metric, pair by pair, where they are kept. */
  statistics(name: string): StatisticRows | undefined {
    return this.rows?.get(name);
  }

  /** Values of a metric, in the order of the pairs. */
  of(name: string): readonly number[] {
    return this.values.get(name) ?? [];
  }

  /** Means with intervals, and corpus figures of `metrics`. */
  summary(metrics: readonly TextMetric[]): Record<string, MetricSummary> {
    return Object.fromEntries(
      [...this.values].map(([name, values]) => {
        const metric = metrics.find((one) => one.name === name);
        const sums = this.sums.get(name);
        return [name, { ...intervalOf(values), ...(metric && sums && { corpus: metric.corpus(sums, values.length) }) }];
      }),
    );
  }
}
