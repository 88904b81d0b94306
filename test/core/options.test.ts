import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/core/nearest.ts';
import { AlbertineError, namingSource } from '../../src/core/errors.ts';
import { requireOptions, requireSource, requireTexts } from '../../src/core/options.ts';
import { option, prose } from '../../src/core/prose.ts';
import { manualOf, requireSettings, type Settings } from '../../src/core/settings.ts';

interface Sample {
  pooling?: string;
  normalize?: boolean;
  maxLength?: number;
  layers?: number[] | 'static';
}
const check = (options: unknown) => () =>
  requireOptions<Sample>('embed', options as Sample, {
    pooling: 'string',
    normalize: 'boolean',
    maxLength: 'number',
    layers: 'any',
  });

describe('requireOptions', () => {
  it('lets right ones pass, and names without a value', () => {
    expect(check({ pooling: 'mean', normalize: true, maxLength: 3, layers: 'static', other: undefined })).not.toThrow();
  });

  it('names the nearest of an unknown name, or all there are', () => {
    expect(check({ normalise: true })).toThrow(
      expect.objectContaining({
        code: 'invalid_argument',
        value: 'normalise',
        message: 'embed has no option "normalise". Did you mean "normalize"?',
        hint: 'Did you mean "normalize"?',
      }),
    );
    expect(check({ max_length: 3 })).toThrow(/Did you mean "maxLength"\?/);
    expect(check({ colour: 1 })).toThrow(/There are "pooling", "normalize", "maxLength", "layers"/);
    expect(check({ constructor: 1 })).toThrow(/no option "constructor"/);
  });

  it('wants an object, and values of the right kind', () => {
    for (const wrong of ['mean', null, 5, ['mean']])
      expect(check(wrong)).toThrow(/the options of embed must be an object, got /);
    expect(check({ normalize: 'yes' })).toThrow('normalize of embed must be a boolean, got "yes"');
    expect(check({ maxLength: '12' })).toThrow('maxLength of embed must be a number, got "12"');
  });
});

describe('texts', () => {
  it('are a list of strings', () => {
    expect(() => requireTexts('embed', ['a', ''])).not.toThrow();
    expect(() => requireTexts('embed', 'a text')).toThrow(
      expect.objectContaining({
        code: 'invalid_argument',
        value: 'a text',
        message: 'embed takes a list of texts, got the one text "a text". Put it into a list: embed([text])',
      }),
    );
    expect(() => requireTexts('embed', ['a', 5])).toThrow('text 1 of embed must be a string, got 5');
    for (const wrong of [undefined, null, 5, {}])
      expect(() => requireTexts('embed', wrong)).toThrow(/embed takes a list of texts, got /);
  });

  it('of a stream are no single text, whose letters would be taken', () => {
    expect(() => requireSource('embedStream', 'abc')).toThrow(/got the one text "abc"/);
    for (const right of [['a'], new Set(['a']), (async function* () {})()])
      expect(() => requireSource('embedStream', right)).not.toThrow();
  });
});

describe('nearestName', () => {
  it('forgives letters that are wrong, doubled, left out or exchanged, and no more', () => {
    const names = ['embed', 'tokenize', 'info', 'init', 'predict'];
    expect(['emebd', 'tokenise', 'ifno', 'pedict', 'Embed'].map((name) => nearestName(name, names))).toEqual([
      'embed',
      'tokenize',
      'info',
      'predict',
      'embed',
    ]);
    expect(['search', 'x', 'serve'].map((name) => nearestName(name, names))).toEqual([undefined, undefined, undefined]);
  });
});

describe('settings', () => {
  const SETTINGS = {
    rate: { kind: 'number', above: 0, help: 'how fast', default: 0.1 },
    depth: { kind: 'number', integer: true, min: 0, words: ['all', 'none'], help: 'how deep', usual: 'all of them' },
    names: { kind: 'list', help: 'what' },
    guard: {
      kind: 'group',
      help: 'limits',
      settings: {
        factor: { kind: 'number', min: 0, max: 9, help: 'how often' },
        mode: { kind: 'text', values: ['a', 'b'], help: 'which' },
      },
    },
    model: { kind: 'text', orObject: true, help: 'what shape' },
  } as const satisfies Settings;
  const check = (options: unknown) => () =>
    requireSettings('train', options as object, SETTINGS, { onEvent: 'function' });

  it('let right options pass', () => {
    expect(
      check({
        rate: 1,
        depth: 'none',
        names: ['x'],
        guard: { factor: 0, mode: undefined },
        model: { layers: 3 },
        onEvent: () => undefined,
      }),
    ).not.toThrow();
    expect(check({ depth: 3, model: 'tiny' })).not.toThrow();
  });

  it('name the option that is wrong, and its rule', () => {
    for (const [options, option, message] of [
      [{ rate: 0 }, 'rate', 'rate must be a number above 0, got 0'],
      [{ rate: NaN }, 'rate', 'rate must be a number above 0, got null'],
      [{ depth: 'some' }, 'depth', 'depth must be all, none or a whole number of at least 0, got "some"'],
      [{ depth: 1.5 }, 'depth', 'depth must be all, none or a whole number of at least 0, got 1.5'],
      [{ names: [1] }, 'names', 'names must be a list of texts, got [1]'],
      [{ guard: { factor: 10 } }, 'guard.factor', 'guard.factor must be a number of at least 0 and at most 9, got 10'],
      [{ guard: { factor: '1' } }, 'guard.factor', 'guard.factor must be a number, got "1"'],
      [{ guard: { mode: 'c' } }, 'guard.mode', 'guard.mode must be one of a, b, got "c"'],
      [{ guard: { facto: 1 } }, 'guard', 'guard has no setting facto. There are "factor", "mode"'],
      [{ model: 3 }, 'model', 'model must be a text, got 3'],
      [{ rte: 1 }, 'rte', 'train has no option "rte". Did you mean "rate"?'],
    ] as const)
      expect(check(options), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'invalid_argument', option, message }),
      );
  });

  it('say their default in the manual', () => {
    expect([SETTINGS.rate, SETTINGS.depth, SETTINGS.names].map(manualOf)).toEqual([
      'how fast. Default: 0.1',
      'how deep. Default: all of them',
      'what',
    ]);
  });
});

describe('errors', () => {
  it('keep the options of their message when they are told again', () => {
    const error = new AlbertineError('invalid_argument', prose`${option('rate')} is wrong`, {
      value: 3,
      option: 'rate',
      hint: prose`Lower ${option('rate')}`,
    });
    const named = namingSource(error, 'a.json') as AlbertineError;
    expect(named).toMatchObject({
      code: 'invalid_argument',
      value: 3,
      option: 'rate',
      hint: 'Lower rate',
      message: 'a.json: rate is wrong. Lower rate',
      cause: error,
    });
    expect(named.spelled(({ option: name }) => `--${name}`)).toBe('a.json: --rate is wrong. Lower --rate');
  });
});
