import { describe, expect, it } from 'vitest';
import { add } from '../../src/graph/operators/elementwise.ts';
import { weightedCrossEntropy } from '../../src/graph/operators/loss.ts';
import { linear, matmul } from '../../src/graph/operators/matmul.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { encoderParameters } from '../../src/model/parameters.ts';
import { float32, int64 } from '../../src/runtime/tensor.ts';
import { withAddedLoss } from '../../src/training/added-loss.ts';
import { createArena } from '../../src/training/arena.ts';
import type { HeadDefinition } from '../../src/training/head.ts';
import { extensionParameters, type LayerExtension } from '../../src/model/extension.ts';
import {
  LayerwiseNetwork,
  type LayerwiseOptions,
  type StepHooks,
  type TrainingBatch,
} from '../../src/training/layerwise.ts';
import { loadSeamCase } from '../oracle/goldens.ts';

/**
 * What can be attached to the network, against Hugging Face's AlbertModel with autograd in float64
 * (make_seam_goldens.py).
 */
const golden = loadSeamCase();
const { config } = golden;
const { hiddenSize, intermediateSize } = config;
const BATCH = golden.inputs.ids.length;
const LENGTH = golden.inputs.ids[0].length;
const [LABELS, RANK] = [3, 2];

const visible = golden.inputs.mask.flat();
const count = visible.reduce((a, b) => a + b, 0);
const batch: TrainingBatch = {
  batchSize: BATCH,
  sequenceLength: LENGTH,
  inputIds: golden.inputs.ids.flat(),
  attentionMask: visible,
  causalFrom: golden.inputs.causalFrom,
  headFeeds: {
    labels: int64([BATCH * LENGTH], golden.inputs.labels.flat()),
    rowWeights: float32(
      [BATCH * LENGTH],
      Float32Array.from(visible, (seen) => seen / count),
    ),
  },
};

/** A token classifier on the last depth and one on depth 1. */
const head: HeadDefinition = {
  depths: [1],
  parameters: [
    { name: 'early.weight', shape: [LABELS, hiddenSize] },
    { name: 'late.weight', shape: [LABELS, hiddenSize] },
  ],
  build(graph, hidden, parameter, { at }) {
    const labels = graph.input('labels', ['batch*sequence'], { dtype: 'int64' });
    const weights = graph.input('rowWeights', ['batch*sequence']);
    const early = linear(at(1), parameter('early.weight'));
    const late = linear(hidden, parameter('late.weight'));
    return {
      loss: add(weightedCrossEntropy(early, labels, weights), weightedCrossEntropy(late, labels, weights)),
      outputs: { early, late },
    };
  },
};

const widths = new Map([
  ['attention.query', hiddenSize],
  ['ffn', intermediateSize],
]);
/** A low-rank update as of Hu et al. 2021, without a scale. */
const lowRank: LayerExtension = {
  parameters: [...widths].flatMap(([name, outputs]) => [
    { name: `${name}.down`, shape: [hiddenSize, RANK] },
    { name: `${name}.up`, shape: [RANK, outputs] },
  ]),
  dense: (x, name, { base, parameter }) =>
    widths.has(name) ? add(base, matmul(matmul(x, parameter(`${name}.down`)), parameter(`${name}.up`))) : base,
};

function setUp(options: LayerwiseOptions, frozen: readonly RegExp[] = [], definition: HeadDefinition = head) {
  const specs = [...encoderParameters(config), ...head.parameters, ...extensionParameters(config, lowRank)];
  const arena = createArena(specs, 2, { frozen });
  arena.load(golden.weights);
  return {
    arena,
    network: new LayerwiseNetwork(config, arena, definition, {
      threads: 1,
      causal: true,
      extension: lowRank,
      ...options,
    }),
  };
}

function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - actual[i])));
}

const shifted = (): StepHooks => ({ embeddingShift: golden.outputs.get('shift')!.data });

describe('what can be attached to the network', () => {
  for (const saveActivations of ['all', 'none'] as const) {
    it(`a head at two depths, weights of every depth, causal masks and shifted embeddings have PyTorch's gradients, saving ${saveActivations}`, async () => {
      const { arena, network } = setUp({ saveActivations });
      let embedded: Float32Array | undefined;
      const results = await network.accumulate(
        batch,
        { step: 0, microBatch: 0 },
        {
          ...shifted(),
          onEmbeddingGradient: (gradient) => {
            embedded = gradient.slice();
          },
        },
      );
      network[Symbol.dispose]();
      expect(Math.abs((results['loss'].data as Float32Array)[0] - golden.inputs.loss)).toBeLessThan(2e-6);
      expect(difference(embedded!, golden.gradients.get('embedded')!.data)).toBeLessThan(1e-6);
      const compared = arena.slots.filter(({ name }) => golden.gradients.has(name));
      // All but the word embeddings, which the golden replaces by a shifted copy.
      expect(compared.length).toBe(arena.slots.length - 1);
      for (const { name } of compared)
        expect(difference(arena.view(name, 'gradients'), golden.gradients.get(name)!.data), name).toBeLessThan(1e-6);
    });
  }

  it('a task that also learns something else: a loss added to one at depth 1', async () => {
    const early: HeadDefinition = {
      ...head,
      build: (graph, hidden, parameter, { at }) => {
        const weights = graph.input('rowWeights', ['batch*sequence']);
        const logits = linear(at(1), parameter('early.weight'));
        return {
          loss: weightedCrossEntropy(logits, graph.input('labels', ['batch*sequence'], { dtype: 'int64' }), weights),
          outputs: { late: linear(hidden, parameter('late.weight')) },
        };
      },
    };
    const { labels, rowWeights } = batch.headFeeds;
    const task = withAddedLoss(
      { head: early, stepData: () => ({ microBatches: [batch], tokens: count }) },
      {
        loss: (graph, { outputs: { late } }) =>
          weightedCrossEntropy(
            late,
            graph.input('teacher', ['batch*sequence'], { dtype: 'int64' }),
            graph.input('teacherWeights', ['batch*sequence']),
          ),
        feeds: () => ({ feeds: { teacher: labels, teacherWeights: rowWeights } }),
      },
    );
    const { arena, network } = setUp({}, [], task.head);
    const {
      microBatches: [extended],
    } = await task.stepData(0);
    const results = await network.accumulate(extended, { step: 0, microBatch: 0 }, shifted());
    expect(Math.abs((results['loss'].data as Float32Array)[0] - golden.inputs.loss)).toBeLessThan(2e-6);
    for (const { name } of arena.slots.filter(({ name: slot }) => golden.gradients.has(slot)))
      expect(difference(arena.view(name, 'gradients'), golden.gradients.get(name)!.data), name).toBeLessThan(1e-6);
    // Evaluation is of the task alone, and needs none of the additional feeds.
    const evaluation = await network.evaluate(batch);
    network[Symbol.dispose]();
    expect((evaluation['loss'].data as Float32Array)[0]).toBeLessThan(golden.inputs.loss);
  });

  it('evaluates the same loss as a step', async () => {
    const { network } = setUp({});
    const step = await network.accumulate(batch, { step: 0, microBatch: 0 });
    const evaluation = await network.evaluate(batch);
    network[Symbol.dispose]();
    for (const name of ['loss', 'early', 'late'])
      expect(difference(evaluation[name].data as Float32Array, step[name].data as Float32Array), name).toBeLessThan(
        1e-6,
      );
  });

  it('weights of every depth are trained where the shared layer is frozen', async () => {
    const { arena, network } = setUp({}, [/^albert\./]);
    await network.accumulate(batch, { step: 0, microBatch: 0 }, shifted());
    network[Symbol.dispose]();
    expect(arena.slots.map(({ name }) => name).filter((name) => name.startsWith('albert.'))).toEqual([]);
    for (const { name } of arena.slots)
      expect(difference(arena.view(name, 'gradients'), golden.gradients.get(name)!.data), name).toBeLessThan(1e-6);
  });

  it('refuses a mask that the network was not made for, and a shift of another size', async () => {
    const { network } = setUp({});
    await expect(
      network.accumulate({ ...batch, causalFrom: undefined }, { step: 0, microBatch: 0 }),
    ).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(
      network.accumulate(batch, { step: 0, microBatch: 0 }, { embeddingShift: new Float32Array(3) }),
    ).rejects.toMatchObject({ code: 'shape_mismatch' });
    await expect(network.accumulate({ ...batch, causalFrom: [0] }, { step: 0, microBatch: 0 })).rejects.toMatchObject({
      code: 'shape_mismatch',
    });
    network[Symbol.dispose]();
  });
});

describe('causal masks in inference', () => {
  it("gives Hugging Face's hidden states, and a token is not changed by what comes later", async () => {
    using encoder = await AlbertEncoder.create(config, golden.weights, { threads: 1 });
    const { lastHiddenState } = await encoder.forward(batch);
    expect(difference(lastHiddenState, golden.outputs.get('plain')!.data)).toBeLessThan(1e-5);
    const shorter = await encoder.forward({
      batchSize: 1,
      sequenceLength: 5,
      inputIds: golden.inputs.ids[0].slice(0, 5),
      causalFrom: [0],
    });
    expect(difference(shorter.lastHiddenState, lastHiddenState.subarray(0, 5 * hiddenSize))).toBeLessThan(1e-5);
  });
});
