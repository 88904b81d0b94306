import { AlbertineError } from '../../core/errors.ts';
import type { Schedule, ScheduleKind } from '../schedules.ts';
import { pick } from '../../core/pick.ts';

/** The settings of a run that make its {@link Schedule}, besides rate and steps. */
export interface ScheduleConstants {
  /** Default `linear`. */
  schedule?: ScheduleKind;
  /** Share of the steps over which the rate rises from 0. Default 0.1; pretraining 0.025, as in the paper (3,125 of 125,000 steps). */
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

/** The constants of a schedule that were given; a warm-up of `warmupRatio` where there is none. */
export function scheduleConstants(options: ScheduleConstants, defaults: { warmupRatio: number }): Omit<Schedule, 'kind' | 'learningRate' | 'totalSteps'> {
  const warmup = options.warmupSteps === undefined ? { warmupRatio: options.warmupRatio ?? defaults.warmupRatio } : pick(options, ['warmupSteps', 'warmupRatio']);
  return { ...warmup, ...pick(options, ['finalLearningRate', 'power', 'restarts']) };
}

/** Throws `invalid_argument` for a constant that the kind of schedule has no use for: it would be ignored. */
export function requireUsedBySchedule({ kind, power, restarts, finalLearningRate }: Schedule): void {
  const unused = power !== undefined && kind !== 'polynomial' ? 'power' : restarts !== undefined && kind !== 'cosine' ? 'restarts' : finalLearningRate !== undefined && kind === 'constant' ? 'finalLearningRate' : undefined;
  if (unused) throw new AlbertineError('invalid_argument', `the ${kind} schedule has no ${unused}`, { value: kind });
}
