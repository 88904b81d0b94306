import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { symmetricEigen } from '../../src/core/symmetric-eigen.ts';
import { createRandom } from '../../src/core/random.ts';
import { cosine } from '../../src/metrics/similarity.ts';
import { float32, int64, zeros, type HostTensor } from '../../src/runtime/tensor.ts';
import { CompiledHead, type HeadDefinition, type HeadResults } from '../../src/training/head.ts';
import {
  labelDistillationFeeds,
  labelDistillationHead,
  type LabelHeadOptions,
} from '../../src/training/distill/label-head.ts';
import { maskedDistillationHead, type MaskedHeadOptions } from '../../src/training/distill/masked-head.ts';
import { softFeeds } from '../../src/training/distill/masked-task.ts';
import { fitTargetMap, mapVector } from '../../src/training/distill/target-map.ts';
import { tokenDistillationHead, type TokenHeadOptions } from '../../src/training/distill/token-head.ts';
import { tokenBatch } from '../../src/training/distill/token-task.ts';
import { turnTargets } from '../../src/training/distill/turn.ts';
import { vectorDistillationHead, type VectorHeadOptions } from '../../src/training/distill/vector-head.ts';
import { vectorFeeds } from '../../src/training/distill/vector-task.ts';
import { padSequences } from '../../src/training/contrastive-rows.ts';
import { TINY_CONFIG } from './small-run.ts';

interface VectorCase extends VectorHeadOptions {
  hidden: number[];
  targets: number[];
  value: number;
  vectorLoss: number;
  similarityLoss: number;
  gradient: number[];
  weights?: number[];
  weightGradient?: number[];
}
interface LabelCase extends LabelHeadOptions {
  hidden: number[];
  teacher: number[];
  gold: (number | number[] | null)[];
  value: number;
  gradient: number[];
  weights: Record<string, number[]>;
  weightGradients: Record<string, number[]>;
}
interface TokenCase extends Omit<TokenHeadOptions, 'teacherWidth'> {
  rows: [text: number, token: number][];
  hidden: number[];
  targets: number[];
  value: number;
  gradient: number[];
  weights?: number[];
  weightGradient?: number[];
}
interface MaskedCase extends MaskedHeadOptions {
  rows: [text: number, token: number][];
  labels: number[];
  hidden: number[];
  teacher: number[];
  value: number;
  divergence: number;
  maskedLmLoss: number;
  guesses: number[];
  gradient: number[];
  weights: Record<string, number[]>;
  weightGradients: Record<string, number[]>;
}
interface TargetCase {
  mean: number[];
  directions: number[];
  keptVariance: number;
  scale: number;
  targets: number[];
}
/** Written by oracle/make_distil_golden.py. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/distil.json'), 'utf8')) as {
  texts: number[][];
  hiddenSize: number;
  length: number;
  vectors: Record<string, VectorCase>;
  labels: Record<string, LabelCase>;
  targets: { rows: number; teacherWidth: number; width: number; sample: number[]; cases: Record<string, TargetCase> };
  tokens: Record<string, TokenCase>;
  masked: Record<string, MaskedCase>;
  turning: { width: number; wanted: number[]; made: number[]; rotation: number[]; before: number; after: number };
};

const config = { ...TINY_CONFIG, hiddenSize: golden.hiddenSize, numAttentionHeads: 1, vocabSize: 40 };
const texts = golden.texts.map((ids) => Int32Array.from(ids));
const rows = texts.length;

function furthest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - actual[i])));
}

async function run(
  definition: HeadDefinition,
  feeds: Record<string, HostTensor>,
  given: {
    hidden: readonly number[];
    weights: Record<string, readonly number[]>;
    sizes?: Readonly<Record<string, number>> | undefined;
  },
): Promise<{ results: HeadResults; gradient: Float32Array; weightGradients: Record<string, Float32Array> }> {
  const shape = [rows * golden.length, golden.hiddenSize];
  const hiddenGradient = zeros('float32', shape);
  const specs = definition.parameters;
  const values = Object.fromEntries(
    specs.map(({ name, shape: own }) => [name, float32(own, Float32Array.from(given.weights[name]))]),
  );
  const gradients = Object.fromEntries(specs.map(({ name, shape: own }) => [name, zeros('float32', own)]));
  using head = new CompiledHead(definition, {
    hiddenSize: golden.hiddenSize,
    trainable: new Set(specs.map(({ name }) => name)),
    dropout: false,
    options: { threads: 1 },
  });
  const results = await head.train(
    { hidden: float32(shape, Float32Array.from(given.hidden)), ...feeds },
    {
      parameters: { values, gradients },
      hiddenGradient,
      sizes: { batch: rows, sequence: golden.length, ...given.sizes },
    },
  );
  return {
    results,
    gradient: hiddenGradient.data as Float32Array,
    weightGradients: Object.fromEntries(
      Object.entries(gradients).map(([name, { data }]) => [name, data as Float32Array]),
    ),
  };
}

const value = (results: HeadResults, name: string): number => (results[name].data as Float32Array)[0];

describe('distillation of vectors against PyTorch (float64)', () => {
  it.each(Object.entries(golden.vectors))(
    '%s',
    async (_, { hidden, targets, weights, weightGradient, ...expected }) => {
      const batch = padSequences(texts, config, expected.pooling!);
      expect(batch.sequenceLength).toBe(golden.length);
      const feeds = { ...batch.headFeeds, ...vectorFeeds(texts, Float32Array.from(targets), expected) };
      const name = 'distillation.projection.weight';
      const { results, gradient, weightGradients } = await run(vectorDistillationHead(config, expected), feeds, {
        hidden,
        weights: { [name]: weights ?? [] },
      });
      expect(Math.abs(value(results, 'loss') - expected.value)).toBeLessThan(2e-6);
      expect(Math.abs(value(results, 'vectorLoss') - expected.vectorLoss)).toBeLessThan(1e-6);
      if (expected.similarityWeight! > 0)
        expect(Math.abs(value(results, 'similarityLoss') - expected.similarityLoss)).toBeLessThan(5e-6);
      expect(furthest(gradient, expected.gradient)).toBeLessThan(2e-6);
      if (weightGradient) expect(furthest(weightGradients[name], weightGradient)).toBeLessThan(5e-6);
    },
  );
});

describe('distillation of labels against PyTorch (float64)', () => {
  it.each(Object.entries(golden.labels))(
    '%s',
    async (_, { hidden, teacher, gold, weights, weightGradients: expectedWeights, ...expected }) => {
      const { numLabels } = expected;
      const units = texts.map((ids, row) => ({
        pieces: [{ ids, typeIds: new Int32Array(ids.length) }],
        weight: 1,
        target: {
          logits: teacher.slice(row * numLabels, (row + 1) * numLabels),
          ...(gold[row] !== null && { gold: gold[row]! }),
        },
      }));
      const { feeds } = labelDistillationFeeds(
        { units, pieces: units.flatMap(({ pieces }) => pieces), sequenceLength: golden.length, totalWeight: rows },
        expected,
      );
      const { results, gradient, weightGradients } = await run(labelDistillationHead(config, expected), feeds, {
        hidden,
        weights,
      });
      expect(Math.abs(value(results, 'loss') - expected.value)).toBeLessThan(5e-6);
      expect(furthest(gradient, expected.gradient)).toBeLessThan(2e-6);
      for (const [name, expectedGradient] of Object.entries(expectedWeights))
        expect(furthest(weightGradients[name], expectedGradient), name).toBeLessThan(5e-6);
    },
  );
});

describe('distillation of token states against PyTorch (float64)', () => {
  it.each(Object.entries(golden.tokens))(
    '%s',
    async (_, { rows: taught, hidden, targets, weights, weightGradient, ...expected }) => {
      const { width } = expected;
      const plain = fitTargetMap(Float32Array.from(targets), {
        teacherWidth: width,
        width,
        centre: false,
        unit: false,
      });
      const own = texts.map((ids, text) => ({
        ids,
        positions: Int32Array.from(taught.flatMap(([of, token]) => (of === text ? [token] : []))),
        states: Float32Array.from(
          taught.flatMap(([of], i) => (of === text ? targets.slice(i * width, (i + 1) * width) : [])),
        ),
      }));
      const batch = tokenBatch(own, { config, targets: { ...plain, scale: 1 }, taught: taught.length });
      expect(batch.sequenceLength).toBe(golden.length);
      const name = 'distillation.projection.weight';
      const { results, gradient, weightGradients } = await run(
        tokenDistillationHead(config, { ...expected, teacherWidth: width }),
        batch.headFeeds,
        { hidden, weights: { [name]: weights ?? [] }, sizes: batch.headSizes },
      );
      expect(Math.abs(value(results, 'loss') - expected.value)).toBeLessThan(1e-6);
      expect(furthest(gradient, expected.gradient)).toBeLessThan(1e-6);
      if (weightGradient) expect(furthest(weightGradients[name], weightGradient)).toBeLessThan(2e-6);
    },
  );

  it.each(['cosine', 'mse'] as const)('makes targets of states as mapVector does, for %s', async (loss) => {
    const { sample, teacherWidth } = golden.targets;
    const all = Float32Array.from(sample);
    const map = fitTargetMap(all, { teacherWidth, width: golden.hiddenSize, centre: true, unit: loss === 'cosine' });
    const own = texts.map((ids, text) => ({
      ids,
      positions: Int32Array.of(1),
      states: all.subarray(text * teacherWidth, (text + 1) * teacherWidth),
    }));
    const batch = tokenBatch(own, { config, targets: map, taught: rows });
    // A student that makes the targets themselves is at distance 0.
    const hidden = new Float32Array(rows * golden.length * golden.hiddenSize);
    own.forEach(({ states }, text) => {
      const start = (text * golden.length + 1) * golden.hiddenSize;
      mapVector(map, states, hidden.subarray(start, start + golden.hiddenSize));
    });
    const { results } = await run(
      tokenDistillationHead(config, { width: golden.hiddenSize, teacherWidth, loss }),
      batch.headFeeds,
      { hidden: Array.from(hidden), weights: {}, sizes: batch.headSizes },
    );
    expect(Math.abs(value(results, 'loss'))).toBeLessThan(1e-6);
  });
});

describe('distillation of masked words against PyTorch (float64)', () => {
  it.each(Object.entries(golden.masked))(
    '%s',
    async (_, { rows: chosen, labels, hidden, teacher, weights, weightGradients: expectedWeights, ...expected }) => {
      const masked = chosen.length;
      const feeds = {
        maskedPositions: int64(
          [masked],
          chosen.map(([text, token]) => text * golden.length + token),
        ),
        maskedLabels: int64([masked], labels),
        maskedWeights: float32([masked], new Float32Array(masked).fill(1 / masked)),
        ...softFeeds(Float32Array.from(teacher), masked, expected),
      };
      const small = { ...config, embeddingSize: 4, hiddenAct: 'gelu_tanh' as const, layerNormEps: 1e-12 };
      const { results, gradient, weightGradients } = await run(maskedDistillationHead(small, expected), feeds, {
        hidden,
        weights,
        sizes: { masked },
      });
      expect(Math.abs(value(results, 'loss') - expected.value)).toBeLessThan(1e-5);
      expect(Math.abs(value(results, 'divergence') - expected.divergence)).toBeLessThan(2e-6);
      expect(Math.abs(value(results, 'maskedLmLoss') - expected.maskedLmLoss)).toBeLessThan(5e-6);
      expect(Array.from(results['guesses'].data as BigInt64Array, Number)).toEqual(expected.guesses);
      expect(furthest(gradient, expected.gradient)).toBeLessThan(5e-6);
      for (const [name, expectedGradient] of Object.entries(expectedWeights))
        expect(furthest(weightGradients[name], expectedGradient), name).toBeLessThan(5e-6);
    },
  );
});

describe("targets of a teacher's vectors", () => {
  const { sample, teacherWidth, width, rows: sampled } = golden.targets;
  it.each(Object.entries(golden.targets.cases))('are as PyTorch makes them, for %s', (loss, expected) => {
    const all = Float32Array.from(sample);
    const map = fitTargetMap(all, { teacherWidth, width, centre: true, unit: loss === 'cosine' });
    expect(furthest(map.mean, expected.mean)).toBeLessThan(1e-6);
    expect(furthest(map.directions!, expected.directions)).toBeLessThan(2e-6);
    expect(Math.abs(map.keptVariance - expected.keptVariance)).toBeLessThan(1e-6);
    expect(Math.abs(map.scale - expected.scale)).toBeLessThan(1e-6);
    const targets = new Float32Array(sampled * width);
    for (let row = 0; row < sampled; row++)
      mapVector(
        map,
        all.subarray(row * teacherWidth, (row + 1) * teacherWidth),
        targets.subarray(row * width, (row + 1) * width),
      );
    expect(furthest(targets, expected.targets)).toBeLessThan(5e-6);
  });

  it('are the vectors themselves where widths agree, and filled up with zeros where the student is wider', () => {
    const all = Float32Array.from(sample);
    const first = all.subarray(0, teacherWidth);
    const made = new Float32Array(teacherWidth + 2);
    const map = fitTargetMap(all, { teacherWidth, width: teacherWidth + 2, centre: false, unit: true });
    expect([map.directions, map.keptVariance, map.scale]).toEqual([undefined, 1, 1]);
    mapVector(map, first, made);
    const length = Math.hypot(...first);
    expect(furthest(made, [...Array.from(first, (x) => x / length), 0, 0])).toBeLessThan(1e-7);
  });
});

describe('turning targets towards what a student makes', () => {
  const { width, wanted, made, rotation, before, after } = golden.turning;
  const [right, own] = [Float32Array.from(wanted), Float32Array.from(made)];

  it('is the rotation that PyTorch finds, and keeps similarities among targets', () => {
    const map = fitTargetMap(right, { teacherWidth: width, width, centre: false, unit: true });
    const turned = turnTargets(map, own, right);
    // Without directions before, those are the rotation itself.
    const expected = Array.from(
      { length: width * width },
      (_, i) => rotation[(i % width) * width + Math.floor(i / width)],
    );
    expect(furthest(turned.map.directions!, expected)).toBeLessThan(1e-6);
    expect(
      [Math.abs(turned.before - before), Math.abs(turned.after - after)].every((difference) => difference < 1e-6),
    ).toBe(true);
    const target = (row: number): Float32Array => {
      const into = new Float32Array(width);
      mapVector(turned.map, right.subarray(row * width, (row + 1) * width), into);
      return into;
    };
    for (let row = 1; row < 6; row++)
      expect(
        Math.abs(
          cosine(target(0), target(row)) -
            cosine(right.subarray(0, width), right.subarray(row * width, (row + 1) * width)),
        ),
      ).toBeLessThan(1e-6);
  });

  it('takes targets that are narrower than the student', () => {
    const wide = Float32Array.from({ length: (right.length / width) * (width + 2) }, (_, i) =>
      i % (width + 2) < width ? right[Math.floor(i / (width + 2)) * width + (i % (width + 2))] : 0,
    );
    const map = fitTargetMap(right, { teacherWidth: width, width: width + 2, centre: false, unit: true });
    const student = createRandom(3);
    const vectors = Float32Array.from(wide, () => student.normal());
    const { map: turned } = turnTargets(map, vectors, wide);
    const into = new Float32Array(width + 2);
    mapVector(turned, right.subarray(0, width), into);
    expect(Math.abs(Math.hypot(...into) - 1)).toBeLessThan(1e-6);
  });
});

describe('symmetricEigen', () => {
  it('takes a matrix apart into orthonormal vectors and values that give it back', () => {
    for (const n of [1, 2, 3, 17, 60]) {
      const random = createRandom(n);
      const matrix = new Float64Array(n * n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = random.uniform() - 0.5;
      const { values, vectors } = symmetricEigen(matrix.slice(), n);
      expect(Array.from(values)).toEqual(Array.from(values).sort((a, b) => b - a));
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          let [back, product] = [0, 0];
          for (let k = 0; k < n; k++) {
            back += values[k] * vectors[k * n + i] * vectors[k * n + j];
            product += vectors[i * n + k] * vectors[j * n + k];
          }
          expect(Math.abs(back - matrix[i * n + j])).toBeLessThan(1e-13);
          expect(Math.abs(product - Number(i === j))).toBeLessThan(1e-13);
        }
      }
    }
  });

  it('takes matrices with equal values and zeros', () => {
    expect(Array.from(symmetricEigen(new Float64Array(9), 3).values)).toEqual([0, 0, 0]);
    expect(Array.from(symmetricEigen(Float64Array.of(2, 0, 0, 0, 2, 0, 0, 0, 5), 3).values)).toEqual([5, 2, 2]);
  });
});
