import { countOf } from '../../core/count.ts';
import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { explainSystemError } from '../../core/system-errors.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { Weights } from '../../model/parameters.ts';
import { defaultThreads } from '../../runtime/threads.ts';
import { layerwiseScales, type ArenaOptions } from '../arena.ts';
import { stepsOfEpochs, stepsPerEpoch } from '../units.ts';
import type { RunInfo } from '../report/run-record.ts';
import { requireUsedByOptimizer } from '../optimizers/constants.ts';
import type { Schedule } from '../schedules.ts';
import { Trainer, type BestMetric, type OptimizerOptions, type TrainerOptions, type TrainingOutcome, type TrainingTask } from '../trainer.ts';
import type { BaseModel } from './base-model-node.ts';
import type { FineTuneRunOptions } from './options.ts';
import { pick } from '../../core/pick.ts';
import { RunFolder, type RunFacts, type RunSettings } from './run-folder-node.ts';
import { requireUsedBySchedule, scheduleConstants } from './trainer-constants.ts';

const DEFAULT_WARMUP_RATIO = 0.1;

type OptimizerName = NonNullable<OptimizerOptions['name']>;

/** A fine-tuning run with all defaults filled in. */
export interface RunPlan {
  schedule: Schedule;
  batchSize: number;
  /** Passes over the rows; undefined where the steps are given. */
  epochs: number | undefined;
  evaluateEvery: number;
  /** Everything that decides the result. */
  settings: RunSettings;
}

/** What a kind of fine-tuning adds to a plan. */
export interface RunPlanParts {
  base: BaseModel;
  /** Training rows. */
  rows: number;
  defaults: { epochs: number; batchSize: number; evaluateEvery?: number };
  /** Settings of the task itself, `task` among them. */
  own: RunSettings;
}

/** Fills in the defaults and lists everything that decides the result. Throws `invalid_argument` for numbers that make no run. */
export function planRun(options: FineTuneRunOptions, { base, rows, defaults, own }: RunPlanParts): RunPlan {
  const { config } = base;
  const batchSize = requireInteger('batchSize', options.batchSize ?? defaults.batchSize, { min: 1 });
  const { epochs = defaults.epochs } = options;
  if (!(epochs > 0)) throw new AlbertineError('invalid_argument', `epochs must be positive, got ${epochs}`, { value: epochs });
  const constants = scheduleConstants(options, { warmupRatio: DEFAULT_WARMUP_RATIO });
  const schedule: Schedule = {
    kind: options.schedule ?? 'linear',
    learningRate: options.learningRate ?? defaultLearningRate(config, { untrained: base.untrained, optimizer: options.optimizer?.name }),
    totalSteps: requireInteger('maxSteps', options.maxSteps ?? stepsOfEpochs(rows, batchSize, epochs), { min: 1 }),
    ...constants,
  };
  requireUsedBySchedule(schedule);
  const evaluateEvery = options.evaluateEvery ?? Math.min(defaults.evaluateEvery ?? Infinity, stepsPerEpoch(rows, batchSize));
  const { name = 'adamw', ...optimizer } = options.optimizer ?? {};
  requireUsedByOptimizer(name, optimizer);
  const settings: RunSettings = {
    ...own, model: base.model, modelFingerprint: base.fingerprint,
    ...(options.maxSteps === undefined && { epochs }), totalSteps: schedule.totalSteps, batchSize,
    learningRate: schedule.learningRate, schedule: schedule.kind,
    ...constants,
    optimizer: name, ...optimizer, maxGradNorm: options.maxGradNorm ?? 1,
    maxLength: base.maxLength, shuffle: options.shuffle ?? true, seed: options.seed ?? 1,
    hiddenDropout: config.hiddenDropoutProb, attentionDropout: config.attentionProbsDropoutProb, classifierDropout: config.classifierDropoutProb,
    evaluateEvery, threads: options.threads ?? defaultThreads(),
    ...pick(options, ['layerDecay', 'freeze', 'patience', 'guard']), ...(options.device === 'webgpu' && { device: options.device }),
  };
  return { schedule, batchSize, epochs: options.maxSteps === undefined ? epochs : undefined, evaluateEvery, settings };
}

/** Steps, and held-out rows, below which a run or its figures say little. */
const FEW_STEPS = 20;
const FEW_ROWS = 10;

/** Warnings of a run that is too short to change much, and of held-out rows that are too few to judge it by; `evaluation` is absent where nothing is held out on purpose. */
export function describeSmallness({ schedule: { totalSteps } }: RunPlan, rows: { train: number; evaluation?: number }): string[] {
  return [
    ...(totalSteps < FEW_STEPS ? [`the whole run has only ${countOf(totalSteps, 'step')} on ${countOf(rows.train, 'row')}, which changes little: a smaller batchSize or more epochs make more of them`] : []),
    ...(rows.evaluation === 0 ? ['nothing is held out: the last weights are kept, and no figure says how good they are; give an evaluation file'] : []),
    ...(rows.evaluation !== undefined && rows.evaluation > 0 && rows.evaluation < FEW_ROWS ? [`only ${countOf(rows.evaluation, 'row')} held out: its figures, and the choice of the best weights by them, are mostly chance`] : []),
  ];
}

/** Gain of the last evaluation, relative to its value, from which a run is called unfinished. */
const STILL_IMPROVING = 0.01;

/** What the course of a run's evaluations says: that nothing beat the start, or that it ended while still getting better. */
export function describeCourse({ outcome, steps, best }: Omit<TrainingOutcome, 'weights'>): string[] {
  if (!best || outcome === 'interrupted') return [];
  if (best.step === 0) return [`no evaluation beat the starting weights (${best.metric} ${best.value.toFixed(4)}), so they are what is kept: other data, a lower learningRate or another objective may help`];
  const isClimbing = best.step === steps && best.gain !== undefined && best.gain >= STILL_IMPROVING * Math.abs(best.value);
  return isClimbing ? [`${best.metric} was still improving at the end (${best.gain!.toFixed(4)} better in the last evaluation): more epochs may make it better`] : [];
}

/** What {@link runFineTuning} trains, and what happens around it. */
export interface FineTuningRun {
  config: AlbertConfig;
  weights: Weights;
  task: TrainingTask;
  plan: RunPlan;
  /** For `run.json`. */
  notes: string[];
  facts?: Pick<RunFacts, 'classCounts' | 'classRows' | 'duplicates'>;
  /** Absent where nothing is held out: the last weights are kept. */
  best?: BestMetric;
  /** Judges the starting weights too; see `TrainerOptions.evaluateStart`. */
  evaluateStart?: boolean;
  /** Saves the model of a run that was not interrupted; returns what `run.json` should have besides. */
  save: (outcome: TrainingOutcome) => Promise<RunInfo>;
}

/**
 * Trains in the folder of the run, new or resumed, saves, and notes in `run.json` how it ended. The weights of the result are on disk.
 * Throws as the trainer and {@link RunFolder.open} do.
 */
export async function runFineTuning(options: FineTuneRunOptions, parts: FineTuningRun): Promise<Omit<TrainingOutcome, 'weights'>> {
  const { plan, notes, save } = parts;
  const run = await RunFolder.open(options, plan.settings, { totalSteps: plan.schedule.totalSteps, ...parts.facts, notes, versions: { node: process.version } });
  try {
    const outcome = await train(options, parts, run);
    if (outcome.outcome === 'interrupted') await run.close('interrupted');
    else {
      const { best } = outcome;
      await run.close('finished', {
        ...await save(outcome),
        ...(best && { bestCheckpoint: { step: best.step, metric: best.metric, value: best.value, path: options.output } }),
      });
    }
    return withoutWeights(outcome);
  } catch (error) {
    await run.close('failed', { notes: [...notes, `failed: ${error instanceof Error ? error.message : String(error)}`] }).catch(() => undefined);
    throw explainSystemError(error, { path: options.output }) ?? error;
  }
}

async function train(options: FineTuneRunOptions, parts: FineTuningRun, run: RunFolder): Promise<TrainingOutcome> {
  const { config, weights, task, plan, best, evaluateStart } = parts;
  using trainer = new Trainer(config, weights, task, {
    ...trainerOptions(options), ...(evaluateStart && { evaluateStart }),
    schedule: plan.schedule,
    ...(best && { best, ...pick(options, ['patience']) }),
    evaluateEvery: plan.evaluateEvery,
    parameters: arenaOptions(options, config),
    tracker: run.tracker,
  });
  if (options.resume) {
    const step = await trainer.resume();
    options.onEvent?.('resumed', step === undefined ? 'no checkpoint yet: starting from the beginning' : `at step ${step} of ${plan.schedule.totalSteps}`);
  }
  return await trainer.run();
}

/** The options that every fine-tuning task hands on to its trainer as they are. */
function trainerOptions(options: FineTuneRunOptions): Omit<TrainerOptions, 'schedule'> {
  return {
    ...pick(options, ['output', 'optimizer', 'maxGradNorm', 'checkpointEvery', 'keepCheckpoints', 'histogramEvery', 'saveActivations', 'threads', 'device', 'guard', 'onProgress', 'onEstimate', 'signal']),
    seed: options.seed ?? 1,
    onEvent: (kind, message) => options.onEvent?.(kind, message),
  };
}

/** Frozen parameters and layer-wise rates. */
function arenaOptions({ freeze, layerDecay }: FineTuneRunOptions, config: AlbertConfig): ArenaOptions {
  return {
    ...(freeze && { frozen: freeze }),
    ...(layerDecay !== undefined && layerDecay !== 1 && { learningRateScales: layerwiseScales(config.numHiddenGroups, layerDecay) }),
  };
}

/** Multiples of AdamW's rate: LAMB moves a tensor by the rate times its own length, SGD by the rate times a gradient that is clipped to length 1. */
const RATE_MULTIPLES: Record<OptimizerName, number> = { adamw: 1, lamb: 10, sgd: 100 };

/** The rate that usually works for a model of this width: the built-in one (256) took 5e-4 better than 1e-4, which is brightmart's advice for albert-tiny (312). */
function defaultLearningRate(config: AlbertConfig, { untrained, optimizer = 'adamw' }: { untrained: boolean; optimizer?: OptimizerName | undefined }): number {
  const { hiddenSize } = config;
  const adamw = untrained || hiddenSize < 300 ? 5e-4 : hiddenSize < 512 ? 1e-4 : hiddenSize < 1024 ? 3e-5 : 1e-5;
  return RATE_MULTIPLES[optimizer] * adamw;
}

function withoutWeights({ outcome, steps, skipped, rollBacks, evaluation, best, estimate }: TrainingOutcome): Omit<TrainingOutcome, 'weights'> {
  return { outcome, steps, skipped, rollBacks, ...(evaluation && { evaluation }), ...(best && { best }), ...(estimate && { estimate }) };
}
