import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/checkpoint/crc32.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { decompressSnappy } from '../../src/checkpoint/snappy.ts';
import { openTfBundle } from '../../src/checkpoint/tf-bundle.ts';
import { openTfCheckpoint } from '../../src/checkpoint/tf-checkpoint.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { expected, golden, goldenFolder, goldenJson, plain, sha256, type Expected } from './goldens.ts';

const GOOGLE = {
  'model.ckpt-best.index': 'google.ckpt-best.index',
  'model.ckpt-best.data-00000-of-00002': 'google.ckpt-best.data-00000-of-00002',
  'model.ckpt-best.data-00001-of-00002': 'google.ckpt-best.data-00001-of-00002',
};
const BRIGHTMART = {
  'albert_model.ckpt.index': 'brightmart.ckpt.index',
  'albert_model.ckpt.data-00000-of-00001': 'brightmart.ckpt.data-00000-of-00001',
};
const BRIGHTMART_CONFIG = {
  vocab_size: 20,
  hidden_size: 8,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 6,
  embedding_size: 4,
  type_vocab_size: 2,
  hidden_act: 'gelu',
  ln_type: 'postln',
};
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe('crc32c', () => {
  it('has the published check values', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    // RFC 3720, B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });
});

describe('Snappy', () => {
  it('decompresses what libsnappy wrote', () => {
    const { length, sha256: hash } = goldenJson<{ length: number; sha256: string }>('snappy.json');
    const out = decompressSnappy(golden('snappy.bin'), 1 << 20);
    expect(out.length).toBe(length);
    expect(sha256(out)).toBe(hash);
  });

  it('rejects damaged data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decompressSnappy(bytes, 1 << 16);
        } catch (error) {
          expect((error as Error).name).toBe('AlbertineError');
        }
      }),
    );
    expect(() => decompressSnappy(golden('snappy.bin'), 100)).toThrow(/claimed/);
  });
});

describe("Google's layout: shards, Snappy blocks, optimizer slots", () => {
  it('has every weight under its Hugging Face name, kernels transposed', async () => {
    const checkpoint = await openTfCheckpoint(goldenFolder(GOOGLE), 'model.ckpt-best');
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    expect(plain(await checkpoint.read(Object.keys(expected)))).toEqual(expected);
    expect(checkpoint.ignored.length).toBe(21);
  });

  it('opens with albert_config.json, whose "gelu" is the tanh form', async () => {
    const checkpoint = await openCheckpoint(
      goldenFolder({ ...GOOGLE, 'albert_config.json': 'google-albert_config.json' }),
    );
    expect(checkpoint.config).toMatchObject({
      hiddenAct: 'gelu_tanh',
      numHiddenGroups: 2,
      innerGroupNum: 2,
      embeddingSize: 4,
    });
    expect(checkpoint.notes).toContain('21 optimizer slots and counters are left out');
    const { weights, heads, source } = await checkpoint.load();
    expect(plain(weights)).toEqual(expected);
    expect(heads).toEqual(['sentenceOrder', 'maskedLm']);
    expect(source).toBe('tensorflow: model.ckpt-best.index');
  });

  it("verifies the values' checksums", async () => {
    const shard = golden('google.ckpt-best.data-00000-of-00002');
    shard[1000] ^= 1;
    const checkpoint = await openTfCheckpoint(
      goldenFolder({ ...GOOGLE, 'model.ckpt-best.data-00000-of-00002': shard }),
      'model.ckpt-best',
    );
    await expect(checkpoint.read(Object.keys(expected))).rejects.toMatchObject({ code: 'checksum_mismatch' });
  });

  it('reports a data file that is cut short or absent', async () => {
    const cut = goldenFolder({
      ...GOOGLE,
      'model.ckpt-best.data-00001-of-00002': golden('google.ckpt-best.data-00001-of-00002').slice(0, 100),
    });
    await expect((await openTfCheckpoint(cut, 'model.ckpt-best')).read(Object.keys(expected))).rejects.toMatchObject({
      code: 'invalid_file',
    });
    const absent = goldenFolder({ 'model.ckpt-best.index': 'google.ckpt-best.index' });
    await expect((await openTfCheckpoint(absent, 'model.ckpt-best')).read(Object.keys(expected))).rejects.toMatchObject(
      { code: 'file_not_found' },
    );
    await expect(openCheckpoint(absent)).rejects.toThrow(/its \.data-\* file is not/);
  });

  it('any changed byte of the index gives an AlbertineError', async () => {
    const original = golden('google.ckpt-best.index');
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), async (position, change) => {
        const bytes = original.slice();
        bytes[position] ^= change;
        await openTfBundle(goldenFolder({ ...GOOGLE, 'model.ckpt-best.index': bytes }), 'model.ckpt-best').catch(
          (error: Error) => expect(error.name).toBe('AlbertineError'),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("brightmart's first layout", () => {
  it('becomes the same network with embeddings as wide as the hidden layer', async () => {
    const checkpoint = await openCheckpoint(
      goldenFolder({ ...BRIGHTMART, 'albert_config_tiny.json': json(BRIGHTMART_CONFIG) }),
    );
    expect(checkpoint.config).toMatchObject({
      embeddingSize: 8,
      hiddenSize: 8,
      numHiddenGroups: 1,
      hiddenAct: 'gelu_tanh',
    });
    expect(checkpoint.notes.join()).toMatch(/projects words from 4 to 8.* 80 more values/);
    const { weights } = await checkpoint.load();
    expect(plain(weights)).toEqual(goldenJson<Expected>('brightmart-expected.json'));
  });

  it('refuses the pre-LayerNorm xxlarge', async () => {
    const files = goldenFolder({
      ...BRIGHTMART,
      'albert_config_xxlarge.json': json({ ...BRIGHTMART_CONFIG, ln_type: 'preln' }),
    });
    await expect(openCheckpoint(files)).rejects.toMatchObject({ code: 'unsupported' });
  });
});

const real = join(import.meta.dirname, '../../../shared/data/albert-zh-ckpt-index');
describe.skipIf(!existsSync(real))('real index files (skipped where ../shared/data is absent)', () => {
  it.each(['albert_tiny.MarsRoger.ckpt.index', 'albert_tiny_250k.natureLanguageQing.ckpt.index'])(
    '%s',
    async (name) => {
      const files = memoryFiles({ 'albert_model.ckpt.index': new Uint8Array(readFileSync(join(real, name))) });
      const bundle = await openTfBundle(files, 'albert_model.ckpt');
      expect(bundle.variables.size).toBe(31);
      expect(bundle.variables.get('bert/encoder/layer_shared/intermediate/dense/kernel')).toMatchObject({
        shape: [312, 1248],
        dtype: 'F32',
        size: 312 * 1248 * 4,
      });
      const checkpoint = await openTfCheckpoint(files, 'albert_model.ckpt');
      const { tensors } = checkpoint;
      expect(tensors.get('albert.embeddings.word_embeddings.weight')!.shape).toEqual([21128, 312]);
      expect(tensors.get('albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight')!.shape).toEqual([
        1248, 312,
      ]);
      expect([...tensors.keys()].filter((key) => key.includes('/'))).toEqual([]);
      expect(checkpoint.ignored).toEqual([]);
    },
  );
});
