import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCandidates, GivenPhrases, type CandidateRule } from '../../src/analysis/keywords/candidates.ts';
import { chooseMaxSum, chooseMmr } from '../../src/analysis/keywords/choose.ts';
import { KeywordExtractor, type KeywordOptions } from '../../src/analysis/keywords/extractor.ts';
import { stopWordsOf } from '../../src/analysis/keywords/stop-words.ts';
import { wordsOf } from '../../src/analysis/keywords/words.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import type { Albert } from '../../src/loaded/albert.ts';
import { cosine } from '../../src/metrics/similarity.ts';

/** Written by oracle/make_keybert_golden.py with KeyBERT on the built-in model's folder. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/keybert.json'), 'utf8')) as {
  document: string;
  candidates: string[];
  seeds: string[];
  found: Record<string, [text: string, score: number][]>;
  sameVectors: {
    document: number[];
    vectors: number[][];
    mmr: Record<string, number[]>;
    maxSum: Record<string, number[]>;
  }[];
};

let model: Albert;
beforeAll(async () => {
  model = await loadModel('albertine-nano-en-zh', { threads: 1 });
});
afterAll(() => model[Symbol.dispose]());

const PHRASES: CandidateRule = { kind: 'phrases', maxWords: 5 };
const both = stopWordsOf(['en', 'zh']);
const textsOf = (text: string, rule: CandidateRule = PHRASES, stop = both): string[] =>
  findCandidates(text, rule, stop).map((candidate) => candidate.text);

describe('keywords as KeyBERT', () => {
  it.each(golden.sameVectors.map((one, i) => ({ i, ...one })))('same vectors, case $i', (one) => {
    const scores = one.vectors.map((vector) => cosine(vector, one.document));
    const choices = { scores, similarity: (a: number, b: number) => cosine(one.vectors[a], one.vectors[b]) };
    const sorted = (chosen: number[]): number[] => chosen.sort((a, b) => a - b);
    for (const [diversity, expected] of Object.entries(one.mmr))
      expect(sorted(chooseMmr(choices, { topK: 5, diversity: Number(diversity) })), diversity).toEqual(expected);
    for (const [pool, expected] of Object.entries(one.maxSum))
      expect(sorted(chooseMaxSum(choices, { topK: 5, pool: Number(pool) })), pool).toEqual(expected);
  });

  const METHODS: Record<string, KeywordOptions> = {
    none: { topK: 6 },
    'mmr 0.2': { topK: 6, diversity: 0.2 },
    'mmr 0.7': { topK: 6, diversity: 0.7 },
    'max-sum': { topK: 4, method: 'max-sum', pool: 10 },
    seeds: { topK: 6, seedWords: golden.seeds },
  };
  it.each(Object.keys(golden.found))('the same model and candidates, %s', async (name) => {
    const extractor = KeywordExtractor.from(model, {
      candidates: golden.candidates,
      ranking: 'similarity',
      ...METHODS[name],
    });
    const [{ keywords }] = await extractor.extract([golden.document]);
    expect(keywords.map(({ text }) => text.toLowerCase())).toEqual(golden.found[name].map(([text]) => text));
    // KeyBERT rounds to four digits.
    keywords.forEach(({ score }, i) => expect(Math.abs(score - golden.found[name][i][1])).toBeLessThan(6e-5));
  });
});

describe('candidates', () => {
  it('are phrases between stop words and punctuation, without weak words at their ends', () => {
    expect(
      textsOf('We propose a new graph neural network for protein folding (PF), which works very quickly.'),
    ).toEqual(['graph neural network', 'protein folding', 'PF']);
    expect(textsOf('Image segmentation\nThe method segments images\n of cells.')).toEqual([
      'Image segmentation',
      'method segments images',
      'cells',
    ]);
  });

  it('are the last words of a longer run', () => {
    expect(textsOf('Acme Zoom Runner 40 mens waterproof trail shoes; 12 34')).toEqual([
      '40 mens waterproof trail shoes',
    ]);
  });

  it('are one for singular, plural and hyphen, with every place, inside longer phrases too', () => {
    const text = 'Solar cells age. The thin-film solar cell is a solar-cell. Solar-cells!';
    const [found] = findCandidates(text, PHRASES, stopWordsOf(['en'], { more: ['age'] }));
    expect(found.offsets.map(([start, end]) => text.slice(start, end))).toEqual([
      'Solar cells',
      'solar cell',
      'solar-cell',
      'Solar-cells',
    ]);
    expect(found.wordsBefore).toBe(0);
  });

  it('are words and short runs of words in Chinese', () => {
    const found = textsOf('机器学习是人工智能的一个分支。');
    expect(found).toContain('机器学习');
    expect(found).toContain('人工智能');
    expect(found.join('')).not.toMatch(/[是的]/);
  });

  it('are n-grams, matches of a pattern, or given phrases', () => {
    expect(textsOf('fast red cars, and slow red cars', { kind: 'ngrams', min: 2, max: 2 }, stopWordsOf([]))).toEqual([
      'fast red',
      'red cars',
      'and slow',
      'slow red',
    ]);
    expect(textsOf('Route A12 and b7, A12', { kind: 'pattern', pattern: /[A-Z]\d+/gu })).toEqual(['A12']);
    const text = 'C++ and  Deep\n learning, deep learnings; 深度学习好, İ deep LEARNING';
    const given = new GivenPhrases(['deep learning', '深度学习', 'c++', 'x']);
    const places = findCandidates(text, { kind: 'given', phrases: given }, both).map(({ offsets }) =>
      offsets.map(([start, end]) => text.slice(start, end)),
    );
    expect(places).toEqual([['C++'], ['Deep\n learning', 'deep LEARNING'], ['深度学习']]);
    expect(() => new GivenPhrases([' '])).toThrow('the list of candidates has no phrase');
  });

  it('of words with offsets into the original', () => {
    const text = '𝒳 The co-operative Müller’s 北京大学 e.g.';
    for (const { start, end, text: word } of wordsOf(text))
      expect(text.slice(start, end).toLowerCase().replace('’', "'")).toBe(word);
    expect(wordsOf(text).map((word) => word.text)).toContain('co-operative');
  });
});

describe('KeywordExtractor', () => {
  const documents = [
    golden.document,
    '深度学习利用多层神经网络处理图像和语音。训练神经网络需要大量的数据。',
    '',
    'Of the and.',
    `${Array.from({ length: 120 }, (_, i) => `Topic${i} is here.`).join(' ')} Volcanic ash clouds.`,
  ];

  it.each(['isolated', 'contextual', 'both'] as const)('gives the same alone and in a list, %s', async (vectors) => {
    const extractor = KeywordExtractor.from(model, { vectors });
    const all = await extractor.extract(documents);
    for (const [i, document] of documents.entries()) expect(await extractor.extract([document])).toEqual([all[i]]);
    expect(all.map(({ keywords }) => keywords.length)).toEqual([10, all[1].keywords.length, 0, 0, 10]);
    expect(all[4].windows).toBeGreaterThan(1);
    for (const [i, { keywords }] of all.entries())
      for (const { text, offsets, similarity } of keywords) {
        expect(Math.abs(similarity)).toBeLessThanOrEqual(1 + 1e-6);
        expect(offsets.map(([start, end]) => documents[i].slice(start, end))).toContain(text);
      }
    expect(all[1].keywords.map(({ text }) => text)).toContain('神经网络');
  });

  it('has the contextual vector of the whole document for the whole document', async () => {
    const extractor = KeywordExtractor.from(model, { vectors: 'contextual', pattern: /.+/u, ranking: 'similarity' });
    const [{ keywords }] = await extractor.extract(['A short text of a few words']);
    expect(Math.abs(keywords[0].score - 1)).toBeLessThan(1e-6);
  });

  it('refuses options that do nothing or are out of range', () => {
    const make = (options: KeywordOptions) => () => KeywordExtractor.from(model, options);
    expect(make({ method: 'none', diversity: 0.5 })).toThrow("diversity is for method 'mmr'");
    expect(make({ pool: 20 })).toThrow("pool is for method 'max-sum'");
    expect(make({ diversity: 2 })).toThrow('diversity must be between 0 and 1');
    expect(make({ ngrams: [2, 1] })).toThrow('ngrams');
    expect(make({ ngrams: [1, 2], candidates: ['a'] })).toThrow('two ways to find candidates');
    expect(make({ candidates: ['a'], stopWords: ['en'] })).toThrow('stopWords do nothing');
    expect(make({ maxLength: 1000 })).toThrow('maxLength');
  });

  it('says that max-sum would take too long', async () => {
    const text = Array.from({ length: 60 }, (_, i) => `item${i}`).join(', ');
    const extractor = KeywordExtractor.from(model, { method: 'max-sum', topK: 25, pool: 60 });
    await expect(extractor.extract([text])).rejects.toThrow('too many ways to choose 25 of 60');
  });
});
