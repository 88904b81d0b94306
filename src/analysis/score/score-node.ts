import { AlbertineError, requireDistinct, requireOneOf } from '../../core/errors.ts';
import { hashLanes } from '../../core/hash.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { createRandom, sampleStream } from '../../core/random.ts';
import { pearson, spearman } from '../../metrics/correlation.ts';
import { cosine } from '../../metrics/similarity.ts';
import { bleu, type BleuTokenizer } from '../../metrics/text/bleu.ts';
import { chrf } from '../../metrics/text/chrf.ts';
import type { TextMetric } from '../../metrics/text/metric.ts';
import { rouge } from '../../metrics/text/rouge.ts';
import type { Albert } from '../../loaded/albert.ts';
import { scoreBaseline, type ScoreBaseline } from './baseline.ts';
import { IdfWeights } from './idf.ts';
import { usualLayer } from './layer.ts';
import { openPairs, requireRereadable, type PairFiles, type PairSource, type ScoreRow } from './pairs-node.ts';
import { AlbertScorer, type PairScoreOptions, type ScorerOptions } from './scorer.ts';
import { ScoreTotals, type ScoreSummary } from './summary.ts';

/** What texts can be scored by. */
export const SCORE_METRICS = ['albertscore', 'bleu', 'chrf', 'rouge1', 'rouge2', 'rougeL', 'cosine'] as const;
/** One of {@link SCORE_METRICS}. */
export type ScoreMetric = (typeof SCORE_METRICS)[number];

/** Options of {@link scoreFiles}. */
export interface ScoreFilesOptions extends PairFiles, Omit<ScorerOptions, 'idf' | 'layer'> {
  /**
   * A depth, or `auto`: the one whose F1 correlates best (Pearson) with `humanField`, over the first 1,000 rows. Default:
   * as of {@link AlbertScorer}.
   */
  layer?: number | 'auto';
  /** `references`: weights of tokens counted in the references; or a file of texts to count in. Default: none. */
  idf?: AsyncIterable<string> | 'references';
  /** A baseline; or `auto`: of references drawn at random. Default: scores as they are. */
  baseline?: ScoreBaseline | 'auto';
  /** Of several references. Default `best`. */
  several?: PairScoreOptions['several'];
  /** How BLEU cuts texts into tokens. Default `auto`: for each pair by whether a reference has Chinese. */
  bleuTokenizer?: BleuTokenizer;
  /** Default ALBERTScore alone. */
  metrics?: readonly ScoreMetric[];
  /** Told of every pair in order. */
  onRecord?: (record: ScoreRecord) => void | Promise<void>;
  /** Told about pairs that are done. */
  onProgress?: ProgressListener;
  /** Stops between groups of pairs with `interrupted`. */
  signal?: AbortSignal;
}

/** Figures of a pair: `precision`, `recall` and `f1` of ALBERTScore, the other metrics by their names. */
export type ScoreRecord = { index: number } & Record<string, number>;

/** Result of {@link scoreFiles}. */
export interface FilesScore extends ScoreSummary {
  /** Correlations of every depth with people, where one was chosen. */
  layers?: { layer: number; pearson: number; spearman: number }[];
  /** What scores were rescaled by. */
  baseline?: ScoreBaseline;
  /** Values of a metric, in the order of the pairs. */
  values: (name: string) => readonly number[];
}

/** Pairs that are computed at a time. */
const GROUP = 64;
const [JUDGED_ROWS, BASELINE_TEXTS, BASELINE_PAIRS] = [1000, 4000, 2000];

const TEXT_METRICS: Partial<Record<ScoreMetric, (options: Pick<ScoreFilesOptions, 'bleuTokenizer'>) => TextMetric>> = {
  bleu: ({ bleuTokenizer: tokenize }) => bleu({ ...(tokenize && { tokenize }) }),
  chrf: () => chrf(),
  rouge1: () => rouge({ variant: '1' }),
  rouge2: () => rouge({ variant: '2' }),
  rougeL: () => rouge({ variant: 'L' }),
};

/**
 * Scores candidates in files by references in files, which may be larger than memory: ALBERTScore, and metrics of words
 * beside it. Throws `invalid_data` for files of different lengths or rows that cannot be used, `invalid_argument` for
 * options that do not go together, `interrupted`.
 */
export async function scoreFiles(model: Albert, options: ScoreFilesOptions): Promise<FilesScore> {
  const { metrics = ['albertscore'], several, signal } = options;
  for (const name of metrics) requireOneOf('metrics', name, SCORE_METRICS);
  requireDistinct('metrics', metrics);
  const source = openPairs(options);
  for (const [name, value] of [
    ['idf', options.idf === 'references'],
    ['layer', options.layer === 'auto'],
    ['baseline', options.baseline === 'auto'],
  ] as const)
    if (value) requireRereadable(options, prose`${option(name)}`);
  const idf = await countIdf(model, source, options);
  const common = { ...pick(options, ['maxLength', 'batchTokens']), ...(idf && { idf }) };
  const layers = options.layer === 'auto' ? await judgeLayers(model, source, { common, several }) : undefined;
  const layer = layers ? layers.reduce((best, one) => (one.pearson > best.pearson ? one : best)).layer : options.layer;
  const scorer = AlbertScorer.from(model, { ...common, ...(typeof layer === 'number' && { layer }) });
  const baseline = options.baseline === 'auto' ? await drawBaseline(scorer, source) : options.baseline;
  const run = new ScoreRun(scorer, { metrics, several, baseline, ...pick(options, ['bleuTokenizer']) });
  const meter = new ProgressMeter(options.onProgress, { stage: 'scoring', unit: 'pairs' });
  const goOn = (): void => {
    if (signal?.aborted)
      throw new AlbertineError('interrupted', 'interrupted while pairs were scored', { cause: signal.reason });
  };
  for await (const group of groupsOf(source, GROUP)) {
    goOn();
    const records = await run.score(group);
    goOn();
    for (const record of records) await options.onRecord?.(record);
    meter.add(group.length);
  }
  meter.finish();
  if (run.pairs === 0) throw new AlbertineError('invalid_data', 'there is no pair to score', { value: 0 });
  return {
    ...run.summary(source.report().skipped),
    ...(layers && { layers }),
    ...(baseline && { baseline }),
    values: (name) => run.totals.of(name),
  };
}

type RunOptions = PairScoreOptions & { metrics: readonly ScoreMetric[] } & Pick<ScoreFilesOptions, 'bleuTokenizer'>;

/** Scores groups of pairs and keeps the totals. */
class ScoreRun {
  readonly totals = new ScoreTotals();
  pairs = 0;
  private emptyPairs = 0;
  private windowedTexts = 0;
  private readonly scorer: AlbertScorer;
  private readonly options: RunOptions;
  private readonly textMetrics: readonly TextMetric[];

  constructor(scorer: AlbertScorer, options: RunOptions) {
    this.scorer = scorer;
    this.options = options;
    this.textMetrics = options.metrics.flatMap((name) => TEXT_METRICS[name]?.(options) ?? []);
  }

  async score(rows: readonly ScoreRow[]): Promise<ScoreRecord[]> {
    const { metrics } = this.options;
    const records = rows.map((): ScoreRecord => ({ index: this.pairs++ }));
    if (metrics.includes('albertscore')) {
      const { scores, emptyPairs, windowedTexts } = await this.scorer.score(
        { candidates: rows.map(({ candidate }) => candidate), references: rows.map(({ references }) => references) },
        pick(this.options, ['several', 'baseline']),
      );
      this.emptyPairs += emptyPairs;
      this.windowedTexts += windowedTexts;
      scores.forEach((score, i) => this.note(records[i], { ...score }));
    }
    for (const metric of this.textMetrics) {
      rows.forEach(({ candidate, references }, i) => {
        const statistics = metric.statistics(candidate, references);
        this.totals.addStatistics(metric.name, statistics);
        this.note(records[i], { [metric.name]: metric.segment(statistics) });
      });
    }
    if (metrics.includes('cosine')) {
      const cosines = await sentenceCosines(this.scorer.model, rows);
      cosines.forEach((value, i) => this.note(records[i], { cosine: value }));
    }
    return records;
  }

  summary(skippedRows: number): ScoreSummary {
    const { emptyPairs, windowedTexts } = this;
    return {
      pairs: this.pairs,
      metrics: this.totals.summary(this.textMetrics.filter(({ name }) => !name.startsWith('rouge'))),
      emptyPairs,
      windowedTexts,
      skippedRows,
      ...(this.options.metrics.includes('albertscore') && {
        layer: this.scorer.layer,
        fingerprint: this.fingerprint,
      }),
      ...(this.options.metrics.includes('bleu') && { bleuTokenizer: this.options.bleuTokenizer ?? 'auto' }),
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

  private note(record: ScoreRecord, figures: Record<string, number>): void {
    for (const [name, value] of Object.entries(figures)) {
      record[name] = value;
      this.totals.add(name, value);
    }
  }
}

/** Of several references the nearest. */
async function sentenceCosines(model: Albert, rows: readonly ScoreRow[]): Promise<number[]> {
  const texts = [...new Set(rows.flatMap(({ candidate, references }) => [candidate, ...references]))];
  const matrix = await model.embed(texts);
  const rowOf = new Map(texts.map((text, i) => [text, i]));
  const vector = (text: string): Float32Array => matrix.row(rowOf.get(text)!);
  return rows.map(({ candidate, references }) =>
    references.reduce((most, text) => Math.max(most, cosine(vector(candidate), vector(text))), -1),
  );
}

async function countIdf(
  model: Albert,
  source: PairSource,
  { idf }: Pick<ScoreFilesOptions, 'idf'>,
): Promise<IdfWeights | undefined> {
  if (idf === undefined) return undefined;
  const weights = new IdfWeights(model.tokenizer);
  if (idf === 'references') for await (const { references } of source) for (const text of references) weights.add(text);
  else for await (const text of idf) weights.add(text);
  return weights;
}

/** Correlation of every depth's F1 with what people say. */
async function judgeLayers(
  model: Albert,
  source: PairSource,
  { common, several }: { common: ScorerOptions; several: PairScoreOptions['several'] },
): Promise<NonNullable<FilesScore['layers']>> {
  const rows: ScoreRow[] = [];
  for await (const row of source) if (rows.push(row) === JUDGED_ROWS) break;
  const people = rows.map(({ human }) => human);
  if (people.some((human) => human === undefined) || new Set(people).size < 2)
    throw new AlbertineError(
      'invalid_argument',
      'a layer can be chosen by numbers of people alone, and there are none',
      {
        value: usualLayer(model),
        option: 'layer',
        hint: 'Name their field, or give a depth',
      },
    );
  const found: NonNullable<FilesScore['layers']> = [];
  for (let layer = 1; layer <= model.config.numHiddenLayers; layer++) {
    const scorer = AlbertScorer.from(model, { ...common, layer });
    const { scores } = await scorer.score(
      { candidates: rows.map(({ candidate }) => candidate), references: rows.map(({ references }) => references) },
      { ...(several && { several }) },
    );
    const f1 = scores.map((score) => score.f1);
    found.push({ layer, pearson: pearson(f1, people as number[]), spearman: spearman(f1, people as number[]) });
  }
  return found;
}

/** A baseline of the file's own references. */
async function drawBaseline(scorer: AlbertScorer, source: PairSource): Promise<ScoreBaseline> {
  const all = (async function* (): AsyncGenerator<string> {
    for await (const { references } of source) yield* references;
  })();
  const texts = await sampleStream(all, BASELINE_TEXTS, createRandom(1));
  return await scoreBaseline(scorer, texts, { pairs: BASELINE_PAIRS });
}

async function* groupsOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
