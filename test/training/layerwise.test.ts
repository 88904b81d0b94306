import { describe, expect, it } from 'vitest';
import { initialiseWeights, initialValues } from '../../src/checkpoint/initialise.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { encoderParameters, headParameters, poolerParameters } from '../../src/model/parameters.ts';
import { float32, int64 } from '../../src/runtime/tensor.ts';
import { createArena } from '../../src/training/arena.ts';
import { classificationHead } from '../../src/training/heads.ts';
import { LayerwiseNetwork, type LayerwiseOptions, type TrainingBatch } from '../../src/training/layerwise.ts';

/** The built-in model's width, with every kind of dropout. */
const CONFIG: AlbertConfig = {
  ...DEFAULT_CONFIG, vocabSize: 50, embeddingSize: 128, hiddenSize: 256, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 1024, maxPositionEmbeddings: 80,
  hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1, classifierDropoutProb: 0.1,
};
/** Rows and tokens of micro-batches: even, odd, and fewer tokens than the model is wide. */
const SHAPES = [[8, 64], [13, 37], [6, 21]] as const;

function batchOf(rows: number, sequence: number): TrainingBatch {
  const size = rows * sequence;
  return {
    batchSize: rows, sequenceLength: sequence,
    inputIds: Int32Array.from({ length: size }, (_, i) => 1 + ((i * 31) % 49)), tokenTypeIds: new Int32Array(size),
    attentionMask: Uint8Array.from({ length: size }, (_, i) => Number(i % sequence < sequence - (Math.floor(i / sequence) % 5))), // up to four tokens of padding
    headFeeds: {
      firstTokens: int64([rows], Array.from({ length: rows }, (_, row) => row * sequence)),
      labels: int64([rows], Array.from({ length: rows }, (_, row) => row % 2)),
      rowWeights: float32([rows], new Float32Array(rows).fill(1 / rows)),
    },
  };
}

function setUp(options: LayerwiseOptions) {
  const head = classificationHead(CONFIG, { numLabels: 2, problemType: 'singleLabel' });
  const arena = createArena([...encoderParameters(CONFIG), ...head.parameters], 2);
  const weights = new Map(initialiseWeights(CONFIG, 1));
  for (const spec of [...poolerParameters(CONFIG), ...headParameters(CONFIG, 'sequenceClassification', 2)]) weights.set(spec.name, { shape: spec.shape, data: initialValues(spec, 1, 0.1) });
  arena.load(weights);
  return { arena, network: new LayerwiseNetwork(CONFIG, arena, head, options) };
}

const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** Gradients of all parameters over the micro-batches. */
async function gradientsOf(options: LayerwiseOptions): Promise<Map<string, Float32Array>> {
  const { arena, network } = setUp(options);
  for (const [index, [rows, sequence]] of SHAPES.entries()) await network.accumulate(batchOf(rows, sequence), { step: 3, microBatch: index });
  network[Symbol.dispose]();
  return new Map(arena.slots.map(({ name }) => [name, arena.view(name, 'gradients').slice()]));
}

describe('a training step', () => {
  it('has the same gradients bit for bit on one, two and three threads, whatever is kept', async () => {
    const expected = await gradientsOf({ threads: 1 });
    expect([...expected.values()].every((values) => values.some((value) => value !== 0))).toBe(true);
    const variants: LayerwiseOptions[] = [{ threads: 2 }, { threads: 3 }, { threads: 2, saveActivations: 1 }, { threads: 2, saveActivations: 'none' }];
    for (const options of variants) {
      for (const [name, values] of await gradientsOf(options)) expect(Buffer.compare(bytes(values), bytes(expected.get(name)!)), `${name}, ${JSON.stringify(options)}`).toBe(0);
    }
  });

  it('keeps the results of products only', () => {
    using network = setUp({ threads: 1 }).network;
    const { hiddenSize, intermediateSize } = CONFIG;
    // Query, key, value, context, the inputs of both LayerNorms, and of the activation; the deviation of the second LayerNorm.
    const perToken = 4 * (6 * hiddenSize + intermediateSize + 1);
    expect(network.memory({ batch: 8, sequence: 64 }).perKeptLayer).toBe(8 * 64 * perToken);
    expect(network.memory({ batch: 1, sequence: 512 }).perKeptLayer).toBe(512 * perToken);
    expect(network.memory({ batch: 1, sequence: 512 }).perLayer).toBeGreaterThan(512 * (perToken + 4 * 2 * 4 * 512));
  });
});
