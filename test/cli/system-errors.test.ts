import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportError } from '../../src/cli/terminal/errors.ts';
import type { CliIo } from '../../src/cli/terminal/io.ts';
import { makeModel, run, temporaryFolder, writeVocabulary } from './support.ts';

const folder = temporaryFolder();
const table = folder.path('x.csv');
beforeAll(() => writeFileSync(table, 'text,label\na cat,cat\na dog,dog\n'));
afterAll(() => folder.remove());

describe('an output that cannot be written', () => {
  it('is refused in one line with advice, before work is spent on it', async () => {
    const model = await makeModel(folder);
    const below = join(table, 'below');
    for (const [argv, message] of [
      [
        ['finetune', 'classify', '--train', table, '--model', model, '--output', table],
        `${table} is a file, not a folder. Move it away, or choose another place`,
      ],
      [
        ['pretrain', '--shards', 'none', '--steps', '1', '--tokenizer', model, '--output', below],
        `${table} is a file, not a folder. Move it away, or choose another place`,
      ],
      [
        ['vocab', 'train', folder.path('vocab.txt'), '--vocab-size', '50', '--output', table],
        `${table} is a file, not a folder. Move it away, or choose another place`,
      ],
      [
        ['embed', 'a cat', '--model', model, '--output', join(below, 'x.npy')],
        `cannot make the folder ${table}: a file of that name is there. Move it away, or choose another name`,
      ],
      [
        [
          'shards',
          'build',
          writeVocabulary(folder.path('text.txt')),
          '--tokenizer',
          model,
          '--output',
          table,
          '--workers',
          '0',
        ],
        `cannot make the folder ${table}: a file of that name is there. Move it away, or choose another name`,
      ],
    ] as const)
      expect(await run([...argv])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`albertine: ${message}\n`) as string,
      });
    mkdirSync(folder.path('folder.jsonl'));
    expect(await run(['embed', 'a cat', '--model', model, '--output', folder.path('folder.jsonl')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /cannot open \S+folder.jsonl: it is a folder, not a file. Give the path of a file/,
      ) as string,
    });
    expect(readFileSync(table, 'utf8')).toMatch(/^text,label/);
  });

  it.skipIf(!existsSync('/proc/self'))(
    'is refused below /proc, where no folders can be made (needs /proc)',
    async () => {
      const argv = [
        'init',
        '--preset',
        'nano',
        '--tokenizer',
        writeVocabulary(folder.path('vocab.txt')),
        '--output',
        '/proc/albertine/model',
      ];
      expect(await run(argv)).toMatchObject({
        code: 1,
        stderr:
          'albertine: cannot make the folder /proc/albertine: no folders can be made there. Choose another place\n',
      });
    },
  );
});

describe('a disk that becomes full', () => {
  it.skipIf(!existsSync('/dev/full'))('fails the command with the path and --resume (needs /dev/full)', async () => {
    const output = folder.path('full.jsonl');
    symlinkSync('/dev/full', output);
    expect(
      await run(['embed', 'a cat', '--model', await makeModel(folder, 'other'), '--output', output]),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^albertine: cannot write to \S+full.jsonl: no space is left on the device. Free .* place. What was written before is kept: the same command with --resume goes on from there$/m,
      ) as string,
    });
  });

  const report = (error: unknown, more: { output?: string; canResume?: boolean }): string => {
    let told = '';
    const io = { stderr: { write: (text: string) => void (told += text) } } as unknown as CliIo;
    expect(reportError(io, error, false, more)).toBe(1);
    return told;
  };
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
    errno: -28,
  });

  it('is told with the output, and with --resume where the command has it', () => {
    const message =
      'albertine: cannot write to my-run: no space is left on the device. Free some space there, or choose another place';
    expect(report(full, { output: 'my-run' })).toBe(`${message}\n`);
    expect(report(full, { output: 'my-run', canResume: true })).toBe(
      `${message}. What was written before is kept: the same command with --resume goes on from there\n`,
    );
    expect(report(new Error('other'), { output: 'my-run', canResume: true })).toMatch(
      /^albertine: unexpected error: other/,
    );
  });
});
