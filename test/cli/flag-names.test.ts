import { describe, expect, it } from 'vitest';
import { asFlags } from '../../src/cli/flags/flag-names.ts';
import { TASKS } from '../../src/tasks/registry.ts';
import { run } from './support.ts';

describe('option names in messages', () => {
  it('become flags', () => {
    expect(asFlags('vocabSize is too large for this text, which yields 9 pieces, got 20. Lower vocabSize, give more text, or set hardVocabLimit to false'))
      .toBe('--vocab-size is too large for this text, which yields 9 pieces, got 20. Lower --vocab-size, give more text, or use --no-hard-vocab-limit');
    expect(asFlags('two fields are called "a". If the file has no header line, say header: false and name the fields 0, 1, 2 ...')).toContain('use --no-header and name');
    expect(asFlags("onError: 'skip' or longText 'window'.")).toBe('--on-error skip or --long-text window.');
    expect(asFlags('calibrate needs a single-label problem')).toBe('--calibrate needs a single-label problem');
  });

  it('stay where they are the user\'s own words', () => {
    for (const message of ['no field "maxLength"', 'no file at data/batchSize.csv', 'no model folder at ./vocabSize', 'the dropout layers and epochs must agree']) expect(asFlags(message)).toBe(message);
  });

  it('are known for every flag of two words', async () => {
    const { stdout: help } = await run(['--help']);
    let seen = 0;
    const verbs = [...help.split('Commands:')[1].matchAll(/^ {2}([a-z]+)/gm)].map(([, verb]) => [verb]).filter(([verb]) => verb !== 'help');
    for (const argv of [...verbs, ['vocab', 'train'], ['shards', 'build'], ...TASKS.map(({ name }) => ['finetune', name])]) {
      for (const [flag] of (await run([...argv, '--help'])).stdout.matchAll(/(?<=^ {2}(?:-\w, )?)--(?!no-)[a-z]+-[a-z-]+/gm)) {
        seen++;
        const name = flag.slice(2).replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
        expect(asFlags(`${name} must be something`), argv.join(' ')).toBe(`${flag} must be something`);
      }
    }
    expect(seen).toBeGreaterThan(60);
  });

  it('are the same wherever texts are read from fields', async () => {
    for (const argv of [['embed'], ['tokenize'], ['predict'], ['evaluate'], ['vocab', 'train'], ['shards', 'build'], ['finetune', 'classify'], ['finetune', 'embedding']]) {
      const { stdout } = await run([...argv, '--help']);
      expect(stdout, argv.join(' ')).toMatch(/^ {2}--text-field <name>/m);
      expect(stdout, argv.join(' ')).not.toMatch(/(?<![\w-])--field\b/);
    }
    expect(await run(['predict', 'model', 'x.csv', '--field', 'body'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/unknown option '--field'/) as string });
    expect(await run(['embed', 'a text', '--text-field', 'body'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/--text-field is for files and standard input/) as string });
  });
});
