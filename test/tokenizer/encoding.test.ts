import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tokenizer, Truncation } from '../../src/tokenizer/index.ts';
import { smallWordPiece, tinyAlbert } from './fixtures.ts';

const tokenizers: [string, Tokenizer][] = [
  ['unigram', tinyAlbert()],
  ['wordpiece', smallWordPiece()],
];
const bare = { addSpecialTokens: false } as const;

describe('encodings', () => {
  const tokenizer = smallWordPiece();

  it('of one text and of a pair', () => {
    const single = tokenizer.encode('the run');
    expect(single.tokens).toEqual(['[CLS]', 'the', 'run', '[SEP]']);
    expect([...single.specialTokensMask]).toEqual([1, 0, 0, 1]);
    expect(single.offsets).toEqual([
      [-1, -1],
      [0, 3],
      [4, 7],
      [-1, -1],
    ]);
    expect(single.wordIds).toEqual([null, 0, 1, null]);
    const pair = tokenizer.encode('the run', { pair: 'want' });
    expect(pair.tokens).toEqual(['[CLS]', 'the', 'run', '[SEP]', 'want', '[SEP]']);
    expect([...pair.typeIds]).toEqual([0, 0, 0, 0, 1, 1]);
    expect(pair.offsets[4]).toEqual([0, 4]);
    expect(pair.wordIds[4]).toBe(0);
  });

  it('are padded at the end', () => {
    const { ids, tokens, attentionMask, specialTokensMask, offsets } = tokenizer.encode('the', { padTo: 5 });
    expect([...ids]).toEqual([2, tokenizer.tokenToId('the'), 3, 0, 0]);
    expect(tokens.slice(3)).toEqual(['[PAD]', '[PAD]']);
    expect([...attentionMask]).toEqual([1, 1, 1, 0, 0]);
    expect([...specialTokensMask]).toEqual([1, 0, 1, 1, 1]);
    expect(offsets[4]).toEqual([-1, -1]);
    expect(tokenizer.encode('the run', { padTo: 2 }).ids.length).toBe(4);
  });

  const words = (count: number): string => Array<string>(count).fill('the').join(' ');
  it.each<[Truncation, ...number[]]>([
    ['longest_first', 10, 10, 4, 3],
    ['longest_first', 2, 10, 2, 5],
    ['longest_first', 10, 3, 4, 3],
    ['longest_first', 10, 2, 5, 2],
    ['only_first', 10, 3, 4, 3],
    ['only_second', 3, 10, 3, 4],
    [false, 10, 3, 10, 3],
    ['longest_first', 1, 1, 1, 1],
  ])('%s with ten places cuts %i + %i tokens to %i + %i', (truncation, ...counts) => {
    const [first, second, kept, keptSecond] = counts;
    const encoding = tokenizer.encode(words(first), { pair: words(second), maxLength: 10, truncation });
    const count = (type: number): number =>
      encoding.tokens.filter((token, i) => token === 'the' && encoding.typeIds[i] === type).length;
    expect([count(0), count(1)]).toEqual([kept, keptSecond]);
    expect(encoding.truncatedTokens).toBe(first + second - kept - keptSecond);
  });

  it('refuse what cannot be done', () => {
    expect(() => tokenizer.encode('the', { maxLength: 1 })).toThrow(/maxLength must be an integer >= 2/);
    expect(() => tokenizer.encode(words(9), { pair: 'the', maxLength: 8, truncation: 'only_second' })).toThrow(
      /cannot make room/,
    );
    expect(() => tokenizer.encode('the', { maxLength: 8, truncation: 'both' as Truncation })).toThrow(
      /truncation must be one of/,
    );
    expect(() => tokenizer.encodeWindows('the', { maxLength: 5, stride: 3 })).toThrow(
      /stride must be an integer >= 0 and <= 2/,
    );
    expect(() => tokenizer.encodeWindows(words(9), { pair: 'the', maxLength: 10 })).toThrow(/no room for windows/);
    expect(() => tokenizer.encode(3 as unknown as string)).toThrow(/text must be a string, got 3/);
  });

  it('window over the second text of a pair', () => {
    const windows = tokenizer.encodeWindows('want', { pair: words(5), maxLength: 7, stride: 1 });
    expect(windows.map(({ tokens }) => tokens.length)).toEqual([7, 7]);
    expect(windows.map(({ offsets }) => offsets.slice(3, 6).map(([start]) => start / 4))).toEqual([
      [0, 1, 2],
      [2, 3, 4],
    ]);
  });
});

describe('added tokens', () => {
  const tokenizer = smallWordPiece({
    addedTokens: [
      { content: '<e1>', id: 300, special: true },
      { content: 'New York', id: 301, normalized: true, singleWord: true },
      { content: '<e10>', id: 302, rstrip: true },
    ],
  });

  it('are found before tokenising, the longest first', () => {
    const text = 'the <e1>new YORK</e1> <e10>  want new yorker';
    const { tokens, offsets, specialTokensMask, wordIds } = tokenizer.encode(text, bare);
    expect(tokens.slice(0, 3)).toEqual(['the', '<e1>', 'New York']);
    expect([text.slice(...offsets[2]), wordIds[2], specialTokensMask[1], specialTokensMask[2]]).toEqual([
      'new YORK',
      1,
      1,
      0,
    ]);
    expect(tokens).toContain('<e10>');
    expect(tokens.filter((token) => token === 'New York').length).toBe(1);
    expect([...tokenizer.encodeIds(text)]).toEqual([...tokenizer.encode(text, bare).ids]);
    expect(tokenizer.vocabSize).toBe(303);
    expect(tokenizer.idToToken(250)).toBeUndefined();
    expect(tokenizer.decode([300, 301], { skipSpecialTokens: false })).toContain('<e1>');
    expect(tokenizer.decode([300, 301])).toBe('New York');
  });
});

const alphabet = [
  ...'abcdefgtheTHE  \t.,!?0123456789-()',
  'é',
  'e\u0301',
  'Å',
  'ﬁ',
  '½',
  '한',
  '국',
  '\u1112\u1161',
  '😀',
  '👩‍🚀',
  '我',
  '爱',
  '𠀀',
  'Σ',
  'İ',
  '\u00a0',
  '\u3000',
  '\u200b',
  '\u0001',
  '\ud800',
  '``',
  '▁',
];
const text = fc.array(fc.constantFrom(...alphabet), { maxLength: 60 }).map((parts) => parts.join(''));

describe.each(tokenizers)('properties of %s', (_name, tokenizer) => {
  it('offsets are ordered, inside the text, and cover the text of their tokens', () => {
    fc.assert(
      fc.property(text, (source) => {
        const { offsets, tokens, wordIds } = tokenizer.encode(source, bare);
        let previous = 0;
        offsets.forEach(([start, end], i) => {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(source.length);
          expect(start).toBeGreaterThanOrEqual(previous);
          previous = start;
          if (i > 0) expect([0, 1]).toContain(wordIds[i]! - wordIds[i - 1]!);
          const body = tokens[i].replace(/^##|^▁/, '');
          // Simple tokens are their source's own letters in lower case.
          if (/^[a-z0-9]+$/.test(body) && /^[a-zA-Z0-9]+$/.test(source.slice(start, end)))
            expect(source.slice(start, end).toLowerCase()).toBe(body);
          // The slice alone gives the token's text again (final sigmas apart).
          if (
            body !== '' &&
            !body.includes('ς') &&
            !/unk/i.test(body) &&
            !/[\ud800-\udfff]/u.test(source.slice(start, end))
          ) {
            expect(tokenizer.decode(tokenizer.encodeIds(source.slice(start, end))).replaceAll(' ', '')).toContain(body);
          }
        });
      }),
      { numRuns: 400 },
    );
  });

  it('encodeIds gives the ids of encode', () => {
    fc.assert(
      fc.property(text, (source) => {
        expect([...tokenizer.encodeIds(source)]).toEqual([...tokenizer.encode(source, bare).ids]);
      }),
      { numRuns: 300 },
    );
  });

  it('decoding and encoding again changes nothing', () => {
    fc.assert(
      fc.property(text, (source) => {
        const ids = tokenizer.encodeIds(source);
        fc.pre(![...ids].includes(tokenizer.special.unk) && !source.includes('▁'));
        const decoded = tokenizer.decode(ids);
        expect([...tokenizer.encodeIds(decoded)]).toEqual([...ids]);
        expect(tokenizer.decode(tokenizer.encodeIds(decoded))).toBe(decoded);
      }),
      { numRuns: 400 },
    );
  });

  it('windows cover every token, overlap by the stride and fit', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 3, max: 12 }), fc.nat(8), (source, maxLength, wish) => {
        const stride = Math.min(wish, maxLength - 3);
        const all = [...tokenizer.encodeIds(source)];
        const windows = tokenizer.encodeWindows(source, { maxLength, stride });
        const bodies = windows.map(({ ids }) => [...ids].slice(1, -1));
        expect(bodies.flatMap((ids, i) => (i === 0 ? ids : ids.slice(stride)))).toEqual(all);
        for (const { ids, truncatedTokens } of windows) {
          expect(ids.length).toBeLessThanOrEqual(maxLength);
          expect(truncatedTokens).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('truncation keeps to the limit and counts what it cut', () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 3, max: 20 }), (first, second, maxLength) => {
        const encoding = tokenizer.encode(first, { pair: second, maxLength });
        const total = tokenizer.encodeIds(first).length + tokenizer.encodeIds(second).length;
        expect(encoding.ids.length).toBeLessThanOrEqual(maxLength);
        expect(encoding.ids.length - 3 + encoding.truncatedTokens).toBe(total);
        if (total + 3 > maxLength) expect(encoding.ids.length).toBe(maxLength);
      }),
      { numRuns: 300 },
    );
  });
});
