import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLines, sentences, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { readJson, records, run } from './support.ts';

const folder = temporaryFolder();
let model: string;
let train: string;
let dev: string;
const csv = (path: string, rows: number, seed: number): string => {
  writeFileSync(
    path,
    `review;stars\n${sentences(rows, seed)
      .map(({ text, label }) => `${text};${label}\n`)
      .join('')}`,
  );
  return path;
};
beforeAll(async () => {
  model = await writeTinyModel(folder.path('base'));
  train = csv(folder.path('train.csv'), 160, 1);
  dev = csv(folder.path('dev.csv'), 60, 2);
});
afterAll(() => folder.remove());

const FIELDS = ['--text-field', 'review', '--label-field', 'stars', '--delimiter', ';'];
const finetune = (output: string, ...more: string[]): string[] => [
  'finetune',
  'classify',
  '--model',
  model,
  '--train',
  train,
  '--eval',
  dev,
  '--output',
  output,
  ...FIELDS,
  '--batch-size',
  '16',
  '--learning-rate',
  '3e-3',
  '--threads',
  '1',
  '--seed',
  '5',
  ...more,
];
/**
 * Everything that a run leaves behind and that must not depend on how often it was interrupted, nor on the number of
 * threads (which is logged).
 */
const result = (output: string): unknown => ({
  weights: readFileSync(join(output, 'model.safetensors')).toString('base64'),
  metrics: readLines(join(output, 'metrics.jsonl')).map((line) => ({ ...line, seconds: 0 })),
  events: readLines(join(output, 'events.jsonl'))
    .filter(({ event }) => event === undefined)
    .map((line) => JSON.stringify(line).replace(/"threads":\d+/, '')),
  optimizer: readFileSync(
    join(output, 'checkpoints', readdirSync(join(output, 'checkpoints')).sort().at(-1)!, 'optimizer.safetensors'),
  ).toString('base64'),
});

describe('albertine finetune classify', () => {
  let output: string;
  beforeAll(async () => {
    output = folder.path('model');
    const { code, stderr, stdout } = await run([
      ...finetune(output, '--epochs', '6', '--calibrate', '--dropout', '0'),
      '--schedule',
      'cosine',
      '--warmup-ratio',
      '0.05',
      '--weight-decay',
      '0.02',
      '--adam-epsilon',
      '1e-7',
    ]);
    expect(stderr).toMatch(/estimate: 60 steps, about .* tokens\/s\), memory .* at its peak/);
    expect(stderr).toMatch(/finished after 60 steps.*\nbest weights: step \d+, accuracy [01]\.\d+\n/s);
    expect([code, stdout]).toEqual([0, `${output}\n`]);
  });

  it('logs one line a step', () => {
    const lines = readLines(join(output, 'metrics.jsonl'));
    expect(lines.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(lines[10]).toEqual({
      step: 11,
      loss: expect.any(Number),
      learningRate: expect.any(Number),
      gradNorm: expect.any(Number),
      tokens: expect.any(Number),
      seconds: expect.any(Number),
    });
    expect(readJson(join(output, 'run.json'))).toMatchObject({
      config: { schedule: 'cosine', weightDecay: 0.02, epsilon: 1e-7, seed: 5 },
      outcome: 'finished',
    });
    expect(readdirSync(join(output, 'tensorboard'))).toHaveLength(1);
  });

  it('evaluate prints one JSON object, or tables', async () => {
    const { code, stdout, stderr } = await run([
      'evaluate',
      output,
      '--data',
      dev,
      ...FIELDS,
      '--json',
      '--threads',
      '1',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const [json] = records(stdout);
    expect(json).toMatchObject({ count: 60, labels: ['bad', 'good'], problem: 'singleLabel' });
    expect(json['accuracy']).toBeGreaterThan(0.8);
    for (const name of ['macroF1', 'weightedF1', 'microF1', 'matthews', 'logLoss', 'expectedCalibrationError'])
      expect(json[name], name).toEqual(expect.any(Number));
    const human = await run(['evaluate', output, '--data', dev, ...FIELDS, '--threads', '1']);
    expect(human.stdout).toMatch(
      /accuracy +0\.\d{4}\n[^]*label +precision +recall +F1 +support\nbad [^]*true label \(rows\) and prediction \(columns\)\n +bad +good\nbad +\d+ +\d+\n/,
    );
  });

  it('predict writes labels with probabilities as lines or tables', async () => {
    const { code, stdout } = await run(['predict', output, 'a great film', 'the plot was poor', '--top-k', '1']);
    expect(code).toBe(0);
    const lines = records(stdout);
    expect(lines.map(({ index, label }) => [index, label])).toEqual([
      [0, 'good'],
      [1, 'bad'],
    ]);
    expect(lines[0]).toMatchObject({
      labels: [{ label: 'good', score: lines[0]['score'] }],
      tokenCount: 3,
      windows: 1,
      truncatedTokens: 0,
    });
    const table = await run([
      'predict',
      output,
      dev,
      '--text-field',
      'review',
      '--delimiter',
      ';',
      '--output',
      folder.path('out.csv'),
      '--top-k',
      '2',
      '--look-ahead',
      '7',
    ]);
    expect([table.code, table.stderr]).toEqual([0, expect.stringMatching(/60 texts -> .*out\.csv/)]);
    const rows = readFileSync(folder.path('out.csv'), 'utf8').trimEnd().split('\n');
    expect([rows[0], rows.length]).toEqual([
      'review,stars,index,label,score,label_2,score_2,tokenCount,windows,truncatedTokens',
      61,
    ]);
    const long = `good ${'film '.repeat(60)}`;
    expect(records((await run(['predict', output, long])).stdout)[0]).toMatchObject({ windows: 3, truncatedTokens: 0 });
    const cut = await run(['predict', output, long, '--long-text', 'truncate']);
    expect([records(cut.stdout)[0]['truncatedTokens'], cut.stderr]).toEqual([
      31,
      expect.stringMatching(/note: 1 text cut, 31 tokens/),
    ]);
    expect((await run(['predict', output, long, '--long-text', 'error'])).code).toBe(1);
    expect(await run(['predict', output, dev, '--pair', 'x'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--pair-field/) as string,
    });
  });

  it('report writes a page and JSON', async () => {
    const { code, stdout } = await run(['report', output, '--language', 'zh']);
    expect([code, stdout]).toEqual([0, `${join(output, 'report.html')}\n`]);
    expect(readFileSync(join(output, 'report.html'), 'utf8')).toMatch(/^<!doctype html>[^]*lang="zh-CN"[^]*<svg/);
    const json = JSON.parse((await run(['report', output, '--json'])).stdout) as {
      summary: { steps: number };
      evaluations: unknown[];
    };
    expect([json.summary.steps, json.evaluations.length]).toEqual([60, 6]);
    expect((await run(['report', folder.path('nothing')])).code).toBe(1);
  });

  it('is quiet when told to be, and says what matters all the same', async () => {
    const quiet = folder.path('quiet');
    const { code, stdout, stderr } = await run(finetune(quiet, '--max-steps', '1', '--quiet'));
    expect([code, stdout, stderr.split('\n').filter((line) => !line.includes('every held-out text'))]).toEqual([
      0,
      `${quiet}\n`,
      [
        expect.stringMatching(/^note: .*UNTRAINED/),
        expect.stringMatching(/^warning: the whole run has only 1 step .*smaller --batch-size/),
        '',
      ],
    ]);
    expect(await run(finetune(quiet, '--max-steps', '1', '--quiet'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/finished run with its model already/) as string,
    });
    expect((await run(finetune(quiet, '--max-steps', '1', '--quiet', '--overwrite'))).code).toBe(0);
  });

  it('says in one line that few rows do not determine the temperature, quiet or not', async () => {
    const few = folder.path('few.csv');
    writeFileSync(few, 'review;stars\na great film;good\n');
    for (const [name, more] of [
      ['few', []],
      ['few quiet', ['--quiet']],
    ] as const) {
      const { code, stderr } = await run(
        finetune(folder.path(name), '--max-steps', '1', '--calibrate', '--eval', few, ...more),
      );
      const told = stderr.split('\n').filter((line) => /calibration/.test(line));
      expect([code, told]).toEqual([
        0,
        [
          expect.stringMatching(
            /^warning: no temperature is stored: calibration ran to (0\.05, the lowest|20, the highest) that it tries, on 1 held-out row, [01] of them labelled right; .*more rows/,
          ),
        ],
      ]);
    }
  });

  it('explains wrong options', async () => {
    expect(await run(finetune(folder.path('x'), '--epochs', '1', '--max-steps', '5'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/either --epochs or --max-steps/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--optimizer', 'adam'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/adamw, lamb, sgd/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--dropout', '1'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/at least 0 and below 1/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--optimizer', 'sgd', '--adam-epsilon', '1e-8'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--adam-epsilon is not for sgd/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--momentum', '0.5'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--momentum is not for adamw/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--warmup-steps', '5', '--warmup-ratio', '0.1'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/either --warmup-steps or --warmup-ratio/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--power', '2'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/the linear schedule has no --power/) as string,
    });
    expect(await run(finetune(folder.path('x'), '--metric', 'macrof1'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--metric must be one of loss, accuracy, .*, got "macrof1"/) as string,
    });
    expect(existsSync(folder.path('x'))).toBe(false);
    expect(await run(finetune(output, '--resume'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/other settings/) as string,
    });
  });
});

describe('settings of the trainer', () => {
  it('reach it: schedule, optimiser, guard, checkpoints, histograms', async () => {
    const own = folder.path('own settings');
    const { code } = await run(
      finetune(
        own,
        '--max-steps',
        '6',
        '--learning-rate',
        '1e-3',
        '--schedule',
        'polynomial',
        '--power',
        '2',
        '--final-learning-rate',
        '1e-4',
        '--warmup-steps',
        '2',
        '--beta1',
        '0.8',
        '--beta2',
        '0.9',
        '--spike-factor',
        '0',
        '--roll-back-after',
        '2',
        '--keep-checkpoints',
        '3',
        '--checkpoint-every',
        '2',
        '--histogram-every',
        '3',
        '--freeze',
        'albert.embeddings',
        '--no-tensorboard',
      ),
    );
    expect(code).toBe(0);
    const rates = readFileSync(join(own, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { learningRate: number }).learningRate);
    // 1e-4 + 9e-4 (1 - i / 4)^2 after a rise in two steps
    for (const [i, rate] of [0, 5e-4, 1e-3, 6.0625e-4, 3.25e-4, 1.5625e-4].entries())
      expect(rates[i]).toBeCloseTo(rate, 12);
    expect(readdirSync(join(own, 'checkpoints'))).toEqual(['step-000000002', 'step-000000004', 'step-000000006']);
    const histograms = readFileSync(join(own, 'events.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { step?: number; histogram?: { tag: string; count: number } })
      .filter(({ histogram }) => histogram);
    expect([...new Set(histograms.map(({ step }) => step))]).toEqual([3, 6]);
    const tags = histograms.map(({ histogram }) => histogram!.tag);
    expect(tags).toContain('weights/classifier.weight');
    expect(tags).toContain('gradients/classifier.weight');
    expect(tags.some((tag) => tag.includes('embeddings.'))).toBe(false);
    const { config } = JSON.parse(readFileSync(join(own, 'run.json'), 'utf8')) as { config: object };
    expect(config).toMatchObject({
      schedule: 'polynomial',
      power: 2,
      warmupSteps: 2,
      finalLearningRate: 1e-4,
      beta1: 0.8,
      beta2: 0.9,
      guard: { spikeFactor: 0, rollBackAfter: 2 },
    });
    expect(config).not.toHaveProperty('warmupRatio');
  });
});

describe('an interrupted run', () => {
  const argv = (output: string, ...more: string[]): string[] =>
    finetune(
      output,
      '--max-steps',
      '24',
      '--dropout',
      '0.1',
      '--checkpoint-every',
      '5',
      '--evaluate-every',
      '4',
      '--keep-checkpoints',
      '2',
      '--no-tensorboard',
      ...more,
    );
  const start = (args: string[], from = 0): ReturnType<typeof spawn> =>
    spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, '../../src/cli/main.ts'), ...args], {
      stdio: ['ignore', 'ignore', from === 0 ? 'ignore' : 'pipe'],
    });
  const steps = (output: string): number =>
    existsSync(join(output, 'metrics.jsonl'))
      ? readFileSync(join(output, 'metrics.jsonl'), 'utf8').split('\n').length - 1
      : 0;

  it('continues after SIGKILL bit for bit: weights, moments, metrics without gap or repetition', async () => {
    const whole = folder.path('whole');
    expect((await run(argv(whole))).code).toBe(0);
    const killed = folder.path('killed');
    const child = start(argv(killed));
    const ended = new Promise((resolve) => child.on('close', resolve));
    while (steps(killed) < 12 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill('SIGKILL');
    await ended;
    const at = steps(killed);
    expect(at).toBeLessThan(24);
    expect(await run(argv(killed))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unfinished run/) as string,
    });
    const resumed = await run(argv(killed, '--resume'));
    expect([resumed.code, resumed.stderr]).toEqual([0, expect.stringMatching(/resumed: at step (10|15|20) of 24/)]);
    expect(result(killed)).toEqual(result(whole));
    // Once more on the finished run: nothing is left to do.
    expect((await run(argv(killed, '--resume'))).code).toBe(0);
    expect(result(killed)).toEqual(result(whole));
  });

  it('saves on SIGINT, says how to go on, ends with 130, and continues bit for bit', async () => {
    const output = folder.path('interrupted');
    const child = start(argv(output), 1);
    let stderr = '';
    child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    while (steps(output) < 3 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill('SIGINT');
    expect([await ended, stderr]).toEqual([
      130,
      expect.stringMatching(/interrupted after step \d+; a checkpoint is in .*--resume continues/),
    ]);
    expect(readJson(join(output, 'run.json'))).toMatchObject({ outcome: 'interrupted' });
    expect((await run(argv(output, '--resume'))).code).toBe(0);
    expect(result(output)).toEqual(result(folder.path('whole')));
  });

  it('gives the same with two threads', async () => {
    const [one, two] = [folder.path('whole'), folder.path('two threads')];
    expect((await run([...argv(two), '--threads', '2'])).code).toBe(0);
    expect(result(two)).toEqual(result(one));
  });
});
