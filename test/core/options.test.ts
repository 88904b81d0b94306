import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/core/nearest.ts';
import { requireOptions, requireSource, requireTexts } from '../../src/core/options.ts';

interface Sample { pooling?: string; normalize?: boolean; maxLength?: number; layers?: number[] | 'static' }
const check = (options: unknown) => () => requireOptions<Sample>('embed', options as Sample, { pooling: 'string', normalize: 'boolean', maxLength: 'number', layers: 'any' });

describe('requireOptions', () => {
  it('lets right ones pass, and names without a value', () => {
    expect(check({ pooling: 'mean', normalize: true, maxLength: 3, layers: 'static', other: undefined })).not.toThrow();
  });

  it('names the nearest of an unknown name, or all there are', () => {
    expect(check({ normalise: true })).toThrow(expect.objectContaining({ code: 'invalid_argument', value: 'normalise', message: 'embed has no option "normalise". Did you mean "normalize"?', hint: 'Did you mean "normalize"?' }));
    expect(check({ max_length: 3 })).toThrow(/Did you mean "maxLength"\?/);
    expect(check({ colour: 1 })).toThrow(/There are "pooling", "normalize", "maxLength", "layers"/);
    expect(check({ constructor: 1 })).toThrow(/no option "constructor"/);
  });

  it('wants an object, and values of the right kind', () => {
    for (const wrong of ['mean', null, 5, ['mean']]) expect(check(wrong)).toThrow(/the options of embed must be an object, got /);
    expect(check({ normalize: 'yes' })).toThrow('normalize of embed must be a boolean, got "yes"');
    expect(check({ maxLength: '12' })).toThrow('maxLength of embed must be a number, got "12"');
  });
});

describe('texts', () => {
  it('are a list of strings', () => {
    expect(() => requireTexts('embed', ['a', ''])).not.toThrow();
    expect(() => requireTexts('embed', 'a text')).toThrow(expect.objectContaining({ code: 'invalid_argument', value: 'a text', message: 'embed takes a list of texts, got the one text "a text". Put it into a list: embed([text])' }));
    expect(() => requireTexts('embed', ['a', 5])).toThrow('text 1 of embed must be a string, got 5');
    for (const wrong of [undefined, null, 5, {}]) expect(() => requireTexts('embed', wrong)).toThrow(/embed takes a list of texts, got /);
  });

  it('of a stream are no single text, whose letters would be taken', () => {
    expect(() => requireSource('embedStream', 'abc')).toThrow(/got the one text "abc"/);
    for (const right of [['a'], new Set(['a']), (async function* () {})()]) expect(() => requireSource('embedStream', right)).not.toThrow();
  });
});

describe('nearestName', () => {
  it('forgives letters that are wrong, doubled, left out or exchanged, and no more', () => {
    const names = ['embed', 'tokenize', 'info', 'init', 'predict'];
    expect(['emebd', 'tokenise', 'ifno', 'pedict', 'Embed'].map((name) => nearestName(name, names))).toEqual(['embed', 'tokenize', 'info', 'predict', 'embed']);
    expect(['search', 'x', 'serve'].map((name) => nearestName(name, names))).toEqual([undefined, undefined, undefined]);
  });
});
