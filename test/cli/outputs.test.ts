import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModel, readJson, records, run, temporaryFolder, writeVocabulary } from './support.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const folder = temporaryFolder();
let model: string;
beforeAll(async () => {
  model = await makeModel(folder);
});
afterAll(() => folder.remove());

const texts = (name: string, count: number): string => {
  const path = folder.path(name);
  writeFileSync(
    path,
    Array.from({ length: count }, (_, i) => `${JSON.stringify({ text: `the cat ${i} sat on the mat` })}\n`).join(''),
  );
  return path;
};
const start = (...argv: string[]): ChildProcess =>
  spawn(process.execPath, ['--import', 'tsx', MAIN, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
const endOf = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.on('close', resolve));
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe('an input that is not what it was', () => {
  it('is refused by --resume: fewer rows, or another beginning', async () => {
    const input = texts('long.jsonl', 400);
    const output = folder.path('long-out.jsonl');
    const child = start('embed', '-m', model, '-i', input, '-o', output, '-q', '--look-ahead', '8', '--threads', '1');
    const partial = folder.path('long-out.partial.jsonl');
    await until(() => existsSync(partial) && readFileSync(partial, 'utf8').split('\n').length > 20);
    child.kill('SIGKILL');
    await endOf(child);
    const again = ['embed', '-m', model, '-i', input, '-o', output, '-q', '--resume', '--threads', '1'];
    const whole = readFileSync(input, 'utf8');
    writeFileSync(input, whole.replace('cat 0', 'dog 0'));
    expect(await run(again)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot continue .*: .*long\.jsonl has changed since it was begun/) as string,
    });
    // The same beginning, as far as it is compared, is told by its rows.
    const sidecar = `${partial}.meta.json`;
    writeFileSync(sidecar, readFileSync(sidecar, 'utf8').replace(/"head": "[0-9a-f]+"/, '"head0": ""'));
    writeFileSync(input, whole.split('\n').slice(0, 5).join('\n'));
    expect(await run(again)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has 5 texts, and the output holds \d+ records already/) as string,
    });
    writeFileSync(input, whole);
    expect(await run(again)).toMatchObject({ code: 0 });
    expect(records(readFileSync(output, 'utf8'))).toHaveLength(400);
  });
});

describe('an output that is an input', () => {
  it('is refused on standard input too, and - is no folder', () => {
    const input = texts('piped.jsonl', 2);
    const before = readFileSync(input, 'utf8');
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', MAIN, 'embed', '-m', model, '-', '--format', 'jsonl', '-o', input, '--overwrite'],
      { input: undefined, stdio: [openSync(input, 'r'), 'ignore', 'pipe'], encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/the output \S+piped\.jsonl is also read: standard input/),
    ]);
    expect(readFileSync(input, 'utf8')).toBe(before);
    const folderless = spawnSync(
      process.execPath,
      ['--import', 'tsx', MAIN, 'convert', model, '--to', 'safetensors', '-o', '-'],
      { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
    );
    expect([folderless.status, folderless.stderr]).toEqual([1, expect.stringMatching(/- is no folder/)]);
  });

  it('is refused before anything is opened, also through links', async () => {
    const input = texts('in.jsonl', 3);
    const before = readFileSync(input, 'utf8');
    const [soft, hard] = [folder.path('soft.jsonl'), folder.path('hard.jsonl')];
    symlinkSync(input, soft);
    linkSync(input, hard);
    for (const [from, to] of [
      [input, input],
      [input, soft],
      [soft, input],
      [input, hard],
      [hard, soft],
    ]) {
      for (const argv of [
        ['embed', '-m', model, '-i', from],
        ['tokenize', '-m', model, '-i', from],
        ['predict', model, from],
      ]) {
        expect(await run([...argv, '-o', to, '--overwrite'])).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(/^albertine: the output \S+ is also read: /m) as string,
        });
      }
    }
    expect(readFileSync(input, 'utf8')).toBe(before);
    const table = folder.path('in.parquet');
    expect((await run(['embed', '-m', model, 'a cat', '-o', table])).code).toBe(0);
    const bytes = readFileSync(table);
    expect(
      (await run(['embed', '-m', model, '-i', table, '-o', table, '--overwrite', '--text-field', 'index'])).stderr,
    ).toMatch(/is also read/);
    expect(readFileSync(table).equals(bytes)).toBe(true);
  });

  it('is refused as a partial file, a sidecar and a folder that holds it', async () => {
    const partial = texts('x.partial.jsonl', 2);
    expect((await run(['embed', '-m', model, '-i', partial, '-o', folder.path('x.jsonl')])).stderr).toMatch(
      /is also read/,
    );
    const corpus = folder.path('corpus');
    mkdirSync(corpus);
    writeFileSync(join(corpus, 'a.txt'), 'the cat sat\n\nthe dog ran\n');
    writeFileSync(join(corpus, 'a.csv'), 'text,label\nthe cat,cat\nthe dog,dog\n');
    for (const argv of [
      ['shards', 'build', join(corpus, 'a.txt'), '--tokenizer', model, '--workers', '0'],
      ['vocab', 'train', join(corpus, 'a.txt'), '--vocab-size', '30'],
      ['vocab', 'train', corpus, '--vocab-size', '30'],
      ['finetune', 'classify', '--model', model, '--train', join(corpus, 'a.csv'), '--overwrite'],
    ])
      expect(await run([...argv, '-o', corpus])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/the output \S+ (is also read|holds what is read): /) as string,
      });
    for (const to of ['safetensors', 'int8', 'onnx'])
      expect((await run(['convert', model, '--to', to, '-o', model, '--overwrite'])).stderr).toMatch(
        /the output \S+ is also read/,
      );
    expect(
      (
        await run([
          'finetune',
          'classify',
          '--model',
          model,
          '--train',
          join(corpus, 'a.csv'),
          '-o',
          model,
          '--overwrite',
        ])
      ).stderr,
    ).toMatch(/is also read/);
    expect(readdirSync(corpus).sort()).toEqual(['a.csv', 'a.txt']);
  });
});

describe('an output that is there already', () => {
  it('is replaced with --overwrite only, and when the new one is complete', async () => {
    const output = folder.path('keep.jsonl');
    expect((await run(['embed', '-m', model, 'a cat', '-o', output])).code).toBe(0);
    const [kept, meta] = [readFileSync(output, 'utf8'), readJson(`${output}.meta.json`)];
    writeFileSync(folder.path('bad.jsonl'), '{"text":5}\n');
    for (const argv of [
      ['embed', '-m', model, 'a dog'],
      ['tokenize', '-m', model, 'a dog'],
    ]) {
      expect(await run([...argv, '-o', output])).toMatchObject({
        code: 1,
        stderr: `albertine: ${output} exists already. Choose another --output, or replace it with --overwrite\n`,
      });
    }
    for (const argv of [
      ['embed', '-m', model],
      ['tokenize', '-m', model],
    ])
      expect((await run([...argv, '-i', folder.path('bad.jsonl'), '-o', output, '--overwrite'])).code).toBe(1);
    expect([readFileSync(output, 'utf8'), readJson(`${output}.meta.json`)]).toEqual([kept, meta]);
    expect(
      readdirSync(folder.path('.'))
        .filter((name) => name.startsWith('keep') || name.includes('.keep'))
        .sort(),
    ).toEqual(['keep.jsonl', 'keep.jsonl.meta.json']);
    expect((await run(['embed', '-m', model, 'a dog', 'a cat', '-o', output, '--overwrite'])).code).toBe(0);
    expect(records(readFileSync(output, 'utf8')).length).toBe(2);
    for (const [argv, made] of [
      [
        ['vocab', 'train', writeVocabulary(folder.path('words.txt')), '--vocab-size', '100', '--no-hard-vocab-limit'],
        'vocab',
      ],
      [['shards', 'build', folder.path('words.txt'), '--tokenizer', model, '--workers', '0'], 'shards'],
      [['convert', model, '--to', 'safetensors'], 'converted'],
      [['convert', model, '--to', 'onnx'], 'one.onnx'],
    ] as const) {
      expect((await run([...argv, '-o', folder.path(made)])).code, made).toBe(0);
      expect((await run([...argv, '-o', folder.path(made)])).stderr, made).toMatch(/already.*--overwrite/);
      expect((await run([...argv, '-o', folder.path(made), '--overwrite'])).code, made).toBe(0);
    }
  });

  it('is - for standard output where - is standard input too', async () => {
    for (const argv of [
      ['embed', '-m', model, 'a cat'],
      ['tokenize', '-m', model, 'a cat'],
    ]) {
      expect((await run([...argv, '-o', '-'])).stdout).toBe((await run(argv)).stdout);
    }
    expect((await run(['embed', '-m', model, 'a cat', '-o', '-', '--resume'])).code).toBe(2);
  });

  it.each(['j.jsonl', 'n.npy'])(
    'is the old or the new one whenever the process is killed (%s)',
    async (name) => {
      const input = texts('many.jsonl', 1500);
      const [output, fresh] = [folder.path(name), folder.path(`fresh-${name}`)];
      const argv = (to: string): string[] => [
        'embed',
        '-m',
        model,
        '-i',
        input,
        '-o',
        to,
        '--layers',
        '0',
        '--overwrite',
        '-q',
      ];
      expect((await run(['embed', '-m', model, 'a dog', '-o', output, '-q'])).code).toBe(0);
      expect((await run(argv(fresh))).code).toBe(0);
      const whole = [readFileSync(output), readFileSync(fresh)];
      for (const wait of [0, 20, 60, 150]) {
        const child = start(...argv(output));
        const ended = endOf(child);
        await until(() => existsSync(folder.path(`.${name}.lock`)) || child.exitCode !== null);
        await new Promise((resolve) => setTimeout(resolve, wait));
        child.kill('SIGKILL');
        await ended;
        const now = readFileSync(output);
        expect(
          whole.some((one) => one.equals(now)),
          `killed after ${wait} ms`,
        ).toBe(true);
      }
      // Neither the lock of a killed process nor what it left keeps the next one from its work.
      expect(await run(argv(output))).toMatchObject({ code: 0 });
      expect(readFileSync(output).equals(whole[1])).toBe(true);
      expect(
        readdirSync(folder.path('.')).filter(
          (entry) => entry.includes(name.replace('.', '.partial.')) || entry === `.${name}.lock`,
        ),
      ).toEqual([]);
    },
    120_000,
  );
});

describe('two runs into one place', () => {
  it('embed: the second is refused and names the holder; the first is whole', async () => {
    const input = texts('twice.jsonl', 4000);
    const output = folder.path('twice-out.jsonl');
    const child = start('embed', '-m', model, '-i', input, '-o', output, '--layers', '0', '-q');
    const ended = endOf(child);
    await until(() => existsSync(folder.path('.twice-out.jsonl.lock')) || child.exitCode !== null);
    for (const more of [[], ['--overwrite'], ['--resume']]) {
      expect(await run(['embed', '-m', model, '-i', input, '-o', output, '-q', ...more])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          `${output} is being written by process ${child.pid} on ${hostname()}, since 20`,
        ) as string,
      });
    }
    expect(await ended).toBe(0);
    expect(records(readFileSync(output, 'utf8')).map(({ index }) => index)).toEqual(
      Array.from({ length: 4000 }, (_, index) => index),
    );
    expect(existsSync(folder.path('.twice-out.jsonl.lock'))).toBe(false);
  }, 60_000);

  it('finetune: --resume and --overwrite do not touch a live run, and SIGHUP saves it', async () => {
    const train = folder.path('train.csv');
    writeFileSync(
      train,
      `text,label\n${Array.from({ length: 24 }, (_, i) => `the ${i % 2 ? 'cat' : 'dog'} ${i},${i % 2 ? 'cat' : 'dog'}`).join('\n')}\n`,
    );
    const output = folder.path('live');
    const argv = [
      'finetune',
      'classify',
      '--model',
      model,
      '--train',
      train,
      '--eval',
      train,
      '--batch-size',
      '4',
      '--threads',
      '1',
      '--max-steps',
      '20000',
      '--checkpoint-every',
      '50',
      '-q',
      '--output',
      output,
    ];
    const child = start(...argv);
    const ended = endOf(child);
    const metrics = join(output, 'metrics.jsonl');
    await until(
      () =>
        (existsSync(join(output, 'checkpoints')) &&
          existsSync(metrics) &&
          readFileSync(metrics, 'utf8').includes('"step":60')) ||
        child.exitCode !== null,
    );
    for (const more of ['--resume', '--overwrite'])
      expect((await run([...argv, more])).stderr).toMatch(
        new RegExp(`live is being written by process ${child.pid} on .*, since .*live/.albertine.lock`),
      );
    child.kill('SIGHUP');
    expect(await ended).toBe(130);
    const steps = readFileSync(metrics, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { step: number }).step);
    expect(steps).toEqual(steps.map((_, index) => index + 1));
    expect(readJson(join(output, 'run.json'))).toMatchObject({ outcome: 'interrupted' });
    expect(existsSync(join(output, '.albertine.lock'))).toBe(false);
  }, 60_000);

  it('takes over the lock of a process that is gone, not that of another host', async () => {
    const output = folder.path('locked.jsonl');
    const lock = folder.path('.locked.jsonl.lock');
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const content = { since: new Date().toISOString(), nonce: 'x', host: hostname(), pid: gone };
    writeFileSync(lock, JSON.stringify(content));
    expect((await run(['embed', '-m', model, 'a cat', '-o', output])).code).toBe(0);
    writeFileSync(lock, JSON.stringify({ ...content, host: 'elsewhere' }));
    expect((await run(['embed', '-m', model, 'a cat', '-o', output, '--overwrite'])).stderr).toBe(
      `albertine: ${output} is being written by process ${gone} on elsewhere, since ${content.since}. If it has ended, delete ${lock}; else wait for it, or choose another output\n`,
    );
    rmSync(lock);
    // Started before the machine was: a number that another process has now.
    writeFileSync(lock, JSON.stringify({ ...content, pid: process.ppid, since: '2001-01-01T00:00:00.000Z' }));
    expect((await run(['embed', '-m', model, 'a cat', '-o', output, '--overwrite'])).code).toBe(0);
  });
});

describe('a full disk', () => {
  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot || process.platform !== 'linux')(
    'leaves no temporary files (needs root, to mount a small one)',
    async ({ skip }) => {
      const disk = folder.path('disk');
      mkdirSync(disk);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', disk]).status !== 0)
        return skip('tmpfs cannot be mounted here');
      try {
        const input = texts('full.jsonl', 400);
        for (const name of ['x.jsonl', 'x.npy', 'x.parquet']) {
          expect((await run(['embed', '-m', model, '-i', input, '-o', join(disk, name), '-q'])).stderr).toMatch(
            /no space is left on the device/,
          );
          expect(readdirSync(disk).filter((entry) => !/^x\.partial\.(jsonl|npy)(\.meta\.json)?$/.test(entry))).toEqual(
            [],
          );
          for (const entry of readdirSync(disk)) rmSync(join(disk, entry));
        }
        expect((await run(['init', '--preset', 'nano', '-o', join(disk, 'model')])).stderr).toMatch(
          /no space is left on the device/,
        );
        expect((await run(['convert', model, '--to', 'onnx', '-o', join(disk, 'model.onnx')])).stderr).toMatch(
          /no space is left on the device/,
        );
        expect(readdirSync(disk)).toEqual([]);
      } finally {
        spawnSync('umount', [disk]);
      }
    },
  );
});

describe('a finished run', () => {
  it('keeps no checkpoints unless told to, and --resume says that nothing is left to do', async () => {
    const train = folder.path('few.csv');
    copyFileSync(folder.path('train.csv'), train);
    const argv = (output: string, ...more: string[]): string[] => [
      'finetune',
      'classify',
      '--model',
      model,
      '--train',
      train,
      '--eval',
      train,
      '--batch-size',
      '4',
      '--threads',
      '1',
      '--max-steps',
      '6',
      '--checkpoint-every',
      '2',
      '-q',
      '--output',
      folder.path(output),
      ...more,
    ];
    expect((await run(argv('done'))).code).toBe(0);
    expect(existsSync(folder.path('done/checkpoints'))).toBe(false);
    const weights = readFileSync(folder.path('done/model.safetensors'));
    expect(await run(argv('done', '--resume'))).toMatchObject({
      code: 0,
      stdout: `${folder.path('done')}\n`,
      stderr: expect.stringMatching(/note: the run in \S+ is finished: there is nothing to resume/) as string,
    });
    expect(readFileSync(folder.path('done/model.safetensors')).equals(weights)).toBe(true);
    expect((await run(argv('kept', '--keep-checkpoints', '1'))).code).toBe(0);
    expect(readdirSync(folder.path('kept/checkpoints'))).toEqual(['step-000000006']);
  });

  it('gives predictions in a table beside the columns of the input', async () => {
    const rows = folder.path('rows.jsonl');
    writeFileSync(rows, '{"id":7,"text":"the cat","label":"old","more":[1]}\n{"id":8,"text":"the dog","extra":1}\n');
    const output = folder.path('predicted.tsv');
    expect(await run(['predict', folder.path('done'), rows, '-o', output, '-q'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /note: 1 row had fields that the first row does not have, which the table leaves out: extra/,
      ) as string,
    });
    const [header, first, second] = readFileSync(output, 'utf8')
      .split('\n')
      .map((line) => line.split('\t'));
    expect(header).toEqual([
      'id',
      'text',
      'input_label',
      'more',
      'index',
      'label',
      'score',
      'tokenCount',
      'windows',
      'truncatedTokens',
    ]);
    expect([first.slice(0, 5), second.slice(0, 5)]).toEqual([
      ['7', 'the cat', 'old', '[1]', '0'],
      ['8', 'the dog', '', '', '1'],
    ]);
    expect((await run(['predict', folder.path('done'), rows, '-o', folder.path('predicted.parquet'), '-q'])).code).toBe(
      0,
    );
  });
});
