import type { TrialValues } from './space.ts';

/** Whether an objective should be small or large. */
export type Direction = 'minimize' | 'maximize';

/** One evaluation while a trial ran. */
export interface TrialEvaluation {
  /** Number of the evaluation in the trial, from 1. */
  at: number;
  /** The first objective; NaN where it was undefined. */
  value: number;
}

/**
 * One setting that was tried. `complete`: it ran to its end and has its objectives; `pruned`: it was ended early because
 * others did better; `failed`: it has no figure, such as one that ran out of memory.
 */
export interface Trial {
  /** From 0, in the order of suggestion. */
  number: number;
  /** What was tried. */
  values: TrialValues;
  /** How far it is. */
  state: 'running' | 'complete' | 'pruned' | 'failed';
  /** A figure for each objective, of complete trials. */
  objectives?: readonly number[];
  /** In the order in which they came. */
  evaluations: readonly TrialEvaluation[];
}

/** A figure as something to minimise. */
export function lossOf(value: number, direction: Direction): number {
  return direction === 'maximize' ? -value : value;
}

/** The objectives of a complete trial as things to minimise. */
export function lossesOf({ objectives = [] }: Trial, directions: readonly Direction[]): number[] {
  return objectives.map((value, i) => lossOf(value, directions[i]));
}

/** Complete trials by one objective, the best first; equal ones in their order. */
export function rankTrials(trials: readonly Trial[], directions: readonly Direction[], objective = 0): Trial[] {
  return trials
    .filter(({ state }) => state === 'complete')
    .sort((a, b) => lossesOf(a, directions)[objective] - lossesOf(b, directions)[objective]);
}
