import { AlbertineError, requireDistinct, requireOneOf } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { requireNotInterrupted } from '../../core/interrupt.ts';
import type { Albert } from '../../loaded/albert.ts';
import { ROUGE_TOKENS } from '../../metrics/text/rouge.ts';
import type { StatisticRows } from '../../metrics/text/metric.ts';
import type { ScoreBaseline } from './baseline.ts';
import { groupsOf, SCORE_BLOCK } from './groups.ts';
import { openPairs, type PairFiles, type ScoreRow } from './pairs-node.ts';
import { prepareScores, type PreparedScores } from './prepare-node.ts';
import { AlbertScorer, type PairScoreOptions, type ScorerOptions } from './scorer.ts';
import { ScoreRun, SCORE_METRICS, type ScoreMetric, type ScoreRecord, type WordOptions } from './score-run.ts';
import type { ScoreSummary } from './summary.ts';

/** Options of {@link scoreFiles}. */
export interface ScoreFilesOptions extends PairFiles, WordOptions, Omit<ScorerOptions, 'idf' | 'layer'> {
  /**
   * A depth, or `auto`: the one whose F1 correlates best (Pearson) with `humanField`, over the first 1,000 rows; where
   * the depths correlate negatively on the whole, as with error rates, the most negative one. Default: as of
   * {@link AlbertScorer}.
   */
  layer?: number | 'auto';
  /** `references`: weights of tokens counted in the references; or a file of texts to count in. Default: none. */
  idf?: AsyncIterable<string> | 'references';
  /** A baseline; or `auto`: of references drawn at random. Default: scores as they are. */
  baseline?: ScoreBaseline | 'auto';
  /** What {@link prepareScores} made of these three, in place of making it again. */
  prepared?: PreparedScores;
  /** Of several references. Default `best`. */
  several?: PairScoreOptions['several'];
  /** Default ALBERTScore alone. */
  metrics?: readonly ScoreMetric[];
  /** Keeps BLEU's and chrF's counts of every pair, for `corpusTest`. Default false. */
  keepStatistics?: boolean;
  /** Goes on after pairs that were scored before. */
  done?: ScoredBefore;
  /** Pairs there are, where that is known, for progress. */
  total?: number | undefined;
  /** Told of every pair in order, those of `done` aside. */
  onRecord?: (record: ScoreRecord) => void | Promise<void>;
  /** Told about pairs that are done. */
  onProgress?: ProgressListener;
  /** Stops between batches with `interrupted`. */
  signal?: AbortSignal;
}

/** The first pairs of files, as an earlier run with the same options told of them. */
export interface ScoredBefore {
  /** How many: a multiple of {@link SCORE_BLOCK}, or all. */
  count: number;
  /** Their records, in order. */
  records: AsyncIterable<ScoreRecord>;
}

/** Result of {@link scoreFiles}. */
export interface FilesScore extends ScoreSummary, Pick<PreparedScores, 'layers' | 'direction'> {
  /** What scores were rescaled by. */
  baseline?: ScoreBaseline;
  /** Values of a metric, in the order of the pairs. */
  values: (name: string) => readonly number[];
  /** Counts of BLEU or chrF, pair by pair, with `keepStatistics`. */
  statistics: (name: string) => StatisticRows | undefined;
}

/**
 * Scores candidates in files by references in files, which may be larger than memory: ALBERTScore, and metrics of words
 * beside it. Throws `invalid_data` for files of different lengths or rows that cannot be used, `invalid_argument` for
 * options that do not go together, `interrupted`.
 */
export async function scoreFiles(model: Albert, options: ScoreFilesOptions): Promise<FilesScore> {
  const { metrics = ['albertscore'], keepStatistics = false, signal, done, total } = options;
  requireScoreOptions(options);
  const source = openPairs(options);
  const { idf, layer, layers, direction, baseline } = options.prepared ?? (await prepareScores(model, options));
  const scorer = AlbertScorer.from(model, {
    ...pick(options, ['maxLength', 'batchTokens']),
    ...(idf && { idf }),
    ...(layer !== undefined && { layer }),
  });
  const run = new ScoreRun(scorer, {
    ...pick(options, ['bleuTokenizer', 'rougeTokens', 'rougeStemmer', 'several', 'signal']),
    metrics,
    keepStatistics,
    baseline,
  });
  const meter = new ProgressMeter(options.onProgress, {
    stage: 'scoring',
    unit: 'pairs',
    ...(total !== undefined && { total }),
    alreadyDone: done?.count ?? 0,
  });
  const before = done?.records[Symbol.asyncIterator]();
  for await (const group of groupsOf(source)) {
    requireNotInterrupted(signal);
    if (run.pairs % SCORE_BLOCK === 0) scorer.forget();
    if (before && run.pairs < done!.count) {
      run.restore(group, await recordsOf(before, group));
      continue;
    }
    const records = await run.score(group);
    requireNotInterrupted(signal);
    for (const record of records) await options.onRecord?.(record);
    meter.add(group.length);
  }
  meter.finish();
  if (run.pairs === 0) throw new AlbertineError('invalid_data', 'there is no pair to score', { value: 0 });
  if (done && run.pairs < done.count) throw fewerPairs(run.pairs);
  return {
    ...run.summary(source.report().skipped),
    ...(layers && { layers }),
    ...(direction && { direction }),
    ...(baseline && { baseline }),
    values: (name) => run.totals.of(name),
    statistics: (name) => run.totals.statistics(name),
  };
}

/** Throws `invalid_argument` for values of options that there are not. */
function requireScoreOptions(options: ScoreFilesOptions): void {
  const { metrics = [], rougeTokens } = options;
  for (const name of metrics) requireOneOf('metrics', name, SCORE_METRICS);
  requireDistinct('metrics', metrics);
  if (rougeTokens !== undefined) requireOneOf('rougeTokens', rougeTokens, ROUGE_TOKENS);
}

/** The records of a group of pairs. */
async function recordsOf(before: AsyncIterator<ScoreRecord>, group: readonly ScoreRow[]): Promise<ScoreRecord[]> {
  const records: ScoreRecord[] = [];
  while (records.length < group.length) {
    const { done, value } = await before.next();
    if (done) throw fewerPairs(records.length);
    records.push(value);
  }
  return records;
}

const fewerPairs = (count: number): AlbertineError =>
  new AlbertineError('invalid_data', 'the pairs that were scored before are not those of these files', {
    value: count,
    hint: 'Start again',
  });
