import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { trainCentroids } from '../../src/classical/centroid.ts';
import {
  DenseFeatures,
  JoinedFeatures,
  normalised,
  PLAIN_PRODUCTS,
  SparseFeatures,
  type FeatureMatrix,
} from '../../src/classical/features.ts';
import { classTargets, decidedClasses, decisionValues, type LinearModel } from '../../src/classical/linear.ts';
import { trainLinearSvm } from '../../src/classical/linear-svm.ts';
import { trainLogistic } from '../../src/classical/logistic.ts';
import { neighbourTargets } from '../../src/classical/neighbours.ts';
import { fitSigmoid, sigmoidProbability } from '../../src/classical/platt.ts';
import { spanOf } from '../../src/classical/span.ts';
import { trainRidge } from '../../src/classical/ridge.ts';
import { termsOf } from '../../src/classical/terms.ts';
import { WordFeatures } from '../../src/classical/word-features.ts';
import { createRandom } from '../../src/core/random.ts';

interface StoredModel {
  /** `[outputs][columns]` */
  weights: number[][];
  bias: number[];
}
interface Golden {
  x: number[][];
  three: number[];
  two: number[];
  many: number[][];
  number: number[];
  rowWeights: number[];
  c: number;
  logistic: Record<'three' | 'two' | 'weighted' | 'many', StoredModel>;
  svm: Record<'three' | 'two' | 'weighted', StoredModel>;
  ridge: StoredModel;
  platt: { decision: number[]; slope: number; offset: number };
  neighbours: Record<string, number[][]>;
  texts: string[];
  newText: string;
  tfidf: Record<'words' | 'sublinear' | 'characters', Record<string, number>[]>;
}
const golden = JSON.parse(readFileSync(new URL('linear-golden.json', import.meta.url), 'utf8')) as Golden;
const { c, x, rowWeights } = golden;
const columns = x[0].length;

const dense = (rows: number[][]): DenseFeatures => new DenseFeatures(Float64Array.from(rows.flat()), rows[0].length);
const sparse = (rows: number[][]): SparseFeatures =>
  new SparseFeatures(
    rows.map((row) => ({ indices: Int32Array.from(row, (_, j) => j), values: Float64Array.from(row) })),
    rows[0].length,
  );
/** The same numbers in every form that there is. */
const MATRICES: Record<string, (rows: number[][]) => FeatureMatrix> = {
  dense,
  sparse,
  joined: (rows) =>
    new JoinedFeatures([dense(rows.map((row) => row.slice(0, 3))), sparse(rows.map((row) => row.slice(3)))]),
};

/** Largest distance to scikit-learn's numbers; of the bias only differences, where a shift of all means nothing. */
function distance({ weights, bias }: LinearModel, stored: StoredModel, shift = false): number {
  const outputs = bias.length;
  expect(outputs).toBe(stored.bias.length);
  const apart = stored.weights.flatMap((row, k) => row.map((value, j) => Math.abs(weights[j * outputs + k] - value)));
  const base = shift ? bias[0] - stored.bias[0] : 0;
  return Math.max(...apart, ...stored.bias.map((value, k) => Math.abs(bias[k] - value - base)));
}

describe.each(Object.entries(MATRICES))("scikit-learn's numbers on %s features", (_name, make) => {
  const features = make(x);
  const three = classTargets(golden.three, 3);
  const two = classTargets(golden.two, 2);

  it('logistic regression within 1e-5', async () => {
    const options = { c, tolerance: 1e-10, maxIterations: 5000 };
    const many = { values: Float64Array.from(golden.many.flat()), outputs: 3 };
    expect(distance(await trainLogistic(features, three, options), golden.logistic.three, true)).toBeLessThan(1e-5);
    expect(distance(await trainLogistic(features, two, options), golden.logistic.two)).toBeLessThan(1e-5);
    expect(
      distance(await trainLogistic(features, three, { ...options, rowWeights }), golden.logistic.weighted, true),
    ).toBeLessThan(1e-5);
    expect(
      distance(await trainLogistic(features, many, { ...options, independent: true }), golden.logistic.many),
    ).toBeLessThan(1e-5);
  });

  it('support vector machines within 1e-5', async () => {
    const options = { c, tolerance: 1e-9, maxPasses: 100_000, random: createRandom(1) };
    expect(distance(await trainLinearSvm(features, three, options), golden.svm.three)).toBeLessThan(1e-5);
    expect(distance(await trainLinearSvm(features, two, options), golden.svm.two)).toBeLessThan(1e-5);
    expect(distance(await trainLinearSvm(features, two, { ...options, rowWeights }), golden.svm.weighted)).toBeLessThan(
      1e-5,
    );
  });

  it('ridge regression within 1e-6', async () => {
    const targets = { values: Float64Array.from(golden.number), outputs: 1 };
    expect(distance(await trainRidge(features, targets, { c }), golden.ridge)).toBeLessThan(1e-6);
  });

  it('nearest neighbours', async () => {
    const known = { features: make(x.slice(0, 40)), targets: classTargets(golden.three.slice(0, 40), 3) };
    const found = await neighbourTargets(make(x.slice(40)), known, [1, 5]);
    [1, 5].forEach((k, i) => {
      const expected = golden.neighbours[k].flat();
      expect(Math.max(...expected.map((value, j) => Math.abs(value - found[i][j])))).toBeLessThan(1e-9);
    });
  });

  it('logistic regression on the span of the rows is the same model', async () => {
    const few = make(x.slice(0, 5).concat(x.slice(0, 1)));
    const targets = classTargets([0, 1, 2, 1, 0, 2], 3);
    const options = { c, tolerance: 1e-10, maxIterations: 5000 };
    const span = await spanOf(few, PLAIN_PRODUCTS);
    const lifted = await span.lift(await trainLogistic(span.features, targets, options));
    const direct = await trainLogistic(few, targets, options);
    expect(Math.max(...lifted.weights.map((value, i) => Math.abs(value - direct.weights[i])))).toBeLessThan(1e-6);
    const scores = await decisionValues(few, lifted);
    const reduced = await decisionValues(span.features, await trainLogistic(span.features, targets, options));
    expect(Math.max(...scores.map((value, i) => Math.abs(value - reduced[i])))).toBeLessThan(1e-6);
  });

  it('rows can be taken out, and products are those of the picked rows', async () => {
    const picked = features.pick([5, 2]);
    const ones = new Float64Array(columns).fill(1);
    const [first, second] = await picked.multiply(ones, 1);
    expect(first).toBeCloseTo(
      x[5].reduce((sum, value) => sum + value, 0),
      9,
    );
    expect(second).toBeCloseTo(picked.dot(1, ones), 9);
  });
});

describe('centroids', () => {
  it('are the mean directions of the classes: decisions are cosines', async () => {
    const features = normalised(dense(x));
    const targets = classTargets(golden.three, 3);
    const model = await trainCentroids(features, targets);
    const scores = await decisionValues(features, model);
    expect(Math.max(...scores.map(Math.abs))).toBeLessThanOrEqual(1 + 1e-12);
    const unit = x.map((row) => row.map((value) => value / Math.hypot(...row)));
    const mean = (cls: number): number[] =>
      unit[0].map((_, j) => unit.reduce((sum, row, i) => sum + (golden.three[i] === cls ? row[j] : 0), 0));
    const means = [0, 1, 2].map(mean);
    const cosine = (row: number, cls: number): number =>
      unit[row].reduce((sum, value, j) => sum + value * means[cls][j], 0) / Math.hypot(...means[cls]);
    expect(scores[7 * 3 + 2]).toBeCloseTo(cosine(7, 2), 9);
  });

  it('of two classes decide by the nearer one', async () => {
    const features = normalised(
      dense([
        [1, 0.1],
        [1, -0.1],
        [0, 1],
        [0.1, 1],
      ]),
    );
    const model = await trainCentroids(features, classTargets([0, 0, 1, 1], 2));
    expect(decidedClasses(await decisionValues(features, model), 1)).toEqual([0, 0, 1, 1]);
  });
});

describe("Platt's sigmoid", () => {
  it("is scikit-learn's within 1e-4", () => {
    const { decision, slope, offset } = golden.platt;
    const found = fitSigmoid(decision, golden.two);
    expect(Math.abs(found.slope - slope)).toBeLessThan(1e-4);
    expect(Math.abs(found.offset - offset)).toBeLessThan(1e-4);
    expect(sigmoidProbability(10, found)).toBeGreaterThan(0.9);
  });

  it('gives no certainty for values that are told apart perfectly', () => {
    const found = fitSigmoid([-2, -1, 1, 2], [0, 0, 1, 1]);
    expect(sigmoidProbability(2, found)).toBeLessThan(0.99);
    expect(sigmoidProbability(2, found)).toBeGreaterThan(0.6);
  });
});

describe('tf-idf of terms', () => {
  const texts = golden.texts;
  it.each([
    ['words', { wordNgrams: 2 }],
    ['sublinear', { sublinear: true, minDocuments: 2 }],
    ['characters', { wordNgrams: 0, characterNgrams: [2, 4] as const }],
  ] as const)("of %s is scikit-learn's within 1e-9", (name, options) => {
    const features = WordFeatures.learn(texts, options);
    const { terms } = features.toJSON();
    const matrix = features.of([texts[0], golden.newText]);
    golden.tfidf[name].forEach((expected, row) => {
      const own = terms.map((_, column) => {
        const unit = new Float64Array(terms.length);
        unit[column] = 1;
        return matrix.dot(row, unit);
      });
      const found = Object.fromEntries(
        terms.flatMap((term, column) => (own[column] === 0 ? [] : [[term.replace(/^#/, ''), own[column]]])),
      );
      expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
      for (const [term, value] of Object.entries(expected)) expect(Math.abs(found[term] - value)).toBeLessThan(1e-9);
    });
  });

  it('of Chinese has sequences of one character more', () => {
    expect(termsOf('好看, good film', { wordNgrams: 2 })).toEqual(['好', '看', '好看', 'good', 'film', 'good film']);
  });

  it('survives JSON, keeps the most frequent terms, and leaves unseen ones out', () => {
    const learned = WordFeatures.learn(['a b', 'a c', 'a b d'], { maxFeatures: 2 });
    const again = new WordFeatures(JSON.parse(JSON.stringify(learned)) as ReturnType<WordFeatures['toJSON']>);
    expect(again.toJSON().terms).toEqual(['a', 'b']);
    expect(again.of(['zzz']).count).toBe(0);
  });
});
