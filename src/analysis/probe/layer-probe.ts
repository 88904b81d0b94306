import type { DenseProducts } from '../../classical/features.ts';
import { createRandom, shuffle } from '../../core/random.ts';
import { memorised } from './baselines.ts';
import { controlTask } from './control.ts';
import { Judge, type Interval } from './judge.ts';
import type { LayerVectors } from './layers.ts';
import {
  featureParts,
  fitProbe,
  neighbourProbe,
  predictions,
  probeTargets,
  trained,
  type FittedProbe,
  type ProbeHow,
  type ProbeParts,
} from './linear.ts';
import { onlineCode, type DescriptionLength } from './mdl.ts';
import { targetsOf, type ProbeTask } from './task.ts';

/** What the same probe makes of random labels. */
export interface ControlProbe {
  /** Accuracy on the test part (of scores: rank correlation). */
  value: number;
  /** Share of the random labels of the training part that it learned by heart; absent for scores. */
  memorised?: number;
  /** The probe's own accuracy (rank correlation) less `value`. */
  selectivity: number;
}

/** What was found in a layer. */
export interface LayerProbe {
  /** Depth; 0 are the mapped embeddings. */
  layer: number;
  /** C of the probe. */
  strength: number;
  /** The figure on the development part, by which strength and best layer are chosen. */
  development: number;
  /** Mean log loss (of scores: squared error) there, which decides between equal figures. */
  loss: number;
  /** The figure on the test part. */
  test: Interval;
  /** Other figures on the test part: macroF1 and accuracy, or pearson. */
  others: Record<string, number>;
  /** Of similarity: rank correlation of the vectors' cosine, nothing learned. */
  cosine?: Interval;
  /** The same probe with random labels, where asked for. */
  control?: ControlProbe;
  /** Bits that the labels take, where asked for. */
  mdl?: Omit<DescriptionLength, 'blocks'>;
  /** Nearest neighbours. */
  knn?: { k: number; test: Interval };
}

/** Neighbours that are tried. */
const NEIGHBOURS = [1, 5, 20];

/** Probes the vectors of one layer. */
export async function probeLayer(
  task: ProbeTask,
  vectors: LayerVectors,
  {
    products,
    control,
    mdl,
    knn,
    ...how
  }: ProbeHow & { products: DenseProducts; control?: boolean; mdl?: boolean; knn?: boolean },
): Promise<LayerProbe> {
  const labels = task.labels.length;
  const judges = { labels, judge: new Judge(task, 'development'), products };
  const test = new Judge(task, 'test');
  const parts = featureParts(task, vectors, { products });
  const probe = await fitProbe(parts, judges, how);
  const neighbours = knn ? await neighbourProbe(parts, judges, NEIGHBOURS) : undefined;
  const from = parts.train.gold.length + parts.development.gold.length;
  return {
    layer: vectors.layer,
    strength: probe.strength,
    development: probe.development,
    loss: probe.loss,
    test: test.interval(probe.test, how.seed),
    others: test.others(probe.test),
    ...(vectors.cosines && { cosine: test.interval(vectors.cosines.subarray(from), how.seed) }),
    ...(control && { control: await controlProbe(task, { parts, probe, how }) }),
    ...(mdl && labels > 0 && { mdl: await descriptionLength(parts, { labels, strength: probe.strength, how }) }),
    ...(neighbours && { knn: { k: neighbours.k, test: test.interval(neighbours.test, how.seed) } }),
  };
}

/** The same probe, of the same strength, on the control task. */
async function controlProbe(
  task: ProbeTask,
  { parts, probe, how: { seed, signal } }: { parts: ProbeParts; probe: FittedProbe; how: ProbeHow },
): Promise<ControlProbe> {
  const labels = task.labels.length;
  const control = controlTask(task, seed);
  const gold = targetsOf(control.parts.train);
  const model = await trained(parts.train.features, probeTargets(gold, labels), {
    problem: labels === 0 ? 'regression' : 'singleLabel',
    strength: probe.strength,
    seed,
    exact: false,
    ...(signal && { signal }),
  });
  const said = await predictions(parts.test.features, model, labels);
  const figure = (judge: Judge, values: ArrayLike<number>): number =>
    labels === 0 ? judge.value(values) : judge.accuracy(values);
  const value = figure(new Judge(control, 'test'), said);
  return {
    value,
    ...(labels > 0 && { memorised: await memorised({ features: parts.train.features, gold }, model) }),
    selectivity: figure(new Judge(task, 'test'), probe.test) - value,
  };
}

async function descriptionLength(
  { train }: ProbeParts,
  { labels, strength, how: { seed, signal } }: { labels: number; strength: number; how: ProbeHow },
): Promise<Omit<DescriptionLength, 'blocks'>> {
  const order = shuffle(
    train.gold.map((_, row) => row),
    createRandom(seed),
  );
  const { bits, uniformBits, compression } = await onlineCode(
    train.features.pick(order),
    order.map((row) => train.gold[row]),
    { labels, strength, seed, ...(signal && { signal }) },
  );
  return { bits, uniformBits, compression };
}
