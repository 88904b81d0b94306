import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModel, records, run, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
const home = process.cwd();
let model: string;

beforeAll(async () => {
  model = await makeModel(folder);
  writeFileSync(folder.path('README.md'), 'a cat\n');
  writeFileSync(folder.path('cat'), 'a dog\n');
  mkdirSync(folder.path('docs'));
  process.chdir(folder.path('.'));
});
afterAll(() => {
  process.chdir(home);
  folder.remove();
});

describe('texts that are names of files', () => {
  const commands: string[][] = [
    ['embed', '-m', 'model'],
    ['tokenize', '-m', 'model'],
    ['predict', 'model'],
  ];

  it.each(commands)('%s: a path is not embedded as a text', async (...command) => {
    expect(await run([...command, 'README.md'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(
        'README.md is a file, not a text; read a text a line of it with: --input README.md --format txt. If the name itself is the text, give it on standard input: echo README.md | albertine ... -',
      ) as string,
    });
    expect(await run([...command, 'a cat', 'docs/'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'docs/ is a folder, not a text; read a file of it with: --input docs/FILE',
      ) as string,
    });
    expect((await run([...command, folder.path('docs')])).code).toBe(2);
  });

  it('a plain word may be both, which is said', async () => {
    const { code, stdout, stderr } = await run(['tokenize', '-m', 'model', 'cat', 'no/such/path', 'end.']);
    expect([code, records(stdout).length]).toEqual([0, 3]);
    expect(stderr).toContain(
      'note: "cat" was read as a text; there is a file of that name too, whose lines --input cat --format txt would read\n',
    );
  });
});

describe('inputs without rows', () => {
  it('are an error where every row was left out, and a note where there was none', async () => {
    writeFileSync(folder.path('two.jsonl'), '{"text":"a"}\n{"text":"b"}\n');
    writeFileSync(folder.path('empty.csv'), '');
    writeFileSync(folder.path('header.csv'), 'text\n');
    for (const command of [
      ['embed', '-m', model],
      ['tokenize', '-m', model],
    ]) {
      const skipped = await run([...command, '-i', 'two.jsonl', '--text-field', 'txet', '--on-error', 'skip']);
      expect(skipped).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          'two.jsonl: none of 2 rows could be used. The first bad row is 1: no field "txet"',
        ) as string,
      });
      for (const name of ['empty.csv', 'header.csv'])
        expect(await run([...command, '-i', name])).toMatchObject({
          code: 0,
          stderr: expect.stringContaining(`note: ${name} holds no rows\n`) as string,
        });
    }
  });

  it('are refused by vocabularies and shards', async () => {
    writeFileSync(folder.path('blank.txt'), '\n\n');
    expect(await run(['shards', 'build', 'blank.txt', '--tokenizer', model, '--output', 'shards'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no source has any text: blank.txt') as string,
    });
    expect(await run(['vocab', 'train', 'blank.txt', '--output', 'vocabulary'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('empty') as string,
    });
  });
});

describe('a file with semicolons', () => {
  it('is explained with the flag', async () => {
    writeFileSync(folder.path('semicolon.csv'), 'text;label\na cat;1\n');
    for (const command of [
      ['embed', '-m', model, '-i'],
      ['tokenize', '-m', model, '--text-field', 'text', '-i'],
      ['finetune', 'classify', '--model', model, '--output', 'tuned', '--train'],
    ]) {
      const { code, stderr } = await run([...command, 'semicolon.csv']);
      expect([command[0], code, stderr]).toEqual([
        command[0],
        1,
        expect.stringContaining(
          'Its fields seem to be separated by ";": use --delimiter ";". If it is one field, use --delimiter ","',
        ),
      ]);
    }
    expect((await run(['tokenize', '-m', model, '-i', 'semicolon.csv', '--delimiter', ';'])).code).toBe(0);
  });
});
