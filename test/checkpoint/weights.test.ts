import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { encodeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { findWeights } from '../../src/checkpoint/weight-files.ts';
import { loadWeights, type LoadWeightsOptions } from '../../src/checkpoint/weights.ts';
import { parseConfig } from '../../src/checkpoint/config-json.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';
import type { Weight, Weights } from '../../src/model/parameters.ts';
import { expected, golden, goldenFolder, goldenJson, plain } from './goldens.ts';

const { config } = parseConfig(goldenJson('config.json'), 'huggingface');
const original: Weights = new Map(
  Object.entries(expected).map(([name, { shape, values }]) => [name, { shape, data: Float32Array.from(values) }]),
);
const encode = (weights: Iterable<[string, Weight]>) => Buffer.concat([...encodeSafetensors(weights).chunks()]);
const filled = (...shape: number[]): Weight => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
});

/** Loads the original weights after a change. */
function load(change: (weights: Weights) => void, options?: LoadWeightsOptions) {
  const weights: Weights = new Map(original);
  change(weights);
  return loadWeights(memoryFiles({ 'model.safetensors': encode(weights) }), config, options);
}
const encoderOnly = (weights: Weights) => {
  for (const name of [...weights.keys()]) if (!name.startsWith('albert.')) weights.delete(name);
};

describe('names', () => {
  it('reads encoder, pooler and heads', async () => {
    const loaded = await load(() => undefined);
    expect(plain(loaded.weights)).toEqual(expected);
    expect(loaded).toMatchObject({
      heads: ['sentenceOrder', 'maskedLm'],
      unusedHeads: [],
      unexpected: [],
      missingOptional: [],
      dtype: 'f32',
      source: 'safetensors: model.safetensors',
    });
  });

  it('reads base models without the albert. prefix', async () => {
    const loaded = await load((weights) => {
      encoderOnly(weights);
      for (const [name, weight] of [...weights]) {
        weights.delete(name);
        weights.set(name.replace('albert.', ''), weight);
      }
    });
    expect([...loaded.weights.keys()].every((name) => name.startsWith('albert.'))).toBe(true);
    expect(loaded.heads).toEqual([]);
  });

  it('reads DataParallel prefixes and gamma/beta', async () => {
    const loaded = await load((weights) => {
      for (const [name, weight] of [...weights]) {
        weights.delete(name);
        weights.set(
          `module.${name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}`,
          weight,
        );
      }
    });
    expect(plain(loaded.weights)).toEqual(expected);
  });

  it('reads PyTorch files: tied copies dropped, position_ids ignored', async () => {
    const loaded = await loadWeights(goldenFolder({ 'pytorch_model.bin': 'torch-zip.bin' }), config);
    expect(plain(loaded.weights)).toEqual(expected);
    expect(loaded.unexpected).toEqual([]);
  });

  it("takes the decoder's bias where the head's is not stored", async () => {
    const loaded = await load((weights) => {
      weights.set('predictions.decoder.bias', weights.get('predictions.bias')!);
      weights.delete('predictions.bias');
    });
    expect(plain(loaded.weights)).toEqual(expected);
  });

  it.each([
    ['float16', 'f16'],
    ['bfloat16', 'bf16'],
    ['float32', 'f32'],
  ])('tells %s', async (kind, dtype) => {
    expect(
      (await loadWeights(goldenFolder({ 'model.safetensors': `official-${kind}.safetensors` }), config)).dtype,
    ).toBe(dtype);
  });
});

describe('mismatches', () => {
  const query = 'albert.encoder.albert_layer_groups.1.albert_layers.0.attention.query.weight';

  it('lists everything missing, misshapen and unexpected in one error', async () => {
    const error = await load((weights) => {
      weights.delete(query);
      weights.set('albert.embeddings.LayerNorm.weight', filled(5));
      weights.set('albert.encoder.albert_layer_groups.2.albert_layers.0.ffn.bias', filled(16));
    }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'weights_mismatch',
      value: [
        'albert.embeddings.LayerNorm.weight has shape [5] where [4] is expected',
        `${query} [8, 8] is missing`,
        'albert.encoder.albert_layer_groups.2.albert_layers.0.ffn.bias [16] is unexpected',
      ],
    });
  });

  it('does not accept integers as weights', async () => {
    await expect(loadWeights(goldenFolder({ 'pytorch_model.bin': 'torch-dtypes.bin' }), config)).rejects.toMatchObject({
      code: 'weights_mismatch',
    });
  });

  it('reports an untied decoder only when its head is wanted', async () => {
    const untie = (weights: Weights) => weights.set('predictions.decoder.weight', filled(20, 4));
    await expect(load(untie)).rejects.toThrow(/predictions.decoder.weight differs/);
    expect((await load(untie, { heads: [] })).unusedHeads).toEqual(['sentenceOrder', 'maskedLm']);
  });

  it('reports tensors that belong to nothing', async () => {
    expect((await load((weights) => weights.set('lstm.weight', filled(3)))).unexpected).toEqual(['lstm.weight']);
  });
});

describe('heads', () => {
  const classifier = (labels: number) => (weights: Weights) => {
    weights.set('classifier.weight', filled(labels, 8));
    weights.set('classifier.bias', filled(labels));
  };

  it('loads those asked for and names the others', async () => {
    const loaded = await load(classifier(3), { heads: ['sentenceOrder', 'questionAnswering'] });
    expect(loaded).toMatchObject({ heads: ['sentenceOrder'], unusedHeads: ['sequenceClassification', 'maskedLm'] });
    expect([...loaded.weights.keys()].filter((name) => !name.startsWith('albert.'))).toEqual([
      'sop_classifier.classifier.weight',
      'sop_classifier.classifier.bias',
    ]);
  });

  it.each([
    [{}, 'sequenceClassification'],
    [{ architectures: ['AlbertForTokenClassification'] }, 'tokenClassification'],
    [{ architectures: ['AlbertForTokenClassification'], heads: ['sequenceClassification'] }, 'sequenceClassification'],
  ] as [LoadWeightsOptions, string][])('tells what a classifier is for: %j', async (options, head) => {
    expect(
      (
        await load((weights) => {
          encoderOnly(weights);
          classifier(5)(weights);
        }, options)
      ).heads,
    ).toEqual([head]);
  });

  it('takes a classifier without a pooler for a tagger', async () => {
    const loaded = await load((weights) => {
      encoderOnly(weights);
      classifier(5)(weights);
      weights.delete('albert.pooler.weight');
      weights.delete('albert.pooler.bias');
    });
    expect(loaded).toMatchObject({
      heads: ['tokenClassification'],
      missingOptional: ['albert.pooler.weight', 'albert.pooler.bias'],
    });
  });

  it('rejects another number of labels and a half-stored head', async () => {
    await expect(load(classifier(3), { numLabels: 2 })).rejects.toThrow(
      /classifier.weight has shape \[3, 8\] where \[2, 8\]/,
    );
    await expect(load((weights) => weights.delete('sop_classifier.classifier.bias'))).rejects.toThrow(
      /sop_classifier.classifier.bias \[2\] is missing/,
    );
  });
});

describe('folders', () => {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const half = Math.floor(original.size / 2);
  const shards = {
    'model-00001-of-00002.safetensors': encode([...original].slice(0, half)),
    'model-00002-of-00002.safetensors': encode([...original].slice(half)),
    'config.json': 'config.json',
  };
  const map = Object.fromEntries(
    [...original.keys()].map((name, index) => [name, `model-0000${index < half ? 1 : 2}-of-00002.safetensors`]),
  );

  it('prefers safetensors, names the others, and finds tokeniser files', async () => {
    const checkpoint = await openCheckpoint(
      goldenFolder({
        'config.json': 'config.json',
        'model.safetensors': 'official-float32.safetensors',
        'pytorch_model.bin': 'torch-zip.bin',
        'spiece.model': json(0),
        'tokenizer.json': json(0),
        'README.md': json(0),
      }),
    );
    expect(checkpoint).toMatchObject({
      weightFile: { format: 'safetensors', name: 'model.safetensors' },
      tokenizerFiles: ['spiece.model', 'tokenizer.json'],
      configFile: 'config.json',
    });
    expect(checkpoint.notes).toEqual(['model.safetensors is read; also present: pytorch_model.bin']);
    expect(checkpoint.details.architectures).toEqual(['AlbertForPreTraining']);
    expect(plain((await checkpoint.load()).weights)).toEqual(expected);
  });

  it('reads sharded safetensors', async () => {
    const checkpoint = await openCheckpoint(
      goldenFolder({ ...shards, 'model.safetensors.index.json': json({ metadata: {}, weight_map: map }) }),
    );
    const loaded = await checkpoint.load();
    expect(plain(loaded.weights)).toEqual(expected);
    expect(loaded.source).toBe('safetensors: model.safetensors.index.json (2 shards)');
  });

  it('reads sharded PyTorch files', async () => {
    const index = json({
      weight_map: Object.fromEntries([...original.keys()].map((name) => [name, 'pytorch_model-00001-of-00001.bin'])),
    });
    const checkpoint = await openCheckpoint(
      goldenFolder({
        'config.json': 'config.json',
        'pytorch_model-00001-of-00001.bin': 'torch-legacy.bin',
        'pytorch_model.bin.index.json': index,
      }),
    );
    expect(plain((await checkpoint.load()).weights)).toEqual(expected);
  });

  it.each([['../secret.safetensors'], ['/etc/passwd'], ['a\\b'], ['..'], [3]])(
    'refuses the shard %j',
    async (shard) => {
      const files = goldenFolder({
        ...shards,
        'model.safetensors.index.json': json({ weight_map: { ...map, x: shard } }),
      });
      await expect(openCheckpoint(files)).rejects.toMatchObject({ code: 'invalid_file' });
    },
  );

  it('reports a shard that lacks what the index promises', async () => {
    const files = goldenFolder({
      ...shards,
      'model.safetensors.index.json': json({ weight_map: { ...map, extra: 'model-00001-of-00002.safetensors' } }),
    });
    await expect(openCheckpoint(files)).rejects.toThrow(/places extra in/);
  });

  it('names what it looked for', async () => {
    await expect(openCheckpoint(memoryFiles({ 'config.json': '{}' }))).rejects.toThrow(
      /looked for model.safetensors, .*pytorch_model.bin/,
    );
    await expect(openCheckpoint(goldenFolder({ 'model.safetensors': 'official-float32.safetensors' }))).rejects.toThrow(
      /looked for config.json/,
    );
    await expect(
      openCheckpoint(
        memoryFiles({ 'config.json': '<!DOCTYPE html>', 'model.safetensors': golden('official-float32.safetensors') }),
      ),
    ).rejects.toThrow(/HTML page/);
  });

  it('takes the TensorFlow checkpoint of the highest step', async () => {
    const data = (prefix: string) => ({ [`${prefix}.index`]: '', [`${prefix}.data-00000-of-00001`]: '' });
    expect(
      (
        await findWeights(
          memoryFiles({ ...data('model.ckpt-900'), ...data('model.ckpt-1000'), ...data('model.ckpt-best') }),
        )
      ).chosen.name,
    ).toBe('model.ckpt-1000.index');
  });
});
