import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildCard } from '../../src/checkpoint/card.ts';
import { weightsFingerprint } from '../../src/checkpoint/fingerprint.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { openFolder } from '../../src/core/files-node.ts';
import type { Weights } from '../../src/model/parameters.ts';
import { presetConfig } from '../../src/model/presets.ts';

const config = presetConfig('nano');
const weights = initialiseWeights(config, 1, {
  heads: ['maskedLm', 'sentenceOrder', 'tokenClassification'],
  numLabels: 3,
});
let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'albertine-save-'));
});
afterEach(() => rm(parent, { recursive: true }));

describe('saveCheckpoint', () => {
  it('writes a folder that opens with the same weights, config, labels and tokeniser', async () => {
    const folder = join(parent, 'deep', 'model');
    const labels = ['O', 'B', 'I'];
    const saved = await saveCheckpoint(folder, {
      config,
      weights,
      heads: ['tokenClassification'],
      labels,
      problemType: 'single_label_classification',
      tokenizerFiles: { 'vocab.txt': '[PAD]\n', 'tokenizer_config.json': '{}' },
      card: { name: 'Tagger', languages: ['en'], license: 'apache-2.0' },
      extra: { finetuning_task: 'ner' },
    });
    expect((await readdir(folder)).sort()).toEqual([
      'README.md',
      'config.json',
      'model.safetensors',
      'tokenizer_config.json',
      'vocab.txt',
    ]);
    expect(await readdir(join(parent, 'deep'))).toEqual(['model']);
    const checkpoint = await openCheckpoint(await openFolder(folder));
    expect(checkpoint).toMatchObject({ config, tokenizerFiles: ['tokenizer_config.json', 'vocab.txt'], notes: [] });
    expect(checkpoint.details).toEqual({
      labels,
      problemType: 'single_label_classification',
      architectures: ['AlbertForTokenClassification'],
      extra: { finetuning_task: 'ner' },
    });
    const loaded = await checkpoint.load();
    expect(loaded.weights).toEqual(weights);
    expect(await weightsFingerprint(loaded.weights)).toBe(saved.fingerprint);
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(saved.fingerprint);
  });

  it.each(['f16', 'bf16'] as const)('stores %s in half the bytes, within its rounding error', async (dtype) => {
    const full = await saveCheckpoint(join(parent, 'full'), { config, weights, heads: ['tokenClassification'] });
    const half = await saveCheckpoint(join(parent, 'half'), { config, weights, heads: ['tokenClassification'], dtype });
    expect(half.weightBytes / full.weightBytes).toBeCloseTo(0.5, 1);
    const loaded = await (await openCheckpoint(await openFolder(join(parent, 'half')))).load();
    expect([half.fingerprint, half.fingerprint === full.fingerprint]).toEqual([
      await weightsFingerprint(loaded.weights),
      false,
    ]);
    expect(await readFile(join(parent, 'half', 'README.md'), 'utf8')).toContain(half.fingerprint);
    expect(loaded.dtype).toBe(dtype);
    for (const [name, { data }] of loaded.weights) {
      const error = data.reduce(
        (most, value, index) => Math.max(most, Math.abs(value - weights.get(name)!.data[index])),
        0,
      );
      expect(error).toBeLessThanOrEqual(dtype === 'f16' ? 2 ** -11 : 2 ** -8);
    }
  });

  it('replaces a checkpoint and leaves other files', async () => {
    const folder = join(parent, 'model');
    await saveCheckpoint(folder, { config, weights, heads: ['tokenClassification'] });
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await saveCheckpoint(folder, { config, weights: initialiseWeights(config, 2) });
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
    const checkpoint = await openCheckpoint(await openFolder(folder));
    expect(checkpoint.details.architectures).toEqual(['AlbertModel']);
    expect((await checkpoint.load()).weights).toEqual(initialiseWeights(config, 2));
  });

  it('writes nothing when something is wrong', async () => {
    const broken: Weights = new Map(weights);
    broken.delete('albert.embeddings.LayerNorm.bias');
    broken.set('lstm', { shape: [1], data: new Float32Array(1) });
    const folder = join(parent, 'model');
    await expect(saveCheckpoint(folder, { config, weights: broken })).rejects.toThrow(
      /LayerNorm.bias should have shape \[32\] but is missing[\s\S]*lstm is not a weight/,
    );
    await expect(saveCheckpoint(folder, { config, weights, labels: ['one'] })).rejects.toThrow(
      /1 labels for a classifier with 3 outputs/,
    );
    for (const name of ['../x', 'a/b', '.hidden', ''])
      await expect(saveCheckpoint(folder, { config, weights, tokenizerFiles: { [name]: '' } })).rejects.toThrow(
        /plain name/,
      );
    expect(await readdir(parent)).toEqual([]);
    await writeFile(folder, '');
    await expect(saveCheckpoint(folder, { config, weights })).rejects.toThrow(/is a file/);
    expect(await readdir(parent)).toEqual(['model']);
  });
});

describe('buildCard', () => {
  it('says first that an untrained model is untrained', () => {
    const card = buildCard({ config, untrained: true, name: 'Demo' });
    expect(card.startsWith('---\nlibrary_name: transformers\n')).toBe(true);
    expect(card.indexOf('These weights are random')).toBeLessThan(card.indexOf('## Network'));
  });

  it('has front matter for the Hub and escapes tables', () => {
    const card = buildCard({
      config,
      heads: ['sequenceClassification'],
      languages: ['en', 'zh'],
      license: 'mit',
      baseModel: 'albert/albert-base-v2',
      datasets: ['sst2'],
      labels: ['a|b'],
      results: { accuracy: 0.9 },
      use: ["const classifier = await TextClassifier.load('path/to/this/folder');"],
    });
    expect(card).toContain('language:\n- "en"\n- "zh"\nlicense: "mit"');
    expect(card).toContain('pipeline_tag: text-classification');
    expect(card).toContain('| Labels | a\\|b |');
    expect(card).toContain('AutoModelForSequenceClassification');
    expect(card).toContain("const classifier = await TextClassifier.load('path/to/this/folder');");
    expect(card).not.toContain('Albert.load');
    expect(card).not.toContain('random');
  });
});
