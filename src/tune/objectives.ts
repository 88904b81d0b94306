import { AlbertineError, requireDistinct } from '../core/errors.ts';
import type { Direction } from '../study/trial.ts';

/** Figures that are measured of a trial besides those of its evaluations, and what they are. */
export const MEASURED = {
  parameters: 'numbers that the saved model has',
  latency: 'milliseconds a held-out row takes to be answered, the fastest of several passes',
  seconds: 'time of the trial',
} as const;
/** A name of {@link MEASURED}. */
export type MeasuredName = keyof typeof MEASURED;

/** What a study looks for. */
export interface Objective {
  /** A metric of the task's evaluations, `loss`, or one of {@link MEASURED}. */
  name: string;
  /** Whether it should be small or large. */
  direction: Direction;
}

export const isMeasured = (name: string): name is MeasuredName => Object.hasOwn(MEASURED, name);

/**
 * Reads objectives as flags have them: `accuracy`, `latency`, with `:min` or `:max` where the direction is not known.
 * `metrics` are the directions that the task declares.
 */
export function parseObjectives(
  texts: readonly string[],
  metrics: Readonly<Record<string, 'higher' | 'lower'>> = {},
): Objective[] {
  const objectives = texts.map((text) => {
    const [name, ending, ...more] = text.split(':');
    if (name === '' || more.length > 0 || (ending !== undefined && ending !== 'min' && ending !== 'max'))
      throw new AlbertineError('invalid_argument', `an objective cannot be read: ${JSON.stringify(text)}`, {
        value: text,
        hint: 'Write the name of a metric, if need be with :min or :max behind it',
      });
    return { name, direction: ending === undefined ? directionOf(name, metrics) : DIRECTIONS[ending] };
  });
  requireDistinct(
    'objective',
    objectives.map(({ name }) => name),
  );
  return objectives;
}

const DIRECTIONS = { min: 'minimize', max: 'maximize' } as const;

/** Whether a metric should be small or large. */
export function directionOf(name: string, metrics: Readonly<Record<string, 'higher' | 'lower'>>): Direction {
  return name === 'loss' || isMeasured(name) || metrics[name] === 'lower' ? 'minimize' : 'maximize';
}
