import { describe, expect, it } from 'vitest';
import { bertWords } from '../../src/tokenizer/training/bert-words.ts';
import { trainWordPiece } from '../../src/tokenizer/training/wordpiece-trainer.ts';
import { createWordPieceTokenizer } from '../../src/tokenizer/wordpiece-tokenizer.ts';
import { toyLines } from './toy-text.ts';

const SENNRICH = new Map([
  ['low', 5],
  ['lower', 2],
  ['newest', 6],
  ['widest', 3],
]);

describe('trainWordPiece', () => {
  it('merges the most frequent pair first (the example of Sennrich et al. 2016)', async () => {
    const { vocabulary, report } = await trainWordPiece(SENNRICH, { vocabSize: 5 + 20 + 4, characterCoverage: 1 });
    // Ten letters in two forms, then es 9, est 9, lo 7, low 7.
    expect(vocabulary.slice(0, 5)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
    expect(vocabulary.slice(25)).toEqual(['##es', '##est', 'lo', 'low']);
    expect(report).toMatchObject({ vocabSize: 29, alphabetSize: 10, merges: 4, words: 4 });
    // low, low ##e ##r, n ##e ##w ##est, w ##i ##d ##est
    expect(report.tokensPerCharacter).toBeCloseTo((5 + 2 * 3 + 6 * 4 + 3 * 4) / (15 + 10 + 36 + 18), 12);
  });

  it('stops when no pair is frequent enough', async () => {
    const { vocabulary } = await trainWordPiece(
      new Map([
        ['ab', 1],
        ['cd', 3],
      ]),
      { vocabSize: 100, characterCoverage: 1, minFrequency: 2 },
    );
    expect(vocabulary).toContain('cd');
    expect(vocabulary).not.toContain('ab');
  });

  it('handles repeated letters', async () => {
    const { vocabulary, report } = await trainWordPiece(new Map([['aaaaa', 4]]), {
      vocabSize: 100,
      characterCoverage: 1,
    });
    expect(vocabulary).toContain('aaaaa');
    expect(report.tokensPerCharacter).toBeCloseTo(1 / 5, 12);
  });

  it('serves a tokeniser that knows every word of its text', async () => {
    const lines = toyLines(200);
    const words = new Map<string, number>();
    for (const line of lines) for (const word of bertWords(line)) words.set(word, (words.get(word) ?? 0) + 1);
    const { vocabulary } = await trainWordPiece(words, { vocabSize: 270, characterCoverage: 1 });
    expect(vocabulary).toHaveLength(270);
    const tokenizer = createWordPieceTokenizer(vocabulary);
    for (const line of lines) expect([...tokenizer.encodeIds(line)]).not.toContain(tokenizer.special.unk);
  });

  it('explains wrong sizes', async () => {
    await expect(trainWordPiece(SENNRICH, { vocabSize: 10 })).rejects.toThrow(
      /vocabSize must hold 5 special tokens and 20 letters/,
    );
    await expect(trainWordPiece(new Map())).rejects.toMatchObject({ code: 'invalid_data' });
  });
});

describe('bertWords', () => {
  it("splits as BERT's basic tokeniser", () => {
    expect(bertWords("Café don't 中国, ok\u200b")).toEqual(['cafe', 'don', "'", 't', '中', '国', ',', 'ok']);
    expect(bertWords('Café', { lowerCase: false })).toEqual(['Café']);
  });
});
