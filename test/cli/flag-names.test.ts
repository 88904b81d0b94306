import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { addInputOptions } from '../../src/cli/flags/arguments.ts';
import { addSettings } from '../../src/cli/flags/setting-flags.ts';
import { isGiven, nameFlags, spellingOf } from '../../src/cli/flags/spelling.ts';
import { option, prose } from '../../src/core/prose.ts';
import { FINE_TUNE_RUN_SETTINGS } from '../../src/training/run/settings.ts';
import { makeModel, run, temporaryFolder } from './support.ts';

describe('options in messages', () => {
  const command = nameFlags(
    addInputOptions(addSettings(new Command(), FINE_TUNE_RUN_SETTINGS)).option('--sample <n>'),
    { sample: 'inputSentenceSize' },
  );
  const spell = spellingOf(command);

  it('are spelled as callers write them, and as flags', () => {
    const message = prose`${option('maxLength')} must be 3; use ${option('header', false)}, ${option('onError', 'skip')} or ${option('saveActivations', 'none', 2)}, not maxLength`;
    expect(String(message)).toBe(
      "maxLength must be 3; use header: false, onError 'skip' or saveActivations 'none' or 2, not maxLength",
    );
    expect(message.spelled(spell)).toBe(
      '--max-length must be 3; use --no-header, --on-error skip or --save-activations none or 2, not maxLength',
    );
  });

  it('have the flag that the command has for them, whatever the code calls them', () => {
    const flags = {
      epsilon: '--adam-epsilon',
      'optimizer.epsilon': '--adam-epsilon',
      'optimizer.name': '--optimizer',
      'guard.spikeFactor': '--spike-factor',
      'schedule.warmupRatio': '--warmup-ratio',
      frozen: '--freeze',
      freeze: '--freeze',
      shuffle: '--no-shuffle',
      inputSentenceSize: '--sample',
    };
    for (const [name, flag] of Object.entries(flags)) expect(prose`${option(name)}`.spelled(spell), name).toBe(flag);
    expect(prose`${option('vocabSize', 3)} and ${option('beamWidth')}`.spelled(spell)).toBe(
      'vocabSize 3 and beamWidth',
    );
  });

  it('are known to be given or not', () => {
    const parsed = addSettings(new Command(), FINE_TUNE_RUN_SETTINGS).parse(
      ['--output', 'x', '--adam-epsilon', '1', '--no-shuffle'],
      { from: 'user' },
    );
    expect(
      ['output', 'optimizer.epsilon', 'shuffle', 'tensorboard', 'epochs', 'nothing'].map((name) =>
        isGiven(parsed, name),
      ),
    ).toEqual([true, true, true, false, false, false]);
  });
});

describe('errors of the command line', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());

  it('name the flag, and are wrong use where the value cannot be right', async () => {
    const model = await makeModel(folder, 'model');
    const embed = ['embed', '--model', model, 'a cat'];
    expect(await run([...embed, '--max-length', '9999'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^albertine: --max-length must be an integer >= 3 and <= \d+, got 9999$/m,
      ) as string,
    });
    expect(await run([...embed, '--layers', '99'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^albertine: --layers must be an integer/m) as string,
    });
    // What the text decides is a failure.
    expect(
      await run(['embed', '--model', model, 'a cat and a cat and a cat', '--max-length', '3', '--long-text', 'error']),
    ).toMatchObject({ code: 1, stderr: expect.stringMatching(/Use --long-text window or truncate$/m) as string });
  });

  it('say which flags name fields', async () => {
    for (const argv of [
      ['embed'],
      ['tokenize'],
      ['predict'],
      ['evaluate'],
      ['vocab', 'train'],
      ['shards', 'build'],
      ['finetune', 'classify'],
      ['finetune', 'embedding'],
    ]) {
      const { stdout } = await run([...argv, '--help']);
      expect(stdout, argv.join(' ')).toMatch(/^ {2}--text-field <name>/m);
      expect(stdout, argv.join(' ')).not.toMatch(/(?<![\w-])--field\b/);
    }
    expect(await run(['predict', 'model', 'x.csv', '--field', 'body'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/unknown option '--field'/) as string,
    });
    expect(await run(['embed', 'a text', '--text-field', 'body'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--text-field is for files and standard input/) as string,
    });
  });
});
