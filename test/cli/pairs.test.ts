import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentences, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { records, run } from './support.ts';

const folder = temporaryFolder();
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
let base: string;
let model: string;
let pairs: string;
let table: string;

/** Pairs of sentences with a score, and with topics. */
const rows = (count: number, seed: number): { first: string; second: string; score: number; topics: string }[] => {
  const [a, b] = [sentences(count, seed), sentences(count, seed + 1)];
  return a.map(({ text, label }, i) => ({
    first: text,
    second: b[i].text,
    score: label === 'good' ? 4.5 : 1,
    topics: [label, b[i].label === 'good' ? 'other' : ''].filter(Boolean).join('|'),
  }));
};
const write = (name: string, text: string): string => {
  writeFileSync(folder.path(name), text);
  return folder.path(name);
};

const TRAINING = [
  '--batch-size',
  '8',
  '--max-steps',
  '24',
  '--checkpoint-every',
  '3',
  '--evaluate-every',
  '6',
  '--learning-rate',
  '3e-3',
  '--threads',
  '1',
  '--no-tensorboard',
  '--max-length',
  '24',
];
const REGRESSION = [
  '--problem',
  'regression',
  '--text-field',
  'first',
  '--pair-field',
  'second',
  '--label-field',
  'score',
];
const MULTI_LABEL = [
  '--problem',
  'multiLabel',
  '--text-field',
  'first',
  '--label-field',
  'topics',
  '--label-separator',
  '|',
];

beforeAll(async () => {
  base = await writeTinyModel(folder.path('base'));
  const data = rows(80, 1);
  pairs = write(
    'pairs.csv',
    `first,second,score,topics\n${data.map(({ first, second, score, topics }) => `${first},${second},${score},${topics}\n`).join('')}`,
  );
  table = write(
    'pairs.tsv',
    data
      .slice(0, 3)
      .map(({ first, second }) => `${first}\t${second}\n`)
      .join(''),
  );
  model = folder.path('model');
  const { code, stderr } = await run([
    'finetune',
    'classify',
    '--model',
    base,
    '--train',
    pairs,
    '--output',
    model,
    ...REGRESSION,
    ...TRAINING,
  ]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/albertine predict \S+ "a text" --pair "another"\n/)]);
});
afterAll(() => folder.remove());

describe('albertine predict with a model of pairs', () => {
  const predict = (...argv: string[]): ReturnType<typeof run> => run(['predict', model, '--threads', '1', ...argv]);

  it('takes the second text as an argument, from fields and from columns without names', async () => {
    const fromFile = records((await predict(pairs, '--text-field', 'first', '--pair-field', 'second')).stdout);
    expect(fromFile).toHaveLength(80);
    expect(fromFile[0]).toEqual({
      index: 0,
      value: expect.any(Number) as number,
      tokenCount: expect.any(Number) as number,
      windows: 1,
      truncatedTokens: expect.any(Number) as number,
    });
    expect(records((await predict(table, '--no-header', '--text-field', '0', '--pair-field', '1')).stdout)).toEqual(
      fromFile.slice(0, 3),
    );
    const [{ first, second }] = rows(80, 1);
    expect(records((await predict(first, '--pair', second)).stdout)).toEqual([fromFile[0]]);
  });

  it('reads quotes as it is told, and so does tokenize', async () => {
    const inches = write('inches.csv', 'first,second\n"a,"b"\n5" film,6" plot\n');
    const fields = ['--text-field', 'first', '--pair-field', 'second', '--quotes', 'none'];
    const labelled = await predict(inches, ...fields);
    expect([labelled.code, records(labelled.stdout).length]).toEqual([0, 2]);
    expect((await predict(inches, ...fields.slice(0, 4))).stderr).toMatch(
      /row 2: text after the closing quote of field 1/,
    );
    const tokens = records((await run(['tokenize', '--model', base, inches, ...fields])).stdout);
    expect(tokens.map(({ typeIds }) => (typeIds as number[]).includes(1))).toEqual([true, true]);
    expect(
      records((await run(['tokenize', '--model', base, inches, '--text-field', 'second', '--quotes', 'none'])).stdout),
    ).toHaveLength(2);
    expect(await run(['tokenize', '--model', base, 'a film', '--quotes', 'none'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--quotes is for files and standard input/) as string,
    });
  });

  it('reads pairs as JSON lines from standard input', async () => {
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        MAIN,
        'predict',
        model,
        '-',
        '--text-field',
        'first',
        '--pair-field',
        'second',
        '--threads',
        '1',
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let stdout = '';
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stdin.end(
      rows(2, 1)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    );
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(records(stdout).map(({ index }) => index)).toEqual([0, 1]);
  });

  it('says what is missing before it reads anything', async () => {
    const alone = {
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^albertine: this model was fine-tuned on pairs of texts, and one text alone was given\. .*--pair, .*--pair-field\n$/,
      ) as string,
    };
    expect(await predict('a film')).toMatchObject(alone);
    expect(await predict('-')).toMatchObject(alone);
    expect(
      await run(['evaluate', model, '--data', pairs, '--text-field', 'first', '--label-field', 'score']),
    ).toMatchObject(alone);
    expect(await predict(pairs, '--text-field', 'first', '--pair-field', 'third')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no field "third"; the fields present are "first", "second"/) as string,
    });
    expect(await predict(write('lines.txt', 'a film\n'), '--pair-field', 'second')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/one text a line.*cannot hold pairs/) as string,
    });
    expect(await predict('one', 'two', '--pair-field', 'second')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--pair-field needs one file of rows, or - for standard input/) as string,
    });
    const gap = write(
      'gap.jsonl',
      '{"first":"a film","second":"the plot"}\n{"first":"a film"}\n{"first":"a film","second":3}\n',
    );
    const skipping = await predict(gap, '--text-field', 'first', '--pair-field', 'second', '--on-error', 'skip');
    expect([skipping.code, records(skipping.stdout).length, skipping.stderr]).toEqual([
      0,
      1,
      expect.stringMatching(/2 rows left out\n.*no field "second".*\n.*field "second" must be a string, got 3/),
    ]);
  });
});

/** Evaluates on the training rows, and writes the report. */
async function requireFigures(folder: string, fields: readonly string[], metrics: readonly string[]): Promise<void> {
  const evaluation = await run(['evaluate', folder, '--data', pairs, ...fields, '--json', '--threads', '1']);
  expect(evaluation.code, evaluation.stderr).toBe(0);
  const [figures] = records(evaluation.stdout);
  for (const metric of metrics) expect(figures[metric], metric).toEqual(expect.any(Number));
  expect(await run(['report', folder])).toMatchObject({ code: 0, stdout: `${join(folder, 'report.html')}\n` });
}

describe('albertine finetune classify', () => {
  it('makes a regression on pairs that is evaluated and reported', () =>
    requireFigures(model, REGRESSION.slice(2), ['rmse', 'pearson', 'spearman']));

  it('continues a multi-label run after SIGKILL bit for bit, and its model is evaluated and reported', async () => {
    const argv = (output: string): string[] => [
      'finetune',
      'classify',
      '--model',
      base,
      '--train',
      pairs,
      '--output',
      output,
      ...MULTI_LABEL,
      ...TRAINING,
      '--dropout',
      '0.1',
    ];
    const [whole, killed] = [folder.path('whole'), folder.path('killed')];
    expect((await run(argv(whole))).code).toBe(0);
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...argv(killed)], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const steps = (): number =>
      existsSync(join(killed, 'metrics.jsonl'))
        ? readFileSync(join(killed, 'metrics.jsonl'), 'utf8').split('\n').length - 1
        : 0;
    while (steps() < 5 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill('SIGKILL');
    await ended;
    expect(steps()).toBeLessThan(24);
    expect((await run([...argv(killed), '--resume'])).code).toBe(0);
    for (const file of ['model.safetensors', 'config.json'])
      expect(readFileSync(join(killed, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
    await requireFigures(killed, MULTI_LABEL.slice(2), ['macroF1', 'microF1', 'hammingLoss']);
  });
});
