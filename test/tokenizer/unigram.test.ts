import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createUnigramTokenizer,
  parseSentencePieceModel,
  trainerSpec,
  type Tokenizer,
} from '../../src/tokenizer/index.ts';
import { tinyAlbert, tinyModel } from './fixtures.ts';
import { mismatches, withoutTies } from './oracle/oracles.ts';

const golden = JSON.parse(readFileSync(new URL('golden/golden.json', import.meta.url), 'utf8')) as {
  columns: string[];
  rows: [string, ...number[][]][];
};
const plain = { parseSpecialTokens: false } as const;

/** `[token, source text]` pairs. */
function spans(tokenizer: Tokenizer, text: string): string[] {
  const { tokens, offsets } = tokenizer.encode(text, { addSpecialTokens: false });
  return tokens.map((token, i) => `${token}=${text.slice(...offsets[i])}`);
}

describe('Unigram against spm_encode (golden)', () => {
  const cases: [string, Tokenizer][] = [
    ['albert', tinyAlbert(plain)],
    ['cased', tinyAlbert({ ...plain, lowerCase: false, keepAccents: true })],
    ['plain', tinyAlbert({ ...plain, preparation: 'none' })],
    ['bytes', createUnigramTokenizer(tinyModel('tiny-bytes'), { ...plain, preparation: 'none' })],
  ];
  it.each(cases)('gives the same ids: %s', (column, tokenizer) => {
    const index = golden.columns.indexOf(column);
    const { pieces } = tinyModel(column === 'bytes' ? 'tiny-bytes' : 'tiny-albert');
    const lines = golden.rows.map(([line]) => line);
    const found = mismatches(
      column,
      lines,
      golden.rows.map((row) => row[index] as number[]),
      (line) => tokenizer.encodeIds(line),
    );
    expect(
      withoutTies(
        found,
        pieces.map(({ score }) => score),
      ),
    ).toEqual([]);
    expect(found.map(({ line }) => line).filter((line) => !line.includes('100000000'))).toEqual([]);
    expect(lines.length).toBeGreaterThan(300);
  });

  it('encode and encodeIds agree', () => {
    for (const [, tokenizer] of cases) {
      for (const [line] of golden.rows)
        expect(tokenizer.encode(line, { addSpecialTokens: false }).ids).toEqual(tokenizer.encodeIds(line));
    }
  });
});

describe('Unigram offsets', () => {
  const tokenizer = tinyAlbert();

  it('point into the original through NFKD, lower case, the character map and collapsed spaces', () => {
    expect(spans(tokenizer, '  The   OLD\tTeacher')).toEqual(
      ['▁the=The', '▁old=OLD', '▁teacher=Teacher'].flatMap((whole) => expand(tokenizer, whole)),
    );
    // An accent belongs to its letter, composed or not.
    const text = 'Cafe\u0301 café';
    const { offsets, wordIds } = tokenizer.encode(text, { addSpecialTokens: false });
    const words = [0, 1].map((word) => offsets.filter((_, i) => wordIds[i] === word));
    expect(words.map((ranges) => text.slice(ranges[0][0], ranges.at(-1)![1]))).toEqual(['Cafe\u0301', 'café']);
    const emoji = 'a 😀 b';
    expect(spans(tokenizer, emoji)).toContain('<unk>=😀');
    expect(spans(tokenizer, "``x''").at(-1)).toBe(`"=''`);
  });

  /** `▁the=The` for a whole word, checked through its pieces. */
  function expand(tok: Tokenizer, whole: string): string[] {
    const source = whole.split('=')[1];
    return spans(tok, source);
  }

  it('give a bare space an empty range where its word begins', () => {
    const { tokens, offsets } = tokenizer.encode('my 😀', { addSpecialTokens: false });
    const bare = tokens.indexOf('▁');
    expect(offsets[bare]).toEqual([3, 3]);
  });

  it('number words by white space and Chinese characters', () => {
    const { tokens, wordIds } = tokenizer.encode('today 我喜欢', { addSpecialTokens: false });
    const first = tokens.findIndex((token) => token.startsWith('▁') && wordIds[tokens.indexOf(token)] === 1);
    expect(first).toBeGreaterThan(0);
    expect(wordIds.slice(0, first).every((word) => word === 0)).toBe(true);
    expect(Math.max(...wordIds.map(Number))).toBeGreaterThanOrEqual(2);
  });
});

describe('Unigram options', () => {
  it('splits pieces that end in a digit and a comma, unless told to match HF fast', () => {
    const original = tinyAlbert().encode('16, 2016,', { addSpecialTokens: false }).tokens;
    expect(original.filter((token) => /\d,$/.test(token))).toEqual([]);
    expect(
      tinyAlbert({ preparation: 'none' })
        .encode('16, 2016,', { addSpecialTokens: false })
        .tokens.some((token) => /\d,$/.test(token)),
    ).toBe(true);
    expect(tinyAlbert({ variant: 'hf-fast' }).encodeIds('16,').length).toBeGreaterThan(0);
  });

  it('treats special tokens in the text as such only when asked', () => {
    const { special } = tinyAlbert();
    expect(special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    const parsed = tinyAlbert().encode('the  [MASK] river', { addSpecialTokens: false });
    const at = [...parsed.ids].indexOf(4);
    expect(parsed.offsets[at]).toEqual([5, 11]);
    expect([parsed.specialTokensMask[at], parsed.wordIds[at]]).toEqual([1, null]);
    expect([...tinyAlbert(plain).encodeIds('[MASK]')]).not.toContain(4);
    expect([...tinyAlbert().encodeIds('the [MASK] river')]).toEqual([...parsed.ids]);
  });

  it('has a fingerprint that depends on vocabulary and options', () => {
    const prints = [
      tinyAlbert(),
      tinyAlbert({ lowerCase: false }),
      tinyAlbert({ variant: 'hf-fast' }),
      createUnigramTokenizer(tinyModel('tiny-bytes')),
    ].map((t) => t.fingerprint);
    expect(new Set(prints).size).toBe(4);
    expect(tinyAlbert().fingerprint).toBe(prints[0]);
  });

  it('refuses other algorithms and vocabularies without an unknown piece', () => {
    const model = tinyModel('tiny-albert');
    expect(() => createUnigramTokenizer({ ...model, trainer: trainerSpec({ algorithm: 'bpe' }) })).toThrow(
      /only Unigram.*got bpe/,
    );
    expect(() =>
      createUnigramTokenizer({ ...model, pieces: model.pieces.filter(({ type }) => type !== 'unknown') }),
    ).toThrow(/no unknown piece/);
  });

  it('decodes bytes and keeps unknown pieces visible', () => {
    const bytes = createUnigramTokenizer(tinyModel('tiny-bytes'), { preparation: 'none' });
    expect(bytes.decode(bytes.encodeIds('naïve 😀 東京'))).toBe('naïve 😀 東京');
    expect(tinyAlbert().decode(tinyAlbert().encodeIds('a 😀'))).toBe('a <unk>');
    expect(() => tinyAlbert().decode([99999])).toThrow(/position 0 must be in/);
  });
});

describe('a megabyte without a space', () => {
  it.each(['abcdefgh', '2016,', '😀', '한국', 'é'])('of %s is encoded in linear time', (unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length));
    const { ids, offsets } = tinyAlbert().encode(text, { addSpecialTokens: false });
    expect(ids.length).toBeGreaterThan(0);
    expect(offsets.at(-1)![1]).toBe(text.length);
  });
});

describe.skipIf(!existsSync('../shared/data/albert-en-spiece'))('the real spiece.model (needs ../shared/data)', () => {
  it('gives the published ids', () => {
    const tokenizer = createUnigramTokenizer(
      parseSentencePieceModel(readFileSync('../shared/data/albert-en-spiece/spiece.model')),
    );
    expect([...tokenizer.encode('How are you doing?').ids]).toEqual([2, 184, 50, 42, 845, 60, 3]);
    expect([...tokenizer.encode('The company was founded in 2016.').ids]).toEqual([2, 14, 237, 23, 785, 19, 690, 9, 3]);
    expect(spans(tokenizer, 'cost 12,000,')).toEqual(['▁cost=cost', '▁12,000=12,000', ',=,']);
  });
});
