import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { openFolder, writeFileAtomic } from '../core/files-node.ts';
import type { ProgressListener } from '../core/progress.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { initialValues } from '../checkpoint/initialise.ts';
import { saveCheckpoint } from '../checkpoint/save-node.ts';
import { readExamples } from '../data/dataset-node.ts';
import type { ExampleSet, ProblemType } from '../data/dataset.ts';
import { stratifiedSplit } from '../data/split.ts';
import { confusionMatrix } from '../metrics/classification.ts';
import type { AlbertConfig } from '../model/config.ts';
import { headParameters, poolerParameters, type Weights } from '../model/parameters.ts';
import { loadTokenizer } from '../tokenizer/load.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { layerwiseScales, type ArenaOptions } from '../training/arena.ts';
import { classificationTask, encodeExamples, stepsPerEpoch, type EncodedExample } from '../training/classification.ts';
import type { RunEstimate } from '../training/estimate-node.ts';
import type { GuardOptions } from '../training/guards.ts';
import type { SaveActivations } from '../training/layerwise.ts';
import type { RunInfo } from '../training/report/run-record.ts';
import type { ScheduleKind } from '../training/schedules.ts';
import { createJsonlTracker } from '../training/trackers/jsonl.ts';
import { createTensorBoardTracker } from '../training/trackers/tensorboard.ts';
import { combineTrackers, type Tracker } from '../training/trackers/tracker.ts';
import { Trainer, type OptimizerOptions, type TrainingOutcome } from '../training/trainer.ts';
import { fitTemperature } from './calibrate.ts';
import { CLASSIFIER_KEYS, TextClassifier } from './classify.ts';
import { modelFolder } from './load-node.ts';

/** Options of {@link fineTuneClassifier}. Paths are files that {@link readExamples} reads. */
export interface FineTuneOptions {
  /** Path or hub id to start from. Default: the built-in model. */
  model?: string;
  train: string;
  /** Held-out examples. Without it a stratified tenth of the training rows is held out. */
  evaluation?: string;
  /** Receives the fine-tuned checkpoint, metrics, report data and resumable checkpoints. */
  output: string;
  textField?: string;
  pairField?: string;
  labelField?: string;
  /** Default `singleLabel`. */
  problem?: ProblemType;
  labelSeparator?: string;
  onError?: 'stop' | 'skip';
  /** Default 3; ignored with `maxSteps`. */
  epochs?: number;
  maxSteps?: number;
  /** Rows per step. Default 32. */
  batchSize?: number;
  /** Default by size: 1e-5 from a hidden size of 1024, 3e-5 from 512, else 1e-4; 5e-4 from untrained weights. */
  learningRate?: number;
  schedule?: ScheduleKind;
  /** Default 0.1. */
  warmupRatio?: number;
  optimizer?: OptimizerOptions;
  maxGradNorm?: number;
  /** Sets hidden, attention and classifier dropout. Default: the checkpoint's. */
  dropout?: number;
  /** Factor on the learning rate from each layer group to the one below it. Default 1. */
  layerDecay?: number;
  /** Name patterns of parameters that stay as they are. */
  freeze?: readonly string[];
  /** Tokens per example, special tokens included. Default: the model's positions, at most 256. */
  maxLength?: number;
  labelSmoothing?: number;
  /** Weighs classes by the inverse of their frequency. Default false. */
  balanceClasses?: boolean;
  shuffle?: boolean;
  seed?: number;
  evaluateEvery?: number;
  /** Metric for keeping the best weights. Default `accuracy` (`macroF1` multi-label, `spearman` regression). */
  metric?: string;
  patience?: number;
  checkpointEvery?: number;
  microBatchTokens?: number;
  saveActivations?: SaveActivations;
  threads?: number;
  guard?: GuardOptions;
  /** Fits a softmax temperature on the held-out examples afterwards. Default false. */
  calibrate?: boolean;
  /** Continues the run in `output`. */
  resume?: boolean;
  /** Also writes TensorBoard event files to `output/tensorboard`. Default true. */
  tensorboard?: boolean;
  /** Stored in run.json. */
  command?: string;
  onProgress?: ProgressListener;
  onEstimate?: (estimate: RunEstimate) => void;
  /** Facts about the data, warnings, skipped steps. */
  onEvent?: (kind: string, message: string) => void;
  signal?: AbortSignal;
}

/** Result of {@link fineTuneClassifier}. */
export interface FineTuneResult extends Omit<TrainingOutcome, 'weights'> {
  output: string;
  labels: string[];
  temperature?: number;
}

interface Prepared {
  config: AlbertConfig;
  weights: Weights;
  tokenizer: Tokenizer;
  problem: ProblemType;
  labels: string[];
  train: EncodedExample[];
  evaluation: EncodedExample[];
  classCounts: NonNullable<RunInfo['classCounts']>;
  maxLength: number;
  untrained: boolean;
  notes: string[];
}

/**
 * Fine-tunes a checkpoint into a text (or text pair) classifier and saves it where `evaluate`, `predict` and Python's
 * `transformers` can load it. Interrupting saves; `resume` continues with the same result as an uninterrupted run.
 */
export async function fineTuneClassifier(options: FineTuneOptions): Promise<FineTuneResult> {
  const prepared = await prepare(options);
  const batchSize = requireInteger('batchSize', options.batchSize ?? 32, { min: 1 });
  const totalSteps = requireInteger('maxSteps', options.maxSteps ?? Math.ceil((options.epochs ?? 3) * stepsPerEpoch(prepared.train.length, batchSize)), { min: 1 });
  const settings = runSettings(options, prepared, { batchSize, totalSteps });
  await mkdir(options.output, { recursive: true });
  await requireSameRun(options, settings);
  if (!options.resume) await rm(join(options.output, 'checkpoints'), { recursive: true, force: true });
  const run = startRun(options, prepared, settings);
  await run.write({});
  const task = classificationTask({
    ...prepared, batchSize, seed: options.seed ?? 1,
    ...pick(options, ['microBatchTokens', 'shuffle', 'labelSmoothing']),
    ...(options.balanceClasses && { classWeights: inverseFrequencies(prepared) }),
  });
  using trainer = new Trainer(prepared.config, prepared.weights, task, {
    ...pick(options, ['output', 'optimizer', 'maxGradNorm', 'evaluateEvery', 'patience', 'checkpointEvery', 'saveActivations', 'threads', 'guard', 'onProgress', 'onEstimate', 'signal']),
    seed: options.seed ?? 1,
    schedule: { kind: options.schedule ?? 'linear', learningRate: settings.learningRate, totalSteps, warmupRatio: options.warmupRatio ?? 0.1 },
    best: bestMetric(options, prepared.problem),
    evaluateEvery: options.evaluateEvery ?? stepsPerEpoch(prepared.train.length, batchSize),
    parameters: arenaOptions(options, prepared.config),
    tracker: run.tracker(options.resume ? await resumedStep(options.output) : undefined),
    onEvent: (kind, message) => options.onEvent?.(kind, message),
  });
  if (options.resume) {
    const step = await trainer.resume();
    options.onEvent?.('resumed', step === undefined ? 'no checkpoint yet: starting from the beginning' : `at step ${step}`);
  }
  const outcome = await trainer.run();
  await run.close(outcome.outcome === 'interrupted' ? 'interrupted' : 'finished');
  if (outcome.outcome === 'interrupted') {
    await run.write({ outcome: 'interrupted' });
    return { ...withoutWeights(outcome), output: options.output, labels: prepared.labels };
  }
  const temperature = await finishRun(options, prepared, { outcome, settings, run });
  return { ...withoutWeights(outcome), output: options.output, labels: prepared.labels, ...(temperature !== undefined && { temperature }) };
}

/** Reads model and data, tokenises, and adds fresh weights for the head. */
async function prepare(options: FineTuneOptions): Promise<Prepared> {
  const problem = options.problem ?? 'singleLabel';
  const folder = await modelFolder(options.model);
  const files = await openFolder(folder);
  const checkpoint = await openCheckpoint(files);
  const [loaded, tokenizer] = await Promise.all([checkpoint.load({ heads: [] }), loadTokenizer(files)]);
  const dropout = options.dropout;
  const config = dropout === undefined ? checkpoint.config : { ...checkpoint.config, hiddenDropoutProb: dropout, attentionProbsDropoutProb: dropout, classifierDropoutProb: dropout };
  const { train, evaluation } = await readSplits(options, problem);
  const labels = train.labels;
  const maxLength = requireInteger('maxLength', options.maxLength ?? Math.min(256, config.maxPositionEmbeddings), { min: 3, max: config.maxPositionEmbeddings });
  const notes = [...checkpoint.notes];
  const encode = (name: string, set: ExampleSet): EncodedExample[] => {
    const { encoded, truncatedTexts, truncatedTokens } = encodeExamples(tokenizer, set.examples, maxLength);
    const facts = `${name}: ${set.examples.length} rows${set.report.skipped ? `, ${set.report.skipped} bad rows skipped (lines ${set.report.issues.slice(0, 5).map(({ row }) => row).join(', ')})` : ''}`
      + `${truncatedTexts ? `, ${truncatedTexts} texts cut to ${maxLength} tokens (${truncatedTokens} tokens lost)` : ''}`;
    options.onEvent?.('data', facts);
    if (truncatedTexts || set.report.skipped) notes.push(facts);
    return encoded;
  };
  const numLabels = problem === 'regression' ? 1 : labels.length;
  const weights = withFreshHead(config, loaded.weights, numLabels, options.seed ?? 1);
  return {
    config, weights, tokenizer, problem, labels, maxLength, notes,
    train: encode('train', train), evaluation: encode('evaluation', evaluation),
    classCounts: problem === 'regression' ? {} : { train: countLabels(train), evaluation: countLabels(evaluation) },
    untrained: checkpoint.details.extra['albertine_untrained'] === true,
  };
}

async function readSplits(options: FineTuneOptions, problem: ProblemType): Promise<{ train: ExampleSet; evaluation: ExampleSet }> {
  const common = { ...pick(options, ['textField', 'pairField', 'labelField', 'labelSeparator', 'onError']), problem };
  const train = await readExamples(options.train, common);
  if (options.evaluation) return { train, evaluation: await readExamples(options.evaluation, { ...common, ...(problem !== 'regression' && { labels: train.labels }) }) };
  const strata = train.examples.map(({ label }) => (problem === 'singleLabel' ? label : ''));
  const split = stratifiedSplit(strata, 0.1, options.seed ?? 1);
  const part = (rows: readonly number[]): ExampleSet => ({ ...train, examples: rows.map((row) => train.examples[row]) });
  options.onEvent?.('data', `no evaluation file: ${split.validation.length} of ${train.examples.length} rows are held out, stratified by label`);
  return { train: part(split.train), evaluation: part(split.validation) };
}

function withFreshHead(config: AlbertConfig, weights: Weights, numLabels: number, seed: number): Weights {
  const all: Weights = new Map(weights);
  for (const spec of [...poolerParameters(config), ...headParameters(config, 'sequenceClassification', numLabels)]) {
    if (!all.has(spec.name)) all.set(spec.name, { shape: spec.shape, data: initialValues(spec, seed, config.initializerRange) });
  }
  return all;
}

function countLabels({ examples }: ExampleSet): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { label } of examples) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

function inverseFrequencies({ train, labels, problem }: Prepared): number[] {
  if (problem !== 'singleLabel') throw new AlbertineError('invalid_argument', 'balanceClasses needs a single-label problem', { value: problem });
  const counts = new Array<number>(labels.length).fill(0);
  for (const { target } of train) counts[target as number]++;
  return counts.map((count) => train.length / (labels.length * Math.max(1, count)));
}

function bestMetric(options: FineTuneOptions, problem: ProblemType): { metric: string; higherIsBetter: boolean } {
  const metric = options.metric ?? { singleLabel: 'accuracy', multiLabel: 'macroF1', regression: 'spearman' }[problem];
  return { metric, higherIsBetter: !/loss|error/i.test(metric) };
}

function arenaOptions(options: FineTuneOptions, config: AlbertConfig): ArenaOptions {
  return {
    ...(options.freeze && { frozen: options.freeze }),
    ...(options.layerDecay !== undefined && options.layerDecay < 1 && { learningRateScales: layerwiseScales(config.numHiddenGroups, options.layerDecay) }),
  };
}

function defaultLearningRate(config: AlbertConfig, untrained: boolean): number {
  if (untrained) return 5e-4;
  if (config.hiddenSize >= 1024) return 1e-5;
  return config.hiddenSize >= 512 ? 3e-5 : 1e-4;
}

/** The settings that decide what the run computes: a resumed run must have the same. */
type RunSettings = Record<string, unknown> & { learningRate: number };

function runSettings(options: FineTuneOptions, prepared: Prepared, sizes: { batchSize: number; totalSteps: number }): RunSettings {
  return {
    model: options.model ?? 'built-in',
    task: 'classification',
    problem: prepared.problem,
    labels: prepared.labels,
    trainRows: prepared.train.length,
    evaluationRows: prepared.evaluation.length,
    ...sizes,
    learningRate: options.learningRate ?? defaultLearningRate(prepared.config, prepared.untrained),
    schedule: options.schedule ?? 'linear',
    warmupRatio: options.warmupRatio ?? 0.1,
    optimizer: options.optimizer?.name ?? 'adamw',
    weightDecay: options.optimizer?.weightDecay ?? 0.01,
    maxGradNorm: options.maxGradNorm ?? 1,
    maxLength: prepared.maxLength,
    hiddenDropout: prepared.config.hiddenDropoutProb,
    classifierDropout: prepared.config.classifierDropoutProb,
    shuffle: options.shuffle ?? true,
    seed: options.seed ?? 1,
  };
}

async function requireSameRun(options: FineTuneOptions, settings: RunSettings): Promise<void> {
  if (!options.resume) return;
  const text = await readFile(join(options.output, 'run.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw new AlbertineError('not_found', `there is no run to resume in ${options.output}`, { value: options.output, hint: 'Leave --resume out to start one.' });
  const before = ((JSON.parse(text) as RunInfo).config ?? {}) as Record<string, unknown>;
  const changed = Object.keys(settings).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(settings[key]));
  if (changed.length > 0) {
    throw new AlbertineError('invalid_argument', `the run in ${options.output} had other settings: ${changed.map((key) => `${key} ${JSON.stringify(before[key])} -> ${JSON.stringify(settings[key])}`).join(', ')}`, { value: changed, hint: 'Resume with the same settings, or start a new run in another folder.' });
  }
}

async function resumedStep(output: string): Promise<number> {
  const { listRunCheckpoints } = await import('../training/run-checkpoint-node.ts');
  return (await listRunCheckpoints(join(output, 'checkpoints'))).at(-1) ?? 0;
}

interface RunFiles {
  tracker(resumeStep: number | undefined): Tracker;
  write(more: RunInfo): Promise<void>;
  close(outcome: 'finished' | 'interrupted'): Promise<void>;
}

/** `metrics.jsonl`, TensorBoard files and `run.json` of a run. */
function startRun(options: FineTuneOptions, prepared: Prepared, settings: RunSettings): RunFiles {
  const startedAt = new Date().toISOString();
  let tracker: Tracker | undefined;
  let info: RunInfo = {
    config: settings, startedAt, totalSteps: settings['totalSteps'] as number, classCounts: prepared.classCounts, notes: prepared.notes,
    versions: { node: process.version }, ...(options.command && { command: options.command }),
  };
  return {
    tracker(resumeStep) {
      const resume = resumeStep === undefined ? {} : { resumeStep };
      const trackers = [createJsonlTracker(join(options.output, 'metrics.jsonl'), resume)];
      if (options.tensorboard ?? true) trackers.push(createTensorBoardTracker(join(options.output, 'tensorboard'), resume));
      tracker = combineTrackers(trackers);
      if (resumeStep === undefined) tracker.hyperParameters(Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, string | number | boolean] => typeof entry[1] !== 'object')), ['evaluation/accuracy']);
      return tracker;
    },
    async write(more) {
      info = { ...info, ...more };
      await writeFileAtomic(join(options.output, 'run.json'), `${JSON.stringify(info, null, 2)}\n`);
    },
    close: async (outcome) => tracker?.close(outcome),
  };
}

/** Saves the checkpoint, calibrates if asked, and completes `run.json`. Returns the temperature. */
async function finishRun(options: FineTuneOptions, prepared: Prepared, parts: { outcome: TrainingOutcome; settings: RunSettings; run: RunFiles }): Promise<number | undefined> {
  const { outcome, settings, run } = parts;
  const { config, tokenizer, labels, problem, maxLength } = prepared;
  const hfProblem = { singleLabel: 'single_label_classification', multiLabel: 'multi_label_classification', regression: 'regression' }[problem];
  const save = (extra: Record<string, unknown>): Promise<unknown> => saveCheckpoint(options.output, {
    config, weights: outcome.weights, tokenizerFiles: tokenizer.files(), heads: ['sequenceClassification'], problemType: hfProblem,
    ...(problem !== 'regression' && { labels }),
    extra: { [CLASSIFIER_KEYS.maxLength]: maxLength, ...extra },
    card: {
      name: 'Text classifier', description: `Fine-tuned on ${prepared.train.length} rows with albertine.`,
      training: Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, string | number] => typeof entry[1] === 'string' || typeof entry[1] === 'number')),
      results: outcome.evaluation ?? {},
    },
  });
  await save({});
  const { confusion, temperature } = await examine(options, prepared);
  if (temperature !== undefined) await save({ [CLASSIFIER_KEYS.temperature]: temperature });
  await run.write({
    outcome: 'finished', finishedAt: new Date().toISOString(),
    ...(outcome.best && { bestCheckpoint: { ...outcome.best, path: options.output } }),
    ...(confusion && { confusionMatrix: { labels, counts: confusion } }),
  });
  return temperature;
}

/** Loads what was saved, as a user will, and looks at the held-out examples with it. */
async function examine(options: FineTuneOptions, prepared: Prepared): Promise<{ confusion?: number[][]; temperature?: number }> {
  if (prepared.problem !== 'singleLabel' || prepared.evaluation.length === 0) return {};
  using classifier = await TextClassifier.open(await openFolder(options.output), pick(options, ['threads']));
  const logits = await classifier.logitsOf(prepared.evaluation);
  const gold = prepared.evaluation.map(({ target }) => target as number);
  const width = prepared.labels.length;
  const predicted = gold.map((_, row) => { const own = logits.subarray(row * width, (row + 1) * width); return own.indexOf(Math.max(...own)); });
  return { confusion: confusionMatrix(gold, predicted, width), ...(options.calibrate && { temperature: fitTemperature(logits, gold, width) }) };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Pick<T, K>;
}

function withoutWeights({ weights: _weights, ...rest }: TrainingOutcome): Omit<TrainingOutcome, 'weights'> {
  return rest;
}
