import { requireInteger, requireOneOf, wrongOption } from '../core/errors.ts';
import { option, prose, type Prose } from '../core/prose.ts';
import { SCHEDULE_SETTINGS } from './run/settings.ts';

/** Shapes of the learning rate after warm-up. */
export const SCHEDULE_KINDS = SCHEDULE_SETTINGS.schedule.values;
/** One of {@link SCHEDULE_KINDS}; all but `constant` end at the final rate. */
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** How the learning rate changes over a run; see {@link learningRateAt}. */
export interface Schedule {
  /** Shape after warm-up. */
  kind: ScheduleKind;
  /** The highest rate, reached at the end of warm-up. */
  learningRate: number;
  /** Optimiser updates in the whole run, warm-up included. `constant` ignores it unless `warmupRatio` is given. */
  totalSteps: number;
  /** Updates over which the rate rises linearly from 0. Default 0. Excludes `warmupRatio`. */
  warmupSteps?: number;
  /** The same as a fraction of `totalSteps`, rounded up. */
  warmupRatio?: number;
  /** The rate at and after `totalSteps`. Default 0; `constant` ignores it. */
  finalLearningRate?: number;
  /** Exponent of `polynomial`. Default 1, which is `linear`. */
  power?: number;
  /** How often `cosine` jumps back to the highest rate. Default 0. */
  restarts?: number;
}

/** Checks a schedule; returns it or throws `invalid_argument` naming the field. */
export function validateSchedule(schedule: Schedule): Schedule {
  const fail = (field: keyof Schedule, rule: string | Prose): never => {
    throw wrongOption(`schedule.${field}`, rule, { value: schedule[field] });
  };
  const { learningRate, finalLearningRate = 0, power = 1, warmupRatio, warmupSteps } = schedule;
  requireOneOf('schedule.kind', schedule.kind, SCHEDULE_KINDS);
  requireInteger('schedule.totalSteps', schedule.totalSteps, { min: 1 });
  requireInteger('schedule.restarts', schedule.restarts ?? 0, { min: 0 });
  if (!(learningRate > 0 && Number.isFinite(learningRate))) fail('learningRate', 'a positive number');
  if (!(finalLearningRate >= 0 && finalLearningRate <= learningRate))
    fail('finalLearningRate', `in [0, ${learningRate}]`);
  if (!(power > 0)) fail('power', 'positive');
  if (warmupRatio !== undefined && warmupSteps !== undefined)
    fail('warmupRatio', prose`left out when ${option('warmupSteps')} is given`);
  if (warmupRatio !== undefined && !(warmupRatio >= 0 && warmupRatio < 1)) fail('warmupRatio', 'in [0, 1)');
  const warmup = warmupStepsOf(schedule);
  requireInteger('schedule.warmupSteps', warmup, { min: 0 });
  if (schedule.kind !== 'constant' && warmup > schedule.totalSteps)
    fail('warmupSteps', `at most totalSteps (${schedule.totalSteps})`);
  return schedule;
}

/** Warm-up steps of a schedule, whichever way they were given. */
export function warmupStepsOf({ warmupSteps, warmupRatio, totalSteps }: Schedule): number {
  return warmupSteps ?? Math.ceil((warmupRatio ?? 0) * totalSteps);
}

/**
 * Learning rate of the update that follows `step` finished updates, so `step` runs from 0 to `totalSteps - 1`. This is
 * the convention of Hugging Face's schedulers and of ALBERT's released code: with warm-up, the first update has rate 0.
 * Decay starts where warm-up ends (Hugging Face; ALBERT's own code decays from step 0 beneath the warm-up). A pure
 * function: resuming needs no state.
 */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { kind, learningRate, totalSteps, finalLearningRate = 0, power = 1, restarts = 0 } = schedule;
  const warmup = warmupStepsOf(schedule);
  if (step < warmup) return (learningRate * step) / warmup;
  if (kind === 'constant') return learningRate;
  const progress = Math.min(1, (step - warmup) / Math.max(1, totalSteps - warmup));
  return finalLearningRate + (learningRate - finalLearningRate) * remaining(kind, progress, { power, restarts });
}

/** Fraction of the range between the highest and the final rate that is left after `progress` (0 to 1) of the decay. */
function remaining(
  kind: 'linear' | 'cosine' | 'polynomial',
  progress: number,
  { power, restarts }: { power: number; restarts: number },
): number {
  switch (kind) {
    case 'linear':
      return 1 - progress;
    case 'polynomial':
      return (1 - progress) ** power;
    case 'cosine': {
      if (progress >= 1) return 0;
      return 0.5 * (1 + Math.cos(Math.PI * ((progress * (restarts + 1)) % 1)));
    }
  }
}

/**
 * Learning rate for another batch size by the square-root rule that LAMB is scaled with (You et al. 2020, section 4.1):
 * `learningRate × √(batchSize / baseBatchSize)`. ALBERT was pretrained with 1.76e-3 at batch 4096.
 */
export function scaleLearningRate(learningRate: number, batchSize: number, baseBatchSize: number): number {
  requireInteger('batchSize', batchSize, { min: 1 });
  requireInteger('baseBatchSize', baseBatchSize, { min: 1 });
  return learningRate * Math.sqrt(batchSize / baseBatchSize);
}
