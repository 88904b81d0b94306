import { logNormalMass } from './normal.ts';
import { stepOf, type NumberParameter, type Parameter, type ParameterValue, type Space } from './space.ts';
import { splitTop } from './split.ts';
import type { Direction, Trial } from './trial.ts';

/** Share of the trials that count as the best. */
const TOP_SHARE = 0.1;
/** Places of a range on which densities are compared. */
const GRID_PLACES = 50;
/** Added to densities, which are divided. */
const TINY = 1e-12;
/** Complete trials before people are told what mattered: with fewer the best tenth is less than five, and mostly luck. */
export const IMPORTANCE_TRIALS = 50;
/** Of fewer trials than this nothing is said. */
const LEAST_TRIALS = 2;

/**
 * How much each parameter decides whether a trial is among the best tenth: PED-ANOVA (Watanabe et al. 2023), the variance
 * over the searched values of the density of the best trials relative to that of all, as shares of the sum. Parameters
 * with a condition count by the trials that have them. Only complete trials count. All 0 where fewer than two are
 * complete, or all are equally good. It tells what mattered in this search: values that were not tried are not known.
 */
export function parameterImportance(
  space: Space,
  trials: readonly Trial[],
  directions: readonly Direction[],
): Record<string, number> {
  const raw = pedAnova(space, trials, directions);
  const sum = Object.values(raw).reduce((a, b) => a + b, 0);
  return Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, sum > 0 ? value / sum : 0]));
}

/**
 * The same before it is divided by the sum.
 *
 * @internal
 */
export function pedAnova(
  space: Space,
  trials: readonly Trial[],
  directions: readonly Direction[],
): Record<string, number> {
  const complete = trials.filter(({ state }) => state === 'complete');
  const top = complete.length < LEAST_TRIALS ? [] : splitTop(complete, directions, TOP_SHARE);
  const has =
    (name: string) =>
    (trial: Trial): boolean =>
      Object.hasOwn(trial.values, name);
  const entries = Object.entries(space).map(([name, parameter]): [string, number] => {
    const [own, ownTop] = [complete.filter(has(name)), top.filter(has(name))];
    if (own.length < LEAST_TRIALS || ownTop.length === 0) return [name, 0];
    const values = (from: readonly Trial[]): ParameterValue[] => from.map((trial) => trial.values[name]);
    const share = (ownTop.length / top.length) ** 2 / (own.length / complete.length);
    const whole = (top.length / complete.length) ** 2;
    return [name, share * whole * divergence(parameter, values(ownTop), values(own))];
  });
  return Object.fromEntries(entries);
}

/** Pearson's divergence of the density of the best from that of all, on a grid. */
function divergence(parameter: Parameter, top: readonly ParameterValue[], all: readonly ParameterValue[]): number {
  const [best, local] = [top, all].map((values) => gridDensity(parameter, values));
  return local.reduce((sum, density, i) => sum + density * (best[i] / density - 1) ** 2, 0);
}

function gridDensity(parameter: Parameter, values: readonly ParameterValue[]): number[] {
  const density =
    parameter.kind === 'choice'
      ? choiceDensity(
          countIn(
            values.map((value) => parameter.choices.indexOf(value)),
            parameter.choices.length,
          ),
        )
      : numberDensity(numberCounts(parameter, values as readonly number[]));
  return density.map((value) => value + TINY);
}

function countIn(places: readonly number[], length: number): number[] {
  const counts = new Array<number>(length).fill(0);
  for (const place of places) counts[place]++;
  return counts;
}

function numberCounts(parameter: NumberParameter, values: readonly number[]): number[] {
  const { low, high, log = false } = parameter;
  const step = stepOf(parameter);
  const length = Math.min(
    GRID_PLACES,
    log && step !== undefined
      ? Math.ceil(Math.log2(high - low + 1)) + 1
      : step === undefined
        ? Infinity
        : Math.round((high - low) / step) + 1,
  );
  const scale = log ? Math.log : (value: number) => value;
  const width = (scale(high) - scale(low)) / (length - 1);
  // A value in the middle between two places belongs to the lower one.
  const place = (value: number): number =>
    Math.min(length - 1, Math.max(0, Math.ceil((scale(value) - scale(low)) / width - 0.5)));
  return countIn(values.map(place), length);
}

/** Counts with a prior that has the weight of one observation, as the Parzen estimator has it. */
function choiceDensity(counts: readonly number[]): number[] {
  const distinct = counts.filter((count) => count > 0).length;
  const total = counts.reduce((a, b) => a + b, 1);
  const share = 1 / (distinct + 1);
  const sum = 1 + counts.length * share;
  return counts.map((_, choice) =>
    counts.reduce(
      (density, count, other) => density + (count / total) * ((share + (other === choice ? 1 : 0)) / sum),
      1 / counts.length / total,
    ),
  );
}

/** Normals around the places that have values, as wide as Scott's rule says (1992), and a wide one as prior. */
function numberDensity(counts: readonly number[]): number[] {
  const places = counts.map((_, place) => place).filter((place) => counts[place] > 0);
  const weights = places.map((place) => counts[place]);
  const total = weights.reduce((a, b) => a + b, 0);
  const width = scottWidth(places, weights, total);
  const last = counts.length - 1;
  const kernels = [
    ...places.map((mean, i) => ({ mean, width, weight: weights[i] / (total + 1) })),
    { mean: last / 2, width: last + 1, weight: 1 / (total + 1) },
  ];
  return counts.map((_, place) =>
    kernels.reduce((sum, { mean, width: own, weight }) => {
      const at = (bound: number): number => (bound - mean) / own;
      const mass = logNormalMass(at(place - 0.5), at(place + 0.5)) - logNormalMass(at(-0.5), at(last + 0.5));
      return sum + weight * Math.exp(mass);
    }, 0),
  );
}

function scottWidth(places: readonly number[], weights: readonly number[], total: number): number {
  const mean = places.reduce((sum, place, i) => sum + place * weights[i], 0) / total;
  const squares = places.reduce((sum, place, i) => sum + (place - mean) ** 2 * weights[i], 0);
  const deviation = Math.sqrt(squares / Math.max(1, total - 1));
  let running = 0;
  const sums = weights.map((weight) => (running += weight));
  const first = sums.findIndex((sum) => sum >= Math.floor(total / 4));
  const third = sums.findIndex((sum) => sum > Math.floor((total * 3) / 4));
  const range = places[third === -1 ? places.length - 1 : third] - places[first];
  const width = 1.059 * Math.min(range / 1.34, deviation) * total ** -0.2;
  // So wide at least that most of a kernel is within its place.
  return Math.max(width, 0.5 / 1.64);
}
