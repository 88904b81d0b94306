import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { createRandom, sampleStream } from '../../core/random.ts';
import type { Albert } from '../../loaded/albert.ts';
import { requireNotInterrupted } from '../../core/interrupt.ts';
import { pearson, spearman } from '../../metrics/correlation.ts';
import { scoreBaseline, type ScoreBaseline } from './baseline.ts';
import { groupsOf, pairsOf } from './groups.ts';
import { IdfWeights } from './idf.ts';
import { openPairs, requireRereadable, type PairSource, type ScoreRow } from './pairs-node.ts';
import type { ScoreFilesOptions } from './score-node.ts';
import { AlbertScorer, type ScorerOptions } from './scorer.ts';

/** What has to be known of all texts before the first pair can be scored. */
export interface PreparedScores {
  /** Weights of tokens. */
  idf?: IdfWeights;
  /** Depth; undefined is the model's usual one. */
  layer?: number;
  /** Correlations of every depth with people, where one was chosen; NaN where F1 does not vary. */
  layers?: { layer: number; pearson: number; spearman: number }[];
  /** Whether a depth was chosen by numbers that are higher for better texts, or lower (error rates). */
  direction?: 'higher' | 'lower';
  /** What scores are rescaled by. */
  baseline?: ScoreBaseline;
}

/** Rows by which a depth is chosen, references that a baseline is drawn from, and its pairs. */
const [JUDGED_ROWS, BASELINE_TEXTS, BASELINE_PAIRS] = [1000, 4000, 2000];

/**
 * Counts token weights, chooses the depth and draws the baseline, as the options ask. `known` is what an earlier run
 * with the same options and files chose; weights are counted again. Throws `invalid_argument` for standard input that
 * would be read twice.
 */
export async function prepareScores(
  model: Albert,
  options: ScoreFilesOptions,
  known?: Omit<PreparedScores, 'idf'>,
): Promise<PreparedScores> {
  for (const [name, value] of [
    ['idf', options.idf === 'references'],
    ['layer', options.layer === 'auto'],
    ['baseline', options.baseline === 'auto'],
  ] as const)
    if (value) requireRereadable(options, prose`${option(name)}`);
  const source = watched(openPairs(options), options.signal);
  const idf = await countIdf(model, source, options);
  const chosen = {
    ...(idf && { idf }),
    ...(typeof options.layer === 'number' && { layer: options.layer }),
    ...(options.layer === 'auto' && !known && (await chooseLayer(model, source, { options, idf }))),
    ...known,
  };
  if (options.baseline === undefined || chosen.baseline) return chosen;
  const { layer } = chosen;
  const scorer = AlbertScorer.from(model, scorerOptions(options, { idf, layer }));
  const baseline = options.baseline === 'auto' ? await drawBaseline(scorer, source, options) : options.baseline;
  return { ...chosen, baseline };
}

const scorerOptions = (
  options: ScoreFilesOptions,
  { idf, layer }: { idf: IdfWeights | undefined; layer: number | undefined },
): ScorerOptions => ({
  ...pick(options, ['maxLength', 'batchTokens']),
  ...(idf && { idf }),
  ...(layer !== undefined && { layer }),
});

/** The same pairs, until the signal is aborted. */
function watched(source: PairSource, signal: AbortSignal | undefined): AsyncIterable<ScoreRow> {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const row of source) {
        requireNotInterrupted(signal);
        yield row;
      }
    },
  };
}

async function countIdf(
  model: Albert,
  source: AsyncIterable<ScoreRow>,
  { idf, onProgress, total, signal }: ScoreFilesOptions,
): Promise<IdfWeights | undefined> {
  if (idf === undefined) return undefined;
  const weights = new IdfWeights(model.tokenizer);
  const isOwn = idf === 'references';
  const meter = new ProgressMeter(onProgress, {
    stage: 'counting tokens',
    unit: isOwn ? 'pairs' : 'texts',
    ...(isOwn && total !== undefined && { total }),
  });
  if (isOwn)
    for await (const { references } of source) {
      for (const text of references) weights.add(text);
      meter.add(1);
    }
  else
    for await (const text of idf) {
      requireNotInterrupted(signal);
      weights.add(text);
      meter.add(1);
    }
  meter.finish();
  return weights;
}

/** The depth whose F1 goes best with what people say, in the direction in which the depths go on the whole. */
async function chooseLayer(
  model: Albert,
  source: AsyncIterable<ScoreRow>,
  { options, idf }: { options: ScoreFilesOptions; idf: IdfWeights | undefined },
): Promise<Pick<PreparedScores, 'layer' | 'layers' | 'direction'>> {
  const rows: ScoreRow[] = [];
  for await (const row of source) if (rows.push(row) === JUDGED_ROWS) break;
  const people = rows.map(({ human }) => human);
  if (people.some((human) => human === undefined) || new Set(people).size < 2)
    throw new AlbertineError(
      'invalid_argument',
      options.humanField === undefined
        ? 'a layer can be chosen by numbers of people alone, and there are none'
        : 'a layer cannot be chosen: the numbers of people are all the same',
      { value: options.humanField ?? null, option: 'layer', hint: 'Name a field of such numbers, or give a depth' },
    );
  const depth = model.config.numHiddenLayers;
  const layers: NonNullable<PreparedScores['layers']> = [];
  const meter = new ProgressMeter(options.onProgress, { stage: 'choosing a layer', unit: 'layers', total: depth });
  for (let layer = 1; layer <= depth; layer++) {
    const f1 = await f1Of(AlbertScorer.from(model, scorerOptions(options, { idf, layer })), rows, options);
    layers.push({ layer, pearson: pearson(f1, people as number[]), spearman: spearman(f1, people as number[]) });
    meter.add(1);
  }
  meter.finish();
  const defined = layers.filter((one) => !Number.isNaN(one.pearson));
  if (defined.length === 0)
    throw new AlbertineError('invalid_data', 'a layer cannot be chosen: every pair scores the same', {
      value: rows.length,
      hint: 'Give a depth',
    });
  const sign = defined.reduce((sum, one) => sum + one.pearson, 0) < 0 ? -1 : 1;
  const { layer } = defined.reduce((best, one) => (sign * one.pearson > sign * best.pearson ? one : best));
  return { layer, layers, direction: sign < 0 ? 'lower' : 'higher' };
}

async function f1Of(scorer: AlbertScorer, rows: readonly ScoreRow[], options: ScoreFilesOptions): Promise<number[]> {
  const found: number[] = [];
  for await (const group of groupsOf(rows)) {
    const { scores } = await scorer.score(pairsOf(group), pick(options, ['several', 'signal']));
    found.push(...scores.map(({ f1 }) => f1));
  }
  return found;
}

/** A baseline of the file's own references. */
async function drawBaseline(
  scorer: AlbertScorer,
  source: AsyncIterable<ScoreRow>,
  options: ScoreFilesOptions,
): Promise<ScoreBaseline> {
  const all = (async function* (): AsyncGenerator<string> {
    for await (const { references } of source) yield* references;
  })();
  const texts = await sampleStream(all, BASELINE_TEXTS, createRandom(1));
  return await scoreBaseline(scorer, texts, {
    pairs: BASELINE_PAIRS,
    ...pick(options, ['onProgress', 'signal']),
  });
}
