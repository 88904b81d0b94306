import { countOf } from '../../core/count.ts';
import { requireInteger } from '../../core/errors.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import type { AdapterMethodName } from '../../model/adapters/names.ts';
import { hasEmbeddingMapping, type AlbertConfig } from '../../model/config.ts';
import { defaultThreads } from '../../runtime/threads.ts';
import { layerwiseScales, type ArenaOptions } from '../arena.ts';
import { stepsOfEpochs, stepsPerEpoch } from '../units.ts';
import type { Schedule } from '../schedules.ts';
import type { OptimizerOptions, TrainingOutcome } from '../trainer-options.ts';
import type { BaseModel } from './base-model-node.ts';
import type { FineTuneRunOptions } from './options.ts';
import { pick } from '../../core/pick.ts';
import type { RunSettings } from './run-folder-node.ts';
import { FINE_TUNE_RUN_SETTINGS } from './settings.ts';
import { scheduleOf, updateSettings } from './trainer-constants.ts';

const DEFAULT_OPTIMIZER = FINE_TUNE_RUN_SETTINGS.optimizer.settings.name.default;

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

/**
 * Fills in the defaults and lists everything that decides the result. Throws `invalid_argument` for numbers that make
 * no run.
 */
export function planRun(options: FineTuneRunOptions, { base, rows, defaults, own }: RunPlanParts): RunPlan {
  const { config } = base;
  const { batchSize = defaults.batchSize, epochs = defaults.epochs } = options;
  const schedule = scheduleOf(options, {
    totalSteps: requireInteger('maxSteps', options.maxSteps ?? stepsOfEpochs(rows, batchSize, epochs), { min: 1 }),
    learningRate:
      options.learningRate ??
      defaultLearningRate(config, {
        untrained: base.untrained,
        optimizer: options.optimizer?.name,
        adapter: options.adapter?.method,
      }),
    warmupRatio: FINE_TUNE_RUN_SETTINGS.warmupRatio.default,
  });
  const evaluateEvery =
    options.evaluateEvery ?? Math.min(defaults.evaluateEvery ?? Infinity, stepsPerEpoch(rows, batchSize));
  const settings: RunSettings = {
    ...own,
    model: base.model,
    modelFingerprint: base.fingerprint,
    ...(options.maxSteps === undefined && { epochs }),
    batchSize,
    ...updateSettings(options, schedule, DEFAULT_OPTIMIZER),
    maxLength: base.maxLength,
    shuffle: options.shuffle ?? true,
    seed: options.seed ?? 1,
    hiddenDropout: config.hiddenDropoutProb,
    attentionDropout: config.attentionProbsDropoutProb,
    classifierDropout: config.classifierDropoutProb,
    evaluateEvery,
    threads: options.threads ?? defaultThreads(),
    ...pick(options, ['layerDecay', 'freeze', 'patience', 'guard']),
    ...(options.adversarial && adversarialSettings(options.adversarial)),
    ...(options.device === 'webgpu' && { device: options.device }),
  };
  return { schedule, batchSize, epochs: options.maxSteps === undefined ? epochs : undefined, evaluateEvery, settings };
}

const adversarialSettings = ({ method, ...sizes }: NonNullable<FineTuneRunOptions['adversarial']>): RunSettings => ({
  adversarial: method,
  ...Object.fromEntries(
    Object.entries(sizes).map(([name, value]) => [`adversarial${name[0].toUpperCase()}${name.slice(1)}`, value]),
  ),
});

/** Steps, and held-out rows, below which a run or its figures say little. */
const FEW_STEPS = 20;
const FEW_ROWS = 10;

/**
 * Warnings of a run that is too short to change much, and of held-out rows that are too few to judge it by;
 * `evaluation` is absent where nothing is held out on purpose.
 */
export function describeSmallness(
  { schedule: { totalSteps } }: RunPlan,
  rows: { train: number; evaluation?: number },
): (string | Prose)[] {
  return [
    ...(totalSteps < FEW_STEPS
      ? [
          prose`the whole run has only ${countOf(totalSteps, 'step')} on ${countOf(rows.train, 'row')}, which changes little: a smaller ${option('batchSize')} or more ${option('epochs')} make more of them`,
        ]
      : []),
    ...(rows.evaluation === 0
      ? [
          'nothing is held out: the last weights are kept, and no figure says how good they are; give an evaluation file',
        ]
      : []),
    ...(rows.evaluation !== undefined && rows.evaluation > 0 && rows.evaluation < FEW_ROWS
      ? [
          `only ${countOf(rows.evaluation, 'row')} held out: its figures, and the choice of the best weights by them, are mostly chance`,
        ]
      : []),
  ];
}

/** Gain of the last evaluation, relative to its value, from which a run is called unfinished. */
const STILL_IMPROVING = 0.01;

/**
 * What the course of a run's evaluations says: that nothing beat the start, or that it ended while still getting
 * better.
 */
export function describeCourse({ outcome, steps, best }: Omit<TrainingOutcome, 'weights'>): Prose[] {
  if (!best || outcome === 'interrupted') return [];
  if (best.step === 0)
    return [
      prose`no evaluation beat the starting weights (${best.metric} ${best.value.toFixed(4)}), so they are what is kept: other data, a lower ${option('learningRate')} or another objective may help`,
    ];
  const isClimbing =
    best.step === steps &&
    best.gain !== undefined &&
    best.gain > 0 &&
    best.gain >= STILL_IMPROVING * Math.abs(best.value);
  return isClimbing
    ? [
        prose`${best.metric} was still improving at the end (${best.gain!.toFixed(4)} better in the last evaluation): more ${option('epochs')} may make it better`,
      ]
    : [];
}

/** Frozen parameters and layer-wise rates. */
export function arenaOptions({ freeze, layerDecay }: FineTuneRunOptions, config: AlbertConfig): ArenaOptions {
  return {
    ...(freeze && { frozen: freeze }),
    ...(layerDecay !== undefined &&
      layerDecay !== 1 && {
        learningRateScales: layerwiseScales(config.numHiddenGroups, layerDecay, {
          mapping: hasEmbeddingMapping(config),
        }),
      }),
  };
}

/**
 * Multiples of AdamW's rate: LAMB moves a tensor by the rate times its own length, SGD by the rate times a gradient
 * that is clipped to length 1.
 */
export const RATE_MULTIPLES: Readonly<Record<OptimizerName, number>> = { adamw: 1, lamb: 10, sgd: 100 };

/** Few new numbers take higher rates than all that a model has learned. */
export const ADAPTER_RATE_MULTIPLE = 10;

/**
 * The rate that usually works for a model of this width: the built-in one (256) took 5e-4 better than 1e-4, which is
 * brightmart's advice for albert-tiny (312).
 */
function defaultLearningRate(
  config: AlbertConfig,
  {
    untrained,
    optimizer = DEFAULT_OPTIMIZER,
    adapter,
  }: { untrained: boolean; optimizer?: OptimizerName | undefined; adapter?: AdapterMethodName | undefined },
): number {
  const { hiddenSize } = config;
  const adamw = untrained || hiddenSize < 300 ? 5e-4 : hiddenSize < 512 ? 1e-4 : hiddenSize < 1024 ? 3e-5 : 1e-5;
  return RATE_MULTIPLES[optimizer] * (adapter === undefined ? 1 : ADAPTER_RATE_MULTIPLE) * adamw;
}
