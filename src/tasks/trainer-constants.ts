import { AlbertineError } from '../core/errors.ts';
import type { Schedule, ScheduleKind } from '../training/schedules.ts';
import { pick } from './pick.ts';

/** The settings of a run that make its {@link Schedule}, besides rate and steps. */
export interface ScheduleConstants {
  schedule?: ScheduleKind;
  warmupRatio?: number;
  warmupSteps?: number;
  finalLearningRate?: number;
  power?: number;
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
