import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStudy } from '../../src/tune/study-file-node.ts';
import { sentences, writeRows, writeTinyModel } from '../training/small-run.ts';
import { run, temporaryFolder, type CliResult } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const main = resolve(import.meta.dirname, '../../src/cli/main.ts');
let data: string[];
beforeAll(async () => {
  const model = await writeTinyModel(folder.path('model'));
  const train = writeRows(folder.path('train.jsonl'), sentences(40, 1));
  const held = writeRows(folder.path('dev.jsonl'), sentences(20, 2));
  data = [
    '--model',
    model,
    '--train',
    train,
    '--eval',
    held,
    '--threads',
    '1',
    '--batch-size',
    '4',
    '--no-words-baseline',
  ];
});

const tuneArguments = (output: string, ...more: string[]): string[] => [
  'tune',
  'classify',
  ...data,
  '--output',
  folder.path(output),
  '--search',
  'learning-rate=log:1e-4:1e-1',
  ...more,
];

/** The command in a process of its own, ended by a signal as soon as a file says so. */
async function inProcess(
  argv: readonly string[],
  signal: 'SIGKILL' | 'SIGINT',
  when: () => boolean,
): Promise<CliResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  const result: CliResult = { code: -1, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text));
  const watch = setInterval(() => {
    if (when()) child.kill(signal);
  }, 10);
  result.code = await new Promise((done) => child.on('close', (code) => done(code ?? -1)));
  clearInterval(watch);
  return result;
}

const studyText = (output: string): string => {
  const path = join(folder.path(output), 'study.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};
const trialsOf = async (output: string) =>
  (await readStudy(folder.path(output))).trials.map(({ values, state, objectives, evaluations }) => ({
    values,
    state,
    objectives,
    evaluations,
  }));

describe('albertine tune', () => {
  it('killed or interrupted in a trial, it goes on to the same end', { timeout: 180_000 }, async () => {
    const more = ['--trials', '3', '--max-steps', '40', '--evaluate-every', '10', '--checkpoint-every', '5'];
    const whole = await run(tuneArguments('whole', ...more));
    expect(whole.code, whole.stderr).toBe(0);
    expect(whole.stdout).toBe(`${folder.path('whole')}\n`);
    expect(whole.stderr).toMatch(/3 trials in .*: 3 complete\nbest: trial \d, accuracy/);
    expect(whole.stderr).toMatch(/whole\/best is a link to trials\/000\d/);
    expect(existsSync(join(folder.path('whole'), 'best/model.safetensors'))).toBe(true);
    const killed = await inProcess(tuneArguments('killed', ...more), 'SIGKILL', () =>
      studyText('killed').includes('{"trial":1,"evaluation":2'),
    );
    expect(killed.code).toBe(-1);
    const interrupted = await inProcess(tuneArguments('killed', ...more, '--resume'), 'SIGINT', () =>
      /"trial":1,"evaluation":3/.test(studyText('killed')),
    );
    // A quick machine may have finished before the signal came.
    if (interrupted.code !== 0) {
      expect(interrupted.code, interrupted.stderr).toBe(130);
      expect(interrupted.stderr).toMatch(/interrupted; the study is in .*The same command with --resume goes on/);
      const resumed = await run(tuneArguments('killed', ...more, '--resume'));
      expect(resumed.code, resumed.stderr).toBe(0);
    }
    expect(await trialsOf('killed')).toEqual(await trialsOf('whole'));
    for (const trial of readdirSync(folder.path('whole/trials')))
      expect(
        readFileSync(folder.path(`killed/trials/${trial}/model.safetensors`)).equals(
          readFileSync(folder.path(`whole/trials/${trial}/model.safetensors`)),
        ),
      ).toBe(true);
  });

  it('report shows the study', async () => {
    const page = await run(['report', folder.path('whole')]);
    expect([page.code, page.stdout]).toEqual([0, `${folder.path('whole')}/report.html\n`]);
    expect(readFileSync(folder.path('whole/report.html'), 'utf8')).toContain('learning-rate → accuracy');
    const json = JSON.parse((await run(['report', folder.path('whole'), '--json'])).stdout) as {
      trials: unknown[];
      best: object;
    };
    expect(json.trials).toHaveLength(3);
    expect(json.best).toHaveProperty('folder');
    expect((await run(['report', folder.path('whole/best')])).code).toBe(0);
  });

  it('a trial that cannot run names the reason', { timeout: 60_000 }, async () => {
    const missing = await run(tuneArguments('missing', '--text-field', 'nonsense', '--trials', '2'));
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/trial 0 failed, and others would: .*nonsense/);
  });

  it.each([
    [['--search', 'lerning-rate=0:1'], /no setting "lerning-rate". Did you mean learning-rate/],
    [['--search', 'dropout'], /--search takes name=range, got "dropout"/],
    [['--search', 'dropout=0:5'], /dropout cannot be 5/],
    [['--search', 'learning-rate=0.1,0.2'], /learning-rate is searched twice/],
    [['--search', 'batch-size=4,8'], /both given and searched/],
    [['--search', 'epochs=1:2', '--max-steps', '3'], /either --epochs or --max-steps/],
    [['--sampler', 'tep'], /one of tpe, random, grid/],
    [['--grid-points', '3'], /--grid-points is for --sampler grid/],
    [['--goal', 'accuracy,loss', '--pruner', 'asha'], /--pruner is for one objective/],
    [['--trials', '0'], /at least 1/],
  ])('refuses %j as wrong use', async (more, message) => {
    const { code, stderr } = await run(tuneArguments('refused', ...more));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(folder.path('refused'))).toBe(false);
  });

  it('reads spaces with conditions from a file, and says what is wrong with them', async () => {
    const space = folder.path('space.json');
    writeFileSync(
      space,
      '{"optimizer": ["adamw", "sgd"], "momentum": {"range": "0.5:0.9", "when": {"optimiser": "sgd"}}}',
    );
    const { code, stderr } = await run(tuneArguments('spaced', '--space', space));
    expect([code, stderr]).toEqual([2, expect.stringMatching(/no setting "optimiser". Did you mean optimizer/)]);
    writeFileSync(space, '{"optimizer": [');
    expect((await run(tuneArguments('spaced', '--space', space))).stderr).toMatch(/space\.json/);
    expect((await run(['tune', 'classify', ...data, '--output', folder.path('none')])).stderr).toMatch(
      /--search or --space/,
    );
  });
});
