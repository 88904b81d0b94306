import fc from 'fast-check';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openTorchFile } from '../../src/checkpoint/torch-bin.ts';
import { expected, golden, goldenFolder, plain } from './goldens.ts';

const open = (file: string | Uint8Array) =>
  openTorchFile(goldenFolder({ 'pytorch_model.bin': file }), 'pytorch_model.bin');
const names = Object.keys(expected);

describe.each(['torch-zip.bin', 'torch-legacy.bin', 'torch-nested.bin'])('%s', (file) => {
  it('has the values that PyTorch wrote, through views, transposes and shared storages', async () => {
    const source = await open(file);
    expect(plain(await source.read(names))).toEqual(expected);
  });

  it('has the tied copies and the index buffer', async () => {
    const source = await open(file);
    expect(source.tensors.get('albert.embeddings.position_ids')).toEqual({ shape: [1, 6], dtype: 'I64' });
    const values = await source.read([
      'predictions.decoder.weight',
      'albert.embeddings.word_embeddings.weight',
      'albert.embeddings.position_ids',
    ]);
    expect(values.get('predictions.decoder.weight')!.data).toEqual(
      values.get('albert.embeddings.word_embeddings.weight')!.data,
    );
    expect([...values.get('albert.embeddings.position_ids')!.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

it('reads every element type', async () => {
  const source = await open('torch-dtypes.bin');
  const values = await source.read([...source.tensors.keys()]);
  for (const [kind, { data }] of values)
    expect([kind, ...data]).toEqual(
      [kind, 0, 1, 2, 3, 100, 127].map((value) =>
        kind === 'bool' && typeof value === 'number' ? Math.min(1, value) : value,
      ),
    );
  expect(values.size).toBe(10);
});

describe('hostile files', () => {
  it.each(['torch-attack.bin', 'torch-attack-legacy.bin'])(
    '%s runs nothing and the error names the call',
    async (file) => {
      await expect(open(file)).rejects.toMatchObject({
        code: 'unsupported',
        value: expect.stringMatching(/^(posix|os|nt)\.system$/) as string,
      });
      expect(existsSync('attacked.txt')).toBe(false);
    },
  );

  it.each<[string, Uint8Array]>([
    ['empty', new Uint8Array(0)],
    ['an HTML page', new TextEncoder().encode('<!DOCTYPE html><html></html>')],
    ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n')],
    ['a cut zip', golden('torch-zip.bin').slice(0, 20000)],
    ['a cut old file', golden('torch-legacy.bin').slice(0, 20000)],
  ])('%s', async (_name, bytes) => {
    await expect(open(bytes)).rejects.toMatchObject({ code: 'invalid_file' });
  });

  it.each(['torch-zip.bin', 'torch-legacy.bin', 'torch-dtypes.bin'])(
    'any changed byte of %s gives an AlbertineError or tensors',
    async (file) => {
      const original = golden(file);
      await fc.assert(
        fc.asyncProperty(fc.nat(original.length - 1), fc.nat(255), async (position, value) => {
          const bytes = original.slice();
          bytes[position] = value;
          await open(bytes)
            .then((source) => source.read([...source.tensors.keys()]))
            .catch((error: Error) => expect(`${error.name}: ${error.message}`).toMatch(/^AlbertineError/));
        }),
        { numRuns: 400 },
      );
    },
  );
});
