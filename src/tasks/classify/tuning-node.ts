import { openModel } from '../../loaded/load-node.ts';
import { AlbertineError } from '../../core/errors.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { classifyByWords } from '../../classical/words-classifier.ts';
import { readExamples } from '../../data/dataset-node.ts';
import type { Example, ExampleSet, ProblemType } from '../../data/dataset.ts';
import { classificationReport, confusionMatrix } from '../../metrics/classification.ts';
import { classificationFeeds } from '../../training/classification.ts';
import { classificationHead } from '../../training/heads.ts';
import type { RunInfo } from '../../training/report/run-record.ts';
import type { UnitBatch } from '../../training/units.ts';
import { labelWarnings } from '../describe-duplicates.ts';
import { fineTune } from '../fine-tune-node.ts';
import { pick } from '../../core/pick.ts';
import type { Aftermath, DataReport, Labelled, Splits, Tuning } from '../tuning.ts';
import { describeBound, fitTemperature } from './calibrate.ts';
import { CLASSIFIER_KEYS, TextClassifier } from './classifier.ts';
import { describeClasses, describeMultiLabels } from './label-balance.ts';
import type { FineTuneOptions, FineTuneResult } from './options.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';
import { bestClass, classifyTask, type ClassifierFacts, type ClassifierInput, type ClassifyTypes } from './task.ts';

export type { FineTuneOptions, FineTuneResult } from './options.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Longest input by default: most labelled texts are shorter, and attention's memory grows with the square. */
const DEFAULT_MAX_LENGTH = 256;
/** Passes over the rows: at least three, and more of few rows or for many labels, until there are enough steps. */
const [FEWEST_EPOCHS, MOST_EPOCHS] = [3, 20];
const FEWEST_STEPS = 200;
const STEPS_PER_LABEL = 6;
const HUGGING_FACE_PROBLEM = {
  singleLabel: 'single_label_classification',
  multiLabel: 'multi_label_classification',
  regression: 'regression',
} as const;
const DEFAULT_METRIC = { singleLabel: 'accuracy', multiLabel: 'macroF1', regression: 'spearman' } as const;

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneClassifier(options: FineTuneOptions): Promise<FineTuneResult> {
  const { facts, extra, baseline, ...result } = await fineTune(classifyTuning, options);
  const temperature = extra[CLASSIFIER_KEYS.temperature];
  return {
    ...result,
    labels: [...facts.labels],
    ...(baseline && { baseline: baseline as FineTuneResult['baseline'] & object }),
    ...(typeof temperature === 'number' && { temperature }),
  };
}

/** How a classifier is learned. */
export const classifyTuning: Tuning<ClassifyTypes, FineTuneOptions> = {
  task: classifyTask,
  subject: 'fineTuneClassifier',
  declared: FINE_TUNE_SETTINGS,
  defaults: { maxLength: DEFAULT_MAX_LENGTH, batchSize: 32, epochs: defaultEpochs },
  check: requireSingleLabel,
  read,
  texts: (input) =>
    typeof input === 'string' ? [input] : input.pair === undefined ? [input.text] : [input.text, input.pair],
  label: (gold, facts) => labelText(gold, facts),
  contradict: ({ problem }) => problem !== 'regression',
  stratified: ({ problem = 'singleLabel' }) => problem === 'singleLabel',
  requireUsable: requireEveryLabel,
  describe: describeLabels,
  answers: ({ problem, labels }) => ({
    head: 'sequenceClassification',
    labels: problem === 'regression' ? 'number' : labels,
    noun: 'classifier',
    activity: 'classification',
    problem,
  }),
  head: (config, { problem, labels }, { labelSmoothing }) =>
    classificationHead(config, {
      numLabels: outputs(problem, labels),
      problemType: problem,
      ...(labelSmoothing !== undefined && { labelSmoothing }),
    }),
  units: ({ pieces }, gold, { facts, options, train }) => [
    {
      pieces,
      target: gold,
      weight:
        facts.problem === 'singleLabel'
          ? classWeight(gold as number, { facts, options, train })
          : outputs(facts.problem, facts.labels),
    },
  ],
  feeds: (batch, { problem, labels }) =>
    classificationFeeds(batch as UnitBatch<number | number[]>, { problem, numLabels: outputs(problem, labels) }),
  asking: () => ({ longText: 'truncate' }),
  defaultMetric: ({ problem }) => DEFAULT_METRIC[problem],
  settings: (options, { problem, labels }) => ({
    problem,
    labels,
    ...pick(options, ['labelSmoothing', 'balanceClasses']),
  }),
  baseline: baselineOf,
  stored: ({ problem, labels }, { pairField }) => ({
    problemType: HUGGING_FACE_PROBLEM[problem],
    // One output needs one name in config.json: without names, transformers expects two outputs and cannot load the
    // weights.
    labels: problem === 'regression' ? ['LABEL_0'] : [...labels],
    extra: { [CLASSIFIER_KEYS.pairs]: pairField !== undefined },
  }),
  card: {
    name: 'Text classifier',
    description: (rows) => `Fine-tuned on ${rows} with albertine.`,
    use: [
      "import { TextClassifier } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
      "const classifier = await TextClassifier.load('path/to/this/folder');",
      "const [{ label, score }] = await classifier.predict(['a text']);",
    ],
  },
  open: async (folder, options) => TextClassifier.open(await openModel(folder), pick(options, ['threads'])),
  finish,
};

const outputs = (problem: ProblemType, labels: readonly string[]): number =>
  problem === 'regression' ? 1 : labels.length;

const labelText = (gold: number | number[], { problem, labels }: ClassifierFacts): string =>
  problem === 'regression'
    ? String(gold)
    : Array.isArray(gold)
      ? gold
          .map((index) => labels[index])
          .sort()
          .join('+')
      : labels[gold];

function requireSingleLabel({
  problem = 'singleLabel',
  labelSmoothing,
  balanceClasses,
  calibrate,
}: FineTuneOptions): void {
  if (problem === 'singleLabel') return;
  const given = [labelSmoothing && 'labelSmoothing', balanceClasses && 'balanceClasses', calibrate && 'calibrate'].find(
    Boolean,
  );
  if (given)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(given)} needs a single-label problem, this one is ${problem}`,
      { value: problem, option: given },
    );
}

async function read(path: string, options: FineTuneOptions, facts?: ClassifierFacts): Promise<Labelled<ClassifyTypes>> {
  const problem = facts?.problem ?? options.problem ?? 'singleLabel';
  const set = await readExamples(path, {
    ...pick(options, ['textField', 'pairField', 'labelField', 'labelSeparator', ...FILE_OPTIONS]),
    problem,
    ...(facts && problem !== 'regression' && { labels: facts.labels }),
  });
  if (!facts && problem !== 'regression' && set.labels.length < 2) {
    throw new AlbertineError(
      'invalid_data',
      `${path} has only one label, ${JSON.stringify(set.labels[0])}: there is nothing to tell apart`,
      { value: set.labels },
    );
  }
  return labelled(
    set,
    facts ?? { labels: set.labels, problem, temperature: 1, pairs: options.pairField !== undefined },
  );
}

/** Examples as the task takes them. */
export function labelled(
  set: Pick<ExampleSet, 'examples' | 'report'>,
  facts: ClassifierFacts,
): Labelled<ClassifyTypes> {
  return {
    rows: set.examples.map((example) => ({ input: inputOf(example), gold: example.target })),
    facts,
    report: set.report,
    remarks: [],
  };
}

const inputOf = ({ text, pair }: Example): ClassifierInput => ({ text, ...(pair !== undefined && { pair }) });

/** Leaving rows out must not leave a label without any. */
function requireEveryLabel(train: Labelled<ClassifyTypes>, path: string): void {
  if (train.facts.problem === 'regression') return;
  const missing = Object.entries(countLabels(train))
    .filter(([, count]) => count === 0)
    .map(([label]) => label);
  if (missing.length > 0)
    throw new AlbertineError(
      'invalid_data',
      `${path}: without duplicates no training row is left of ${missing
        .slice(0, 5)
        .map((label) => JSON.stringify(label))
        .join(', ')}`,
      { value: missing, hint: 'Their texts are held out too; give other held-out rows' },
    );
}

function describeLabels({ train, evaluation }: Splits<ClassifyTypes>): DataReport {
  const { problem, labels } = train.facts;
  if (problem === 'regression') return { remarks: [], warnings: [], info: {} };
  const report =
    problem === 'multiLabel'
      ? describeMultiLabels(
          { targets: train.rows.map(({ gold }) => gold as number[]), labels },
          { targets: evaluation.rows.map(({ gold }) => gold as number[]) },
        )
      : describeClasses(train.rows.map(({ gold }) => labels[gold as number]));
  return {
    remarks: [report.summary],
    warnings: [...labelWarnings(labels), ...report.warnings],
    info: {
      classCounts: { train: countLabels(train), evaluation: countLabels(evaluation) },
      ...(problem === 'multiLabel' && { classRows: { train: countRows(train), evaluation: countRows(evaluation) } }),
    },
  };
}

function countLabels({ rows, facts: { labels } }: Labelled<ClassifyTypes>): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(labels.map((label) => [label, 0]));
  for (const { gold } of rows) for (const index of Array.isArray(gold) ? gold : [gold]) counts[labels[index]]++;
  return counts;
}

function countRows({ rows }: Labelled<ClassifyTypes>): { rows: number; unlabelled: number } {
  return { rows: rows.length, unlabelled: rows.filter(({ gold }) => (gold as number[]).length === 0).length };
}

/**
 * So many passes that there are 200 steps and 6 a label, within 3 to 20 passes: three passes over 20 rows of each of 77
 * labels end long before anything is learned.
 */
function defaultEpochs({
  units,
  facts: { labels },
  batchSize,
}: {
  units: number;
  facts: ClassifierFacts;
  batchSize: number;
}): number {
  const wanted = Math.max(FEWEST_STEPS, STEPS_PER_LABEL * labels.length);
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((wanted * batchSize) / units)));
}

const weightsOfRows = new WeakMap<Labelled<ClassifyTypes>, number[]>();

/** 1, or with `balanceClasses` the inverse of the class's frequency. */
function classWeight(
  gold: number,
  { facts, options, train }: { facts: ClassifierFacts; options: FineTuneOptions; train: Labelled<ClassifyTypes> },
): number {
  if (!options.balanceClasses) return 1;
  let weights = weightsOfRows.get(train);
  if (!weights) {
    const counts = Object.values(countLabels(train));
    weights = counts.map((count) => train.rows.length / (facts.labels.length * Math.max(1, count)));
    weightsOfRows.set(train, weights);
  }
  return weights[gold];
}

/** What words alone give on the held-out rows. */
function baselineOf(
  { train, evaluation }: Splits<ClassifyTypes>,
  { wordsBaseline = true }: FineTuneOptions,
): (() => Promise<RunInfo['baseline']>) | undefined {
  const { problem, labels } = train.facts;
  if (problem !== 'singleLabel' || !wordsBaseline) return undefined;
  const joined = (input: ClassifierInput): string =>
    typeof input === 'string' ? input : input.pair === undefined ? input.text : `${input.text} ${input.pair}`;
  return async () => {
    const predicted = await classifyByWords({
      train: train.rows.map(({ input, gold }) => ({ text: joined(input), class: gold as number })),
      evaluation: evaluation.rows.map(({ input }) => ({ text: joined(input) })),
      classes: labels.length,
    });
    if (predicted === undefined) return undefined;
    const { accuracy, macroF1 } = classificationReport(
      evaluation.rows.map(({ gold }) => gold as number),
      predicted,
      { labels },
    );
    return { name: 'words alone (tf-idf, logistic regression)', metrics: { accuracy, macroF1 } };
  };
}

type Held = Parameters<NonNullable<Tuning<ClassifyTypes, FineTuneOptions>['finish']>>[1];

/** Applies what was saved to the held-out examples: confusions, and the temperature if one is asked for and found. */
async function finish(model: unknown, { evaluation, encoded, options }: Held): Promise<Aftermath> {
  const { problem, labels } = evaluation.facts;
  if (problem !== 'singleLabel') return { warnings: [], info: {} };
  const logits = await (model as TextClassifier).logitsOf(encoded.flatMap(({ pieces }) => pieces));
  const gold = evaluation.rows.map((row) => row.gold as number);
  const width = labels.length;
  const counts = confusionMatrix(
    gold,
    gold.map((_, row) => bestClass(logits.subarray(row * width, (row + 1) * width))),
    width,
  );
  const fit = options.calibrate ? fitTemperature(logits, gold, width) : undefined;
  const oneLabel = describeOneLabel(counts, labels);
  const bound = fit && describeBound(fit);
  return {
    warnings: [oneLabel, bound].filter((warning) => warning !== undefined),
    info: { confusionMatrix: { labels, counts } },
    // One that the rows do not determine would make every probability 0 or 1, or all equal: worse than none.
    ...(fit && fit.bound === undefined && { extra: { [CLASSIFIER_KEYS.temperature]: fit.temperature } }),
  };
}

/** Tells of a classifier that gives every held-out text the same label, although they have several. */
function describeOneLabel(confusion: readonly (readonly number[])[], labels: readonly string[]): Prose | undefined {
  const given = labels.filter((_, column) => confusion.some((row) => row[column] > 0));
  const present = confusion.filter((row) => row.some((count) => count > 0));
  if (given.length !== 1 || present.length < 2) return undefined;
  return prose`every held-out text is given the label ${JSON.stringify(given[0])}: nothing is learned yet; more ${option('epochs')}, another ${option('learningRate')} or a pretrained model may help`;
}
