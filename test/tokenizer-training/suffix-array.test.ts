import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonPrefixLengths, suffixArray } from '../../src/tokenizer/training/suffix-array.ts';

function naiveSuffixArray(text: number[]): number[] {
  const compare = (a: number, b: number): number => {
    for (; a < text.length && b < text.length; a++, b++) if (text[a] !== text[b]) return text[a] - text[b];
    return b - a; // the suffix that ends first is the smaller one
  };
  return text.map((_, index) => index).sort(compare);
}

function naivePrefix(text: number[], a: number, b: number): number {
  let length = 0;
  while (a + length < text.length && b + length < text.length && text[a + length] === text[b + length]) length++;
  return length;
}

describe('suffix array', () => {
  it('sorts the suffixes of "mississippi"', () => {
    const text = Int32Array.from('mississippi', (letter) => letter.charCodeAt(0));
    expect([...suffixArray(text, 128)]).toEqual([10, 7, 4, 1, 0, 9, 8, 6, 3, 5, 2]);
  });

  it('agrees with sorting, and prefix lengths with counting, for any text', () => {
    const texts = fc.oneof(
      fc.array(fc.nat(1), { maxLength: 60 }),
      fc.array(fc.nat(4), { maxLength: 200 }),
      fc.array(fc.nat(30), { maxLength: 200 }),
    );
    fc.assert(
      fc.property(texts, (values) => {
        const text = Int32Array.from(values);
        const order = suffixArray(text, 31);
        expect([...order]).toEqual(naiveSuffixArray(values));
        const expected = [...order].map((position, rank) =>
          rank === 0 ? 0 : naivePrefix(values, order[rank - 1], position),
        );
        expect([...commonPrefixLengths(text, order)]).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});
