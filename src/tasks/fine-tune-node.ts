import { countOf } from '../core/count.ts';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { openFolder } from '../core/files-node.ts';
import { saveCheckpoint } from '../checkpoint/save-node.ts';
import type { ProblemType } from '../data/dataset.ts';
import { confusionMatrix } from '../metrics/classification.ts';
import type { AlbertConfig } from '../model/config.ts';
import { defaultThreads } from '../runtime/threads.ts';
import { layerwiseScales, type ArenaOptions } from '../training/arena.ts';
import { classificationTask, DEFAULT_MICRO_BATCH_TOKENS, stepsOfEpochs, stepsPerEpoch } from '../training/classification.ts';
import type { Schedule } from '../training/schedules.ts';
import { Trainer, type BestMetric, type TrainingOutcome, type TrainerOptions } from '../training/trainer.ts';
import { fitTemperature } from './calibrate.ts';
import { bestClass, CLASSIFIER_KEYS, TextClassifier } from './classify.ts';
import { prepareClassification, type PreparedClassification } from './fine-tune-data-node.ts';
import type { FineTuneOptions, FineTuneResult, FineTuneRunOptions } from './fine-tune-options.ts';
import { pick } from './pick.ts';
import { requireNothingLost, RunFolder, type RunSettings } from './run-folder-node.ts';

export type { FineTuneOptions, FineTuneResult, FineTuneRunOptions } from './fine-tune-options.ts';

const DEFAULT_EPOCHS = 3;
const DEFAULT_BATCH_SIZE = 32;
const HUGGING_FACE_PROBLEM = { singleLabel: 'single_label_classification', multiLabel: 'multi_label_classification', regression: 'regression' } as const;
const LOWER_IS_BETTER = /loss|error|^(mse|rmse|mae)$/i;
const DEFAULT_METRIC = { singleLabel: 'accuracy', multiLabel: 'macroF1', regression: 'spearman' } as const;

/**
 * Fine-tunes a checkpoint into a text (or text pair) classifier and saves it where `evaluate`, `predict` and Python's
 * `transformers` can load it. Interrupting saves; `resume` continues with the same result as an uninterrupted run.
 * Throws `invalid_data` for rows that cannot be used, `out_of_memory`, `training_diverged`.
 */
export async function fineTuneClassifier(options: FineTuneOptions): Promise<FineTuneResult> {
  requireSingleLabel(options);
  await requireNothingLost(options);
  const prepared = await prepareClassification(options);
  const plan = planRun(options, prepared);
  const warnings = describeSmallness(plan.schedule.totalSteps, prepared);
  for (const warning of warnings) options.onEvent?.('warning', warning);
  const notes = [...prepared.notes, ...warnings];
  const run = await RunFolder.open(options, plan.settings, {
    totalSteps: plan.schedule.totalSteps, classCounts: prepared.classCounts, notes, versions: { node: process.version },
  });
  try {
    const outcome = await train(options, prepared, { ...plan, run });
    const common = { ...withoutWeights(outcome), output: options.output, labels: prepared.labels };
    if (outcome.outcome === 'interrupted') {
      await run.close('interrupted');
      return common;
    }
    const { temperature, confusion } = await saveClassifier(options, prepared, { outcome, settings: plan.settings });
    const warning = confusion && describeOneLabel(confusion, prepared.labels);
    if (warning !== undefined) options.onEvent?.('warning', warning);
    await run.close('finished', {
      ...(warning !== undefined && { notes: [...notes, warning] }),
      ...(outcome.best && { bestCheckpoint: { step: outcome.best.step, metric: outcome.best.metric, value: outcome.best.value, path: options.output } }),
      ...(confusion && { confusionMatrix: { labels: prepared.labels, counts: confusion } }),
    });
    return { ...common, ...(temperature !== undefined && { temperature }) };
  } catch (error) {
    await run.close('failed', { notes: [...notes, `failed: ${error instanceof Error ? error.message : String(error)}`] }).catch(() => undefined);
    throw error;
  }
}

function requireSingleLabel({ problem = 'singleLabel', labelSmoothing, balanceClasses, calibrate }: FineTuneOptions): void {
  if (problem === 'singleLabel') return;
  const given = [labelSmoothing && 'labelSmoothing', balanceClasses && 'balanceClasses', calibrate && 'calibrate'].find(Boolean);
  if (given) throw new AlbertineError('invalid_argument', `${given} needs a single-label problem, this one is ${problem}`, { value: problem });
}

/** Steps, and held-out rows, below which a run or its figures say little. */
const FEW_STEPS = 20;
const FEW_ROWS = 10;

function describeSmallness(steps: number, { train, evaluation }: PreparedClassification): string[] {
  return [
    ...(steps < FEW_STEPS ? [`the whole run has only ${countOf(steps, 'step')} on ${countOf(train.length, 'row')}, which changes little: a smaller batchSize or more epochs make more of them`] : []),
    ...(evaluation.length < FEW_ROWS ? [`only ${countOf(evaluation.length, 'row')} held out: its figures, and the choice of the best weights by them, are mostly chance`] : []),
  ];
}

/** Tells of a classifier that gives every held-out text the same label, although they have several. */
function describeOneLabel(confusion: readonly (readonly number[])[], labels: readonly string[]): string | undefined {
  const given = labels.filter((_, column) => confusion.some((row) => row[column] > 0));
  const present = confusion.filter((row) => row.some((count) => count > 0));
  if (given.length !== 1 || present.length < 2) return undefined;
  return `every held-out text is given the label ${JSON.stringify(given[0])}: nothing is learned yet; more epochs, another learningRate or a pretrained model may help`;
}

interface RunPlan {
  schedule: Schedule;
  batchSize: number;
  settings: RunSettings;
}

/** Fills in the defaults and lists everything that decides the result. */
function planRun(options: FineTuneOptions, prepared: PreparedClassification): RunPlan {
  const { config, train } = prepared;
  const batchSize = requireInteger('batchSize', options.batchSize ?? DEFAULT_BATCH_SIZE, { min: 1 });
  const { epochs = DEFAULT_EPOCHS } = options;
  if (!(epochs > 0)) throw new AlbertineError('invalid_argument', `epochs must be positive, got ${epochs}`, { value: epochs });
  const schedule: Schedule = {
    kind: options.schedule ?? 'linear',
    learningRate: options.learningRate ?? defaultLearningRate(config, prepared.untrained),
    totalSteps: requireInteger('maxSteps', options.maxSteps ?? stepsOfEpochs(train.length, batchSize, epochs), { min: 1 }),
    warmupRatio: options.warmupRatio ?? 0.1,
  };
  const { name = 'adamw', ...constants } = options.optimizer ?? {};
  const settings: RunSettings = {
    task: 'classification', model: options.model ?? 'built-in', modelFingerprint: prepared.fingerprint,
    problem: prepared.problem, labels: prepared.labels, trainRows: train.length, evaluationRows: prepared.evaluation.length, dataFingerprint: prepared.dataFingerprint,
    ...(options.maxSteps === undefined && { epochs }), totalSteps: schedule.totalSteps, batchSize,
    learningRate: schedule.learningRate, schedule: schedule.kind, warmupRatio: schedule.warmupRatio,
    optimizer: name, ...constants, maxGradNorm: options.maxGradNorm ?? 1,
    maxLength: prepared.maxLength, shuffle: options.shuffle ?? true, seed: options.seed ?? 1,
    hiddenDropout: config.hiddenDropoutProb, attentionDropout: config.attentionProbsDropoutProb, classifierDropout: config.classifierDropoutProb,
    microBatchTokens: options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS,
    evaluateEvery: options.evaluateEvery ?? stepsPerEpoch(train.length, batchSize), metric: bestMetric(options, prepared.problem).metric,
    threads: options.threads ?? defaultThreads(),
    ...pick(options, ['layerDecay', 'freeze', 'labelSmoothing', 'balanceClasses', 'patience', 'guard']),
  };
  return { schedule, batchSize, settings };
}

async function train(options: FineTuneOptions, prepared: PreparedClassification, parts: RunPlan & { run: RunFolder }): Promise<TrainingOutcome> {
  const { schedule, batchSize, settings, run } = parts;
  const task = classificationTask({
    ...prepared, batchSize, seed: options.seed ?? 1,
    ...pick(options, ['microBatchTokens', 'shuffle', 'labelSmoothing']),
    ...(options.maxSteps === undefined && { epochs: options.epochs ?? DEFAULT_EPOCHS }),
    ...(options.balanceClasses && { classWeights: inverseFrequencies(prepared) }),
  });
  using trainer = new Trainer(prepared.config, prepared.weights, task, {
    ...trainerOptions(options),
    schedule,
    ...(prepared.evaluation.length > 0 && { best: bestMetric(options, prepared.problem), ...pick(options, ['patience']) }),
    evaluateEvery: settings['evaluateEvery'] as number,
    parameters: arenaOptions(options, prepared.config),
    tracker: run.tracker,
  });
  if (options.resume) {
    const step = await trainer.resume();
    options.onEvent?.('resumed', step === undefined ? 'no checkpoint yet: starting from the beginning' : `at step ${step} of ${schedule.totalSteps}`);
  }
  return trainer.run();
}

/** The options that every fine-tuning task hands on to its trainer as they are. */
export function trainerOptions(options: FineTuneRunOptions): Omit<TrainerOptions, 'schedule'> {
  return {
    ...pick(options, ['output', 'optimizer', 'maxGradNorm', 'checkpointEvery', 'saveActivations', 'threads', 'guard', 'onProgress', 'onEstimate', 'signal']),
    seed: options.seed ?? 1,
    onEvent: (kind, message) => options.onEvent?.(kind, message),
  };
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

/** Frozen parameters and layer-wise rates. */
export function arenaOptions({ freeze, layerDecay }: FineTuneRunOptions, config: AlbertConfig): ArenaOptions {
  return {
    ...(freeze && { frozen: freeze }),
    ...(layerDecay !== undefined && layerDecay !== 1 && { learningRateScales: layerwiseScales(config.numHiddenGroups, layerDecay) }),
  };
}

/** The rate that usually works for a model of this width. */
export function defaultLearningRate(config: AlbertConfig, untrained: boolean): number {
  if (untrained) return 5e-4;
  if (config.hiddenSize >= 1024) return 1e-5;
  return config.hiddenSize >= 512 ? 3e-5 : 1e-4;
}

/** Saves the checkpoint, looks at the held-out examples with what was saved, and stores the temperature if one is asked for. */
async function saveClassifier(options: FineTuneOptions, prepared: PreparedClassification, run: { outcome: TrainingOutcome; settings: RunSettings }): Promise<{ confusion?: number[][]; temperature?: number }> {
  const { checkpointConfig: config, tokenizer, labels, problem, maxLength } = prepared;
  const { weights, best, evaluation } = run.outcome;
  const save = (extra: Record<string, unknown>): Promise<unknown> => saveCheckpoint(options.output, {
    config, weights, tokenizerFiles: tokenizer.files(), heads: ['sequenceClassification'], problemType: HUGGING_FACE_PROBLEM[problem],
    // One output needs one name in config.json: without names, transformers expects two outputs and cannot load the weights.
    labels: problem === 'regression' ? ['LABEL_0'] : labels,
    extra: { [CLASSIFIER_KEYS.maxLength]: maxLength, [CLASSIFIER_KEYS.pairs]: options.pairField !== undefined, ...extra },
    card: {
      name: 'Text classifier', description: `Fine-tuned on ${countOf(prepared.train.length, 'row')} with albertine.`,
      training: Object.fromEntries(Object.entries(run.settings).filter((entry): entry is [string, string | number] => typeof entry[1] === 'string' || typeof entry[1] === 'number')),
      results: best?.evaluation ?? evaluation ?? {},
    },
  });
  await save({});
  if (problem !== 'singleLabel' || prepared.evaluation.length === 0) return {};
  const { confusion, temperature } = await examine(options, prepared);
  if (temperature !== undefined) await save({ [CLASSIFIER_KEYS.temperature]: temperature });
  return { confusion, ...(temperature !== undefined && { temperature }) };
}

/** Loads what was saved, as a user will, and applies it to the held-out examples. */
async function examine(options: FineTuneOptions, { evaluation, labels }: PreparedClassification): Promise<{ confusion: number[][]; temperature?: number }> {
  using classifier = await TextClassifier.open(await openFolder(options.output), pick(options, ['threads']));
  const logits = await classifier.logitsOf(evaluation);
  const gold = evaluation.map(({ target }) => target as number);
  const width = labels.length;
  const predicted = gold.map((_, row) => bestClass(logits.subarray(row * width, (row + 1) * width)));
  return { confusion: confusionMatrix(gold, predicted, width), ...(options.calibrate && { temperature: fitTemperature(logits, gold, width) }) };
}

/** A result for callers: the weights are on disk. */
export function withoutWeights({ outcome, steps, skipped, rollBacks, evaluation, best, estimate }: TrainingOutcome): Omit<TrainingOutcome, 'weights'> {
  return { outcome, steps, skipped, rollBacks, ...(evaluation && { evaluation }), ...(best && { best }), ...(estimate && { estimate }) };
}
