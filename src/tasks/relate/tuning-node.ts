import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { sortLabels } from '../../data/dataset.ts';
import { noRelation } from '../../metrics/relations.ts';
import { classificationFeeds } from '../../training/classification.ts';
import { classificationHead } from '../../training/heads.ts';
import type { UnitBatch } from '../../training/units.ts';
import { labelWarnings } from '../describe-duplicates.ts';
import { fineTune, type TuningResult } from '../fine-tune-node.ts';
import { pick } from '../../core/pick.ts';
import type { DataReport, Labelled, Splits, Tuning, TuningOptions } from '../tuning.ts';
import { readLabelledPairs, type RelationFields } from './data-node.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';
import { NO_RELATION_KEY, relateTask, type RelateTypes, type RelationFacts } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Options of `fineTuneRelations`. */
export interface FineTuneRelateOptions extends TuningOptions, RelationFields {
  /** The label of no relation. Default: found by its usual names. */
  noRelation?: string;
  /** Share of the target spread over all labels. Default 0. */
  labelSmoothing?: number;
}

const DEFAULT_MAX_LENGTH = 128;
const FEWEST_STEPS = 600;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [3, 20];

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneRelations(
  options: FineTuneRelateOptions,
): Promise<TuningResult & { labels: readonly string[] }> {
  const { facts, ...result } = await fineTune(relateTuning, options);
  return { ...result, labels: facts.labels };
}

/** How relations are learned. */
export const relateTuning: Tuning<RelateTypes, FineTuneRelateOptions> = {
  task: relateTask,
  subject: 'fineTuneRelations',
  declared: FINE_TUNE_SETTINGS,
  defaults: {
    maxLength: DEFAULT_MAX_LENGTH,
    batchSize: 16,
    epochs: ({ units, batchSize }) =>
      Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((FEWEST_STEPS * batchSize) / units))),
  },
  read,
  texts: ({ text, head, tail }) => [text, `${head.start}-${head.end}`, `${tail.start}-${tail.end}`],
  label: (gold, { labels }) => labels[gold],
  stratified: () => true,
  describe,
  answers: ({ labels }) => ({
    head: 'sequenceClassification',
    labels,
    noun: 'classifier of relations',
    activity: 'classifying relations',
  }),
  head: (config, { labels }, { labelSmoothing }) =>
    classificationHead(config, {
      numLabels: labels.length,
      problemType: 'singleLabel',
      ...(labelSmoothing !== undefined && { labelSmoothing }),
    }),
  units: ({ pieces }, gold) => [{ pieces, target: gold, weight: 1 }],
  feeds: (batch, { labels }) =>
    classificationFeeds(batch as UnitBatch<number>, { problem: 'singleLabel', numLabels: labels.length }),
  asking: () => ({}),
  defaultMetric: () => 'macroF1',
  settings: (options, { labels, none }) => ({
    labels,
    ...(none !== undefined && { noRelation: none }),
    ...pick(options, ['labelSmoothing']),
  }),
  stored: ({ labels, none }) => ({
    labels: [...labels],
    problemType: 'single_label_classification',
    extra: none === undefined ? {} : { [NO_RELATION_KEY]: none },
  }),
  card: {
    name: 'Relations between mentions',
    description: (rows) =>
      `Fine-tuned on ${rows} with albertine: how two mentions of a text are related. Mentions are marked in the text: "@ first @", "# second #", with a type "@ * person * first @".`,
    use: [
      "import { RelationClassifier } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
      "const relations = await RelationClassifier.load('path/to/this/folder');",
      "const [{ label }] = await relations.predict([{ text: 'a text', head: { start: 0, end: 1 }, tail: { start: 2, end: 6 } }]);",
    ],
  },
};

async function read(
  path: string,
  options: FineTuneRelateOptions,
  facts?: RelationFacts,
): Promise<Labelled<RelateTypes>> {
  const { rows, report } = await readLabelledPairs(
    path,
    pick(options, ['textField', 'headField', 'tailField', 'labelField', ...FILE_OPTIONS]),
  );
  const labels = facts?.labels ?? sortLabels(new Set(rows.map(({ label }) => label!)));
  if (labels.length < 2)
    throw new AlbertineError(
      'invalid_data',
      `${path} has only one relation, ${JSON.stringify(labels[0])}: there is nothing to tell apart`,
      { value: labels },
    );
  const unknown = rows.find(({ label }) => !labels.includes(label!));
  if (unknown)
    throw new AlbertineError(
      'invalid_data',
      `${path}, row ${unknown.number}: the relation ${JSON.stringify(unknown.label)} is not among the known ones: ${labels.join(', ')}`,
      { value: unknown.label },
    );
  const none = facts ? facts.none : (options.noRelation ?? noRelation(labels));
  if (none !== undefined && !labels.includes(none))
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('noRelation')} is ${JSON.stringify(none)}, and no row has that label`,
      { value: none, hint: `There are ${labels.join(', ')}` },
    );
  return {
    rows: rows.map(({ input, label }) => ({ input, gold: labels.indexOf(label!) })),
    facts: { labels, none },
    report,
    remarks: [],
  };
}

function describe({ train, evaluation }: Splits<RelateTypes>): DataReport {
  const { labels, none } = train.facts;
  const count = ({ rows }: Labelled<RelateTypes>): Record<string, number> => {
    const counts: Record<string, number> = Object.fromEntries(labels.map((label) => [label, 0]));
    for (const { gold } of rows) counts[labels[gold]]++;
    return counts;
  };
  return {
    remarks: [
      `relations: ${labels.length}${none === undefined ? ', none of them means that there is none' : `, with ${JSON.stringify(none)} for none`}`,
    ],
    warnings: labelWarnings(labels),
    info: { classCounts: { train: count(train), evaluation: count(evaluation) } },
  };
}
