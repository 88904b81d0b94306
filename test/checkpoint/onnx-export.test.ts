import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { saveOnnx } from '../../src/checkpoint/onnx-export-node.ts';
import { exportOnnx, type OnnxExport, type OnnxExportOptions } from '../../src/checkpoint/onnx-export.ts';
import { ONNX_LAYOUTS } from '../../src/checkpoint/onnx-names.ts';
import { initialiseWeights, writeConfig } from '../../src/checkpoint/index.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { normalizeVector, poolRow } from '../../src/model/pooling.ts';
import type { Weights } from '../../src/model/parameters.ts';
import { listCases, loadCase, maxAbsDifference } from '../oracle/goldens.ts';
import type { ReferenceBatch } from '../oracle/reference.ts';
import { readOnnx } from './onnx-reader.ts';

const TOLERANCE = 1e-5;
const folder = mkdtempSync(join(tmpdir(), 'albertine-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Batch {
  batchSize: number;
  sequenceLength: number;
  inputIds: number[];
  attentionMask: number[];
  tokenTypeIds: number[];
}

/**
 * Exports have no position ids, as Hugging Face's: a case that has some is run with the usual positions on both sides.
 */
function toBatch(inputs: Pick<ReferenceBatch, 'inputIds' | 'attentionMask' | 'tokenTypeIds'>): Batch {
  const flat = (rows: ArrayLike<number | boolean>[] | undefined) => rows?.flatMap((row) => Array.from(row, Number));
  const inputIds = flat(inputs.inputIds)!;
  return {
    batchSize: inputs.inputIds.length,
    sequenceLength: inputs.inputIds[0].length,
    inputIds,
    attentionMask: flat(inputs.attentionMask as ArrayLike<number>[] | undefined) ?? inputIds.map(() => 1),
    tokenTypeIds: flat(inputs.tokenTypeIds) ?? inputIds.map(() => 0),
  };
}

const join1 = ({ chunks }: OnnxExport): Buffer => Buffer.concat(chunks);
const sessionOptions: ort.InferenceSession.SessionOptions = { intraOpNumThreads: 1, logSeverityLevel: 3 };

async function run(model: Uint8Array | string, batch: Batch): Promise<Record<string, Float32Array>> {
  const session = await ort.InferenceSession.create(model as string, sessionOptions);
  const tensor = (values: number[]) =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [batch.batchSize, batch.sequenceLength]);
  const results = await session.run({
    input_ids: tensor(batch.inputIds),
    attention_mask: tensor(batch.attentionMask),
    token_type_ids: tensor(batch.tokenTypeIds),
  });
  const outputs = Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
  await session.release();
  return outputs;
}

const runExport = (config: AlbertConfig, weights: Weights, options: OnnxExportOptions, batch: Batch) =>
  run(join1(exportOnnx(config, weights, options)), batch);

const SMALL: AlbertConfig = {
  ...DEFAULT_CONFIG,
  vocabSize: 60,
  embeddingSize: 8,
  hiddenSize: 16,
  numHiddenLayers: 4,
  numHiddenGroups: 2,
  innerGroupNum: 2,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 16,
  initializerRange: 0.3,
};
const RAGGED: Batch = {
  batchSize: 3,
  sequenceLength: 5,
  inputIds: [2, 9, 8, 7, 3, 2, 5, 3, 0, 0, 0, 0, 0, 0, 0],
  attentionMask: [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
  tokenTypeIds: [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};

describe('exported hidden states equal the encoder', () => {
  it.each(listCases())('%s', async (name) => {
    const { config, weights, inputs } = loadCase(name);
    const batch = toBatch(inputs);
    using encoder = await AlbertEncoder.create(config, weights, { threads: 1 });
    const { lastHiddenState } = await encoder.forward(batch);
    for (const layout of ONNX_LAYOUTS) {
      const { last_hidden_state } = await runExport(config, weights, { output: 'hidden', layout }, batch);
      expect(maxAbsDifference(last_hidden_state, lastHiddenState), layout).toBeLessThanOrEqual(TOLERANCE);
    }
  });
});

describe('exported heads equal the encoder', () => {
  const heads = ['maskedLm', 'sentenceOrder', 'sequenceClassification', 'questionAnswering'] as const;
  const weights = initialiseWeights(SMALL, 7, { heads: [...heads], numLabels: 3 });
  const close = (actual: Float32Array, expected: ArrayLike<number>) =>
    expect(maxAbsDifference(actual, expected)).toBeLessThanOrEqual(TOLERANCE);

  it('pooler, masked LM, pretraining, classifiers and spans', async () => {
    using encoder = await AlbertEncoder.create(SMALL, weights, { threads: 1 });
    const { lastHiddenState: hidden } = await encoder.forward(RAGGED);
    const pooled = await encoder.pool(hidden, RAGGED.batchSize);
    const exported = (output: OnnxExportOptions['output']) =>
      runExport(SMALL, weights, { output, layout: 'loop' }, RAGGED);

    const pooler = await exported('pooler');
    close(pooler['last_hidden_state'], hidden);
    close(pooler['pooler_output'], pooled);
    close((await exported('maskedLm'))['logits'], await encoder.logits('maskedLm', hidden));
    const pretraining = await exported('pretraining');
    close(pretraining['prediction_logits'], await encoder.logits('maskedLm', hidden));
    close(pretraining['sop_logits'], await encoder.logits('sentenceOrder', pooled));
    close((await exported('sequenceClassification'))['logits'], await encoder.logits('sequenceClassification', pooled));
    close((await exported('tokenClassification'))['logits'], await encoder.logits('tokenClassification', hidden));
    const spans = await exported('questionAnswering');
    const expected = await encoder.logits('questionAnswering', hidden);
    close(
      spans['start_logits'],
      expected.filter((_, i) => i % 2 === 0),
    );
    close(
      spans['end_logits'],
      expected.filter((_, i) => i % 2 === 1),
    );
  });

  it.each(['cls', 'mean', 'max', 'mean_sqrt', 'weighted', 'pooler'] as const)(
    'embeddings pooled by %s',
    async (pooling) => {
      using encoder = await AlbertEncoder.create(SMALL, weights, { threads: 1 });
      const { lastHiddenState: hidden } = await encoder.forward(RAGGED);
      const width = SMALL.hiddenSize;
      const lengths = [5, 3];
      const expected = new Float32Array(lengths.length * width);
      if (pooling === 'pooler')
        expected.set((await encoder.pool(hidden, RAGGED.batchSize)).subarray(0, expected.length));
      else
        lengths.forEach((length, row) =>
          poolRow(pooling, hidden, { start: row * 5 * width, length, width }, expected.subarray(row * width)),
        );
      const plain = (await runExport(SMALL, weights, { output: 'embeddings', layout: 'unrolled', pooling }, RAGGED))[
        'sentence_embedding'
      ];
      close(plain.subarray(0, expected.length), expected);
      expect(plain.every(Number.isFinite)).toBe(true);
      const unit = (
        await runExport(SMALL, weights, { output: 'embeddings', layout: 'loop', pooling, normalize: true }, RAGGED)
      )['sentence_embedding'];
      for (let row = 0; row < lengths.length; row++) normalizeVector(expected.subarray(row * width, (row + 1) * width));
      close(unit.subarray(0, expected.length), expected);
      expect(unit.every(Number.isFinite)).toBe(true);
    },
  );

  it('names the weights that an output misses', () => {
    const bare = initialiseWeights(SMALL, 7);
    expect(() => exportOnnx(SMALL, bare, { output: 'maskedLm' })).toThrow(/predictions\.dense\.weight/);
  });
});

describe('the file', () => {
  const config: AlbertConfig = {
    ...SMALL,
    vocabSize: 500,
    embeddingSize: 64,
    hiddenSize: 128,
    intermediateSize: 512,
    numHiddenLayers: 12,
    numHiddenGroups: 1,
    innerGroupNum: 1,
  };
  const weights = initialiseWeights(config, 3, { heads: ['maskedLm'] });
  let weightBytes = 0;
  for (const [name, { data }] of weights) if (!name.includes('pooler')) weightBytes += data.byteLength;

  it.each(ONNX_LAYOUTS)('%s: stores every weight once', (layout) => {
    const model = exportOnnx(config, weights, { output: 'maskedLm', layout });
    expect(join1(model).length).toBe(model.byteLength);
    expect(model.byteLength).toBeGreaterThan(weightBytes);
    expect(model.byteLength).toBeLessThan(weightBytes + (layout === 'loop' ? 12_000 : 70_000));
  });

  it.each(ONNX_LAYOUTS)('%s: uses standard operators of one operator set only', (layout) => {
    for (const activation of ['gelu_tanh', 'gelu_erf', 'silu'] as const) {
      const model = readOnnx(
        join1(exportOnnx({ ...config, hiddenAct: activation }, weights, { output: 'pooler', layout })),
      );
      expect(model.domains).toEqual(['']);
      expect(model.opsets).toEqual([['', 18]]);
      expect(model.inputs).toEqual(['input_ids', 'attention_mask', 'token_type_ids']);
      expect(model.outputs).toEqual(['last_hidden_state', 'pooler_output']);
      expect(model.operators.filter((operator) => operator === 'LayerNormalization')).toHaveLength(
        layout === 'loop' ? 3 : 25,
      );
      expect(model.operators.includes('Loop')).toBe(layout === 'loop');
    }
  });

  it('puts weights into a second file on request', async () => {
    const inside = join(folder, 'inside.onnx');
    const outside = join(folder, 'outside.onnx');
    expect((await saveOnnx(inside, config, weights, { output: 'hidden' })).files).toEqual([inside]);
    const saved = await saveOnnx(outside, config, weights, {
      output: 'hidden',
      layout: 'loop',
      externalData: 'always',
    });
    expect(saved.files).toEqual([outside, `${outside}_data`]);
    expect(saved.byteLength).toBe(statSync(outside).size + statSync(`${outside}_data`).size);
    expect(statSync(outside).size).toBeLessThan(40_000);
    expect(await run(outside, RAGGED)).toEqual(await run(readFileSync(inside), RAGGED));
  });
});

describe('transformers.js', () => {
  it.each(ONNX_LAYOUTS)('runs the %s layout', async (layout) => {
    const { AutoModel, AutoModelForMaskedLM, env, Tensor } = await import('@huggingface/transformers');
    Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: folder });
    const weights = initialiseWeights(SMALL, 5, { heads: ['maskedLm'] });
    const name = `transformers-${layout}`;
    await saveOnnx(join(folder, name, 'onnx', 'model.onnx'), SMALL, weights, { output: 'pooler', layout });
    await saveOnnx(join(folder, `${name}-lm`, 'onnx', 'model.onnx'), SMALL, weights, { output: 'maskedLm', layout });
    for (const each of [name, `${name}-lm`])
      writeFileSync(join(folder, each, 'config.json'), JSON.stringify(writeConfig(SMALL)));
    const tensor = (values: number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [RAGGED.batchSize, RAGGED.sequenceLength]);
    const inputs = {
      input_ids: tensor(RAGGED.inputIds),
      attention_mask: tensor(RAGGED.attentionMask),
      token_type_ids: tensor(RAGGED.tokenTypeIds),
    };

    using encoder = await AlbertEncoder.create(SMALL, weights, { threads: 1 });
    const { lastHiddenState } = await encoder.forward(RAGGED);
    const model = await AutoModel.from_pretrained(name, { dtype: 'fp32' });
    const output = (await model(inputs)) as Record<string, { data: Float32Array; dims: number[] }>;
    expect(output['last_hidden_state'].dims).toEqual([3, 5, SMALL.hiddenSize]);
    expect(maxAbsDifference(output['last_hidden_state'].data, lastHiddenState)).toBeLessThanOrEqual(TOLERANCE);
    const masked = await AutoModelForMaskedLM.from_pretrained(`${name}-lm`, { dtype: 'fp32' });
    const { logits } = (await masked(inputs)) as { logits: { data: Float32Array } };
    expect(maxAbsDifference(logits.data, await encoder.logits('maskedLm', lastHiddenState))).toBeLessThanOrEqual(
      TOLERANCE,
    );
    await Promise.all([model.dispose(), masked.dispose()]);
  });
});
