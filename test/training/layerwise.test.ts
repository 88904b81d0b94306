import { describe, expect, it } from 'vitest';
import { initialValues } from '../../src/checkpoint/initialise.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { encoderParameters, poolerParameters } from '../../src/model/parameters.ts';
import { float32, int64, type HostTensor } from '../../src/runtime/tensor.ts';
import { createArena } from '../../src/training/arena.ts';
import type { HeadDefinition } from '../../src/training/head.ts';
import { chainFeeds, crfHead } from '../../src/training/crf-head.ts';
import {
  classificationHead,
  pretrainingHead,
  questionAnsweringHead,
  tokenClassificationHead,
} from '../../src/training/heads.ts';
import { LayerwiseNetwork, type LayerwiseOptions, type TrainingBatch } from '../../src/training/layerwise.ts';
import type { HeadFeeds } from '../../src/training/units.ts';

/** The built-in model's width, with every kind of dropout. */
const CONFIG: AlbertConfig = {
  ...DEFAULT_CONFIG,
  vocabSize: 50,
  embeddingSize: 128,
  hiddenSize: 256,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 1024,
  maxPositionEmbeddings: 80,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  classifierDropoutProb: 0.1,
};
/** Rows and tokens of micro-batches: even, odd, and fewer tokens than the model is wide. */
const SHAPES = [
  [8, 64],
  [13, 37],
  [6, 21],
] as const;

const whole = (count: number, value: (index: number) => number): HostTensor =>
  int64(
    [count],
    Array.from({ length: count }, (_, i) => value(i)),
  );
const weights = (count: number): HostTensor => float32([count], new Float32Array(count).fill(1 / count));
const firstTokens = (rows: number, sequence: number): Record<string, HostTensor> => ({
  firstTokens: whole(rows, (row) => row * sequence),
});

const HEADS: Record<
  string,
  { head: HeadDefinition; targets: (rows: number, sequence: number) => Record<string, HostTensor> | HeadFeeds }
> = {
  classification: {
    head: classificationHead(CONFIG, { numLabels: 2, problemType: 'singleLabel' }),
    targets: (rows, sequence) => ({
      ...firstTokens(rows, sequence),
      labels: whole(rows, (row) => row % 2),
      rowWeights: weights(rows),
    }),
  },
  // Its dropout mask has a row a token.
  tagging: {
    head: tokenClassificationHead(CONFIG, 5),
    targets: (rows, sequence) => ({
      labels: whole(rows * sequence, (token) => token % 5),
      rowWeights: weights(rows * sequence),
    }),
  },
  // Chains of different lengths, one without a label and one of a single one.
  crf: {
    head: crfHead(CONFIG, 5),
    targets: (rows, sequence) =>
      chainFeeds(
        Array.from({ length: rows }, (_, row) => {
          const places = Array.from(
            { length: row === 0 ? 0 : row === 1 ? 1 : sequence - row },
            (_place, at) => row * sequence + at,
          );
          return { rows: places, labels: places.map((place) => place % 5), begins: row % 2 === 0, ends: row % 3 === 0 };
        }),
        new Array<number>(rows).fill(1 / rows),
      ),
  },
  answers: {
    head: questionAnsweringHead(CONFIG),
    targets(rows, sequence) {
      const at = (place: number): HostTensor =>
        float32(
          [rows, sequence],
          Float32Array.from({ length: rows * sequence }, (_, i) => Number(i % sequence === place)),
        );
      return {
        starts: at(1),
        ends: at(3),
        tokenBias: float32(
          [rows, sequence],
          Float32Array.from({ length: rows * sequence }, (_, i) => (i % sequence > 10 ? -1e30 : 0)),
        ),
        rowWeights: weights(rows),
      };
    },
  },
  // From 139 masked tokens, more than the embeddings are wide, to 34.
  pretraining: {
    head: pretrainingHead(CONFIG, { maskedLm: true, sentencePair: true }),
    targets(rows, sequence) {
      const masked = Math.round(0.27 * rows * sequence);
      return {
        ...firstTokens(rows, sequence),
        maskedPositions: whole(masked, (i) => 3 * i),
        maskedLabels: whole(masked, (i) => i % 50),
        maskedWeights: weights(masked),
        pairLabels: whole(rows, (row) => row % 2),
        pairWeights: weights(rows),
      };
    },
  },
};

const isFeeds = (targets: Record<string, HostTensor> | HeadFeeds): targets is HeadFeeds =>
  'feeds' in targets && !('dtype' in targets.feeds);

function batchOf(
  [rows, sequence]: readonly [number, number],
  targets: Record<string, HostTensor> | HeadFeeds,
): TrainingBatch {
  const size = rows * sequence;
  return {
    batchSize: rows,
    sequenceLength: sequence,
    inputIds: Int32Array.from({ length: size }, (_, i) => 1 + ((i * 31) % 49)),
    tokenTypeIds: new Int32Array(size),
    attentionMask: Uint8Array.from({ length: size }, (_, i) =>
      Number(i % sequence < sequence - (Math.floor(i / sequence) % 5)),
    ), // up to four tokens of padding
    ...(isFeeds(targets)
      ? { headFeeds: targets.feeds, ...(targets.sizes && { headSizes: targets.sizes }) }
      : { headFeeds: targets }),
  };
}

function setUp(head: HeadDefinition, options: LayerwiseOptions) {
  const specs = new Map(
    [...encoderParameters(CONFIG), ...poolerParameters(CONFIG), ...head.parameters].map((spec) => [spec.name, spec]),
  );
  const arena = createArena([...specs.values()], 2);
  arena.load(
    new Map([...specs.values()].map((spec) => [spec.name, { shape: spec.shape, data: initialValues(spec, 1, 0.1) }])),
  );
  return { arena, network: new LayerwiseNetwork(CONFIG, arena, head, options) };
}

const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** Gradients of all parameters over the micro-batches. */
async function gradientsOf(name: string, options: LayerwiseOptions): Promise<Map<string, Float32Array>> {
  const { head, targets } = HEADS[name];
  const { arena, network } = setUp(head, options);
  for (const [microBatch, [rows, sequence]] of SHAPES.entries())
    await network.accumulate(batchOf([rows, sequence], targets(rows, sequence)), { step: 3, microBatch });
  network[Symbol.dispose]();
  return new Map(arena.slots.map(({ name: parameter }) => [parameter, arena.view(parameter, 'gradients').slice()]));
}

describe('a training step', () => {
  it.each(Object.keys(HEADS))(
    'of %s has the same gradients bit for bit on one, two and three threads, whatever is kept',
    async (name) => {
      const expected = await gradientsOf(name, { threads: 1 });
      // What answers for tokens does not read the pooled vector.
      const read = [...expected].filter(
        ([parameter]) => !['tagging', 'crf', 'answers'].includes(name) || !parameter.startsWith('albert.pooler'),
      );
      expect(read.every(([, values]) => values.some((value) => value !== 0))).toBe(true);
      const variants: LayerwiseOptions[] = [
        { threads: 2 },
        { threads: 3 },
        { threads: 2, saveActivations: 1 },
        { threads: 2, saveActivations: 'none' },
      ];
      for (const options of variants) {
        for (const [parameter, values] of await gradientsOf(name, options))
          expect(
            Buffer.compare(bytes(values), bytes(expected.get(parameter)!)),
            `${parameter}, ${JSON.stringify(options)}`,
          ).toBe(0);
      }
    },
  );

  it('keeps the results of products only', () => {
    const { head } = HEADS['classification'];
    using all = setUp(head, { threads: 1 }).network;
    using none = setUp(head, { threads: 1, saveActivations: 'none' }).network;
    const { hiddenSize, intermediateSize, numHiddenLayers } = CONFIG;
    // Query, key, value, context, the inputs of both LayerNorms, and of the activation; the deviation of the second
    // LayerNorm.
    const perToken = 4 * (6 * hiddenSize + intermediateSize + 1);
    for (const shape of [
      { batchSize: 8, sequenceLength: 64 },
      { batchSize: 1, sequenceLength: 512 },
    ]) {
      expect(all.activationBytes(shape) - none.activationBytes(shape)).toBe(numHiddenLayers * 512 * perToken);
    }
    // Besides hidden states and gradients the layer at work has scores and probabilities of four heads.
    const hidden = 4 * 512 * hiddenSize * (numHiddenLayers + 3);
    expect(none.activationBytes({ batchSize: 1, sequenceLength: 512 }) - hidden).toBeGreaterThan(
      512 * (perToken + 4 * 2 * 4 * 512),
    );
  });
});
