import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AlbertineError } from '../../src/core/errors.ts';
import { parseSpace } from '../../src/study/space.ts';
import { readStudy } from '../../src/tune/study-file-node.ts';
import { bestRun, seedFigures } from '../../src/tune/study-record.ts';
import { TrialPool } from '../../src/tune/trial-pool-node.ts';
import { tune, type TuneOptions, type TuneResult } from '../../src/tune/tune-node.ts';
import { accuracyOf, stubRunner, usual, type Ran } from './stub.ts';

const root = mkdtempSync(join(tmpdir(), 'tune-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const folder = (): string => join(root, String(folders++));

const SPACE = parseSpace({ 'learning-rate': 'log:1e-6:1e-2', 'batch-size': [8, 16] });
const options = (more: Partial<TuneOptions> = {}): TuneOptions => ({
  task: 'classify',
  run: { train: 'train.jsonl', maxSteps: 30 },
  output: folder(),
  space: SPACE,
  trials: 16,
  runTrial: stubRunner(usual),
  ...more,
});

const linesOf = (path: string): string[] => readFileSync(join(path, 'study.jsonl'), 'utf8').trim().split('\n');
const refusal = async (given: TuneOptions): Promise<AlbertineError> => {
  const error: unknown = await tune(given).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AlbertineError);
  return error as AlbertineError;
};

describe('a study', () => {
  it('tries, notes and links the best', async () => {
    const ran: Ran = { jobs: [], most: 0 };
    const given = options({ runTrial: stubRunner(usual, ran) });
    const told: number[] = [];
    const result = await tune({ ...given, onTrial: ({ number }) => told.push(number) });
    expect(told).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(ran.most).toBe(1);
    expect(result.objectives).toEqual([{ name: 'accuracy', direction: 'maximize' }]);
    const accuracies = result.trials.map(({ objectives }) => objectives![0]);
    expect(result.best!.trial).toBe(accuracies.indexOf(Math.max(...accuracies)));
    expect(result.best!.how).toBe('link');
    expect(readlinkSync(join(given.output, 'best'))).toBe(bestRun(result)!.folder);
    const [first] = ran.jobs;
    expect(first.options).toMatchObject({
      train: 'train.jsonl',
      maxSteps: 30,
      output: join(given.output, 'trials/0000'),
    });
    expect(first.options['command']).toBe(
      `albertine finetune classify --train train.jsonl --output ${join(given.output, 'trials/0000')} --max-steps 30 --batch-size ${String(first.options['batchSize'])} --learning-rate ${String(first.options['learningRate'])}`,
    );
    const stored = await readStudy(given.output);
    expect(stored.trials).toEqual(result.trials);
    expect(stored.header.space).toEqual(SPACE);
  });

  it('goes on after being killed at any moment as it would have', async () => {
    const whole = options({ pruner: 'median', pruneAfterTrials: 3 });
    const { trials } = await tune(whole);
    expect(trials.some(({ state }) => state === 'pruned')).toBe(true);
    const lines = linesOf(whole.output);
    for (let kept = 1; kept < lines.length; kept += 7) {
      const output = folder();
      mkdirSync(output);
      writeFileSync(join(output, 'study.jsonl'), `${lines.slice(0, kept).join('\n')}\n${lines[kept].slice(0, 9)}`);
      const notes: string[] = [];
      const resumed = await tune({ ...whole, output, resume: true, onEvent: (_, message) => notes.push(message) });
      expect(notes).toEqual([expect.stringMatching(/cut short.*\(9 bytes\)/)]);
      expect(resumed.trials.map(({ values, state }) => ({ values, state }))).toEqual(
        trials.map(({ values, state }) => ({ values, state })),
      );
    }
  });

  it('more trials go on from a study that has ended', async () => {
    const given = options({ trials: 12 });
    await tune(given);
    const longer = await tune({ ...given, trials: 14, resume: true });
    const at_once = await tune(options({ trials: 14 }));
    expect(longer.trials.map(({ values }) => values)).toEqual(at_once.trials.map(({ values }) => values));
  });

  it('is interrupted, keeping what has begun', async () => {
    const controller = new AbortController();
    const given = options({ trials: 4 });
    const error = await refusal({
      ...given,
      signal: controller.signal,
      onTrial: ({ number }) => {
        if (number === 1) controller.abort();
      },
    });
    expect(error.code).toBe('interrupted');
    const stored = await readStudy(given.output);
    expect(stored.trials.filter(({ state }) => state === 'complete')).toHaveLength(2);
    const { trials } = await tune({ ...given, resume: true });
    expect(trials.map(({ state }) => state)).toEqual(Array(4).fill('complete'));
  });

  it('trains the best again with other seeds', async () => {
    const ran: Ran = { jobs: [], most: 0 };
    const given = options({ trials: 5, retrain: 2, seeds: 3, runTrial: stubRunner(usual, ran) });
    const result = await tune(given);
    expect(result.retrainings.map(({ seed }) => seed)).toEqual([2, 3, 4, 2, 3, 4]);
    const figures = seedFigures(result);
    expect(figures).toHaveLength(2);
    expect(figures[0].mean[0]).toBeGreaterThan(figures[1].mean[0]);
    // The stub adds a thousandth a seed.
    expect(figures[0].deviation[0]).toBeCloseTo(0.001, 10);
    expect(result.best).toMatchObject({ trial: figures[0].trial, seed: 4 });
    expect(ran.jobs).toHaveLength(11);
    // More of them later: what is done is not done again.
    await tune({ ...given, resume: true, seeds: 4 });
    expect(ran.jobs).toHaveLength(13);
  });

  it('several objectives: measured figures, and best by the first', async () => {
    const runTrial = stubRunner((job) => ({
      ...usual(job),
      measured: { parameters: 1000 * (job.options['batchSize'] as number) },
    }));
    const result = await tune(options({ trials: 6, objectives: ['accuracy', 'parameters'], runTrial }));
    expect(result.objectives).toEqual([
      { name: 'accuracy', direction: 'maximize' },
      { name: 'parameters', direction: 'minimize' },
    ]);
    expect(result.header.run).toMatchObject({ metric: 'accuracy' });
    expect([...new Set(result.trials.map(({ objectives }) => objectives![1]))].sort()).toEqual([16000, 8000]);
  });

  it('runs beside each other as far as memory allows', async () => {
    const ran: Ran = { jobs: [], most: 0 };
    await tune(options({ parallel: 3, trials: 9, runTrial: stubRunner(usual, ran, 30) }));
    expect(ran.most).toBe(3);
    expect(ran.jobs[0].options['threads']).toBeGreaterThanOrEqual(1);
    const scarce: Ran = { jobs: [], most: 0 };
    const notes: string[] = [];
    let left = 5;
    await new TrialPool({
      runner: stubRunner(usual, scarce),
      parallel: 3,
      signal: undefined,
      freeMemory: () => 3e6,
      onEvent: (_, message) => notes.push(message),
      onProgress: () => undefined,
    }).run(async () =>
      left-- > 0
        ? {
            job: { task: 'classify', options: { output: 'x', learningRate: 1e-4 }, measure: [] },
            onEnd: async () => undefined,
          }
        : undefined,
    );
    expect(scarce.jobs).toHaveLength(5);
    expect(scarce.most).toBe(1);
    expect(notes).toEqual([expect.stringMatching(/not 3 trials at a time: one takes about 2 MB, and 2 MB are free/)]);
  });
});

describe('what goes wrong', () => {
  it('a trial that fails by itself is noted, and the study goes on', async () => {
    const runTrial = stubRunner((job) =>
      accuracyOf(job) < 0.7
        ? { accuracies: [], error: { code: 'training_diverged', message: 'diverged' } }
        : usual(job),
    );
    const { trials } = await tune(options({ runTrial }));
    expect(trials).toHaveLength(16);
    expect(trials.filter(({ state }) => state === 'failed').length).toBeGreaterThan(0);
    expect(trials.find(({ state }) => state === 'failed')!.reason).toBe('diverged');
  });

  it('what all trials would have ends the study at the first, which can be resumed', async () => {
    const given = options({
      runTrial: stubRunner(() => ({ accuracies: [], error: { code: 'invalid_data', message: 'no such field' } })),
    });
    const error = await refusal(given);
    expect([error.code, error.message]).toEqual(['invalid_data', 'trial 0 failed, and others would: no such field']);
    const { trials } = await tune({ ...given, runTrial: stubRunner(usual), resume: true });
    expect(trials.every(({ state }) => state === 'complete')).toBe(true);
  });

  it('five failures in a row end it', async () => {
    const error = await refusal(
      options({ runTrial: stubRunner(() => ({ accuracies: [], error: { message: 'crash' } })) }),
    );
    expect(error.message).toMatch(/5 trials one after the other failed, the last one: crash/);
  });

  it('a figure that there is not', async () => {
    const error = await refusal(options({ objectives: ['f1'] }));
    expect(error.message).toMatch(/it has no f1; its figures are accuracy, loss, seconds/);
  });

  it('a study is not overwritten, nor continued with other settings', async () => {
    const given = options({ trials: 2 });
    await tune(given);
    expect((await refusal(given)).message).toMatch(/holds a study already/);
    const other = await refusal({ ...given, resume: true, sampler: 'random' });
    expect(other.message).toMatch(/had other settings: sampler \{"seed":1\} -> \{"sampler":"random","seed":1\}/);
    expect((await refusal({ ...given, resume: true, run: { ...given.run, maxSteps: 9 } })).message).toMatch(/maxSteps/);
    const anew = await tune({ ...given, overwrite: true, trials: 1 });
    expect(anew.trials).toHaveLength(1);
    expect((await refusal(options({ resume: true }))).message).toMatch(/holds no study/);
  });

  it('a damaged file', async () => {
    const given = options({ trials: 2 });
    await tune(given);
    const lines = linesOf(given.output);
    writeFileSync(join(given.output, 'study.jsonl'), `${lines[0]}\n{broken\n${lines[1]}\n`);
    expect((await refusal({ ...given, resume: true })).message).toMatch(/study\.jsonl, line 2: not JSON/);
    writeFileSync(join(given.output, 'study.jsonl'), `${lines[1]}\n`);
    expect((await refusal({ ...given, resume: true })).message).toMatch(/line 1: a study begins with/);
    writeFileSync(join(given.output, 'study.jsonl'), '{"stu');
    expect((await refusal({ ...given, resume: true })).message).toMatch(/is empty/);
  });

  it.each([
    [{ space: parseSpace({ 'lerning-rate': '0:1' }) }, /no setting "lerning-rate". Did you mean learning-rate/],
    [{ space: parseSpace({ output: ['a', 'b'] }) }, /output cannot be searched/],
    [{ space: parseSpace({ seed: 'int:1:9' }) }, /luck/],
    [{ space: parseSpace({ 'max-steps': '10:20' }) }, /both given and searched/],
    [{ space: parseSpace({ dropout: '0:2' }) }, /dropout cannot be 2/],
    [{ space: parseSpace({ optimizer: ['adamw', 'adam'] }) }, /optimizer cannot be "adam"/],
    [{ space: parseSpace({ optimizer: '1:2' }) }, /optimizer is no number/],
    [{ space: parseSpace({ shuffle: ['yes', 'no'] }) }, /true or false/],
    [{ space: parseSpace({ learningRate: '1:2', 'learning-rate': '1:2' }) }, /searched twice/],
    [{ space: {} }, /empty/],
    [{ task: 'clasify' }, /no task "clasify"/],
    [{ run: {} }, /needs the option "train"/],
    [{ sampler: 'grid', multivariate: true }, /multivariate is for sampler 'tpe'/],
    [{ gridPoints: 3 }, /gridPoints is for sampler 'grid'/],
    [{ minEvaluations: 3 }, /minEvaluations is for pruner/],
    [{ seeds: 3 }, /seeds is for retrain/],
    [{ objectives: ['accuracy', 'loss'], pruner: 'asha' }, /pruner is for one objective/],
    [{ objectives: ['accuracy:up'] }, /cannot be read/],
    [{ objectives: ['accuracy', 'latency'], parallel: 2 }, /parallel must be 1/],
    [{ objectives: ['latency'], pruner: 'median' }, /judges by evaluations/],
    [{ trials: 0 }, /trials/],
  ] as [Partial<TuneOptions>, RegExp][])('refuses %o', async (wrong, message) => {
    const given = options(wrong);
    expect((await refusal(given)).message).toMatch(message);
    expect(existsSync(join(given.output, 'study.jsonl'))).toBe(false);
  });

  it('conditions and lists reach the run', async () => {
    const ran: Ran = { jobs: [], most: 0 };
    const space = parseSpace({
      optimizer: ['adamw', 'sgd'],
      'learning-rate': [0.0001, 0.001],
      momentum: { range: '0.5:0.9', when: { optimizer: 'sgd' } },
      freeze: ['albert.embeddings', 'albert.embeddings+albert.pooler'],
      shuffle: [true, false],
      epochs: '1:2:0.5',
    });
    const given = options({
      space,
      run: { train: 't.jsonl' },
      trials: 20,
      sampler: 'random',
      runTrial: stubRunner(usual, ran),
    });
    const result: TuneResult = await tune(given);
    expect(result.trials).toHaveLength(20);
    for (const { options: own } of ran.jobs) {
      const optimizer = own['optimizer'] as { name: string; momentum?: number };
      expect('momentum' in optimizer).toBe(optimizer.name === 'sgd');
      expect(own['freeze']).toContain('albert.embeddings');
    }
    expect(ran.jobs.some(({ options: own }) => (own['freeze'] as string[]).length === 2)).toBe(true);
    expect(ran.jobs.some(({ options: own }) => /--no-shuffle/.test(own['command'] as string))).toBe(true);
  });
});
