import { rounded } from '../../core/decimal.ts';
import { AlbertineError } from '../../core/errors.ts';
import { hashLanes } from '../../core/hash.ts';
import { pick } from '../../core/pick.ts';
import type { Albert } from '../../loaded/albert.ts';
import { embeddingFingerprint, planEmbedding } from '../../loaded/embed-plan.ts';
import { cosine } from '../../metrics/similarity.ts';
import { bleu, type BleuTokenizer } from '../../metrics/text/bleu.ts';
import { chrf } from '../../metrics/text/chrf.ts';
import type { TextMetric } from '../../metrics/text/metric.ts';
import { rouge, type RougeOptions, type RougeVariant } from '../../metrics/text/rouge.ts';
import { pairsOf } from './groups.ts';
import type { ScoreRow } from './pairs-node.ts';
import type { AlbertScorer, PairScoreOptions } from './scorer.ts';
import { ScoreTotals, type ScoreSummary } from './summary.ts';

/** What texts can be scored by. */
export const SCORE_METRICS = [
  'albertscore',
  'bleu',
  'chrf',
  'rouge1',
  'rouge2',
  'rougeL',
  'rougeLsum',
  'cosine',
] as const;
/** One of {@link SCORE_METRICS}. */
export type ScoreMetric = (typeof SCORE_METRICS)[number];

/** Figures of a pair, of seven digits: `precision`, `recall` and `f1` of ALBERTScore, the other metrics by their names. */
export type ScoreRecord = { index: number } & Record<string, number>;

/** How metrics of words are counted. */
export interface WordOptions {
  /** How BLEU cuts texts into tokens. Default `auto`: for each pair by whether a reference has Chinese. */
  bleuTokenizer?: BleuTokenizer;
  /** What ROUGE counts. Default `auto`: characters where a reference has Chinese, else English words. */
  rougeTokens?: NonNullable<RougeOptions['tokens']>;
  /** Whether ROUGE counts English words by their stems. Default false. */
  rougeStemmer?: boolean;
}

/** Options of a {@link ScoreRun}. */
export interface RunOptions extends WordOptions, PairScoreOptions {
  metrics: readonly ScoreMetric[];
  keepStatistics: boolean;
}

const ALBERTSCORE = ['precision', 'recall', 'f1'] as const;

/** The metric of words of a name; undefined for those of models. */
export function wordMetric(name: ScoreMetric, options: WordOptions): TextMetric | undefined {
  const { bleuTokenizer: tokenize, rougeTokens: tokens, rougeStemmer: stemmer } = options;
  if (name === 'bleu') return bleu({ ...(tokenize && { tokenize }) });
  if (name === 'chrf') return chrf();
  if (!name.startsWith('rouge')) return undefined;
  const variant = name.slice('rouge'.length) as RougeVariant;
  return rouge({ variant, ...(tokens && { tokens }), ...(stemmer !== undefined && { stemmer }) });
}

/** Whether a metric's figure of many segments is no mean of theirs. */
export const hasCorpusFigure = (name: ScoreMetric): boolean => name === 'bleu' || name === 'chrf';

/** Scores groups of pairs and keeps the totals. */
export class ScoreRun {
  readonly totals: ScoreTotals;
  pairs = 0;
  private emptyPairs = 0;
  private windowedTexts = 0;
  private readonly scorer: AlbertScorer;
  private readonly options: RunOptions;
  private readonly words: readonly { metric: TextMetric; hasCorpus: boolean }[];

  constructor(scorer: AlbertScorer, options: RunOptions) {
    this.scorer = scorer;
    this.options = options;
    this.totals = new ScoreTotals(options.keepStatistics);
    this.words = options.metrics.flatMap((name) => {
      const metric = wordMetric(name, options);
      return metric ? [{ metric, hasCorpus: hasCorpusFigure(name) }] : [];
    });
  }

  /** Scores the next pairs. */
  async score(rows: readonly ScoreRow[]): Promise<ScoreRecord[]> {
    const { metrics, signal } = this.options;
    const records = rows.map((): ScoreRecord => ({ index: this.pairs++ }));
    if (metrics.includes('albertscore')) {
      const { scores, ...remarks } = await this.scorer.score(
        pairsOf(rows),
        pick(this.options, ['several', 'baseline', 'signal']),
      );
      this.remark(remarks);
      scores.forEach((score, i) => this.note(records[i], { ...score }));
    }
    this.countWords(rows, records);
    if (metrics.includes('cosine')) {
      const cosines = await sentenceCosines(this.scorer.model, rows, signal);
      cosines.forEach((value, i) => this.note(records[i], { cosine: value }));
    }
    return records;
  }

  /**
   * Takes the next pairs as they were scored before. What a model made is taken from the records; counts of words are
   * made anew, because corpus figures need them. Throws `invalid_data` for records of other metrics.
   */
  restore(rows: readonly ScoreRow[], records: readonly ScoreRecord[]): void {
    const { metrics } = this.options;
    const names = metrics.includes('albertscore') ? ALBERTSCORE : [];
    const own = records.map(({ index }): ScoreRecord => ({ index }));
    if (names.length > 0) this.remark(this.scorer.inspect(pairsOf(rows)));
    records.forEach((record, i) => this.note(own[i], figuresOf(record, names)));
    this.countWords(rows, own);
    if (metrics.includes('cosine')) records.forEach((record, i) => this.note(own[i], figuresOf(record, ['cosine'])));
    this.pairs += rows.length;
  }

  /** Figures over all pairs so far. */
  summary(skippedRows: number): ScoreSummary {
    const { emptyPairs, windowedTexts, words } = this;
    const { metrics } = this.options;
    return {
      pairs: this.pairs,
      metrics: this.totals.summary(words.map(({ metric }) => metric)),
      emptyPairs,
      windowedTexts,
      skippedRows,
      ...(metrics.includes('albertscore') && { layer: this.scorer.layer, fingerprint: this.fingerprint }),
      ...(metrics.includes('cosine') && { cosineFingerprint: cosineFingerprint(this.scorer.model) }),
      ...(words.length > 0 && {
        signatures: Object.fromEntries(words.map(({ metric }) => [metric.name, metric.signature])),
      }),
    };
  }

  /** Of the scorer, and of what was done with its scores. */
  private get fingerprint(): string {
    const { several = 'best', baseline } = this.options;
    const numbers = baseline && Float64Array.of(baseline.precision, baseline.recall, baseline.f1);
    const zero = numbers && hashLanes(new Uint32Array(numbers.buffer))[0] >>> 0;
    return [
      this.scorer.fingerprint,
      ...(several === 'mean' ? ['several=mean'] : []),
      ...(zero === undefined ? [] : [`rescaled=${zero.toString(16).padStart(8, '0')}`]),
    ].join(';');
  }

  private countWords(rows: readonly ScoreRow[], records: readonly ScoreRecord[]): void {
    for (const { metric, hasCorpus } of this.words)
      rows.forEach(({ candidate, references }, i) => {
        const statistics = metric.statistics(candidate, references);
        if (hasCorpus) this.totals.addStatistics(metric.name, statistics);
        this.note(records[i], { [metric.name]: metric.segment(statistics) });
      });
  }

  private remark({ emptyPairs, windowedTexts }: { emptyPairs: number; windowedTexts: number }): void {
    this.emptyPairs += emptyPairs;
    this.windowedTexts += windowedTexts;
  }

  private note(record: ScoreRecord, figures: Record<string, number>): void {
    for (const [name, value] of Object.entries(figures)) {
      // Totals are of what is written, so that they can be had again from there.
      record[name] = rounded(value);
      this.totals.add(name, record[name]);
    }
  }
}

function figuresOf(record: ScoreRecord, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    names.map((name) => {
      const value: unknown = record[name];
      if (typeof value === 'number') return [name, value];
      throw new AlbertineError('invalid_data', `the scores of before have no ${JSON.stringify(name)}`, {
        value: record,
        hint: 'Start again',
      });
    }),
  );
}

/** Of several references the nearest. */
async function sentenceCosines(
  model: Albert,
  rows: readonly ScoreRow[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const texts = [...new Set(rows.flatMap(({ candidate, references }) => [candidate, ...references]))];
  const matrix = await model.embed(texts, { ...(signal && { signal }) });
  const rowOf = new Map(texts.map((text, i) => [text, i]));
  const vector = (text: string): Float32Array => matrix.row(rowOf.get(text)!);
  return rows.map(({ candidate, references }) =>
    references.reduce((most, text) => Math.max(most, cosine(vector(candidate), vector(text))), -1),
  );
}

const cosineFingerprint = (model: Albert): string => embeddingFingerprint(model, planEmbedding(model, {}));
