import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/loaded/load-node.ts';
import { HubServer } from '../checkpoint/hub-server.ts';
import { makeModel, readJson, records, run, temporaryFolder, writeVocabulary } from './support.ts';

const folder = temporaryFolder();
let model: string;

beforeAll(async () => {
  model = await makeModel(folder);
});
afterAll(() => folder.remove());

describe('help, version and errors', () => {
  it('prints its version, and a manual for every verb', async () => {
    const { version } = readJson(join(import.meta.dirname, '../../package.json'));
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${String(version)}\n`, stderr: '' });
    const { stdout, code } = await run(['--help']);
    expect(code).toBe(0);
    for (const verb of ['embed', 'tokenize', 'info', 'init', 'download', 'convert', 'demo']) {
      expect(stdout).toContain(`  ${verb}`);
      const manual = await run([verb, '--help']);
      expect([manual.code, manual.stderr]).toEqual([0, '']);
      expect(manual.stdout).toContain(`Usage: albertine ${verb}`);
    }
    expect((await run([])).stdout).toBe(stdout);
  });

  it("says every option's default in the manual of embed", async () => {
    const { stdout } = await run(['embed', '--help']);
    const text = stdout.replace(/\s+/g, ' ');
    for (const option of ['--pooling', '--layers', '--quantize', '--long-text', '--batch-tokens', '--on-error']) {
      expect(text).toMatch(new RegExp(`${option} <[^>]+> .*?Default: `));
    }
  });

  it('ends with 2 for wrong use', async () => {
    for (const argv of [
      ['embed', '--poolign', 'mean', 'x'],
      ['embed', '--pooling', 'average', 'x'],
      ['nonsense'],
      ['embed'],
      ['embed', '--resume', 'x'],
      ['embed', '--resume', 'x', '-o', 'y.parquet'],
      ['embed', 'x', '-i', 'y.txt'],
      ['embed', 'x', '-o', 'y.docx'],
      ['embed', 'x', '-o', 'y.json'],
      ['tokenize', 'x', '-o', 'y.json'],
      ['vocab', 'train', 'x.csv', '-o', 'y'],
      ['vocab', 'train', 'x.tsv.gz=2', '-o', 'y'],
      ['predict', 'm', 'x', '-o', 'y.json'],
      ['embed', 'x', '--pooling', 'tokens', '-o', 'y.npy'],
      ['embed', 'x', '--segments', '2'],
      ['embed', '--max-length', 'many', 'x'],
      ['init'],
      ['convert', '--to', 'gguf', '-o', 'x'],
      ['embed', 'x', '--text-field', 'body'],
      ['embed', 'x', '-'],
      ['info', 'x', '--preset', 'nano'],
      ['init', '--preset', 'nano', '-o', folder.path('none'), '--heads', 'tail'],
    ]) {
      const { code, stderr, stdout } = await run(argv);
      expect([argv, code, stdout]).toEqual([argv, 2, '']);
      expect(stderr).toMatch(/^albertine: /);
    }
  });

  it('says that there is no such command, and names the nearest', async () => {
    const message = async (...argv: string[]) => {
      const { code, stderr, stdout } = await run(argv);
      expect([argv, code, stdout]).toEqual([argv, 2, '']);
      return stderr.split('\n')[0];
    };
    expect(await message('emebd', 'x')).toBe("albertine: unknown command 'emebd'. Did you mean embed?");
    expect(await message('emebd', 'x', '--normalize')).toBe("albertine: unknown command 'emebd'. Did you mean embed?");
    expect(await message('paintbrush', 'x')).toMatch(
      /^albertine: unknown command 'paintbrush'\. The commands are embed, tokenize, /,
    );
    expect(await message('shards', 'biuld', 'x')).toBe("albertine: unknown command 'biuld'. Did you mean build?");
    expect(await message('vocab', 'trian', 'x')).toBe("albertine: unknown command 'trian'. Did you mean train?");
    expect(await message('finetune', 'clasify', '--train', 'x')).toBe(
      "albertine: unknown command 'clasify'. Did you mean classify?",
    );
    expect(await message('--nonsense')).toBe("albertine: unknown option '--nonsense'");
    for (const group of [[], ['vocab'], ['shards'], ['finetune'], ['index']])
      expect(await run(group)).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringContaining('Usage: albertine') as string,
      });
  });

  it('ends with 1 and one readable message for what fails; --debug adds the rest', async () => {
    const plain = await run(['embed', '-m', folder.path('absent'), 'x']);
    const message = `albertine: no model folder at ${folder.path('absent')}. ${folder.path('.').replace(/\/\.?$/, '')} has model.\n`;
    expect(plain).toEqual({ code: 1, stdout: '', stderr: message });
    for (const debugged of [
      await run(['embed', '--debug', '-m', folder.path('absent'), 'x']),
      await run(['embed', '-m', folder.path('absent'), 'x'], { env: { ALBERTINE_DEBUG: '1' } }),
    ]) {
      expect(debugged.stderr).toContain('code: file_not_found');
      expect(debugged.stderr).toMatch(/\n {4}at /);
    }
    // After `--` it is a text.
    expect((await run(['tokenize', '-m', model, '--', '--debug'])).stdout).toContain('"-"');
  });

  it('does not take the name of a missing file for a text', async () => {
    for (const argv of [
      ['embed', 'nosuch.csv'],
      ['tokenize', 'nosuch.jsonl.gz'],
      ['predict', model, 'no/such.TSV'],
      ['embed', 'a text', 'nosuch.parquet'],
    ]) {
      const { code, stdout, stderr } = await run(argv);
      expect([argv, code, stdout, stderr]).toEqual([
        argv,
        1,
        '',
        `albertine: no file at ${argv.at(-1)}. If it is a text and no file, give it on standard input: echo ${argv.at(-1)} | albertine ... -\n`,
      ]);
    }
    expect((await run(['tokenize', '-m', model, 'see nosuch.csv'])).code).toBe(0);
  });

  it('draws one line on a terminal and removes it', async () => {
    const { stderr } = await run(['embed', '-m', model, '-o', folder.path('tty.npy'), 'a cat', 'a dog'], { tty: true });
    expect(stderr).toContain('embedding  ');
    expect(stderr).toContain('\r\x1b[K');
    expect(
      (await run(['embed', '-q', '-m', model, '-o', folder.path('tty.npy'), '--overwrite', 'a cat'], { tty: true }))
        .stderr,
    ).toBe('note: UNTRAINED weights: initialised at random, vectors and predictions carry no meaning\n');
  });
});

describe('tokenize', () => {
  it('writes ids, pieces and offsets', async () => {
    const { stdout } = await run(['tokenize', '-m', model, 'Cats, 猫']);
    expect(records(stdout)).toEqual([
      {
        ids: [2, 7, 27, 53, 58, 3],
        tokens: ['[CLS]', 'cat', '##s', ',', '猫', '[SEP]'],
        offsets: [
          [-1, -1],
          [0, 3],
          [3, 4],
          [4, 5],
          [6, 7],
          [-1, -1],
        ],
        truncatedTokens: 0,
      },
    ]);
    const cut = await run(['tokenize', '-m', model, '--no-special', '--max-length', '2', 'the cat sat on']);
    expect(records(cut.stdout)[0]).toMatchObject({ tokens: ['the', 'cat'], truncatedTokens: 2 });
    expect(cut.stderr).toContain('1 text cut to 2 tokens');
  });

  it('reads files, needs no weights, and takes a vocabulary file alone', async () => {
    writeFileSync(folder.path('t.txt'), 'a cat\n\nthe dog\n');
    const output = folder.path('t.jsonl');
    const { code, stderr } = await run([
      'tokenize',
      '--model',
      folder.path('vocab.txt'),
      '--input',
      folder.path('t.txt'),
      '--output',
      output,
    ]);
    expect([code, stderr]).toEqual([0, `3 texts -> ${output}\n`]);
    expect(records(readFileSync(output, 'utf8')).map(({ tokens }) => (tokens as string[]).length)).toEqual([4, 2, 4]);
    writeFileSync(folder.path('pairs.csv'), 'q,a\na cat,the dog\n');
    const pair = records(
      (
        await run([
          'tokenize',
          '-m',
          folder.path('vocab.txt'),
          '--input',
          folder.path('pairs.csv'),
          '--text-field',
          'q',
          '--pair-field',
          'a',
        ])
      ).stdout,
    )[0];
    expect(pair['typeIds']).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });
});

describe('vocab train and shards build', () => {
  it('take the texts from the field that --text-field names', async () => {
    const rows = folder.path('bodies.jsonl');
    writeFileSync(
      rows,
      Array.from(
        { length: 60 },
        (_, i) =>
          `${JSON.stringify({ title: 'zzz', body: `a quick fox jumps over ${i} lazy dogs. it was day ${i % 7}.` })}\n`,
      ).join(''),
    );
    const vocab = folder.path('field-vocab');
    expect(
      await run(['vocab', 'train', rows, '--text-field', 'body', '--vocab-size', '50', '-o', vocab, '-q']),
    ).toMatchObject({ code: 0, stdout: `${vocab}\n` });
    const build = ['shards', 'build', rows, '--tokenizer', vocab, '-o', folder.path('field-shards'), '--workers', '0'];
    expect(await run(build)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /no field "text"; the fields present are "title", "body" \(name the one that holds the text with --text-field\)/,
      ) as string,
    });
    expect(await run([...build, '--text-field', 'body'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/tokens of 60 documents/) as string,
    });
  });
});

describe('init and info', () => {
  it('makes a checkpoint that says it is untrained, the same for the same seed', async () => {
    const config = readJson(join(model, 'config.json'));
    expect(config).toMatchObject({
      albertine_untrained: true,
      vocab_size: 68,
      pad_token_id: 0,
      bos_token_id: 2,
      eos_token_id: 3,
      hidden_size: 64,
    });
    expect(readFileSync(join(model, 'README.md'), 'utf8')).toContain('not been trained');
    const again = await makeModel(folder, 'again');
    expect(readFileSync(join(again, 'model.safetensors')).equals(readFileSync(join(model, 'model.safetensors')))).toBe(
      true,
    );
    const refused = await run(['init', '--preset', 'nano', '-o', model]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('holds a checkpoint already')]);
    const { stderr } = await run([
      'init',
      '--preset',
      'nano',
      '-o',
      folder.path('bare'),
      '--vocab-size',
      '50',
      '--heads',
      'none',
    ]);
    expect(stderr).toContain('WARNING: these weights are random');
    expect(stderr).toContain('no tokeniser');
    expect((await run(['info', folder.path('bare')])).stdout).toContain('no tokeniser files');
  });

  it('counts parameters and multiply-adds as the paper and the published files do', async () => {
    const of = async (
      name: string,
    ): Promise<{
      parameters: { encoder: number };
      multiplyAddsPerToken: { linear: number; attention: Record<string, number> };
    }> => JSON.parse((await run(['info', '--preset', name, '--json'])).stdout) as never;
    // Exact counts of transformers' AlbertModel; multiply-adds 85 M, 302 M, 1,208 M, 2,416 M, and 4.7 M for
    // brightmart's tiny.
    for (const [name, parameters, millions] of [
      ['base-v2', 11683584, 85],
      ['large-v2', 17683968, 302],
      ['xlarge-v2', 58724864, 1208],
      ['xxlarge-v2', 222595584, 2416],
    ] as const) {
      const info = await of(name);
      expect(info.parameters.encoder).toBe(parameters);
      expect(Math.round(info.multiplyAddsPerToken.linear / 1e6)).toBe(millions);
    }
    const tiny = await of('chinese-tiny');
    expect(tiny.multiplyAddsPerToken.linear / 1e6).toBeCloseTo(4.7, 1);
    expect(tiny.multiplyAddsPerToken.attention['512']).toBe(2 * 4 * 312 * 512);
  });

  it('describes a folder', async () => {
    const info = JSON.parse((await run(['info', model, '--json'])).stdout) as Record<string, unknown>;
    using loaded = await loadModel(model);
    const scalars = [...loaded.weights.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(info).toMatchObject({
      untrained: true,
      parameters: { total: scalars },
      tokenizer: { kind: 'wordpiece', vocabSize: 68 },
      heads: ['sentenceOrder', 'maskedLm'],
      storage: { dtype: 'f32' },
    });
    expect(loaded.fingerprint.startsWith(String(info['fingerprint']))).toBe(true);
    const { stdout } = await run(['info', model]);
    expect(stdout).toContain('note: UNTRAINED');
    expect(stdout).toMatch(/parameters +\d/);
  });
});

describe('convert', () => {
  it("writes Hugging Face's layout from a TensorFlow checkpoint", async () => {
    const source = folder.path('google');
    mkdirSync(source);
    const goldens = join(import.meta.dirname, '../checkpoint/goldens');
    for (const [from, to] of [
      ['google-albert_config.json', 'albert_config.json'],
      ...['data-00000-of-00002', 'data-00001-of-00002', 'index'].map((end) => [
        `google.ckpt-best.${end}`,
        `model.ckpt-best.${end}`,
      ]),
    ]) {
      cpSync(join(goldens, from), join(source, to));
    }
    const output = folder.path('converted');
    const { code, stdout, stderr } = await run(['convert', source, '--to', 'safetensors', '-o', output]);
    expect(stderr).toContain('no tokeniser files');
    expect([code, stdout]).toEqual([0, `${output}\n`]);
    expect(readJson(join(output, 'config.json'))).toMatchObject({ model_type: 'albert', hidden_act: 'gelu_new' });
    const fingerprint = async (path: string): Promise<unknown> =>
      (JSON.parse((await run(['info', path, '--json'])).stdout) as { fingerprint: string }).fingerprint;
    expect(await fingerprint(output)).toBe(await fingerprint(source));
    expect((await run(['convert', source, '--to', 'safetensors', '-o', output])).code).toBe(1);
    expect((await run(['convert', source, '--to', 'safetensors', '-o', output, '--overwrite'])).code).toBe(0);
  });

  it('keeps tokeniser, labels and the untrained mark, and rounds when asked', async () => {
    const output = folder.path('half');
    const { stderr } = await run(['convert', model, '--to', 'safetensors', '--dtype', 'f16', '-o', output]);
    expect(stderr).toContain('rounded from f32 to f16');
    expect(readJson(join(output, 'config.json'))).toMatchObject({ albertine_untrained: true, dtype: 'float32' });
    using loaded = await loadModel(output);
    expect(stderr).toContain(`, fingerprint ${/model=(\w+)/.exec(loaded.fingerprint)![1]}\n`);
    const { stdout, stderr: notes } = await run(['embed', '-m', output, 'the cat']);
    expect(notes).toContain('UNTRAINED');
    expect(records(stdout)[0]['tokenCount']).toBe(2);
  });
});

describe('convert --to int8', () => {
  it('makes a model that info describes as embed sees it', async () => {
    writeFileSync(
      folder.path('sample.txt'),
      'the cat sat on the mat\na dog ran fast\nthe moon is red\nyou are not small\n',
    );
    const output = folder.path('int8');
    expect(
      (await run(['convert', model, '--to', 'int8', '--sample', folder.path('sample.txt'), '-o', output])).code,
    ).toBe(0);
    const info = JSON.parse((await run(['info', output, '--json'])).stdout) as {
      fingerprint: string;
      storage: { dtype: string };
    };
    using loaded = await loadModel(output);
    expect(info.storage.dtype).toBe('int8');
    expect(loaded.fingerprint.startsWith(`${info.fingerprint};`)).toBe(true);
  });
});

describe('download and hub ids', () => {
  let hub: HubServer;
  beforeAll(async () => {
    hub = await HubServer.start();
    const file = (name: string): Buffer => readFileSync(join(model, name));
    hub.repositories.set('someone/tiny-albert', {
      commit: 'c'.repeat(40),
      files: {
        'config.json': file('config.json'),
        'vocab.txt': file('vocab.txt'),
        'model.safetensors': file('model.safetensors'),
      },
      large: ['model.safetensors'],
    });
  });
  afterAll(() => hub.stop());

  it('fetches a model and prints its folder', async () => {
    const { code, stdout, stderr } = await run([
      'download',
      'someone/tiny-albert',
      '--endpoint',
      hub.endpoint,
      '--cache',
      folder.path('cache'),
      '--no-token',
    ]);
    expect(code).toBe(0);
    expect(existsSync(join(stdout.trim(), 'model.safetensors'))).toBe(true);
    expect(stderr).toContain(`revision ${'c'.repeat(40)}`);
    const missing = await run([
      'download',
      'someone/nothing',
      '--endpoint',
      hub.endpoint,
      '--cache',
      folder.path('cache'),
      '--no-token',
    ]);
    expect([missing.code, missing.stdout]).toEqual([1, '']);
    expect(missing.stderr).toMatch(/^albertine: .*someone\/nothing/);
  });
});

describe('demo', () => {
  it('shows searches over the collection, and what the model is', async () => {
    // Most of its words are unknown to this vocabulary; only the form is checked.
    const { code, stdout, stderr } = await run(['demo', '-m', model, '--top', '2']);
    expect(code).toBe(0);
    expect(stdout.match(/^\? /gm)).toHaveLength(6);
    expect(stdout.match(/^ {4}[\u2713 ] [12] {2}-?\d\.\d{3} {2}(en|zh) /gm)).toHaveLength(12);
    expect(`${stdout}${stderr}`.match(/note: UNTRAINED/g)).toHaveLength(1);
    expect(stdout).toContain('Next\n  npx albertine embed');
  });

  it('finds with the built-in model what was asked for, across languages too', async () => {
    const { code, stdout } = await run(['demo']);
    expect(code).toBe(0);
    const [, hits, shown, across] = /(\d+) of (\d+) results are on the topic of the search.*\n(\d+) of 6 searches/
      .exec(stdout)!
      .map(Number);
    expect(shown).toBe(18);
    expect(hits).toBeGreaterThanOrEqual(15);
    expect(stdout.match(/^ {4}\u2713/gm)).toHaveLength(hits);
    expect(across).toBeGreaterThanOrEqual(2);
    // The star's end, told in English, answers the Chinese question, and is explained in Chinese.
    expect(stdout).toMatch(/\? 恒星是怎么死的.*\n {4}\u2713 1 .* en .*A star much heavier.*\n += 比太阳重得多的恒星/);
  });

  it('explains a missing vocabulary', async () => {
    writeVocabulary(folder.path('vocab.txt'));
    cpSync(model, folder.path('no-vocab'), { recursive: true });
    rmSync(join(folder.path('no-vocab'), 'vocab.txt'));
    const { code, stderr } = await run(['demo', '-m', folder.path('no-vocab')]);
    expect(code).toBe(1);
    expect(stderr).toContain('looked for spiece.model');
  });
});
