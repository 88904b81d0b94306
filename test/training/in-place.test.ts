import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { backward } from '../../src/graph/autodiff.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { DEFAULT_CONFIG } from '../../src/model/config.ts';
import { encoderLayer } from '../../src/model/network.ts';
import { layerParameters } from '../../src/model/parameters.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { float32, int64, zeros, type HostTensor } from '../../src/runtime/tensor.ts';
import { BufferPool } from '../../src/training/buffers.ts';
import { Stage, type StageDefinition } from '../../src/training/stage.ts';

/**
 * ONNX Runtime does not document that one piece of memory may be both an input and an output of a run. Stage relies on
 * it for the three operators that add to a running total: Gemm (weights), Add (biases and norms) and ScatterND
 * (tables).
 */

const CONFIG = {
  ...DEFAULT_CONFIG,
  hiddenSize: 64,
  numAttentionHeads: 4,
  intermediateSize: 160,
  maxPositionEmbeddings: 32,
  positionEmbeddingType: 'relative_key_query',
  layerNormEps: 1e-6,
} as const;
/** Micro-batches of different shapes, large enough that ONNX Runtime divides the work among threads. */
const MICRO_BATCHES = [
  [8, 30],
  [3, 17],
  [12, 5],
  [8, 30],
] as const;

const DEFINITION: StageDefinition = {
  build(graph) {
    const input = graph.input('hidden', ['batch*sequence', CONFIG.hiddenSize], { differentiable: true });
    const parameters = new Map(
      layerParameters(CONFIG).map(({ name, shape }) => [name, graph.input(name, shape, { differentiable: true })]),
    );
    const attentionBias = graph.input('attentionBias', ['batch', 1, 1, 'sequence']);
    const distances = graph.input('distances', ['sequence', 'sequence'], { dtype: 'int64' });
    return {
      input,
      parameters,
      output: encoderLayer(CONFIG, (name) => parameters.get(name)!, input, { attentionBias, distances }).hidden,
    };
  },
};

interface MicroBatch {
  sizes: { batch: number; sequence: number };
  feeds: Record<string, HostTensor>;
  outputGradient: HostTensor;
}

function normal(seed: number, ...shape: number[]): HostTensor {
  const random = createRandom(seed);
  return float32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.5 * random.normal()),
  );
}

function microBatch([batch, sequence]: readonly [number, number], index: number): MicroBatch {
  const relative = Array.from(
    { length: sequence ** 2 },
    (_, i) => Math.floor(i / sequence) - (i % sequence) + CONFIG.maxPositionEmbeddings - 1,
  );
  return {
    sizes: { batch, sequence },
    feeds: {
      hidden: normal(index, batch * sequence, CONFIG.hiddenSize),
      attentionBias: zeros('float32', [batch, 1, 1, sequence]),
      distances: int64([sequence, sequence], relative),
    },
    outputGradient: normal(100 + index, batch * sequence, CONFIG.hiddenSize),
  };
}

const parameterValues = (): Record<string, HostTensor> =>
  Object.fromEntries(layerParameters(CONFIG).map(({ name, shape }, i) => [name, normal(200 + i, ...shape)]));

/** Totals over the micro-batches, from a stage that adds in place. */
async function inPlace(options: CompileOptions): Promise<Record<string, HostTensor>> {
  using stage = new Stage(DEFINITION, options);
  const values = parameterValues();
  const gradients = Object.fromEntries(
    layerParameters(CONFIG).map(({ name, shape }) => [name, zeros('float32', shape)]),
  );
  const pool = new BufferPool();
  for (const { sizes, feeds, outputGradient } of MICRO_BATCHES.map(microBatch)) {
    const parameters = { values, gradients };
    const { shape } = feeds['hidden'];
    const saved = await stage.forwardKeeping(feeds, {
      parameters,
      output: zeros('float32', shape),
      sizes,
      pool,
      slot: 'only',
    });
    await stage.backward(feeds, { parameters, saved, outputGradient, inputGradient: zeros('float32', shape), sizes });
  }
  return gradients;
}

/** The same totals from a graph of the same operators whose every result is a new tensor. */
async function outOfPlace(options: CompileOptions): Promise<Record<string, HostTensor>> {
  const graph = new Graph();
  const { output, parameters } = DEFINITION.build(graph);
  const seed = graph.input('seed', output.shape);
  const totals = new Map([...parameters].map(([name, tensor]) => [tensor, graph.input(`total ${name}`, tensor.shape)]));
  const sums = backward([[output, seed]], totals);
  const outputs: Record<string, Tensor> = Object.fromEntries(
    [...parameters].map(([name, tensor]) => [`sum ${name}`, sums.get(tensor)!]),
  );
  using compiled = await compile({ outputs }, options);
  const values = parameterValues();
  let running = Object.fromEntries(layerParameters(CONFIG).map(({ name, shape }) => [name, zeros('float32', shape)]));
  for (const { sizes, feeds, outputGradient } of MICRO_BATCHES.map(microBatch)) {
    const previous = Object.fromEntries(Object.entries(running).map(([name, tensor]) => [`total ${name}`, tensor]));
    const results = await compiled.run({ ...feeds, ...values, ...previous, seed: outputGradient }, { sizes });
    for (const [name, tensor] of Object.entries(running)) expect(results[`sum ${name}`].data).not.toBe(tensor.data);
    running = Object.fromEntries(Object.keys(running).map((name) => [name, results[`sum ${name}`]]));
  }
  return running;
}

describe('gradients accumulated in place', () => {
  it.each<CompileOptions>([
    { threads: 1 },
    { threads: 2 },
    { threads: 2, optimization: 'disabled' },
    { threads: 1, arena: false },
  ])('equal addition out of place bit for bit: %j', async (options) => {
    const expected = await outOfPlace(options);
    const actual = await inPlace(options);
    expect(Object.keys(actual)).toHaveLength(17);
    for (const [name, { data }] of Object.entries(actual)) {
      expect(data, name).toEqual(expected[name].data);
      expect(
        (data as Float32Array).some((value) => value !== 0),
        name,
      ).toBe(true);
    }
  });
});
