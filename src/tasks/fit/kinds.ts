import { createRandom } from '../../core/random.ts';
import { softmaxRow } from '../../core/softmax.ts';
import { trainCentroids } from '../../classical/centroid.ts';
import { normalised, type FeatureMatrix } from '../../classical/features.ts';
import { decisionValues, type LinearModel, type Targets } from '../../classical/linear.ts';
import { trainLinearSvm } from '../../classical/linear-svm.ts';
import { trainLogistic } from '../../classical/logistic.ts';
import { neighbourTargets } from '../../classical/neighbours.ts';
import { sigmoidProbability, type Sigmoid } from '../../classical/platt.ts';
import { trainRidge } from '../../classical/ridge.ts';
import type { ProblemType } from '../../data/dataset.ts';
import type { ClassifierKind } from './settings.ts';

/** What a classifier is learned with. */
export interface TrainHow {
  problem: ProblemType;
  /** C, or the number of neighbours. */
  strength: number;
  rowWeights?: ArrayLike<number>;
  seed: number;
  /** One that was learned with a stronger penalty. */
  start?: LinearModel;
  /** Whether the last digits matter: not while strengths are tried. */
  exact: boolean;
  signal?: AbortSignal;
}

/** Rows that new ones are compared with. */
export interface Remembered {
  /** Features and targets of the rows. */
  neighbours: { features: FeatureMatrix; targets: Targets };
  /** How many of them are asked. */
  k: number;
}

/** A classifier, ready to be asked: weights, or the rows it remembers. */
export type Learned = { linear: LinearModel } | Remembered;

/** A kind of classifier. */
export interface Kind {
  /** Strengths that are tried where none is given, from small to large. */
  strengths: readonly number[];
  problems: readonly ProblemType[];
  /** Whether its decision values are no probabilities, so that a sigmoid is fitted to those of held-out rows. */
  calibrated: boolean;
  /** Whether labels can be weighed. */
  balances: boolean;
  /** Whether rows are seen only through inner products, so that few of them can be learned in fewer numbers. */
  spans: boolean;
  train(features: FeatureMatrix, targets: Targets, how: TrainHow): Promise<Learned>;
}

const LABELS: readonly ProblemType[] = ['singleLabel', 'multiLabel'];

/** The classifiers, a row each. */
export const KINDS: Readonly<Record<ClassifierKind, Kind>> = {
  logistic: {
    strengths: [0.3, 1, 3, 10, 30, 100],
    problems: LABELS,
    calibrated: false,
    balances: true,
    spans: true,
    train: async (features, targets, { problem, strength, exact, ...how }) => ({
      linear: await trainLogistic(features, targets, {
        ...how,
        c: strength,
        independent: problem === 'multiLabel' || targets.outputs === 1,
        ...(exact ? { maxIterations: 2000 } : { maxIterations: 100, tolerance: 1e-4 }),
      }),
    }),
  },
  svm: {
    strengths: [0.03, 0.1, 0.3, 1, 3, 10],
    problems: LABELS,
    calibrated: true,
    balances: true,
    spans: false,
    train: async (features, targets, { strength, seed, exact, rowWeights, signal }) => ({
      linear: await trainLinearSvm(features, targets, {
        c: strength,
        random: createRandom(seed),
        rowWeights,
        signal,
        ...(exact ? {} : { tolerance: 0.01, maxPasses: 100 }),
      }),
    }),
  },
  ridge: {
    strengths: [0.1, 0.3, 1, 3, 10, 30],
    problems: [...LABELS, 'regression'],
    calibrated: true,
    balances: false,
    spans: true,
    train: async (features, targets, { problem, strength, exact, signal }) => ({
      linear: await trainRidge(features, problem === 'regression' ? targets : signed(targets), {
        c: strength,
        signal,
        ...(exact ? {} : { tolerance: 1e-4 }),
      }),
    }),
  },
  knn: {
    strengths: [1, 3, 5, 10, 20, 40],
    problems: [...LABELS, 'regression'],
    calibrated: false,
    balances: false,
    spans: true,
    train: async (features, targets, { strength }) => ({ neighbours: { features, targets }, k: strength }),
  },
  centroid: {
    strengths: [1],
    problems: ['singleLabel'],
    calibrated: true,
    balances: false,
    spans: true,
    train: async (features, targets) => ({ linear: await trainCentroids(features, targets) }),
  },
};

const signed = ({ values, outputs }: Targets): Targets => ({ values: values.map((value) => 2 * value - 1), outputs });

/** Decision values, shares of neighbours, or numbers: `[rows, outputs]`. */
export async function decide(
  features: FeatureMatrix,
  learned: Learned,
  { classifier }: { classifier: ClassifierKind },
): Promise<Float64Array> {
  if ('neighbours' in learned) return (await neighbourTargets(features, learned.neighbours, [learned.k]))[0];
  return decisionValues(classifier === 'centroid' ? normalised(features) : features, learned.linear);
}

/** How decision values become probabilities. */
export interface ProbabilityHow {
  classifier: ClassifierKind;
  problem: ProblemType;
  labels: number;
  /** Of each output, where the classifier is calibrated. */
  sigmoids?: readonly Sigmoid[];
}

/** Probabilities of the labels from the decision values of one row; for regression the number. */
export function probabilitiesOf(
  values: Float64Array,
  { classifier, problem, labels, sigmoids }: ProbabilityHow,
): Float32Array {
  if (problem === 'regression') return Float32Array.from(values);
  const single = problem === 'singleLabel';
  if (classifier === 'logistic' && single && values.length > 1) return softmaxRow(Float32Array.from(values), 1);
  const each = Float64Array.from(values, (value, k) =>
    classifier === 'knn' ? value : sigmoidProbability(value, sigmoids?.[k] ?? { slope: -1, offset: 0 }),
  );
  if (!single) return Float32Array.from(each);
  if (labels === 2) return Float32Array.of(1 - each[0], each[0]);
  const sum = each.reduce((total, value) => total + value, 0);
  // Where every sigmoid says no, scikit-learn takes all labels as equally likely.
  return Float32Array.from(each, (value) => (sum > 0 ? value / sum : 1 / labels));
}
