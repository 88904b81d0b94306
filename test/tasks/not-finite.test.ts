import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { Albert } from '../../src/loaded/albert.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { run, temporaryFolder } from '../cli/support.ts';
import { smallModelFiles, SMALL_CONFIG, WORDS } from './model.ts';

const TABLE = 'albert.embeddings.word_embeddings.weight';

/** The small model with one NaN among the embeddings of "moon": texts without that word are fine. */
function filesWithNaN(): Record<string, Uint8Array | string> {
  const files = smallModelFiles();
  const bytes = files['model.safetensors'] as Uint8Array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  view.setFloat32(
    8 + length + header[TABLE].data_offsets[0] + 4 * WORDS.indexOf('moon') * SMALL_CONFIG.embeddingSize,
    NaN,
    true,
  );
  return files;
}

const texts = ['the cat', 'a dog', 'the moon', 'the sun'];
const cause = `The likely cause is in the weights: ${TABLE} holds 1 NaN`;
const folder = temporaryFolder();
const model = folder.path('model');
let albert: Albert;

beforeAll(async () => {
  const files = filesWithNaN();
  mkdirSync(model);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(model, name), content);
  writeFileSync(
    folder.path('texts.jsonl'),
    ['', '', ...texts]
      .map((text, i) => (i < 2 ? '' : JSON.stringify({ text, pair: 'a dog', label: 'x', score: i })))
      .join('\n'),
  );
  albert = await Albert.open(memoryFiles(files), { threads: 1 });
});
afterAll(() => {
  albert[Symbol.dispose]();
  folder.remove();
});

describe('numbers that are not finite', () => {
  it('never leave the model: the text and the tensor are named', async () => {
    const expected = {
      code: 'not_finite',
      value: 2,
      message: `text 2 ("the moon") gives a vector that is not finite: NaN at place 0. ${cause}`,
    };
    await expect(albert.embed(texts)).rejects.toMatchObject(expected);
    await expect(albert.embed(texts, { layers: 'static' })).rejects.toMatchObject(expected);
    await expect(albert.embedTokens(texts)).rejects.toMatchObject(expected);
    const rows: number[] = [];
    await expect(
      (async () => {
        for await (const { index } of albert.embedStream(texts, { lookAhead: 2 })) rows.push(index);
      })(),
    ).rejects.toMatchObject(expected);
    expect(rows).toEqual([0, 1]);
    expect((await albert.embed(['the cat', 'the sun'])).data.every(Number.isFinite)).toBe(true);
  });

  it('are found in predictions too', async () => {
    const classifier = TextClassifier.from(albert);
    const expected = {
      code: 'not_finite',
      value: 2,
      message: `text 2 ("the moon") gives a prediction that is not finite: NaN at place 0. ${cause}`,
    };
    await expect(classifier.predict(texts)).rejects.toMatchObject(expected);
    await expect(
      (async () => {
        for await (const { label } of classifier.predictStream(texts, { lookAhead: 1 }))
          expect(['x', 'y', 'z']).toContain(label);
      })(),
    ).rejects.toMatchObject(expected);
  });

  it.each<[string, string | undefined, ...string[]]>([
    ['embed', 'x.npy'],
    ['embed', 'x.parquet'],
    ['embed', 'x.jsonl'],
    ['embed', 'x.csv'],
    ['embed', 'x.tsv'],
    ['embed', 'i.npy', '--quantize', 'int8'],
    ['embed', 'i.jsonl', '--quantize', 'int8'],
    ['embed', 'b.npy', '--quantize', 'binary'],
    ['embed', 't.jsonl', '--pooling', 'tokens'],
    ['embed', 'w.jsonl', '--pooling', 'words', '--look-ahead', '2'],
    ['embed', 'l.npy', '--look-ahead', '1'],
    ['embed', undefined],
    ['predict', 'p.jsonl'],
    ['predict', 'p.csv', '--look-ahead', '2'],
    ['predict', 'p.parquet', '--pair-field', 'pair'],
    ['predict', undefined],
  ])('%s %s %s %s: the same message, and the row', async (command, output, ...flags) => {
    const named = command === 'embed' ? ['embed', '-m', model] : ['predict', model];
    const { code, stderr } = await run([
      ...named,
      '--input',
      folder.path('texts.jsonl'),
      '--text-field',
      'text',
      '-q',
      ...(output === undefined ? [] : ['-o', folder.path(output)]),
      ...flags,
    ]);
    expect(code).toBe(1);
    const what = command === 'embed' ? 'vector' : 'prediction';
    expect(stderr).toContain(
      `albertine: ${folder.path('texts.jsonl')}, row 5: text 2 ("the moon") gives a ${what} that is not finite: NaN at place 0. ${cause}\n`,
    );
  });
});

describe('weights that are not finite', () => {
  it('are named by info, and refused by everything that copies them or trains from them', async () => {
    const info = await run(['info', model]);
    expect([info.code, info.stdout]).toEqual([
      0,
      expect.stringContaining(`note: weights that are not finite, so no result is either: ${TABLE} holds 1 NaN\n`),
    ]);
    const refused = {
      code: 1,
      stderr: expect.stringContaining(
        `model.safetensors: ${TABLE} holds 1 NaN. The training that wrote it diverged`,
      ) as string,
    };
    for (const to of ['safetensors', 'onnx', 'int8'])
      expect(await run(['convert', model, '--to', to, '--output', folder.path(`to-${to}`), '-q']), to).toMatchObject(
        refused,
      );
    const data = folder.path('texts.jsonl');
    expect(
      await run([
        'finetune',
        'classify',
        '--model',
        model,
        '--train',
        data,
        '--label-field',
        'pair',
        '--output',
        folder.path('tuned'),
      ]),
    ).toMatchObject({ code: 1 });
    expect(
      await run(['finetune', 'embedding', '--model', model, '--train', data, '--output', folder.path('tuned')]),
    ).toMatchObject(refused);
    await expect((await openCheckpoint(memoryFiles(filesWithNaN()))).load()).rejects.toMatchObject({
      code: 'not_finite',
      value: [TABLE],
    });
  });
});
