import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Albert, TextClassifier } from '../../src/index.ts';
import { openModel } from '../../src/loaded/load-node.ts';
import { sentences, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { interrupted, readJson, run } from './support.ts';

const folder = temporaryFolder();
let model: string;
const files: Record<'train' | 'dev', string> = { train: '', dev: '' };
beforeAll(async () => {
  model = await writeTinyModel(folder.path('base'));
  for (const [name, rows] of [
    ['train', 96],
    ['dev', 40],
  ] as const) {
    files[name] = folder.path(`${name}.csv`);
    const lines = sentences(rows, rows).map(({ text, label }) => `${text},${label}\n`);
    writeFileSync(files[name], `text,label\n${lines.join('')}`);
  }
});
afterAll(() => folder.remove());

const finetune = (output: string, ...more: string[]): string[] => [
  'finetune',
  'classify',
  ...['--model', model, '--train', files.train, '--eval', files.dev, '--output', output],
  ...['--batch-size', '16', '--threads', '1', '--seed', '5', ...more],
];
const metricsOf = (output: string): Record<string, number> =>
  (readJson(join(output, 'run.json')) as { bestCheckpoint: Record<string, number> }).bestCheckpoint;
const weightsOf = (output: string): string =>
  readFileSync(join(output, 'adapter_model.safetensors')).toString('base64');

describe('finetune --adapter', () => {
  const METHODS = [
    ['lora', 'groups', ['--adapter-rank', '4', '--adapter-targets', 'attention.query,ffn']],
    ['lora', 'per-depth', []],
    ['adapter', 'per-depth', ['--adapter-placement', 'houlsby']],
    ['prefix', 'per-depth', ['--prefix-length', '3']],
    ['bitfit', 'groups', []],
    ['ia3', 'shared', []],
  ] as const;

  it.each(METHODS)('%s %s: learned, saved alone, and judged as it was in training', async (method, scope, more) => {
    const output = folder.path(`${method}-${scope}`);
    const argv = finetune(output, '--adapter', method, '--adapter-scope', scope, '--max-steps', '24', ...more);
    const { code, stderr } = await run(argv);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/adapter of [\d,]+ numbers, .* the model itself is not changed/),
    ]);
    expect(statSync(join(output, 'adapter_model.safetensors')).size).toBeLessThan(
      statSync(join(model, 'model.safetensors')).size / 2,
    );
    const evaluated = await run(['evaluate', output, '--data', files.dev, '--json', '--threads', '1']);
    const { accuracy } = JSON.parse(evaluated.stdout) as { accuracy: number };
    const best = metricsOf(output);
    expect(accuracy).toBeCloseTo(best['value'], 10);
    const info = JSON.parse((await run(['info', output, '--json'])).stdout) as {
      adapter: { settings: { method: string } };
    };
    expect(info.adapter.settings.method).toBe(method);
  });

  it('goes on bit for bit after it was interrupted', async () => {
    const whole = folder.path('whole');
    const parts = folder.path('parts');
    const how = [
      '--adapter',
      'lora',
      '--adapter-scope',
      'per-depth',
      '--max-steps',
      '12',
      '--checkpoint-every',
      '5',
      '--dropout',
      '0.1',
    ];
    expect((await run(finetune(whole, ...how))).code).toBe(0);
    const said = await interrupted(finetune(parts, ...how), join(parts, 'metrics.jsonl'), 7);
    expect(said).toMatch(/interrupted after step \d+/);
    expect((await run(finetune(parts, ...how, '--resume'))).code).toBe(0);
    expect(weightsOf(parts)).toBe(weightsOf(whole));
    expect(await run(finetune(parts, ...how, '--resume', '--adapter-rank', '2'))).toMatchObject({ code: 1 });
  });

  it('stays beside a base that others share, and folds into it', async () => {
    using base = await Albert.load(model, { threads: 1 });
    const texts = ['good wine', 'a bad film'];
    const plain = (await base.embed(texts)).data;
    for (const name of ['lora-per-depth', 'prefix-per-depth']) {
      using alone = await TextClassifier.load(folder.path(name), { threads: 1 });
      using together = await base.withAdapter(await openModel(folder.path(name)));
      expect((await together.embed(texts)).data).toEqual((await alone.model.embed(texts)).data);
    }
    expect((await base.embed(texts)).data).toEqual(plain);
    const folded = folder.path('folded');
    expect(
      (await run(['convert', folder.path('lora-per-depth'), '--to', 'safetensors', '--output', folded])).code,
    ).toBe(0);
    using whole = await TextClassifier.load(folded, { threads: 1 });
    using adapted = await TextClassifier.load(folder.path('lora-per-depth'), { threads: 1 });
    const [scores, expected] = [await whole.predict(texts), await adapted.predict(texts)];
    scores.forEach(({ score }, i) => expect(Math.abs(score! - expected[i].score!)).toBeLessThan(1e-5));
    const prefix = await run([
      'convert',
      folder.path('prefix-per-depth'),
      '--to',
      'onnx',
      '--output',
      folder.path('p.onnx'),
    ]);
    expect([prefix.code, prefix.stderr]).toEqual([1, expect.stringMatching(/of the kind prefix cannot be folded/)]);
  });

  it('tells wrong use in a line', async () => {
    const told = async (...more: string[]): Promise<string> => {
      const { code, stderr } = await run(finetune(folder.path('wrong'), ...more));
      expect(code).not.toBe(0);
      return stderr.split('\n').find((line) => line.startsWith('albertine: '))!;
    };
    expect(await told('--adapter', 'lora', '--adapter-size', '4')).toMatch(
      /--adapter-size is for adapter, this adapter is lora/,
    );
    expect(await told('--adapter-rank', '4')).toMatch(/need a method/);
    expect(await told('--adapter', 'lora', '--freeze', 'albert.embeddings')).toMatch(
      /--freeze does nothing beside an adapter/,
    );
    expect(await told('--adapter', 'lora', '--adapter-targets', 'query')).toMatch(
      /--adapter-targets must be some of attention.query/,
    );
    expect(await told('--adapter', 'dora')).toMatch(/Choose one of lora, adapter, prefix, bitfit, ia3/);
    expect(await told('--adapter', 'lora', '--adapter-rank', '1000')).toMatch(/--adapter-rank must be at most/);
    expect(await told('--adapter', 'prefix', '--prefix-length', '1000')).toMatch(/--prefix-length must be at most/);
    const onAdapter = finetune(folder.path('wrong'), '--adapter', 'lora', '--model', folder.path('lora-groups'));
    expect(await run(onAdapter)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is an adapter itself/) as string,
    });
    expect(await run(['parity', folder.path('lora-groups')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is an adapter, which transformers does not load/) as string,
    });
  });

  it('knows the base it was trained on: weights, shape and tokeniser', async () => {
    const adapter = folder.path('moved');
    const base = folder.path('other-base');
    cpSync(folder.path('lora-per-depth'), adapter, { recursive: true });
    cpSync(model, base, { recursive: true });
    const config = join(adapter, 'adapter_config.json');
    const change = (file: string, by: (text: string) => string): void =>
      writeFileSync(file, by(readFileSync(file, 'utf8')));
    change(config, (text) => text.replace(/"base_model_name_or_path": ".*?"/, `"base_model_name_or_path": "${base}"`));
    const ask = async (): Promise<string> => (await run(['predict', adapter, 'a text', '--threads', '1'])).stderr;
    expect(await ask()).not.toMatch(/albertine: /);
    const shape = join(base, 'config.json');
    const before = readFileSync(shape, 'utf8');
    for (const [key, value] of [
      ['hidden_act', '"relu"'],
      ['num_hidden_layers', '1'],
    ] as const) {
      writeFileSync(shape, before.replace(new RegExp(`"${key}": [^,]+`), `"${key}": ${value}`));
      expect(await ask(), key).toMatch(/trained on another model than its base is now|does not fit the model/);
    }
    writeFileSync(shape, before);
    change(join(adapter, 'albertine.json'), (text) => text.replace(/"tokenizer": "/, '"tokenizer": "0'));
    expect(await ask()).toMatch(/another model than its base is now: tokeniser/);
    change(join(adapter, 'albertine.json'), (text) => text.replace(/"tokenizer": "0/, '"tokenizer": "'));
    change(config, (text) => text.replace(/"lora_alpha": \d+/, '"lora_alpha": 999'));
    expect(await ask()).toMatch(/lora_alpha 999, albertine.json \d+ and/);
    change(config, (text) =>
      text.replace(/"base_model_name_or_path": ".*?"/, '"base_model_name_or_path": "albertine-nano-en-zh"'),
    );
    expect(await ask()).toMatch(/does not fit the model|lora_alpha/);
  });

  it('says where it cannot know: a base of bytes', async () => {
    const int8 = folder.path('int8');
    expect((await run(['convert', model, '--to', 'int8', '--output', int8])).code).toBe(0);
    const adapter = folder.path('on-int8');
    cpSync(folder.path('lora-groups'), adapter, { recursive: true });
    const config = join(adapter, 'adapter_config.json');
    writeFileSync(
      config,
      readFileSync(config, 'utf8').replace(/"base_model_name_or_path": ".*?"/, `"base_model_name_or_path": "${int8}"`),
    );
    expect(await run(['predict', adapter, 'a text', '--threads', '1'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/the base of the adapter is int8: whether .* is not known/) as string,
    });
    expect((await run(['info', adapter])).stdout).not.toMatch(/can be folded/);
  });
});
