import { countOf } from '../core/count.ts';
import { AlbertineError } from '../core/errors.ts';
import { openFolder } from '../core/files-node.ts';
import { requireGiven, requireOptions } from '../core/options.ts';
import { saveCheckpoint } from '../checkpoint/save-node.ts';
import type { ProblemType } from '../data/dataset.ts';
import { classificationReport, confusionMatrix } from '../metrics/classification.ts';
import { requireDevice } from '../runtime/compile.ts';
import { classificationTask, scoreLogits } from '../training/classification.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from '../training/units.ts';
import type { BestMetric, TrainingOutcome } from '../training/trainer-options.ts';
import { describeBound, fitTemperature, type TemperatureFit } from './calibrate.ts';
import { bestClass, CLASSIFIER_KEYS, TextClassifier } from './classify.ts';
import { prepareClassification, type PreparedClassification } from './fine-tune-data-node.ts';
import type { Baseline, FineTuneOptions, FineTuneResult } from './fine-tune-options.ts';
import { describeCourse, describeSmallness, planRun, runFineTuning, type RunPlan } from './fine-tune-run-node.ts';
import { FINE_TUNE_OPTIONS } from './option-kinds-node.ts';
import { pick } from './pick.ts';
import { cardSettings, requireNothingLost, type RunSettings, withThreadsOfRun } from './run-folder-node.ts';

export type { FineTuneOptions, FineTuneResult, FineTuneRunOptions } from './fine-tune-options.ts';

/** Passes over the rows: at least three, and more of few rows or for many labels, until there are enough steps. */
const [FEWEST_EPOCHS, MOST_EPOCHS] = [3, 20];
const FEWEST_STEPS = 200;
const STEPS_PER_LABEL = 6;
const DEFAULT_BATCH_SIZE = 32;
const HUGGING_FACE_PROBLEM = { singleLabel: 'single_label_classification', multiLabel: 'multi_label_classification', regression: 'regression' } as const;
const LOWER_IS_BETTER = /loss|error|^(mse|rmse|mae)$/i;
const DEFAULT_METRIC = { singleLabel: 'accuracy', multiLabel: 'macroF1', regression: 'spearman' } as const;

/**
 * Fine-tunes a checkpoint into a text (or text pair) classifier and saves it where `evaluate`, `predict` and Python's
 * `transformers` can load it. Interrupting saves; `resume` continues with the same result as an uninterrupted run.
 * Throws `invalid_data` for rows that cannot be used, `out_of_memory`, `training_diverged`.
 */
export async function fineTuneClassifier(given: FineTuneOptions): Promise<FineTuneResult> {
  requireOptions('fineTuneClassifier', given, FINE_TUNE_OPTIONS);
  requireGiven('fineTuneClassifier', given, ['train', 'output']);
  const options = await withThreadsOfRun(given);
  requireSingleLabel(options);
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [options.train, options.evaluation, options.model]);
  const prepared = await prepareClassification(options);
  requireMetric(options, prepared);
  const plan = planClassification(options, prepared);
  const warnings = [...prepared.warnings, ...describeSmallness(plan, { train: prepared.train.length, evaluation: prepared.evaluation.length })];
  for (const warning of warnings) options.onEvent?.('warning', warning);
  let temperature: number | undefined;
  let baseline: Baseline | undefined;
  const outcome = await runFineTuning(options, {
    ...prepared, plan, notes: [...prepared.notes, ...warnings], facts: { ...prepared.balance, duplicates: prepared.duplicates },
    task: classificationTask({
      ...prepared, batchSize: plan.batchSize, seed: options.seed ?? 1,
      ...pick(options, ['microBatchTokens', 'shuffle', 'labelSmoothing']),
      ...(plan.epochs !== undefined && { epochs: plan.epochs }),
      ...(options.balanceClasses && { classWeights: inverseFrequencies(prepared) }),
    }),
    ...(prepared.evaluation.length > 0 && { best: bestMetric(options, prepared.problem) }),
    save: async (trained) => {
      const saved = await saveClassifier(options, prepared, { outcome: trained, settings: plan.settings });
      if (saved.fit?.bound === undefined) temperature = saved.fit?.temperature;
      const remarks = [...describeCourse(trained), ...describeSaved(saved, prepared.labels)];
      for (const remark of remarks) options.onEvent?.('warning', remark);
      warnings.push(...remarks);
      baseline = baselineOf(prepared);
      if (baseline === undefined && prepared.byWords && prepared.evaluation.length > 0) options.onEvent?.('data', 'words alone were not tried: with so many rows and labels it would take minutes');
      return { notes: [...prepared.notes, ...warnings], ...(baseline && { baseline }), ...(saved.confusion && { confusionMatrix: { labels: prepared.labels, counts: saved.confusion } }) };
    },
  });
  return { ...outcome, output: options.output, labels: prepared.labels, warnings, ...(baseline && { baseline }), ...(temperature !== undefined && { temperature }) };
}

/** What words alone give on the held-out rows. */
function baselineOf({ byWords, evaluation, labels }: PreparedClassification): Baseline | undefined {
  const predicted = evaluation.length > 0 ? byWords?.() : undefined;
  if (predicted === undefined) return undefined;
  const { accuracy, macroF1 } = classificationReport(evaluation.map(({ target }) => target as number), predicted, { labels });
  return { name: 'words alone (tf-idf, logistic regression)', metrics: { accuracy, macroF1 } };
}

/** A saved classifier on the held-out examples. */
interface Examination {
  confusion?: number[][];
  /** Of `calibrate`. */
  fit?: TemperatureFit;
}

/** Warnings of a classifier that knows a single answer, and of a temperature that means little. */
function describeSaved({ confusion, fit }: Examination, labels: readonly string[]): string[] {
  return [confusion && describeOneLabel(confusion, labels), fit && describeBound(fit)].filter((warning) => warning !== undefined);
}

function requireSingleLabel({ problem = 'singleLabel', labelSmoothing, balanceClasses, calibrate }: FineTuneOptions): void {
  if (problem === 'singleLabel') return;
  const given = [labelSmoothing && 'labelSmoothing', balanceClasses && 'balanceClasses', calibrate && 'calibrate'].find(Boolean);
  if (given) throw new AlbertineError('invalid_argument', `${given} needs a single-label problem, this one is ${problem}`, { value: problem });
}

/** Tells of a classifier that gives every held-out text the same label, although they have several. */
function describeOneLabel(confusion: readonly (readonly number[])[], labels: readonly string[]): string | undefined {
  const given = labels.filter((_, column) => confusion.some((row) => row[column] > 0));
  const present = confusion.filter((row) => row.some((count) => count > 0));
  if (given.length !== 1 || present.length < 2) return undefined;
  return `every held-out text is given the label ${JSON.stringify(given[0])}: nothing is learned yet; more epochs, another learningRate or a pretrained model may help`;
}

function planClassification(options: FineTuneOptions, prepared: PreparedClassification): RunPlan {
  return planRun(options, {
    base: prepared, rows: prepared.train.length, defaults: { epochs: defaultEpochs(prepared, options.batchSize ?? DEFAULT_BATCH_SIZE), batchSize: DEFAULT_BATCH_SIZE },
    own: {
      task: 'classification', problem: prepared.problem, labels: prepared.labels, heads: prepared.heads,
      trainRows: prepared.train.length, evaluationRows: prepared.evaluation.length, dataFingerprint: prepared.dataFingerprint,
      microBatchTokens: options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS, metric: bestMetric(options, prepared.problem).metric,
      ...pick(options, ['labelSmoothing', 'balanceClasses', 'dropDuplicates']),
    },
  });
}

/** So many passes that there are 200 steps and 6 a label, within 3 to 20 passes: three passes over 20 rows of each of 77 labels end long before anything is learned. */
function defaultEpochs({ train, labels }: PreparedClassification, batchSize: number): number {
  const wanted = Math.max(FEWEST_STEPS, STEPS_PER_LABEL * labels.length);
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((wanted * batchSize) / train.length)));
}

function inverseFrequencies({ train, labels }: PreparedClassification): number[] {
  const counts = new Array<number>(labels.length).fill(0);
  for (const { target } of train) counts[target as number]++;
  return counts.map((count) => train.length / (labels.length * Math.max(1, count)));
}

function bestMetric(options: FineTuneOptions, problem: ProblemType): BestMetric {
  const metric = options.metric ?? DEFAULT_METRIC[problem];
  return { metric, higherIsBetter: !LOWER_IS_BETTER.test(metric) };
}

/** Throws `invalid_argument` for a metric that no evaluation will have, before anything is trained. */
function requireMetric({ metric }: FineTuneOptions, { problem, labels, evaluation }: PreparedClassification): void {
  if (metric === undefined) return;
  if (evaluation.length === 0) throw new AlbertineError('invalid_argument', `metric ${metric} needs held-out examples, and there are none`, { value: metric, hint: 'Give an evaluation file' });
  const names = ['loss', ...Object.keys(scoreLogits(new Float32Array(problem === 'regression' ? 1 : labels.length), [problem === 'multiLabel' ? [] : 0], { problem, labels }))];
  if (!names.includes(metric)) throw new AlbertineError('invalid_argument', `metric must be one of ${names.join(', ')}, got ${JSON.stringify(metric)}`, { value: metric });
}

/** Saves the checkpoint, looks at the held-out examples with what was saved, and stores the temperature if one is asked for and found. */
async function saveClassifier(options: FineTuneOptions, prepared: PreparedClassification, run: { outcome: TrainingOutcome; settings: RunSettings }): Promise<Examination> {
  const { checkpointConfig: config, tokenizer, labels, problem, maxLength } = prepared;
  const { weights, best, evaluation } = run.outcome;
  const save = (extra: Record<string, unknown>): Promise<unknown> => saveCheckpoint(options.output, {
    config, weights, tokenizerFiles: tokenizer.files(), heads: ['sequenceClassification'], problemType: HUGGING_FACE_PROBLEM[problem],
    // One output needs one name in config.json: without names, transformers expects two outputs and cannot load the weights.
    labels: problem === 'regression' ? ['LABEL_0'] : labels,
    maxLength, extra: { [CLASSIFIER_KEYS.maxLength]: maxLength, [CLASSIFIER_KEYS.pairs]: options.pairField !== undefined, ...extra },
    card: {
      name: 'Text classifier', description: `Fine-tuned on ${countOf(prepared.train.length, 'row')} with albertine.`,
      training: cardSettings(run.settings),
      results: best?.evaluation ?? evaluation ?? {},
    },
  });
  await save({});
  if (problem !== 'singleLabel' || prepared.evaluation.length === 0) return {};
  const examination = await examine(options, prepared);
  // One that the rows do not determine would make every probability 0 or 1, or all equal: worse than none.
  if (examination.fit && examination.fit.bound === undefined) await save({ [CLASSIFIER_KEYS.temperature]: examination.fit.temperature });
  return examination;
}

/** Loads what was saved, as a user will, and applies it to the held-out examples. */
async function examine(options: FineTuneOptions, { evaluation, labels }: PreparedClassification): Promise<Examination> {
  using classifier = await TextClassifier.open(await openFolder(options.output), pick(options, ['threads']));
  const logits = await classifier.logitsOf(evaluation);
  const gold = evaluation.map(({ target }) => target as number);
  const width = labels.length;
  const predicted = gold.map((_, row) => bestClass(logits.subarray(row * width, (row + 1) * width)));
  return { confusion: confusionMatrix(gold, predicted, width), ...(options.calibrate && { fit: fitTemperature(logits, gold, width) }) };
}
