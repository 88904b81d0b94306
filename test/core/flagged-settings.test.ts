import { describe, expect, it } from 'vitest';
import { flaggedSettings, flagsOf } from '../../src/core/flagged-settings.ts';
import type { Settings } from '../../src/core/settings.ts';
import { shellWord } from '../../src/core/shell-word.ts';

const SETTINGS: Settings = {
  learningRate: { kind: 'number', help: '' },
  optimizer: {
    kind: 'group',
    settings: { name: { kind: 'text', flag: 'optimizer', help: '' }, momentum: { kind: 'number', help: '' } },
    help: '',
  },
  freeze: { kind: 'list', help: '' },
  train: { kind: 'files', help: '' },
  shuffle: { kind: 'flag', off: true, help: '' },
  freshHead: { kind: 'flag', help: '' },
  inner: { kind: 'json', help: '' },
  hidden: { kind: 'number', flag: false, help: '' },
};

describe('settings with flags', () => {
  it('those of groups are among them, those without a flag are not', () => {
    expect(flaggedSettings(SETTINGS).map(({ path }) => path.join('.'))).toEqual([
      'learningRate',
      'optimizer.name',
      'optimizer.momentum',
      'freeze',
      'train',
      'shuffle',
      'freshHead',
    ]);
  });

  it('options as the flags that stand for them', () => {
    const options = {
      learningRate: 1e-4,
      optimizer: { name: 'sgd' },
      freeze: ['a', 'b'],
      train: ['x y', 'z'],
      shuffle: false,
      freshHead: true,
      inner: {},
      hidden: 3,
    };
    const flags = flagsOf(SETTINGS, options);
    expect(flags.map(shellWord).join(' ')).toBe(
      "--learning-rate 0.0001 --optimizer sgd --freeze a,b --train 'x y' z --no-shuffle --fresh-head",
    );
    expect(flagsOf(SETTINGS, { shuffle: true, freshHead: false })).toEqual([]);
    expect(shellWord("it's")).toBe("'it'\\''s'");
  });
});
