import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { requireOptions } from '../core/options.ts';
import { createRandom, mixSeed, shuffle, type Random } from '../core/random.ts';
import { SAMPLERS, type SamplerName } from './names.ts';
import { parzenEstimator } from './parzen.ts';
import {
  discreteValues,
  isActive,
  jointGroups,
  requireSpace,
  scaledBounds,
  searchOrder,
  snapped,
  type Parameter,
  type ParameterValue,
  type Space,
  type TrialValues,
} from './space.ts';
import { splitTrials, type SplitTrials } from './split.ts';
import type { Direction, Trial } from './trial.ts';

/** Options of {@link createSampler}. */
export interface SamplerOptions {
  /** `tpe` (default), `random` or `grid`. */
  sampler?: SamplerName;
  /**
   * `tpe`: parameters with the same condition are drawn together, so that combinations are learned. Default true; false
   * draws each by itself.
   */
  multivariate?: boolean;
  /** `tpe`: trials that are drawn at random first. Default 10. */
  startupTrials?: number;
  /** `tpe`: draws among which the most promising one is suggested. Default 24. */
  candidates?: number;
  /** `grid`: values of a range without steps, and of one with more steps than that. Default 5. */
  gridPoints?: number;
  /** Default 1. */
  seed?: number;
}

/** What a suggestion is made of: nothing else decides it, so that a study that is continued goes on as it would have. */
export interface StudyHistory {
  /** All trials so far, running ones among them; the one that is asked for is not. */
  trials: readonly Trial[];
  /** Of each objective. */
  directions: readonly Direction[];
}

/** Suggests what to try. */
export interface Sampler {
  /**
   * The values of trial `number`, a function of seed, number and history alone, and none that was tried: a setting with the
   * same seed gives the same weights. Undefined where everything has been tried.
   */
  suggest(number: number, history: StudyHistory): TrialValues | undefined;
  /** How many different trials there are; undefined where there is no end. */
  readonly size: number | undefined;
}

/**
 * A sampler of settings. `random` draws every number evenly on its scale; `grid` takes every combination once, in an
 * order that the seed shuffles, so that a grid that is not finished is a fair sample; `tpe` is the tree-structured Parzen
 * estimator (Bergstra et al. 2011; multivariate after Falkner et al. 2018; several objectives after Ozaki et al. 2020): it
 * draws from the density of the good trials and suggests the draw that is likeliest there as compared to the others,
 * with the estimator and the split of Optuna 5. Throws `invalid_argument` for a wrong space or option.
 */
export function createSampler(space: Space, options: SamplerOptions = {}): Sampler {
  requireSamplerOptions(options);
  requireSpace(space);
  const { sampler = 'tpe', seed = 1 } = options;
  if (sampler === 'grid') return gridSampler(space, { seed, points: options.gridPoints ?? 5 });
  const { startupTrials = 10, candidates = 24, multivariate = true } = options;
  const groups = multivariate ? jointGroups(space) : searchOrder(space).map((name) => [name]);
  return {
    size: undefined,
    suggest(number, { trials, directions }) {
      const finished = trials.filter(({ state }) => state === 'complete' || state === 'pruned').length;
      const split = sampler === 'random' || finished < startupTrials ? undefined : splitTrials(trials, directions);
      const tried = new Set(trials.map(({ values }) => keyOf(values)));
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        const random = createRandom(attempt === 0 ? mixSeed(seed, number) : mixSeed(seed, number, attempt));
        // Where little is left, what is promising has been tried.
        const values =
          split === undefined || attempt >= MOST_ATTEMPTS / 10
            ? randomValues(space, random)
            : estimated(space, split, { random, candidates, groups });
        if (!tried.has(keyOf(values))) return values;
      }
      return undefined;
    },
  };
}

/** Draws that have been tried already, after which everything is taken to be tried. */
const MOST_ATTEMPTS = 1000;

const keyOf = (values: TrialValues): string =>
  JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

function estimated(
  space: Space,
  split: SplitTrials,
  { random, candidates, groups }: { random: Random; candidates: number; groups: readonly (readonly string[])[] },
): TrialValues {
  const values: Record<string, ParameterValue> = {};
  for (const names of groups) {
    if (!isActive(space[names[0]], values)) continue;
    const part = Object.fromEntries(names.map((name) => [name, space[name]]));
    Object.assign(values, likeliest(part, split, { random, candidates }));
  }
  return inOrder(space, values);
}

function requireSamplerOptions(options: SamplerOptions): void {
  requireOptions<SamplerOptions>('createSampler', options, {
    sampler: 'string',
    multivariate: 'boolean',
    startupTrials: 'number',
    candidates: 'number',
    gridPoints: 'number',
    seed: 'number',
  });
  if (options.sampler !== undefined) requireOneOf('sampler', options.sampler, SAMPLERS);
  for (const [name, min] of [
    ['startupTrials', 1],
    ['candidates', 1],
    ['gridPoints', 2],
    ['seed', 0],
  ] as const)
    if (options[name] !== undefined) requireInteger(name, options[name], { min });
}

/** The draw from the good trials that is likeliest there as compared to the bad ones. */
function likeliest(
  part: Space,
  { good, bad }: SplitTrials,
  { random, candidates }: { random: Random; candidates: number },
): TrialValues {
  const names = Object.keys(part);
  const observed = (trials: readonly Trial[]): TrialValues[] =>
    trials.map(({ values }) => values).filter((values) => names.every((name) => Object.hasOwn(values, name)));
  const [low, high] = [parzenEstimator(part, observed(good)), parzenEstimator(part, observed(bad))];
  let best: TrialValues = {};
  let most = -Infinity;
  for (let i = 0; i < candidates; i++) {
    const draw = low.sample(random);
    const gain = low.logDensity(draw) - high.logDensity(draw);
    if (gain > most) [best, most] = [draw, gain];
  }
  return best;
}

/** Values drawn evenly, each on its scale. */
function randomValues(space: Space, random: Random): TrialValues {
  const values: Record<string, ParameterValue> = {};
  for (const name of searchOrder(space)) {
    // Drawn also where it is not used, so that one condition does not change what the others get.
    const value = randomValue(space[name], random);
    if (isActive(space[name], values)) values[name] = value;
  }
  return inOrder(space, values);
}

function randomValue(parameter: Parameter, random: Random): ParameterValue {
  if (parameter.kind === 'choice') return parameter.choices[random.integer(parameter.choices.length)];
  const { low, high } = scaledBounds(parameter);
  const value = low + random.uniform() * (high - low);
  return snapped(parameter, parameter.log ? Math.exp(value) : value);
}

const inOrder = (space: Space, values: TrialValues): TrialValues =>
  Object.fromEntries(Object.keys(space).flatMap((name) => (Object.hasOwn(values, name) ? [[name, values[name]]] : [])));

/** Combinations of a grid at most. */
const MOST_COMBINATIONS = 1_000_000;

function gridSampler(space: Space, { seed, points }: { seed: number; points: number }): Sampler {
  const names = searchOrder(space);
  let combinations: TrialValues[] = [{}];
  for (const name of names) {
    const values = gridValues(space[name], points);
    combinations = combinations.flatMap((before) =>
      isActive(space[name], before) ? values.map((value) => ({ ...before, [name]: value })) : [before],
    );
    if (combinations.length > MOST_COMBINATIONS)
      throw new AlbertineError(
        'invalid_argument',
        `the grid has more than ${MOST_COMBINATIONS.toLocaleString('en-US')} combinations`,
        {
          value: combinations.length,
          hint: 'Search fewer values, or take the sampler tpe or random',
        },
      );
  }
  shuffle(combinations, createRandom(mixSeed(seed, 0)));
  return {
    size: combinations.length,
    suggest: (number) => (number < combinations.length ? inOrder(space, combinations[number]) : undefined),
  };
}

function gridValues(parameter: Parameter, points: number): readonly ParameterValue[] {
  const all = discreteValues(parameter);
  if (parameter.kind === 'choice' || (all && all.length <= points)) return all!;
  const scale = parameter.log ? Math.log : (value: number) => value;
  const unscale = parameter.log ? Math.exp : (value: number) => value;
  const [low, high] = [scale(parameter.low), scale(parameter.high)];
  const spaced = Array.from({ length: points }, (_, i) =>
    snapped(parameter, Number(unscale(low + ((high - low) * i) / (points - 1)).toPrecision(6))),
  );
  return [...new Set(spaced)];
}
