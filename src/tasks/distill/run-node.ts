import { basename } from 'node:path';
import { saveCheckpoint, type SaveOptions } from '../../checkpoint/save-node.ts';
import { requireOneOf } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import type { Prose } from '../../core/prose.ts';
import { poolerParameters, type Weights } from '../../model/parameters.ts';
import type { BaseModel } from '../../training/run/base-model-node.ts';
import { tell } from '../../training/run/options.ts';
import {
  arenaOptions,
  describeCourse,
  describeSmallness,
  planRun,
  type RunPlan,
} from '../../training/run/plan-node.ts';
import { cardSettings, requireSameSoFar, type RunSettings } from '../../training/run/run-folder-node.ts';
import { runTraining } from '../../training/run/train-node.ts';
import type { TrainingTask } from '../../training/trainer-options.ts';
import type { Direction } from '../task.ts';
import { describeFigures, startFigures } from './figures-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';

export const DEFAULT_BATCH_SIZE = 64;
const DEFAULT_STEPS = 2000;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [1, 20];
const EVALUATE_EVERY = 250;
/** Rate of a new network below this width. */
const [NEW_NETWORK_RATE, WIDE] = [1e-3, 300];

/** A student with its texts, ready to learn. */
export interface Learner extends BaseModel {
  train: ArrayLike<number>;
  evaluation: readonly number[];
}

/** What one kind of distillation is. */
export interface Distillation {
  task: DistillResult['task'];
  learner: Learner;
  /** With those that only the run has. */
  weights: Weights;
  /** Settings of its own. */
  own: RunSettings;
  /** Figures of an evaluation; by the first one the best weights are kept, unless told otherwise. */
  metrics: Readonly<Record<string, Direction>>;
  trainingTask: (plan: RunPlan) => TrainingTask;
  /** What the folder is to hold of the trained weights. */
  saved: (weights: Weights) => Promise<SavedStudent>;
}

/** The student's part of its folder. */
export interface SavedStudent {
  weights: Weights;
  /** Set where it makes vectors of sentences. */
  sentences?: SaveOptions['sentences'];
  card: { name: string; description: string };
}

/** Throws `invalid_argument` for a figure that there is not; before anything is read. */
export function requireMetric(options: DistillOptions, metrics: Distillation['metrics']): void {
  if (options.metric !== undefined) requireOneOf('metric', options.metric, Object.keys(metrics));
}

/** What a run is to be, from what is known of it. */
function planOf(
  options: DistillOptions,
  { task, learner, own, metrics }: Pick<Distillation, 'task' | 'learner' | 'own' | 'metrics'>,
): RunPlan {
  const { train, evaluation } = learner;
  return planRun({ ...options, ...usualRate(options, learner) } as DistillOptions & { model?: string }, {
    base: learner,
    rows: train.length,
    own: {
      task: 'distillation',
      objective: task,
      ...pick(options, ['teacher', 'wordEmbeddings']),
      ...own,
      trainRows: train.length,
      evaluationRows: evaluation.length,
      ...(evaluation.length > 0 && { metric: metricOf(options, metrics) }),
    },
    defaults: {
      epochs: usualEpochs(train.length, options.batchSize ?? DEFAULT_BATCH_SIZE),
      batchSize: DEFAULT_BATCH_SIZE,
      evaluateEvery: EVALUATE_EVERY,
    },
  });
}

const metricOf = (options: DistillOptions, metrics: Distillation['metrics']): string =>
  options.metric ?? Object.keys(metrics)[0];

/** Refuses to resume a run that was another one, before a teacher is asked for it. */
export async function requireResumable(
  options: DistillOptions,
  parts: Pick<Distillation, 'task' | 'learner' | 'own' | 'metrics'>,
): Promise<void> {
  await requireSameSoFar(options, planOf(options, parts).settings);
}

/** Plans and runs a distillation from texts on disk; figures of the held-out ones before and after are in the result. */
export async function runDistillation(
  options: DistillOptions,
  { task, learner, weights, own, metrics, trainingTask, saved }: Distillation,
): Promise<DistillResult> {
  const { train, evaluation } = learner;
  const metric = metricOf(options, metrics);
  const plan = planOf(options, { task, learner, own, metrics });
  const warnings: string[] = [];
  const warn = (found: readonly (string | Prose)[]): void => {
    tell(options.onEvent, 'warning', ...found);
    warnings.push(...found.map(String));
  };
  warn(
    describeSmallness(plan, { train: train.length, ...(evaluation.length > 0 && { evaluation: evaluation.length }) }),
  );
  if (evaluation.length === 0)
    warn(['no text is held out: the last weights are kept, and no figure says how near they are to the teacher']);
  let figures: Pick<DistillResult, 'start' | 'end'> = {};
  const outcome = await runTraining(options, {
    ...learner,
    plan,
    parameters: arenaOptions(options, learner.config),
    notes: [...learner.notes, ...warnings],
    weights,
    task: trainingTask(plan),
    ...(evaluation.length > 0 && {
      best: { metric, higherIsBetter: metrics[metric] === 'higher' },
      evaluateStart: true,
    }),
    save: async (trained) => {
      figures = await startFigures(options.output, trained);
      const told = describeFigures(figures, { names: Object.keys(metrics), rows: evaluation.length });
      tell(options.onEvent, 'data', ...told);
      warn(describeCourse(trained));
      const { weights: kept, sentences, card } = await saved(trained.weights);
      keepPooler(kept, learner);
      await saveCheckpoint(options.output, {
        config: learner.checkpointConfig,
        weights: kept,
        tokenizerFiles: learner.tokenizer.files(),
        ...(sentences && { sentences }),
        card: { ...card, training: cardSettings(plan.settings), results: figures.end ?? {} },
      });
      return { notes: [...learner.notes, ...warnings, ...told] };
    },
  });
  return {
    ...outcome,
    output: options.output,
    task,
    trainRows: train.length,
    evaluationRows: evaluation.length,
    warnings,
    ...figures,
  };
}

/** So many passes that there are 2,000 steps. */
function usualEpochs(rows: number, batchSize: number): number {
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((DEFAULT_STEPS * batchSize) / rows)));
}

/**
 * A small new network learns vectors at a higher rate than what fine-tuning takes: 192 wide, after 300 steps, 1e-3 and
 * 2e-3 came equally near to the teacher.
 */
function usualRate(
  { learningRate, optimizer }: DistillOptions,
  { untrained, config }: Learner,
): Pick<DistillOptions, 'learningRate'> {
  const isUsual = learningRate === undefined && (optimizer?.name ?? 'adamw') === 'adamw';
  return isUsual && untrained && config.hiddenSize < WIDE ? { learningRate: NEW_NETWORK_RATE } : {};
}

/** The pooler takes no part, and is kept as it was. */
function keepPooler(weights: Weights, { weights: before, config }: Learner): void {
  for (const { name } of poolerParameters(config)) if (before.has(name)) weights.set(name, before.get(name)!);
}

/** Where what the teacher says comes from, as a card says it. */
export const teacherName = ({ teacher, teacherVectors, input }: DistillOptions): string =>
  [teacher ?? teacherVectors ?? input]
    .flat()
    .map((path) => basename(path))
    .join(', ');
