import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { encoderParameters } from '../../src/model/parameters.ts';
import { float32, zeros } from '../../src/runtime/tensor.ts';
import { createArena } from '../../src/training/arena.ts';
import { collatePairs, embeddingTask, type EmbeddingTaskOptions } from '../../src/training/contrastive.ts';
import { embeddingHead, type EmbeddingHeadOptions } from '../../src/training/contrastive-head.ts';
import { selectRows, TokenTable, type SentenceRows } from '../../src/training/contrastive-rows.ts';
import { CompiledHead, type HeadResults } from '../../src/training/head.ts';
import { LayerwiseNetwork, type TrainingBatch } from '../../src/training/layerwise.ts';
import { TINY_CONFIG } from './small-run.ts';

/** A loss with its options, its value and its gradient with respect to the hidden states. */
interface GoldenCase extends EmbeddingHeadOptions {
  value: number;
  gradient: number[];
}
interface Golden {
  left: number[][];
  right: number[][];
  scores: number[];
  maxScore: number;
  width: number;
  hidden: number[];
  hiddenOfCopies: number[];
  cases: Record<string, GoldenCase>;
}
/** Written by goldens/make_contrastive.py. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'goldens/contrastive.json'), 'utf8')) as Golden;
const PAIRS = golden.left.length;
/** Of the golden's rows. */
const GOLDEN_LENGTH = 7;

function rowsOf(texts: readonly (readonly number[])[][], scores?: number[]): SentenceRows {
  const sequences = new TokenTable();
  for (const row of texts) for (const ids of row) sequences.add(Int32Array.from(ids));
  return { sequences, textsPerRow: texts[0].length as 1 | 2, ...(scores && { scores }) };
}
const singles = rowsOf(golden.left.map((ids) => [ids]));
const pairs = rowsOf(
  golden.left.map((ids, i) => [ids, golden.right[i]]),
  golden.scores,
);
const all = golden.left.map((_, i) => i);

const config = { ...TINY_CONFIG, hiddenSize: golden.width, numAttentionHeads: 1, vocabSize: 40 };

/** The golden's hidden states in a rectangle of another length: its padding is longer, or shorter. */
function hiddenStates(values: readonly number[], length: number): Float32Array {
  const rows = values.length / golden.width / GOLDEN_LENGTH;
  return Float32Array.from(
    { length: rows * length * golden.width },
    (_, i) =>
      values[Math.floor(i / (length * golden.width)) * GOLDEN_LENGTH * golden.width + (i % (length * golden.width))],
  );
}

describe('losses of sentence embeddings against PyTorch (float64)', () => {
  it.each(Object.entries(golden.cases))('%s', async (name, { value, gradient: expected, ...options }) => {
    const { objective, pooling = 'mean' } = options;
    const { batch } = collatePairs(objective === 'simcse' ? singles : pairs, all, {
      ...options,
      config,
      pooling,
      maxScore: golden.maxScore,
    });
    const { batchSize, sequenceLength } = batch;
    const hidden = float32(
      [batchSize * sequenceLength, golden.width],
      hiddenStates(objective === 'simcse' ? golden.hiddenOfCopies : golden.hidden, sequenceLength),
    );
    const hiddenGradient = zeros('float32', [batchSize * sequenceLength, golden.width]);
    using head = new CompiledHead(embeddingHead(config, options), {
      hiddenSize: golden.width,
      trainable: new Set(),
      dropout: false,
      options: { threads: 1 },
    });
    const results = await head.train(
      { hidden, ...batch.headFeeds },
      {
        parameters: { values: {}, gradients: {} },
        hiddenGradient,
        sizes: { batch: batchSize, sequence: sequenceLength, ...batch.headSizes },
      },
    );
    // A small loss is the difference of two scores of up to 1 / temperature, each rounded to float32.
    expect(Math.abs((results['loss'].data as Float32Array)[0] - value)).toBeLessThan(1e-5);
    // With a loss near 0, as that of simcse here, the gradient is such a difference too.
    const gradient = hiddenGradient.data as Float32Array;
    expect(gradient.length).toBe(expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    expect(Math.max(...expected.map((value, i) => Math.abs(value - gradient[i]))) / largest).toBeLessThan(
      name === 'simcse' ? 5e-5 : 2e-6,
    );
  });
});

describe('collatePairs', () => {
  it('lays texts out as one rectangle and bars equal texts from counting against each other', () => {
    const { batch, tokens } = collatePairs(pairs, all, { config, objective: 'pairs', pooling: 'mean', maxScore: 1 });
    expect([batch.batchSize, batch.sequenceLength, tokens]).toEqual([
      10,
      7,
      [...golden.left, ...golden.right].flat().length,
    ]);
    expect(Array.from(batch.inputIds).slice(7, 14)).toEqual([2, 13, 3, 0, 0, 0, 0]);
    const bias = batch.headFeeds['candidateBias'].data as Float32Array;
    const barred = all.flatMap((i) => all.filter((j) => bias[i * PAIRS + j] !== 0).map((j) => `${i},${j}`));
    // 0 and 2: equal left texts; 1 and 3: equal right texts; the left text of 4 is the right one of 0.
    expect(barred).toEqual(['0,2', '1,3', '2,0', '3,1', '4,0']);
  });

  it('bars texts that are equal only after cutting, as the network sees them', () => {
    const same = rowsOf([[[2, 11, 12, 3]], [[2, 11, 12, 3]], [[2, 11, 13, 3]]]);
    const { batch } = collatePairs(same, [0, 1, 2], { config, objective: 'simcse', pooling: 'cls', maxScore: 1 });
    expect(Array.from(batch.headFeeds['candidateBias'].data as Float32Array, (value) => Number(value !== 0))).toEqual([
      0, 1, 0, 1, 0, 0, 0, 0, 0,
    ]);
  });
});

/** Different sequences of tokens of the small vocabulary. */
const texts = (count: number): SentenceRows =>
  rowsOf(
    Array.from({ length: count }, (_, i) => [
      [2, ...Array.from({ length: 2 + (i % 5) }, (__, k) => 5 + ((7 * i + 3 * k) % 30)), 3],
    ]),
  );
const task = (more: Partial<EmbeddingTaskOptions> = {}): ReturnType<typeof embeddingTask> =>
  embeddingTask({ config: TINY_CONFIG, objective: 'simcse', train: texts(11), batchSize: 4, seed: 3, ...more });

async function run(
  batch: TrainingBatch,
  objective: 'simcse' | 'pairs',
  mode: 'train' | 'evaluate',
): Promise<HeadResults> {
  const arena = createArena(encoderParameters(TINY_CONFIG), 2);
  arena.load(initialiseWeights(TINY_CONFIG, 3));
  using network = new LayerwiseNetwork(
    { ...TINY_CONFIG, classifierDropoutProb: 0 },
    arena,
    embeddingHead(TINY_CONFIG, { objective }),
    { threads: 1, seed: 5 },
  );
  return mode === 'train' ? network.accumulate(batch, { step: 0, microBatch: 0 }) : network.evaluate(batch);
}

describe('embeddingTask', () => {
  it('sees the two copies of a text under different dropout masks', async () => {
    const {
      microBatches: [batch],
    } = await task().stepData(0);
    const trained = (await run(batch, 'simcse', 'train'))['cosines'].data as Float32Array;
    for (const cosine of trained) expect(cosine).toBeLessThan(0.999);
    const evaluated = (await run(batch, 'simcse', 'evaluate'))['cosines'].data as Float32Array;
    for (const cosine of evaluated) expect(cosine).toBeCloseTo(1, 5);
  });

  it('refuses simcse without dropout, and what makes no batch', () => {
    expect(() => task({ config: { ...TINY_CONFIG, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 } })).toThrow(
      /simcse without dropout.*the same\. Set dropout, for instance to 0\.1/,
    );
    expect(() => task({ batchSize: 1 })).toThrow(/batchSize must be an integer >= 2/);
    expect(() => task({ train: texts(1) })).toThrow(/too few training rows for simcse/);
    expect(() => task({ temperature: 0 })).toThrow(/temperature must be positive, got 0/);
    // CoSENT of one row is 0 whatever the weights are; a cosine can be fitted to one score.
    expect(() => task({ objective: 'scored', train: pairs, batchSize: 1 })).toThrow(
      /batchSize must be an integer >= 2/,
    );
    expect(() => task({ objective: 'scored', loss: 'cosine', train: pairs, batchSize: 1 })).not.toThrow();
    const negative = { ...pairs, scores: pairs.scores!.map((score) => score - 10) };
    expect(() => task({ objective: 'scored', loss: 'cosine', train: negative })).toThrow(
      /no training score is above 0.*Set maxScore/,
    );
    expect(() => task({ objective: 'scored', loss: 'cosine', train: negative, maxScore: 1 })).not.toThrow();
  });

  it('takes exactly batchSize rows a step, every row once an epoch, in the same order each time', async () => {
    const textsOf = async (step: number): Promise<string[]> => {
      const { microBatches } = await task().stepData(step);
      expect(microBatches).toHaveLength(1);
      const [{ batchSize, sequenceLength, inputIds }] = microBatches;
      expect(batchSize).toBe(8);
      const rows = Array.from({ length: 8 }, (_, row) =>
        Array.from(inputIds)
          .slice(row * sequenceLength, (row + 1) * sequenceLength)
          .join(),
      );
      expect(rows.slice(4)).toEqual(rows.slice(0, 4));
      return rows.slice(0, 4).map((row) => row.replace(/(,0)+$/, ''));
    };
    const epoch = (await Promise.all([0, 1, 2].map(textsOf))).flat();
    expect(new Set(epoch.slice(0, 11)).size).toBe(11);
    expect(await textsOf(1)).toEqual(epoch.slice(4, 8));
  });

  it('puts texts of similar length together, and still takes every row once an epoch', async () => {
    const rows = rowsOf(
      Array.from({ length: 50 }, (_, i) => [[2, ...Array.from({ length: (i * 7) % 25 }, () => 7), 5 + (i % 30), 3]]),
    );
    const shapes = async (groupByLength: boolean): Promise<{ padded: number; texts: string[] }[]> => {
      const grouped = task({ train: rows, groupByLength, batchSize: 8 });
      return Promise.all(
        Array.from({ length: 13 }, async (_, step) => {
          const {
            microBatches: [{ batchSize, sequenceLength, inputIds }],
            tokens,
          } = await grouped.stepData(step);
          expect(batchSize).toBe(16);
          const all = Array.from(inputIds);
          return {
            padded: batchSize * sequenceLength - tokens,
            texts: Array.from({ length: 8 }, (__, row) =>
              all
                .slice(row * sequenceLength, (row + 1) * sequenceLength)
                .join()
                .replace(/(,0)+$/, ''),
            ),
          };
        }),
      );
    };
    const [plain, grouped] = [await shapes(false), await shapes(true)];
    const padding = (steps: { padded: number }[]): number => steps.reduce((sum, { padded }) => sum + padded, 0);
    expect(padding(grouped)).toBeLessThan(padding(plain) / 2);
    for (const epoch of [0, 1]) {
      const texts = grouped.flatMap((step) => step.texts).slice(epoch * 50, (epoch + 1) * 50);
      expect([...texts].sort()).toEqual(
        plain
          .flatMap((step) => step.texts)
          .slice(epoch * 50, (epoch + 1) * 50)
          .sort(),
      );
    }
    expect(() => task({ groupByLength: true, shuffle: false })).toThrow(/groupByLength changes the order/);
  });

  it('tells how often a text finds its partner, and evaluates cosines against scores', async () => {
    const scored = rowsOf(
      [
        [
          [2, 5, 3],
          [2, 5, 3],
        ],
        [
          [2, 6, 7, 3],
          [2, 20, 21, 22, 3],
        ],
        [
          [2, 8, 9, 10, 3],
          [2, 8, 9, 11, 3],
        ],
      ],
      [5, 0, 3],
    );
    const { summarize, evaluate, evaluationTokens } = task({ evaluation: scored });
    expect(evaluationTokens).toBe(25);
    const arena = createArena(encoderParameters(TINY_CONFIG), 2);
    arena.load(initialiseWeights(TINY_CONFIG, 3));
    using network = new LayerwiseNetwork(TINY_CONFIG, arena, embeddingHead(TINY_CONFIG, { objective: 'simcse' }), {
      threads: 1,
    });
    expect(await evaluate!(network)).toEqual({
      spearman: expect.closeTo(1, 10) as number,
      pearson: expect.closeTo(1, 2) as number,
    });
    const {
      microBatches: [batch],
    } = await task().stepData(0);
    expect(summarize!([await run(batch, 'simcse', 'evaluate')])).toEqual({ batchAccuracy: 1 });
  });
});

describe('TokenTable', () => {
  it('keeps sequences apart while it grows, and copies a selection', () => {
    const table = new TokenTable();
    for (let i = 0; i < 700; i++) table.add(Int32Array.from({ length: i % 9 }, (_, k) => i + k));
    expect([table.length, table.maxLength, Array.from(table.sequence(0)), Array.from(table.sequence(566))]).toEqual([
      700,
      8,
      [],
      [566, 567, 568, 569, 570, 571, 572, 573],
    ]);
    expect(table.all().length).toBe(table.tokenCount);
    const some = selectRows(
      { sequences: table, textsPerRow: 2, scores: Array.from({ length: 350 }, (_, i) => i) },
      [2, 349],
    );
    expect([
      some.scores,
      some.sequences.length,
      Array.from(some.sequences.sequence(1)),
      Array.from(some.sequences.sequence(3)),
    ]).toEqual([[2, 349], 4, [5, 6, 7, 8, 9], Array.from(table.sequence(699))]);
  });
});
