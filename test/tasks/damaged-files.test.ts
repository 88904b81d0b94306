import { readStoredSentences } from '../../src/checkpoint/sentence-transformers.ts';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { AlbertineError } from '../../src/core/errors.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { createRandom } from '../../src/core/random.ts';
import { Albert } from '../../src/loaded/albert.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { loadTokenizer } from '../../src/tokenizer/load.ts';
import { tinyModel } from '../tokenizer/fixtures.ts';
import { albertTokenizerJson, bertTokenizerJson } from '../tokenizer/oracle/hf-json.ts';
import { smallModelFiles, WORDS } from './model.ts';

type Files = Record<string, Uint8Array | string>;

const goldens = new URL('../checkpoint/goldens/', import.meta.url);
const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, goldens)));
const spiece = new Uint8Array(readFileSync(new URL('../tokenizer/golden/tiny-albert.model', import.meta.url)));

const small = smallModelFiles();
const SIDE: Files = {
  'tokenizer_config.json': JSON.stringify({
    do_lower_case: true,
    cls_token: '[CLS]',
    added_tokens_decoder: { 4: { content: '[MASK]', special: true } },
  }),
  'special_tokens_map.json': JSON.stringify({ cls_token: { content: '[CLS]' }, sep_token: '[SEP]' }),
  'added_tokens.json': JSON.stringify({ moon: 21 }),
};

/** Everything that a command does with a folder before it computes. */
async function openAll(files: Files): Promise<void> {
  const folder = memoryFiles(files);
  const checkpoint = await openCheckpoint(folder);
  await checkpoint.load();
  await readStoredSentences(folder, Object.keys(files));
  await openTokenizer(files);
}

async function openTokenizer(files: Files): Promise<void> {
  const tokenizer = await loadTokenizer(memoryFiles(files));
  tokenizer.encode('The café\u0301, 猫 ½ [MASK]!', { addSpecialTokens: false });
  tokenizer.encodeIds('a film 12,');
}

/** Opens damaged files; whatever is thrown must be meant for the user and say which file is wrong. */
async function expectReadable(what: string, files: Files, open: (files: Files) => Promise<void>): Promise<boolean> {
  try {
    await open(files);
    return true;
  } catch (error) {
    expect(error, `${what}: ${String((error as Error).stack)}`).toBeInstanceOf(AlbertineError);
    expect(
      Object.keys(files).some((name) => (error as Error).message.includes(name)),
      `${what}: ${(error as Error).message}`,
    ).toBe(true);
    return false;
  }
}

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;

/** Truncations, changed bytes and exchanged stretches of one file, the same in every run. */
function* damages(content: Uint8Array | string, count: number): Generator<[string, Uint8Array]> {
  const original = bytesOf(content);
  const random = createRandom(11);
  for (let i = 0; i < count; i++) {
    const at = random.integer(original.length);
    yield [`cut at ${at}`, original.slice(0, at)];
    const bytes = original.slice();
    const changes = 1 + random.integer(4);
    // Headers are where most can go wrong.
    for (let k = 0; k < changes; k++)
      bytes[random.integer(k % 2 === 0 ? bytes.length : Math.min(bytes.length, 400))] = random.integer(256);
    yield [`${changes} bytes changed (${i})`, bytes];
    const moved = original.slice();
    const length = 1 + random.integer(Math.min(64, original.length));
    moved.copyWithin(random.integer(original.length), at, at + length);
    yield [`${length} bytes copied from ${at}`, moved];
  }
  for (const bytes of [new Uint8Array(0), new Uint8Array(64), new Uint8Array(64).fill(0xff)])
    yield ['nothing of it', bytes];
}

const SWAPS = [
  'null',
  'true',
  '-1',
  '0',
  '0.5',
  '1000000000',
  '1e999',
  '"x"',
  '""',
  '[]',
  '[null]',
  '{}',
  '{"a":null}',
];

/**
 * The JSON with each of its values in turn exchanged for another type or size, and left out. Of long lists the first
 * entries and the last.
 */
function* swaps(json: unknown): Generator<[string, string]> {
  const marker = '\u0001here';
  for (const path of pathsOf(json)) {
    const text = JSON.stringify(replaced(json, path, marker));
    for (const swap of SWAPS) yield [`${path.join('.')} = ${swap}`, text.replace(JSON.stringify(marker), () => swap)];
    yield [`no ${path.join('.')}`, JSON.stringify(replaced(json, path, undefined))];
  }
}

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const keys = Object.keys(value);
  const chosen = keys.length > 24 ? [...keys.slice(0, 2), keys.at(-1)!] : keys;
  return [path, ...chosen.flatMap((key) => pathsOf((value as Record<string, unknown>)[key], [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? [...(value as unknown[])]
    : { ...(value as Record<string, unknown>) };
  const fields = copy as Record<string, unknown>;
  fields[key] = replaced(fields[key], rest, by);
  return copy;
}

describe('damaged files', () => {
  const folders: [string, Files, string[]][] = [
    [
      'safetensors and vocab.txt',
      { ...small, ...SIDE },
      [
        'config.json',
        'model.safetensors',
        'vocab.txt',
        'tokenizer_config.json',
        'special_tokens_map.json',
        'added_tokens.json',
      ],
    ],
    [
      'pytorch zip',
      {
        ...small,
        'config.json': golden('config.json'),
        'model.safetensors': '',
        'pytorch_model.bin': golden('torch-zip.bin'),
      },
      ['pytorch_model.bin'],
    ],
    [
      'pytorch legacy',
      { ...small, 'config.json': golden('config.json'), 'pytorch_model.bin': golden('torch-legacy.bin') },
      ['pytorch_model.bin'],
    ],
    [
      'tensorflow',
      {
        'albert_config.json': golden('google-albert_config.json'),
        'google.ckpt-best.index': golden('google.ckpt-best.index'),
        'google.ckpt-best.data-00000-of-00002': golden('google.ckpt-best.data-00000-of-00002'),
        'google.ckpt-best.data-00001-of-00002': golden('google.ckpt-best.data-00001-of-00002'),
        'vocab.txt': small['vocab.txt'],
      },
      ['google.ckpt-best.index', 'google.ckpt-best.data-00000-of-00002', 'albert_config.json'],
    ],
  ];
  it.each(folders)(
    '%s: every damage is named with its file, or harmless',
    async (_name, complete, victims) => {
      const files = { ...complete };
      if ('pytorch_model.bin' in files) delete files['model.safetensors'];
      await openAll(files);
      for (const victim of victims) {
        for (const [what, bytes] of damages(files[victim], 60))
          await expectReadable(`${victim}: ${what}`, { ...files, [victim]: bytes }, openAll);
      }
    },
    120_000,
  );

  const tokenizers: [string, Files][] = [
    ['spiece.model', { 'spiece.model': spiece }],
    ['tokenizer.json', { 'tokenizer.json': JSON.stringify(albertTokenizerJson(tinyModel('tiny-albert'))) }],
    ['tokenizer.json', { 'tokenizer.json': JSON.stringify(bertTokenizerJson(WORDS)) }],
  ];
  it.each(tokenizers)(
    '%s alone',
    async (victim, files) => {
      await openTokenizer(files);
      for (const [what, bytes] of damages(files[victim], 100))
        await expectReadable(`${victim}: ${what}`, { [victim]: bytes }, openTokenizer);
    },
    120_000,
  );
});

describe('JSON with other values', () => {
  const cases: [string, unknown, Files][] = [
    ['tokenizer.json', albertTokenizerJson(tinyModel('tiny-albert')), {}],
    ['tokenizer.json', bertTokenizerJson(WORDS), {}],
    ...['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'].map(
      (name): [string, unknown, Files] => [name, JSON.parse(SIDE[name] as string), { 'vocab.txt': small['vocab.txt'] }],
    ),
  ];
  it.each(cases)(
    '%s: every field of another type is refused by name, or harmless',
    async (name, json, others) => {
      let refused = 0;
      for (const [what, text] of swaps(json))
        if (!(await expectReadable(`${name}: ${what}`, { ...others, [name]: text }, openTokenizer))) refused++;
      expect(refused).toBeGreaterThan(0);
    },
    120_000,
  );

  it('the header of model.safetensors and the index of its shards', async () => {
    const bytes = small['model.safetensors'] as Uint8Array;
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as object;
    for (const [what, text] of swaps(header)) {
      const changed = new TextEncoder().encode(text);
      const prefix = new Uint8Array(8);
      new DataView(prefix.buffer).setBigUint64(0, BigInt(changed.length), true);
      await expectReadable(
        `header: ${what}`,
        { ...small, 'model.safetensors': new Uint8Array(Buffer.concat([prefix, changed, bytes.subarray(8 + length)])) },
        openAll,
      );
    }
    const { 'model.safetensors': shard, ...others } = small;
    const index = {
      metadata: { total_size: 1 },
      weight_map: Object.fromEntries(
        Object.keys(header)
          .filter((name) => name !== '__metadata__')
          .map((name) => [name, 'model-1-of-1.safetensors']),
      ),
    };
    for (const [what, text] of swaps(index))
      await expectReadable(
        `index: ${what}`,
        { ...others, 'model-1-of-1.safetensors': shard, 'model.safetensors.index.json': text },
        openAll,
      );
  }, 120_000);

  it('config.json: whatever is accepted runs', async () => {
    const config = JSON.parse(small['config.json'] as string) as object;
    const open = async (files: Files): Promise<void> => {
      using model = await Albert.open(memoryFiles(files), { threads: 1 });
      expect((await model.embed(['the cat sat'])).data.every(Number.isFinite)).toBe(true);
      expect(await TextClassifier.from(model).predict(['the cat'])).toHaveLength(1);
    };
    for (const [what, text] of swaps({ ...config, num_labels: 3, albertine_max_length: 16, quantization_config: null }))
      await expectReadable(`config.json: ${what}`, { ...small, 'config.json': text }, open);
  }, 120_000);
});

describe('something else in place of a file', () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 5942944\n`;
  const page = '\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>';
  const shards = {
    'config.json': small['config.json'],
    'vocab.txt': small['vocab.txt'],
    'model.safetensors.index.json': JSON.stringify({ weight_map: { x: 'model-00001-of-00001.safetensors' } }),
    'model-00001-of-00001.safetensors': '',
  };
  const torch = { 'config.json': golden('config.json'), 'pytorch_model.bin': '', 'vocab.txt': small['vocab.txt'] };
  const tensorflow = {
    'albert_config.json': golden('google-albert_config.json'),
    'google.ckpt-best.index': golden('google.ckpt-best.index'),
    'google.ckpt-best.data-00000-of-00002': golden('google.ckpt-best.data-00000-of-00002'),
    'google.ckpt-best.data-00001-of-00002': golden('google.ckpt-best.data-00001-of-00002'),
    'vocab.txt': small['vocab.txt'],
  };
  const sentences = {
    ...small,
    'modules.json': '[{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}]',
    '1_Pooling/config.json': '{"pooling_mode_cls_token":true}',
    'sentence_bert_config.json': '{"max_seq_length":16}',
  };
  const tokenizer = { 'config.json': small['config.json'], 'model.safetensors': small['model.safetensors'] };
  it.each<[string, Files]>([
    ['model.safetensors', small],
    ['config.json', small],
    ['vocab.txt', small],
    ...Object.keys(SIDE).map((name): [string, Files] => [name, { ...small, ...SIDE }]),
    ['model-00001-of-00001.safetensors', shards],
    ['model.safetensors.index.json', shards],
    ['pytorch_model.bin', torch],
    ['google.ckpt-best.index', tensorflow],
    ['google.ckpt-best.data-00000-of-00002', tensorflow],
    ['albert_config.json', tensorflow],
    ['spiece.model', tokenizer],
    ['tokenizer.json', tokenizer],
    ...Object.keys(sentences)
      .filter((name) => !Object.hasOwn(small, name))
      .map((name): [string, Files] => [name, sentences]),
  ])('%s', async (name, files) => {
    await expect(openAll({ ...files, [name]: pointer })).rejects.toMatchObject({
      code: 'invalid_file',
      message: `${name} is a Git LFS pointer, not the file itself. Run git lfs pull in the repository, or download the file`,
    });
    await expect(openAll({ ...files, [name]: page })).rejects.toMatchObject({
      code: 'invalid_file',
      message: expect.stringMatching(`^${name} is an HTML page, not the file itself\\. Download`) as string,
    });
  });
});

describe('values that were taken on trust', () => {
  const withConfig = (changes: object): Files => ({
    ...small,
    'config.json': JSON.stringify({ ...(JSON.parse(small['config.json'] as string) as object), ...changes }),
  });

  it.each([
    ['num_hidden_layers', 1e9],
    ['num_hidden_layers', 1e6],
    ['inner_group_num', 1e6],
    ['num_hidden_groups', 1e9],
    ['vocab_size', 1e12],
    ['hidden_size', 4e9],
    ['intermediate_size', 1e10],
    ['embedding_size', 1e9],
    ['max_position_embeddings', 1e9],
    ['type_vocab_size', 1e9],
    ['num_attention_heads', 1e9],
    ['pad_token_id', -1],
    ['pad_token_id', 5000],
  ])('config.json: %s %d', async (key, value) => {
    await expect(openCheckpoint(memoryFiles(withConfig({ [key]: value })))).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringMatching(`^config.json: config.${key} .* got ${value}$`) as string,
    });
  });

  it("labels that are not the weights'", async () => {
    const open = async (changes: object): Promise<TextClassifier> =>
      TextClassifier.from(await Albert.open(memoryFiles(withConfig(changes)), { threads: 1 }));
    await expect(open({ id2label: { 0: 'a', 1: 'b' } })).rejects.toThrow(
      'config.json: it describes 2 labels, and the classifier has 3 outputs',
    );
    await expect(open({ problem_type: 'regression' })).rejects.toThrow(
      'config.json: it describes one number, and the classifier has 3 outputs',
    );
    await expect(open({ id2label: { 0: 'a', 1: null, 2: 'c' } })).rejects.toThrow(
      'config.json: config.id2label must hold names, got null',
    );
  });

  it('a name that occurs twice in a safetensors header', async () => {
    const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
    for (const [json, name] of [
      [`{"a":${entry},"\\u0061":${entry}}`, 'a'],
      ['{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 'dtype'],
    ]) {
      const file = Buffer.concat([
        Buffer.from(BigUint64Array.of(BigInt(json.length)).buffer),
        Buffer.from(json),
        Buffer.alloc(4),
      ]);
      await expect(openCheckpoint(memoryFiles({ ...small, 'model.safetensors': file }))).rejects.toThrow(
        `model.safetensors: the header has "${name}" twice`,
      );
    }
  });

  it('bytes of a pytorch_model.bin that are not those of its checksums', async () => {
    const bytes = golden('torch-zip.bin');
    const files = { ...small, 'config.json': golden('config.json') } as Files;
    delete files['model.safetensors'];
    await openAll({ ...files, 'pytorch_model.bin': bytes });
    // In the middle of the file lie the storages.
    bytes[bytes.length >> 1] ^= 1;
    await expect(openAll({ ...files, 'pytorch_model.bin': bytes })).rejects.toMatchObject({
      code: 'checksum_mismatch',
      message: expect.stringMatching(/^pytorch_model\.bin: storage \d+ has a wrong checksum/) as string,
    });
  });

  const json = (
    change: (json: {
      model: { vocab: unknown[][]; unk_id: unknown };
      added_tokens: object[];
      normalizer: { normalizers: { precompiled_charsmap?: string }[] };
    }) => void,
  ): Files => {
    const content = structuredClone(albertTokenizerJson(tinyModel('tiny-albert')));
    change(content as never);
    return { 'tokenizer.json': JSON.stringify(content) };
  };
  it.each<[string, Files, RegExp]>([
    [
      'a charsmap that is not base64',
      json(({ normalizer }) => {
        normalizer.normalizers[5].precompiled_charsmap = '!!!';
      }),
      /normalizer\.precompiled_charsmap must be base64, got "!!!"/,
    ],
    [
      'a score that is a string',
      json(({ model }) => {
        model.vocab[5][1] = '-3';
      }),
      /model\.vocab\[5\]\[1\] must be a number, got "-3"/,
    ],
    [
      'a piece without a score',
      json(({ model }) => {
        model.vocab[5].pop();
      }),
      /model\.vocab\[5\]\[1\] must be a number, got undefined/,
    ],
    [
      'a negative id',
      json(({ added_tokens: added }) => {
        added.push({ id: -5, content: 'x' });
      }),
      /added_tokens\[\d\]\.id must be a token id from 0 to 16777215, got -5/,
    ],
    [
      'an enormous id',
      json(({ added_tokens: added }) => {
        added.push({ id: 4e9, content: 'x' });
      }),
      /added_tokens\[\d\]\.id must be a token id .* got 4000000000/,
    ],
    [
      'an unknown piece that is not there',
      json(({ model }) => {
        model.unk_id = 1e6;
      }),
      /no unknown piece/,
    ],
  ])('tokenizer.json: %s', async (_what, files, message) => {
    await expect(openTokenizer(files)).rejects.toMatchObject({
      code: 'invalid_file',
      message: expect.stringMatching(new RegExp(`^tokenizer\\.json: .*${message.source}`)) as string,
    });
  });

  it('a vocabulary without [CLS]', async () => {
    const words = ['[PAD]', '[UNK]', ...WORDS.slice(5), 'b', 'c', 'd'].join('\n');
    await expect(Albert.open(memoryFiles({ ...small, 'vocab.txt': words }))).rejects.toMatchObject({
      code: 'invalid_file',
      message: expect.stringMatching(/^vocab\.txt: the vocabulary has no \[CLS\] token/) as string,
    });
  });
});
