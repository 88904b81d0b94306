import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeInt8, int8Fingerprint, isQuantizedDense } from '../../src/checkpoint/int8.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { readQuantization, writeQuantization } from '../../src/checkpoint/quantization.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { saveInt8Checkpoint } from '../../src/checkpoint/save-int8-node.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { cosine } from '../../src/model/drift.ts';
import { Albert } from '../../src/loaded/albert.ts';
import { fitToProcessor } from '../../src/loaded/int8-processor.ts';
import { quantizeModel, type QuantizedModel } from '../../src/loaded/quantize-model.ts';
import { SAMPLE_TEXTS } from '../../src/loaded/sample-texts.ts';
import { loadCase } from '../oracle/goldens.ts';

/** Forty-odd words are enough for the goldens' vocabulary of 80. */
const WORDS = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  ...'the a of to in is it was he for on are with as his they be at one have this from or had by hot word but what some we can out other were all there when up use'.split(
    ' ',
  ),
];
const TEXTS = Array.from({ length: 30 }, (_, i) =>
  Array.from({ length: 3 + (i % 11) }, (_unused, k) => WORDS[5 + ((i * 7 + k * (3 + i)) % (WORDS.length - 5))]).join(
    ' ',
  ),
);

let folder: string;
let model: Albert;
let quantized: QuantizedModel;
const golden = loadCase('base-v2');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'albertine-int8-'));
  const files = {
    'vocab.txt': `${WORDS.join('\n')}\n`,
    'config.json': await readFile(join(golden.folder, 'config.json')),
    'model.safetensors': await readFile(join(golden.folder, 'model.safetensors')),
  };
  model = await Albert.open(memoryFiles(files), { threads: 1 });
  quantized = await quantizeModel(model, { activations: 'static', sampleTexts: TEXTS });
  await save(quantized, 'static');
  await save(await quantizeModel(model, { sampleTexts: TEXTS }), 'default');
});

afterAll(async () => {
  model[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function save({ tensors, settings }: QuantizedModel, name: string): Promise<string[]> {
  return saveInt8Checkpoint(join(folder, name), {
    config: model.config,
    tensors,
    settings,
    heads: model.loaded.heads,
    tokenizerFiles: model.tokenizer.files(),
    extra: { kept: 1 },
  });
}

describe('an int8 checkpoint', () => {
  it('stores bytes with scales that give the weights back', async () => {
    const file = await openSafetensors(await openFolder(join(folder, 'static')), 'model.safetensors');
    for (const [name, { shape, data }] of model.weights) {
      const stored = file.tensors.get(name)!;
      expect(stored.shape).toEqual(shape);
      const isTable = name.endsWith('word_embeddings.weight');
      expect(stored.dtype, name).toBe(isQuantizedDense(name) || isTable ? 'I8' : shape.length > 1 ? 'F16' : 'F32');
      if (stored.dtype !== 'I8') continue;
      const [values, scales] = (await file.read([name, `${name}_scale`])).values();
      expect(scales.shape).toEqual([shape[0], 1]);
      data.forEach((value, i) =>
        expect(Math.abs(values.data[i] * scales.data[Math.floor(i / shape[1])] - value)).toBeLessThanOrEqual(
          scales.data[Math.floor(i / shape[1])] * 0.5001,
        ),
      );
    }
    expect(file.tensors.get('activation_ranges')!.shape).toEqual([model.config.numHiddenLayers, 4, 2]);
    for (const { start, dtype } of file.tensors.values())
      expect(start % (dtype === 'F32' ? 4 : dtype === 'F16' ? 2 : 1)).toBe(0);
  });

  it("records its drift, and Python's transformers refuses it", async () => {
    const json = JSON.parse(await readFile(join(folder, 'static', 'config.json'), 'utf8')) as Record<
      string,
      Record<string, unknown>
    >;
    // Without this key transformers raises instead of taking the bytes for floats.
    expect(json.quantization_config).not.toHaveProperty('quant_method');
    expect(json.quantization_config).toMatchObject({
      method: 'albertine-int8',
      version: 1,
      activations: 'static',
      weight_bits: 8,
      activation_ranges: 'minMax',
      calibration_texts: 20,
      drift: { texts: 10 },
    });
    expect(json.kept).toBe(1);
    const { settings, others } = readQuantization({ ...writeQuantization(quantized.settings), kept: 1 });
    expect(others).toEqual({ kept: 1 });
    expect(settings).toMatchObject({ activations: 'static', bits: 8, ranges: 'minMax', calibrationTexts: 20 });
    expect(await readFile(join(folder, 'static', 'README.md'), 'utf8')).not.toContain('python');
  });

  it('loads as int8 without the float weights, and computes what was measured', async () => {
    using loaded = await Albert.open(await openFolder(join(folder, 'static')), { threads: 1 });
    expect([...loaded.weights.keys()].filter(isQuantizedDense)).toEqual([]);
    expect(loaded.weights.size).toBe(model.weights.size - 6);
    expect(loaded.loaded.int8!.calibration).toHaveLength(model.config.numHiddenLayers);
    expect(loaded.fingerprint).toMatch(/dtype=int8-static-[78]bit~0\.99\d{3}$/);
    expect(loaded.notes.join()).toContain('int8 checkpoint');
    const [a, b] = [await model.embed(TEXTS), await loaded.embed(TEXTS)];
    for (let row = 0; row < TEXTS.length; row++) expect(cosine(a.row(row), b.row(row))).toBeGreaterThan(0.995);
    expect(a.fingerprint).not.toBe(b.fingerprint);
    const heldOut = TEXTS.filter((_, i) => i % 3 === 2);
    const cosines = heldOut.map((text) => cosine(a.row(TEXTS.indexOf(text)), b.row(TEXTS.indexOf(text))));
    expect(quantized.drift.layers.at(-1)!.pooled.mean).toBeCloseTo(
      cosines.reduce((x, y) => x + y, 0) / cosines.length,
      5,
    );
  });

  it('gives the same vectors alone and in company', async () => {
    await save(await quantizeModel(model, { activations: 'perRow', sampleTexts: TEXTS }), 'per-row');
    for (const name of ['static', 'default', 'per-row']) {
      using loaded = await Albert.open(await openFolder(join(folder, name)), { threads: 1 });
      const together = await loaded.embed(TEXTS);
      for (const row of [0, 7, 19])
        expect([...(await loaded.embed([TEXTS[row]])).row(0)]).toEqual([...together.row(row)]);
    }
  });

  it('loads as f32 on request and for everything that knows no int8', async () => {
    const files = await openFolder(join(folder, 'default'));
    using loaded = await Albert.open(files, { threads: 1, dequantize: true });
    expect(loaded.weights.size).toBe(model.weights.size);
    expect(loaded.fingerprint).toContain('dtype=f32');
    const checkpoint = await openCheckpoint(files);
    expect(checkpoint.quantization).toMatchObject({ activations: 'mixed' });
    expect(checkpoint.details.extra).toEqual({ kept: 1 });
    const { weights, int8 } = await checkpoint.load();
    expect(int8).toBeUndefined();
    for (const [name, { data }] of weights)
      expect(cosine(data, model.weights.get(name)!.data), name).toBeGreaterThan(0.9999);
  });

  it('has a fingerprint over bytes, scales and ranges', async () => {
    const { weights, int8 } = quantized;
    const seen = new Set([await int8Fingerprint(weights, int8)]);
    const [layer] = int8.layers;
    const query = layer.get('attention.query')!;
    const variants = [
      {
        ...int8,
        layers: [
          new Map([...layer, ['attention.query', { ...query, values: query.values.with(5, query.values[5] + 1) }]]),
        ],
      },
      {
        ...int8,
        layers: [
          new Map([...layer, ['attention.query', { ...query, scales: query.scales.map((scale) => scale * 1.001) }]]),
        ],
      },
      { ...int8, calibration: int8.calibration!.map((sites) => ({ ...sites, attentionContext: { min: -1, max: 1 } })) },
    ];
    for (const variant of variants) seen.add(await int8Fingerprint(weights, variant));
    expect(seen.size).toBe(4);
    expect(await int8Fingerprint(weights, int8)).toBe([...seen][0]);
  });
});

describe('weight bits', () => {
  it('fall to 7 where products may saturate, and the notes say so', async () => {
    const without = { exact: false, reason: 'the processor has no VNNI' };
    const fitted = await fitToProcessor(quantized.int8, 8, { support: without });
    expect(fitted.bits).toBe(7);
    expect(fitted.note).toContain('no VNNI');
    for (const weight of fitted.int8.layers[0].values())
      expect(Math.max(...weight.values.map(Math.abs))).toBeLessThanOrEqual(64);
    const forced = await fitToProcessor(quantized.int8, 8, { support: without, bits: 8 });
    expect(forced).toMatchObject({ bits: 8, int8: quantized.int8 });
    expect(forced.note).toContain('saturate');
    expect(await fitToProcessor(quantized.int8, 8, { support: { exact: true, reason: '' } })).toEqual({
      bits: 8,
      int8: quantized.int8,
    });
  });

  it('of a 7-bit checkpoint are 7 everywhere', async () => {
    const seven = await quantizeModel(model, { sampleTexts: TEXTS, bits: 7 });
    for (const weight of seven.int8.layers[0].values()) expect(Math.max(...weight.values.map(Math.abs))).toBe(64);
    expect(await fitToProcessor(seven.int8, 7, { support: { exact: false, reason: '' } })).toEqual({
      bits: 7,
      int8: seven.int8,
    });
  });

  it('can be forced when loading', async () => {
    using loaded = await Albert.open(await openFolder(join(folder, 'default')), { threads: 1, int8Bits: 7 });
    expect(loaded.fingerprint).toContain('-7bit');
  });
});

describe('refusals', () => {
  it("other programs' quantisation, later versions, damage", () => {
    const entry = writeQuantization(quantized.settings).quantization_config as Record<string, unknown>;
    const read = (change: Record<string, unknown>) => () =>
      readQuantization({ quantization_config: { ...entry, ...change } });
    expect(read({ method: undefined, quant_method: 'gptq' })).toThrow(/gptq/);
    expect(read({ version: 2 })).toThrow(/version 2/);
    expect(read({ activations: 'magic' })).toThrow(/damaged/);
    expect(read({ drift: undefined })).toThrow(/damaged/);
    expect(readQuantization({ a: 1 })).toEqual({ others: { a: 1 } });
  });

  it('quantising twice, and a sample of too few texts', async () => {
    using loaded = await Albert.open(await openFolder(join(folder, 'default')), { threads: 1 });
    await expect(quantizeModel(loaded)).rejects.toThrow(/int8 already/);
    await expect(quantizeModel(model, { sampleTexts: ['the', ' ', 'a'] })).rejects.toThrow(/at least 3/);
  });

  it('a file without ranges or without a scale', async () => {
    const config = await readFile(join(folder, 'static', 'config.json'));
    const bytes = (weights: typeof model.weights) => Buffer.concat([...encodeInt8(weights, { bits: 8 }).chunks()]);
    const open = async (data: Uint8Array) =>
      (await openCheckpoint(memoryFiles({ 'config.json': config, 'model.safetensors': data }))).load({ int8: true });
    await expect(open(bytes(model.weights))).rejects.toThrow(/activation_ranges .* is missing/);
    const name = 'albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight';
    await expect(open(bytes(new Map([...model.weights].filter(([key]) => key !== name))))).rejects.toMatchObject({
      code: 'weights_mismatch',
    });
  });
});

it('the sample is sixty different sentences in two languages', () => {
  expect(new Set(SAMPLE_TEXTS).size).toBe(60);
  expect(SAMPLE_TEXTS.filter((text) => /\p{Script=Han}/u.test(text)).length).toBe(30);
});
