import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockTarget } from '../../src/core/lock-node.ts';
import { readEarlierParts } from '../../src/training/trackers/wandb-parts.ts';
import { sentences, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { interrupted, records, run } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

interface FakeRun {
  learningRate: number;
  accuracy?: number[];
  outcome?: string;
  more?: object;
}

/** A run as its trackers leave it, of 30 steps with an evaluation every 10. */
function writeRun(place: string, { learningRate, accuracy = [], outcome, more }: FakeRun): void {
  mkdirSync(place, { recursive: true });
  const best = accuracy.length > 0 ? Math.max(...accuracy) : undefined;
  const info = {
    config: { task: 'classify', model: '/somewhere/base', trainRows: 320, metric: 'accuracy', learningRate, ...more },
    startedAt: `2026-11-2${readdirSync(join(place, '..')).length}T08:00:00.000Z`,
    ...(outcome && { outcome }),
    ...(outcome === 'finished' && {
      bestCheckpoint: { step: 10 * (1 + accuracy.indexOf(best!)), metric: 'accuracy', value: best },
    }),
  };
  writeFileSync(join(place, 'run.json'), JSON.stringify(info));
  const steps = Array.from({ length: 30 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1), learningRate, seconds: 0.5 }));
  writeFileSync(join(place, 'metrics.jsonl'), steps.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const evaluations = accuracy.map((value, i) => ({ step: 10 * (i + 1), evaluation: { accuracy: value, loss: 1 } }));
  writeFileSync(join(place, 'events.jsonl'), evaluations.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

describe('albertine runs', () => {
  const models = folder.path('models');
  beforeAll(() => {
    mkdirSync(join(models, 'sweep'), { recursive: true });
    writeRun(join(models, 'good'), { learningRate: 1e-4, accuracy: [0.5, 0.75, 0.7], outcome: 'finished' });
    writeRun(join(models, 'sweep/fast'), { learningRate: 1e-3, accuracy: [0.625], outcome: 'interrupted' });
    writeRun(join(models, 'sweep/dead'), { learningRate: 3e-4, more: { seed: 7, optimizer: { name: 'lamb' } } });
    mkdirSync(join(models, 'damaged'));
    writeFileSync(join(models, 'damaged/run.json'), '{"config":');
    // What lies below a run's own folders is none.
    mkdirSync(join(models, 'good/checkpoints/x'), { recursive: true });
    cpSync(join(models, 'good/run.json'), join(models, 'good/checkpoints/x/run.json'));
  });
  const names = (stdout: string): string[] =>
    stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ {2,}/)[0]);

  it('lists the runs below a folder, and tells of damaged ones', async () => {
    const { code, stdout, stderr } = await run(['runs', models]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^warning: .*damaged: run\.json is not a JSON object/)]);
    expect(stdout.split('\n')[0].split(/ +/)).toEqual(
      'name task model status steps metric rows learningRate time date'.split(' '),
    );
    const line = stdout.split('\n').find((one) => one.startsWith('good'))!;
    expect(line.split(/ {2,}/).slice(0, 9)).toEqual([
      'good',
      'classify',
      'base',
      'finished',
      '30',
      'accuracy 0.75',
      '320',
      '1e-4',
      '15 s',
    ]);
    expect(stdout).toMatch(/sweep\/dead .* died /);
    expect(stdout).toMatch(/sweep\/fast .* interrupted .* accuracy 0\.625 /);
    expect(names(stdout)).toHaveLength(3);
  });

  it('tells a run that goes on from one that died', async () => {
    const lock = await lockTarget(join(models, 'sweep/dead'));
    expect((await run(['runs', join(models, 'sweep/dead')])).stdout).toMatch(/dead .* running /);
    await lock.release();
  });

  it('filters, sorts and limits', async () => {
    const listed = async (...flags: string[]) => names((await run(['runs', models, ...flags])).stdout);
    expect(await listed('--filter', 'learningRate>=3e-4', 'task=classify', '--sort', 'learningRate')).toEqual([
      'sweep/dead',
      'sweep/fast',
    ]);
    expect(await listed('--filter', 'name=sweep/*', '--sort', '-learningRate')).toEqual(['sweep/fast', 'sweep/dead']);
    expect(await listed('--sort', 'metric')).toEqual(['good', 'sweep/fast', 'sweep/dead']);
    expect(await listed('--filter', 'accuracy>=0.7')).toEqual(['good']);
    expect(await listed('--filter', 'optimizer.name=lamb')).toEqual(['sweep/dead']);
    expect(await listed('--sort', 'metric', '--limit', '1')).toEqual(['good']);
    const shown = await run(['runs', models, '--columns', 'name,seed,accuracy', '--sort', 'name']);
    expect(shown.stdout).toBe(
      [
        'name        seed  accuracy',
        'good                  0.75',
        'sweep/dead     7',
        'sweep/fast           0.625',
        '',
      ].join('\n'),
    );
  });

  it('shows the settings that differ, and nothing else', async () => {
    const { stdout } = await run([
      'runs',
      join(models, 'good'),
      join(models, 'sweep/dead'),
      '--diff',
      '--sort',
      'name',
    ]);
    expect(stdout).toBe(
      [
        'setting         good  sweep/dead',
        'learningRate    1e-4  3e-4',
        'seed            –     7',
        'optimizer.name  –     lamb',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await run(['runs', models, '--diff', '--json', '--sort', 'name'])).stdout) as object;
    expect(json).toMatchObject({ runs: ['good', 'sweep/dead', 'sweep/fast'], settings: { seed: [null, 7, null] } });
  });

  it('gives everything as JSON', async () => {
    const all = JSON.parse((await run(['runs', models, '--json', '--sort', 'metric'])).stdout) as object[];
    expect(all[0]).toMatchObject({
      name: 'good',
      folder: join(models, 'good'),
      status: 'finished',
      seconds: 15,
      best: { metric: 'accuracy', value: 0.75, step: 20, higherIsBetter: true },
      settings: { model: '/somewhere/base' },
      figures: { accuracy: 0.75, loss: 1 },
    });
  });

  it('writes one page with the table, the differences and the curves, which loads nothing', async () => {
    const page = folder.path('runs.html');
    expect(await run(['runs', models, '--html', page])).toMatchObject({ code: 0, stdout: `${page}\n` });
    const html = readFileSync(page, 'utf8');
    expect(html).not.toMatch(/(src|href)=/);
    expect(html.match(/<tr><th title=/g)).toHaveLength(3);
    expect(html).toContain('Settings that differ');
    for (const title of ['Evaluation: accuracy', 'Loss (smoothed)', 'Learning rate', 'Evaluation: loss'])
      expect(html).toContain(`aria-label="${title}"`);
    expect(html.match(/aria-sort="none"><button type="button">/g)).toHaveLength(10);
    expect((await run(['runs', models, '--html', page])).stderr).toMatch(/exists already/);
    const chinese = await run(['runs', models, '--html', page, '--overwrite', '--language', 'zh']);
    expect([chinese.code, readFileSync(page, 'utf8')]).toEqual([0, expect.stringContaining('<html lang="zh-CN">')]);
  });

  it('says what to do where there is nothing, or where a flag cannot be meant', async () => {
    mkdirSync(folder.path('empty'));
    const told = async (...argv: string[]): Promise<[number, string]> => {
      const { code, stderr } = await run(['runs', ...argv]);
      return [code, stderr.split('\n').filter((line) => !line.startsWith('warning'))[0]];
    };
    expect(await told(folder.path('empty'))).toEqual([1, expect.stringMatching(/no run in .* A run is a folder/)]);
    expect(await told(folder.path('none'))).toEqual([1, expect.stringContaining('no folder at')]);
    expect(await told(models, '--sort', 'learningrate')).toEqual([
      2,
      expect.stringContaining('Did you mean learningRate'),
    ]);
    expect(await told(models, '--filter', 'learnRate=1')).toEqual([
      2,
      expect.stringContaining('Did you mean learningRate'),
    ]);
    expect(await told(models, '--filter', 'learningRate>=high')).toEqual([2, expect.stringContaining('no number')]);
    expect(await told(models, '--filter', 'accuracy>=0.9', '--html', folder.path('none.html'))).toEqual([
      1,
      expect.stringContaining('no run meets the filter'),
    ]);
    expect(await told(join(models, 'damaged'))).toEqual([1, expect.stringContaining('could be read')]);
    expect(await told(models, '--language', 'zh')).toEqual([2, expect.stringContaining('--html')]);
    expect(await told(models, '--json', '--html', 'x')).toEqual([2, expect.stringContaining('not both')]);
    expect(await told(join(models, 'good'), '--diff')).toEqual([2, expect.stringContaining('two runs')]);
  });
});

describe('finetune --wandb', () => {
  it('goes on in the same W&B run after an interruption, with every step once', async () => {
    const model = await writeTinyModel(folder.path('base'));
    const train = folder.path('train.csv');
    const rows = sentences(96, 1).map(({ text, label }) => `${text},${label}\n`);
    writeFileSync(train, `text,label\n${rows.join('')}`);
    const output = folder.path('tracked');
    const command = ['finetune', 'classify', '--model', model, '--train', train, '--output', output, '--threads', '1'];
    command.push('--batch-size', '8', '--max-steps', '40', '--no-words-baseline', '--wandb');
    const said = await interrupted(command, join(output, 'metrics.jsonl'), 5);
    const first = readEarlierParts(join(output, 'wandb'))!;
    expect(said).toContain(`wandb: run ${first.id}, not sent; upload it with: wandb sync ${output}`);
    expect(first.summary).toMatchObject({ outcome: '"interrupted"' });
    expect((await run([...command, '--resume', '--quiet'])).code).toBe(0);
    const both = readEarlierParts(join(output, 'wandb'))!;
    expect([both.id, both.paths.length]).toEqual([first.id, 2]);
    const steps = both.lines.history.map((line) => (JSON.parse(line) as { _step: number })._step);
    expect(steps).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(both.config).toMatchObject({ task: '"classify"', batchSize: '8' });
    expect(both.summary).toMatchObject({ outcome: '"finished"', 'evaluation/accuracy': expect.any(String) as string });
    expect(records((await run(['runs', output, '--json'])).stdout.replace(/\s+/g, ' '))).toHaveLength(1);
    // A run that is started anew has no part in the old one.
    expect((await run([...command, '--overwrite', '--quiet', '--max-steps', '2'])).code).toBe(0);
    expect(readEarlierParts(join(output, 'wandb'))!.id).not.toBe(first.id);
    expect(existsSync(first.paths[0])).toBe(false);
    expect((await run([...command.slice(0, -1), '--wandb-online'])).stderr).toContain('does nothing without --wandb');
  });
});
