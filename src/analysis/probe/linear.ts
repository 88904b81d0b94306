import { softmax } from '../../core/softmax.ts';
import type { DenseProducts, FeatureMatrix } from '../../classical/features.ts';
import {
  classTargets,
  decidedClasses,
  decisionValues,
  type LinearModel,
  type Targets,
} from '../../classical/linear.ts';
import { neighbourTargets } from '../../classical/neighbours.ts';
import { spanWhereSmaller } from '../../classical/span.ts';
import { KINDS } from '../../tasks/fit/kinds.ts';
import { TextFeatures, type TextVectors } from '../../tasks/fit/text-features.ts';
import type { Judge } from './judge.ts';
import { targetsOf, type ProbePart, type ProbeTask } from './task.ts';

/** Rows of a part, with what is right for them. */
export interface ProbeData {
  features: FeatureMatrix;
  /** Label index or score of each row. */
  gold: readonly number[];
}

/** The parts of a task as features. */
export type ProbeParts = Readonly<Record<ProbePart, ProbeData>>;

/** Features up to which the minimum is found to its last digits. */
const MOST_EXACT = 10_000;

/** What all probes of a run are learned with. */
export interface ProbeHow {
  /** From small to large; the best on the development part is taken. */
  strengths: readonly number[];
  seed: number;
  signal?: AbortSignal;
}

/** A probe that was learned. */
export interface FittedProbe extends Held {
  strength: number;
  model: LinearModel;
  /** Label indices or numbers for the rows of the test part. */
  test: ArrayLike<number>;
}

/** Vectors of all rows, in the order of the parts, as features: each number with the mean and deviation of `train`. */
export function featureParts(
  task: ProbeTask,
  vectors: TextVectors,
  { products }: { products: DenseProducts },
): ProbeParts {
  let from = 0;
  const part = (name: ProbePart): TextVectors & { gold: number[] } => {
    const gold = targetsOf(task.parts[name]);
    const to = from + gold.length * vectors.dimensions;
    const data = vectors.data.subarray(from, to);
    from = to;
    return { gold, data, dimensions: vectors.dimensions };
  };
  const [train, development, test] = [part('train'), part('development'), part('test')];
  const scaling = TextFeatures.learn('embedding', { texts: [], vectors: train });
  const data = ({ gold, ...own }: ReturnType<typeof part>): ProbeData => ({
    features: scaling.of({ texts: [], vectors: own }, products).matrix,
    gold,
  });
  return { train: data(train), development: data(development), test: data(test) };
}

/** Targets of rows: a number, or labels of which there are so many. */
export const probeTargets = (gold: readonly number[], labels: number): Targets =>
  labels === 0 ? { values: Float64Array.from(gold), outputs: 1 } : classTargets(gold, labels);

/**
 * A linear probe: logistic regression for labels, ridge regression for scores. It is learned on `train`; its strength is
 * the one that does best on `development`, of equal ones the one with the smaller loss.
 */
export async function fitProbe(
  { train, development, test }: ProbeParts,
  { labels, judge, products }: { labels: number; judge: Judge; products: DenseProducts },
  { strengths, seed, signal }: ProbeHow,
): Promise<FittedProbe> {
  const targets = probeTargets(train.gold, labels);
  const { columns } = train.features;
  // Few rows of many terms are learned in as many numbers as there are rows: the same result in far less time.
  const span = await spanWhereSmaller(train.features, products, signal);
  const learn = (given: Parameters<typeof trained>[2]): Promise<LinearModel> =>
    trained(span?.features ?? train.features, targets, given);
  const lifted = async (model: LinearModel): Promise<LinearModel> => (span ? await span.lift(model) : model);
  const how = { problem: labels === 0 ? 'regression' : 'singleLabel', seed, ...(signal && { signal }) } as const;
  const judged = async (model: LinearModel): Promise<Held> =>
    heldOut(await decisionValues(development.features, await lifted(model)), { gold: development.gold, labels, judge });
  let best: ({ strength: number; model: LinearModel } & Held) | undefined;
  let start: LinearModel | undefined;
  for (const strength of strengths) {
    const model = await learn({ ...how, strength, exact: false, ...(start && { start }) });
    start = model;
    const found = await judged(model);
    // Weaker penalties take longest, and past the best one they only get worse.
    if (best !== undefined && !isBetter(found, best)) break;
    best = { strength, model, ...found };
  }
  const { strength } = best!;
  // Of terms in their thousands the last digits take minutes.
  const exact = columns <= MOST_EXACT || span !== undefined;
  const found = await learn({ ...how, strength, exact, start: best!.model });
  const model = await lifted(found);
  return { strength, model, ...(await judged(found)), test: await predictions(test.features, model, labels) };
}

/** What a probe makes of the development part. */
export interface Held {
  /** The figure. */
  development: number;
  /** Mean log loss of the labels in nats, or mean squared error: it decides between equal figures. */
  loss: number;
}

/** Whether one does better on the development part. */
export const isBetter = (one: Held, other: Held): boolean =>
  one.development > other.development || (one.development === other.development && one.loss < other.loss);

function heldOut(
  values: Float64Array,
  { gold, labels, judge }: { gold: readonly number[]; labels: number; judge: Judge },
): Held {
  const outputs = values.length / gold.length;
  const losses = gold.map((target, row) => {
    if (labels === 0) return (values[row] - target) ** 2;
    const own = [...values.subarray(row * outputs, (row + 1) * outputs)];
    return -Math.log(Math.max(1e-300, softmax(outputs === 1 ? [0, own[0]] : own)[target]));
  });
  return {
    development: judge.value(labels === 0 ? values : decidedClasses(values, outputs)),
    loss: losses.reduce((sum, loss) => sum + loss, 0) / gold.length,
  };
}

/** One classifier or regression of a given strength. */
export async function trained(
  features: FeatureMatrix,
  targets: Targets,
  how: Parameters<(typeof KINDS)['logistic']['train']>[2],
): Promise<LinearModel> {
  const learned = await KINDS[classifierOf(how.problem)].train(features, targets, how);
  return (learned as { linear: LinearModel }).linear;
}

const classifierOf = (problem: string): 'ridge' | 'logistic' => (problem === 'regression' ? 'ridge' : 'logistic');

/** Label indices, or numbers where there are no labels. */
export async function predictions(
  features: FeatureMatrix,
  model: LinearModel,
  labels: number,
): Promise<ArrayLike<number>> {
  const values = await decisionValues(features, model);
  return labels === 0 ? values : decidedClasses(values, model.bias.length);
}

/** What nearest neighbours say. */
export interface NeighbourProbe {
  /** Neighbours, as did best on the development part. */
  k: number;
  development: number;
  test: ArrayLike<number>;
}

/** Nearest neighbours by cosine, nothing learned: the label that most of them have, of equal ones the first. */
export async function neighbourProbe(
  { train, development, test }: ProbeParts,
  { labels, judge }: { labels: number; judge: Judge },
  ks: readonly number[],
): Promise<NeighbourProbe> {
  const known = { features: train.features, targets: probeTargets(train.gold, labels) };
  const decided = (shares: Float64Array): ArrayLike<number> =>
    labels === 0
      ? shares
      : labels === 2
        ? Array.from(shares, (share) => Number(share > 0.5))
        : decidedClasses(shares, labels);
  const tried = (await neighbourTargets(development.features, known, ks)).map((shares, i) => ({
    k: ks[i],
    development: judge.value(decided(shares)),
  }));
  const best = tried.reduce((one, other) => (other.development > one.development ? other : one));
  const [shares] = await neighbourTargets(test.features, known, [best.k]);
  return { ...best, test: decided(shares) };
}
