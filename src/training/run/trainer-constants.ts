import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { requireUsedByOptimizer } from '../optimizers/constants.ts';
import { validateSchedule, type Schedule, type ScheduleKind } from '../schedules.ts';
import type { OptimizerOptions } from '../trainer-options.ts';

/** The settings of a run that make its {@link Schedule}, besides rate and steps. */
export interface ScheduleConstants {
  /** Default `linear`. */
  schedule?: ScheduleKind;
  /**
   * Share of the steps over which the rate rises from 0. Default 0.1; pretraining 0.025, as in the paper (3,125 of
   * 125,000 steps).
   */
  warmupRatio?: number;
  /** The same as a number of steps; instead of `warmupRatio`. */
  warmupSteps?: number;
  /** The rate at the end; not for `constant`. Default 0. */
  finalLearningRate?: number;
  /** Exponent of `polynomial`. Default 1, which is `linear`. */
  power?: number;
  /** How often `cosine` jumps back to the highest rate. Default 0. */
  restarts?: number;
}

/** What moves the weights in a run. */
export interface UpdateOptions extends ScheduleConstants {
  optimizer?: OptimizerOptions;
  maxGradNorm?: number;
}

type OptimizerName = NonNullable<OptimizerOptions['name']>;

/**
 * The schedule of a run, with a warm-up of `warmupRatio` where none is given. Throws `invalid_argument` for constants
 * out of range.
 */
export function scheduleOf(
  options: ScheduleConstants,
  { totalSteps, learningRate, warmupRatio }: { totalSteps: number; learningRate: number; warmupRatio: number },
): Schedule {
  const warmup =
    options.warmupSteps === undefined
      ? { warmupRatio: options.warmupRatio ?? warmupRatio }
      : pick(options, ['warmupSteps', 'warmupRatio']);
  return validateSchedule({
    kind: options.schedule ?? 'linear',
    totalSteps,
    learningRate,
    ...warmup,
    ...pick(options, ['finalLearningRate', 'power', 'restarts']),
  });
}

/** What schedule and optimiser, `usual` where none is chosen, decide of a run's result. */
export function updateSettings(
  { optimizer = {}, maxGradNorm = 1 }: UpdateOptions,
  { kind, totalSteps, learningRate, ...constants }: Schedule,
  usual: OptimizerName,
) {
  const { name = usual, ...own } = optimizer;
  return { totalSteps, learningRate, schedule: kind, ...constants, optimizer: name, ...own, maxGradNorm };
}

/**
 * Throws `invalid_argument` for a constant that the schedule or the optimiser, `usual` where none is chosen, has no use
 * for: it would be ignored.
 */
export function requireUsedConstants(
  { schedule = 'linear', power, restarts, finalLearningRate, optimizer = {} }: UpdateOptions,
  usual: OptimizerName,
): void {
  const unused =
    power !== undefined && schedule !== 'polynomial'
      ? 'power'
      : restarts !== undefined && schedule !== 'cosine'
        ? 'restarts'
        : finalLearningRate !== undefined && schedule === 'constant'
          ? 'finalLearningRate'
          : undefined;
  if (unused)
    throw new AlbertineError('invalid_argument', prose`the ${schedule} schedule has no ${option(unused)}`, {
      value: schedule,
      option: unused,
    });
  requireUsedByOptimizer(optimizer.name ?? usual, optimizer);
}
