import { describe, expect, it } from 'vitest';
import { weightedCrossEntropy } from '../../src/graph/operators/loss.ts';
import { linear } from '../../src/graph/operators/matmul.ts';
import { encoderParameters } from '../../src/model/parameters.ts';
import { float32, int64 } from '../../src/runtime/tensor.ts';
import { accumulateAdversarially, gradientFactorOf, passesOf } from '../../src/training/adversarial.ts';
import { createArena } from '../../src/training/arena.ts';
import type { HeadDefinition } from '../../src/training/head.ts';
import { LayerwiseNetwork, type TrainingBatch } from '../../src/training/layerwise.ts';
import { loadSeamCase } from '../oracle/goldens.ts';

const { config, inputs, weights } = loadSeamCase();
const [rows, length] = [inputs.ids.length, inputs.ids[0].length];
const visible = inputs.mask.flat();
const head: HeadDefinition = {
  parameters: [{ name: 'late.weight', shape: [3, config.hiddenSize] }],
  build(graph, hidden, parameter) {
    const labels = graph.input('labels', ['batch*sequence'], { dtype: 'int64' });
    const logits = linear(hidden, parameter('late.weight'));
    return { loss: weightedCrossEntropy(logits, labels, graph.input('rowWeights', ['batch*sequence'])), outputs: {} };
  },
};
const batch: TrainingBatch = {
  batchSize: rows,
  sequenceLength: length,
  inputIds: inputs.ids.flat(),
  attentionMask: visible,
  headFeeds: {
    labels: int64([rows * length], inputs.labels.flat()),
    rowWeights: float32(
      [rows * length],
      Float32Array.from(visible, (seen) => seen / 25),
    ),
  },
};
const at = { step: 3, microBatch: 0 };
const size = length * config.embeddingSize;
const setUp = () => {
  const arena = createArena([...encoderParameters(config), ...head.parameters], 2, {});
  arena.load(weights);
  return { arena, network: new LayerwiseNetwork(config, arena, head, { threads: 1 }) };
};
/** The gradient of the embeddings for a shift, and the loss. */
async function probe(
  shift: Float32Array | undefined,
): Promise<{ gradient: Float32Array; loss: number; all: Float32Array }> {
  const { arena, network } = setUp();
  using closed = network;
  void closed;
  let gradient = new Float32Array(0);
  const results = await network.accumulate(batch, at, {
    ...(shift && { embeddingShift: shift }),
    onEmbeddingGradient: (found) => (gradient = found.slice()),
  });
  return { gradient, loss: (results['loss'].data as Float32Array)[0], all: arena.buffer('gradients').slice() };
}
const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

describe('adversarial training', () => {
  it('fgm adds the gradients of the texts moved by epsilon along their own gradient, where the loss is higher', async () => {
    const plain = await probe(undefined);
    const shift = new Float32Array(rows * size);
    for (let row = 0; row < rows; row++) {
      const own = plain.gradient.subarray(row * size, (row + 1) * size);
      own.forEach((value, i) => (shift[row * size + i] = (0.2 * value) / norm(own)));
    }
    const moved = await probe(shift);
    expect(moved.loss).toBeGreaterThan(plain.loss);
    const { arena, network } = setUp();
    using closed = network;
    void closed;
    const options = { method: 'fgm', epsilon: 0.2 } as const;
    const results = await accumulateAdversarially(network, batch, { at, seed: 1, options });
    expect((results['loss'].data as Float32Array)[0]).toBe(plain.loss);
    const sum = plain.all.map((value, i) => value + moved.all[i]);
    expect(difference(arena.buffer('gradients'), sum)).toBeLessThan(1e-6);
    expect([passesOf(options), gradientFactorOf(options)]).toEqual([2, 1]);
  });

  it('freelb stays within epsilon, averages its passes, and repeats itself', async () => {
    const options = { method: 'freelb', epsilon: 0.2, steps: 3 } as const;
    expect([passesOf(options), gradientFactorOf(options)]).toEqual([3, 1 / 3]);
    const once = async (seed: number): Promise<Float32Array> => {
      const { arena, network } = setUp();
      using closed = network;
      void closed;
      const shifts: Float32Array[] = [];
      const original = network.accumulate.bind(network);
      network.accumulate = (own, position, hooks) => {
        shifts.push(hooks!.embeddingShift!.slice());
        return original(own, position, hooks);
      };
      await accumulateAdversarially(network, batch, { at, seed, options });
      expect(shifts).toHaveLength(3);
      for (const shift of shifts)
        for (let row = 0; row < rows; row++)
          expect(norm(shift.subarray(row * size, (row + 1) * size))).toBeLessThanOrEqual(0.2 + 1e-6);
      const losses = await Promise.all(shifts.map(async (shift) => (await probe(shift)).loss));
      expect(losses[2]).toBeGreaterThan(losses[0]);
      return arena.buffer('gradients').slice();
    };
    const [first, again, other] = [await once(1), await once(1), await once(2)];
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
  });
});
