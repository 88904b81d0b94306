import { AlbertineError } from '../../core/errors.ts';
import { countOf } from '../../core/count.ts';
import { classificationFeeds } from '../../training/classification.ts';
import { classificationHead, optionsHead } from '../../training/heads.ts';
import type { Unit, UnitBatch } from '../../training/units.ts';
import { fineTune, type TuningResult } from '../fine-tune-node.ts';
import { optionFeeds } from '../option-pieces.ts';
import { pick } from '../../core/pick.ts';
import type { Labelled, Tuning, TuningOptions } from '../tuning.ts';
import { openRankings, type RankFields } from './data-node.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';
import { rankTask, type RankTypes } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Options of `fineTuneRanker`. */
export interface FineTuneRankOptions extends TuningOptions, RankFields {
  /**
   * `listwise` (default): a softmax over the candidates of a query, against their share of the relevance; `pointwise`:
   * each candidate by itself, relevant or not.
   */
  loss?: 'listwise' | 'pointwise';
}

const FEWEST_STEPS = 600;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [2, 10];

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneRanker(options: FineTuneRankOptions): Promise<TuningResult> {
  return await fineTune(rankTuning, options);
}

/** How ranking is learned. */
export const rankTuning: Tuning<RankTypes, FineTuneRankOptions> = {
  task: rankTask,
  subject: 'fineTuneRanker',
  declared: FINE_TUNE_SETTINGS,
  defaults: {
    maxLength: 256,
    batchSize: 8,
    epochs: ({ units, batchSize }) =>
      Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((FEWEST_STEPS * batchSize) / units))),
  },
  read,
  texts: ({ query, candidates }) => [query, ...candidates],
  answers: () => ({ head: 'sequenceClassification', labels: 'number', noun: 'ranker', activity: 'ranking' }),
  head: (config, _, { loss = 'listwise' }) =>
    loss === 'listwise'
      ? optionsHead(config, 'sequenceClassification')
      : classificationHead(config, { numLabels: 1, problemType: 'multiLabel' }),
  units: ({ pieces }, gold, { options: { loss = 'listwise' } }) =>
    loss === 'listwise'
      ? [{ pieces, target: sharesOf(gold), weight: 1 }]
      : pieces.map((piece, i): Unit => ({ pieces: [piece], target: gold[i] > 0 ? [0] : [], weight: 1 })),
  feeds: (batch, _, { loss = 'listwise' }) =>
    loss === 'listwise'
      ? optionFeeds(batch, (query) => batch.units[query].target as number[])
      : classificationFeeds(batch as UnitBatch<number[]>, { problem: 'multiLabel', numLabels: 1 }),
  asking: () => ({ longText: 'truncate' }),
  defaultMetric: () => 'mrr',
  settings: ({ loss = 'listwise' }) => ({ loss }),
  // As the cross-encoders of sentence-transformers are saved: one output, and no problem type that would make
  // transformers take it for a regression.
  stored: () => ({ labels: ['LABEL_0'] }),
  card: {
    name: 'Ranker',
    description: (rows) => `Fine-tuned on ${rows} with albertine: ranks texts for a query, which are read together.`,
    use: [
      "import { Reranker } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
      "const ranker = await Reranker.load('path/to/this/folder');",
      "const [{ candidate, score }] = await ranker.rank('a query', ['a text', 'another']);",
    ],
  },
};

async function read(path: string, options: FineTuneRankOptions, facts?: object): Promise<Labelled<RankTypes>> {
  const source = openRankings(
    path,
    pick(options, ['queryField', 'candidatesField', 'textField', 'labelField', ...FILE_OPTIONS]),
    { labelled: true },
  );
  const all: { input: RankTypes['input']; gold: readonly number[] }[] = [];
  for await (const { input, gold } of source) all.push({ input, gold: gold! });
  // Where every candidate is as good as the others, or there is one alone, there is no order to learn or to judge.
  const rows = all.filter(({ gold }) => gold.length > 1 && gold.some((gain) => gain !== gold[0]));
  if (rows.length === 0) {
    const [first] = source.report.issues;
    throw new AlbertineError('invalid_data', `${path} has no query with relevant and irrelevant candidates`, {
      value: path,
      hint: first ? `The first bad row is ${first.row}: ${first.reason}` : 'Rows of a query must stand together',
    });
  }
  return {
    rows,
    facts: facts ?? {},
    report: source.report,
    remarks:
      all.length > rows.length
        ? [`${countOf(all.length - rows.length, 'query')} left out, whose candidates are all alike or one alone`]
        : [],
  };
}

/** Relevance as shares that add up to 1. */
function sharesOf(gold: readonly number[]): number[] {
  const total = gold.reduce((sum, gain) => sum + gain, 0);
  return gold.map((gain) => gain / total);
}
