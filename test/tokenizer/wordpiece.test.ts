import { Tokenizer as RustTokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { parseTokenizerJson } from '../../src/tokenizer/index.ts';
import { smallWordPiece, VOCABULARY } from './fixtures.ts';
import { generatedLines } from './oracle/corpus.ts';
import { bertTokenizerJson } from './oracle/hf-json.ts';

const bare = { addSpecialTokens: false } as const;

describe('WordPiece', () => {
  const tokenizer = smallWordPiece();
  const cases: [string, string, string[]][] = [
    ['greedy longest match', 'unaffable', ['un', '##aff', '##able']],
    ['lower case and accents', 'CAFÉ Cafe\u0301', ['cafe', 'cafe']],
    ['punctuation', "don't!", ['don', "'", 't', '!']],
    ['Chinese characters', '我爱the北京，', ['我', '爱', 'the', '北', '京', '，']],
    ['unknown characters make the whole word unknown', 'wanted wa😀nt', ['want', '##ed', '[UNK]']],
    ['control characters vanish', 'wan\u0000t\u200bed\ufffd', ['want', '##ed']],
    ['other spaces', 'run\u00a0the\u3000the\u2028run', ['run', 'the', 'the', 'run']],
    ['100 characters are a word', 'a'.repeat(100), ['a', ...Array<string>(99).fill('##a')]],
    ['101 are not', 'a'.repeat(101), ['[UNK]']],
    ['nothing', ' \t\u200b ', []],
    ['final sigma', 'ΟΔΟΣ', ['ο', '##δ', '##ο', '##ς']],
  ];
  it.each(cases)('%s', (_name, text, expected) => {
    expect(tokenizer.encode(text, bare).tokens).toEqual(expected);
    expect([...tokenizer.encodeIds(text)]).toEqual(expected.map((token) => tokenizer.tokenToId(token)));
  });

  it('gives offsets into the original and white-space words', () => {
    const text = " Don't CAFE\u0301 我爱";
    const { tokens, offsets, wordIds } = tokenizer.encode(text, bare);
    expect(tokens.map((token, i) => [token, text.slice(...offsets[i]), wordIds[i]])).toEqual([
      ['don', 'Don', 0],
      ["'", "'", 0],
      ['t', 't', 0],
      ['cafe', 'CAFE\u0301', 1],
      ['我', '我', 2],
      ['爱', '爱', 3],
    ]);
  });

  it('obeys its options', () => {
    expect(smallWordPiece({ lowerCase: false }).encode('The the', bare).tokens).toEqual(['[UNK]', 'the']);
    expect(smallWordPiece({ keepAccents: true }).encode('café', bare).tokens).toEqual(['[UNK]']);
    expect(smallWordPiece({ splitChinese: false }).encode('我爱', bare).tokens).toEqual(['[UNK]']);
    expect(smallWordPiece({ maxWordLength: 3 }).encode('the want', bare).tokens).toEqual(['the', '[UNK]']);
  });

  it('decodes words with the spacing of prose', () => {
    const text = "don't run (the cafe), the wanted: 我爱北京天安门。";
    expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe("don't run (the cafe), the wanted:我爱北京天安门。");
  });

  it('copes with a megabyte without a space', () => {
    expect(tokenizer.encode('a'.repeat(1e6), bare).tokens).toEqual(['[UNK]']);
    expect(tokenizer.encodeIds('我'.repeat(3e5)).length).toBe(3e5);
  });
});

describe('WordPiece against HF tokenizers', () => {
  it('gives the same ids from the same tokenizer.json', async () => {
    const json = bertTokenizerJson(VOCABULARY);
    const rust = RustTokenizer.fromString(JSON.stringify(json));
    const ours = parseTokenizerJson(json, { parseSpecialTokens: false });
    for (const [kind, lines] of Object.entries(generatedLines(60))) {
      const expected = (await rust.encodeBatch(lines, { addSpecialTokens: false })).map((encoding) =>
        encoding.getIds(),
      );
      lines.forEach((line, i) => expect([kind, line, [...ours.encodeIds(line)]]).toEqual([kind, line, expected[i]]));
    }
  });
});
