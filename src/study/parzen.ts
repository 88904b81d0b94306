import type { Random } from '../core/random.ts';
import { logNormalDensity, logNormalMass } from './normal.ts';
import {
  scaledBounds,
  snapped,
  stepOf,
  type ChoiceParameter,
  type NumberParameter,
  type Parameter,
  type ParameterValue,
  type Space,
  type TrialValues,
} from './space.ts';

/** Trials after which older ones count less. */
const FULL_WEIGHT = 25;

/** What the kernels of one parameter are: one for each observation, and last the prior. */
interface Kernels {
  sample(kernel: number, random: Random): ParameterValue;
  logDensity(kernel: number, value: ParameterValue): number;
}

/** A density over parameters, estimated from trials. */
export interface ParzenEstimator {
  sample(random: Random): TrialValues;
  /** Logarithm of the density at values; of numbers on a logarithmic scale, with respect to that scale. */
  logDensity(values: TrialValues): number;
}

/**
 * A mixture of a kernel for each observation, in the order of the trials, and a wide one as prior: truncated normals for
 * numbers, with the distance of neighbours for a width, and smoothed counts for choices (Bergstra et al. 2011;
 * Watanabe 2023, with the defaults of Optuna 5). Kernels are products over the parameters: with several, their
 * combinations are learned (Falkner et al. 2018).
 */
export function parzenEstimator(space: Space, observations: readonly TrialValues[]): ParzenEstimator {
  const weights = kernelWeights(observations.length);
  const kernels = Object.entries(space).map(
    ([name, parameter]) =>
      [
        name,
        kernelsOf(
          parameter,
          observations.map((values) => values[name]),
        ),
      ] as const,
  );
  return {
    sample(random) {
      const kernel = draw(weights, random);
      return Object.fromEntries(kernels.map(([name, own]) => [name, own.sample(kernel, random)]));
    },
    logDensity(values) {
      const logs = weights.map((weight, kernel) =>
        kernels.reduce((sum, [name, own]) => sum + own.logDensity(kernel, values[name]), Math.log(weight)),
      );
      const largest = Math.max(...logs);
      return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
    },
  };
}

/** Weights of the kernels, which sum to 1: the last 25 trials and the prior are equal, older ones fade. */
export function kernelWeights(count: number): number[] {
  const old = Math.max(0, count - FULL_WEIGHT);
  const weights = Array.from({ length: count }, (_, i) => (i < old ? rampAt(i, old, count) : 1));
  const sum = weights.reduce((a, b) => a + b, 1);
  return [...weights, 1].map((weight) => weight / sum);
}

function rampAt(index: number, length: number, count: number): number {
  return length === 1 ? 1 / count : 1 / count + ((1 - 1 / count) * index) / (length - 1);
}

function draw(weights: readonly number[], random: Random): number {
  let left = random.uniform();
  for (let i = 0; i < weights.length - 1; i++) {
    left -= weights[i];
    if (left < 0) return i;
  }
  return weights.length - 1;
}

function kernelsOf(parameter: Parameter, observed: readonly ParameterValue[]): Kernels {
  return parameter.kind === 'choice'
    ? choiceKernels(parameter, observed)
    : numberKernels(parameter, observed as readonly number[]);
}

function choiceKernels({ choices }: ChoiceParameter, observed: readonly ParameterValue[]): Kernels {
  const own = observed.map((value) => choices.indexOf(value));
  // Each kernel has its observation once, and every choice a share of the prior.
  const share = observed.length === 0 ? 1 : 1 / (observed.length + 1);
  const sum = (kernel: number): number => choices.length * share + (kernel < own.length ? 1 : 0);
  const probability = (kernel: number, choice: number): number =>
    (share + (own[kernel] === choice ? 1 : 0)) / sum(kernel);
  return {
    sample: (kernel, random) =>
      choices[
        draw(
          choices.map((_, choice) => probability(kernel, choice)),
          random,
        )
      ],
    logDensity: (kernel, value) => Math.log(probability(kernel, choices.indexOf(value))),
  };
}

function numberKernels(parameter: NumberParameter, observed: readonly number[]): Kernels {
  const scale = parameter.log ? Math.log : (value: number) => value;
  const unscale = parameter.log ? Math.exp : (value: number) => value;
  const { low, high } = scaledBounds(parameter);
  const centres = observed.map(scale);
  const widths = [...kernelWidths(centres, { low, high }), high - low];
  const means = [...centres, (low + high) / 2];
  const half = (stepOf(parameter) ?? 0) / 2;
  const masses = means.map((mean, i) => logNormalMass((low - mean) / widths[i], (high - mean) / widths[i]));
  return {
    sample(kernel, random) {
      // Means are within the bounds and widths at most their distance, so that a third of the draws fit at least.
      for (;;) {
        const value = means[kernel] + widths[kernel] * random.normal();
        if (value >= low && value <= high) return snapped(parameter, unscale(value));
      }
    },
    logDensity(kernel, value) {
      const [mean, width] = [means[kernel], widths[kernel]];
      const at = (bound: number): number => (scale(bound) - mean) / width;
      const own =
        half > 0
          ? logNormalMass(at((value as number) - half), at((value as number) + half))
          : logNormalDensity(at(value as number)) - Math.log(width);
      return own - masses[kernel];
    },
  };
}

/** The larger distance to the neighbours on both sides, not too narrow while there are few observations. */
function kernelWidths(centres: readonly number[], { low, high }: { low: number; high: number }): number[] {
  const order = centres.map((_, i) => i).sort((a, b) => centres[a] - centres[b]);
  const sorted = [low, ...order.map((i) => centres[i]), high];
  const widths = new Array<number>(centres.length);
  const narrowest = (high - low) / Math.min(100, centres.length + 2);
  order.forEach((index, place) => {
    const [left, right] = [sorted[place + 1] - sorted[place], sorted[place + 2] - sorted[place + 1]];
    // The bounds are no neighbours of the outermost ones, unless there is nothing else.
    const isFirst = place === 0 && centres.length > 1;
    const isLast = place === centres.length - 1 && centres.length > 1;
    const width = isFirst ? right : isLast ? left : Math.max(left, right);
    widths[index] = Math.min(high - low, Math.max(narrowest, width));
  });
  return widths;
}
