import { describe, expect, it } from 'vitest';
import { createRandom, shuffle } from '../../../src/core/random.ts';
import { Masker, type MaskingOptions } from '../../../src/training/pretraining/masking.ts';
import { WordBoundaries } from '../../../src/training/pretraining/words.ts';
import { toyTokenizer, unigramTokenizer } from './fixtures.ts';

const tokenizer = toyTokenizer();
const { cls, sep, mask, unk } = tokenizer.special;
const ids = (...tokens: string[]): number[] => tokens.map((token) => tokenizer.tokenToId(token)!);

/** `[CLS]`, words of one to three pieces, `[SEP]`. */
function sentence(words: number, seed: number): Int32Array {
  const random = createRandom(seed);
  const body = Array.from({ length: words }, () =>
    ids(`w${random.integer(400)}`, ...Array.from({ length: random.integer(3) }, () => `##x${random.integer(40)}`)),
  ).flat();
  return Int32Array.from([cls, ...body, sep]);
}

/** Words (as arrays of positions) of a sequence by the `##` mark. */
function wordsOf(sequence: ArrayLike<number>): number[][] {
  const words: number[][] = [];
  for (let i = 1; i < sequence.length - 1; i++) {
    if (tokenizer.idToToken(sequence[i])!.startsWith('##')) words.at(-1)!.push(i);
    else words.push([i]);
  }
  return words;
}

interface Counts {
  tokens: number;
  chosen: number;
  masked: number;
  kept: number;
  replaced: number;
  runs: number[];
}

function statistics(options: MaskingOptions, make: (seed: number) => Int32Array, rounds: number): Counts {
  const masker = new Masker(tokenizer, options);
  const counts: Counts = { tokens: 0, chosen: 0, masked: 0, kept: 0, replaced: 0, runs: [0, 0, 0, 0, 0, 0, 0, 0] };
  for (let seed = 0; seed < rounds; seed++) {
    const original = make(seed);
    const masked = original.slice();
    const { positions, labels } = masker.apply(masked, seed);
    expect(labels).toEqual(Int32Array.from(positions, (position) => original[position]));
    counts.tokens += original.length;
    counts.chosen += positions.length;
    for (const position of positions) {
      if (masked[position] === mask) counts.masked++;
      else if (masked[position] === original[position]) counts.kept++;
      else counts.replaced++;
    }
    const chosen = new Set(positions);
    expect(original.some((id, i) => !chosen.has(i) && masked[i] !== id)).toBe(false);
    let run = 0;
    for (const word of [...wordsOf(original), []]) {
      if (word.length > 0 && chosen.has(word[0])) run++;
      else if (run > 0) {
        counts.runs[Math.min(run, 7)]++;
        run = 0;
      }
    }
  }
  return counts;
}

describe('masking', () => {
  it('chooses 15 % and replaces 80 / 10 / 10', () => {
    const { tokens, chosen, masked, kept, replaced } = statistics({}, (seed) => sentence(60, seed), 1500);
    expect(chosen / tokens).toBeGreaterThan(0.145);
    expect(chosen / tokens).toBeLessThan(0.155);
    for (const [count, share] of [
      [masked, 0.8],
      [kept, 0.1],
      [replaced, 0.1],
    ] as const) {
      // A random token is the original one in 1 of 459 draws; the bound is four standard deviations.
      expect(Math.abs(count / chosen - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / chosen) + 0.0005);
    }
  });

  it('masks runs of n words with probability proportional to 1/n', () => {
    // So few and far between that runs hardly ever meet.
    const { runs } = statistics(
      { probability: 0.01 },
      () => Int32Array.from([cls, ...Array.from({ length: 600 }, (_, i) => ids(`w${i % 400}`)[0]), sep]),
      1500,
    );
    const total = runs.reduce((a, b) => a + b, 0);
    const expected = expectedRuns(6);
    const expectedTotal = expected.reduce((a, b) => a + b, 0);
    for (let n = 1; n <= 3; n++) expect(Math.abs(runs[n] / total - expected[n] / expectedTotal)).toBeLessThan(0.02);
  });

  it('has the distribution of a plain implementation of the published procedure', () => {
    const make = (seed: number): Int32Array => sentence(40, seed);
    const ours = statistics({}, make, 3000).runs;
    const reference = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let seed = 0; seed < 3000; seed++)
      countRuns(plainChoice(make(seed), createRandom(seed + 1e6)), wordsOf(make(seed)), reference);
    const share = (runs: number[], n: number): number => runs[n] / runs.reduce((a, b) => a + b, 0);
    for (let n = 1; n <= 5; n++) expect(Math.abs(share(ours, n) - share(reference, n))).toBeLessThan(0.015);
  });

  it('masks whole words only', () => {
    const masker = new Masker(tokenizer);
    for (let seed = 0; seed < 200; seed++) {
      const original = sentence(40, seed);
      const chosen = new Set(masker.apply(original.slice(), seed).positions);
      for (const word of wordsOf(original)) expect(new Set(word.map((position) => chosen.has(position))).size).toBe(1);
    }
  });

  it('never chooses special or unknown tokens, nor puts them in, nor spans them with a run', () => {
    const masker = new Masker(tokenizer, { probability: 0.5, maskShare: 0, randomShare: 1 });
    const special = new Set<number | undefined>(Object.values(tokenizer.special));
    for (let seed = 0; seed < 300; seed++) {
      const sequence = Int32Array.from([
        cls,
        ...ids('w1', 'w2'),
        unk,
        ...ids('w3', '##x1', 'w4'),
        sep,
        ...ids('w5', 'w6', 'w7'),
        sep,
      ]);
      const original = sequence.slice();
      const { positions } = masker.apply(sequence, seed);
      for (const position of positions) {
        expect(special.has(original[position])).toBe(false);
        expect(special.has(sequence[position])).toBe(false);
      }
    }
  });

  it('keeps to maxPredictions, makes at least one prediction, and none with probability 0', () => {
    const at = (options: MaskingOptions, words: number): number =>
      new Masker(tokenizer, options).apply(sentence(words, 1), 1).positions.length;
    expect(at({ maxPredictions: 4 }, 200)).toBeLessThanOrEqual(4);
    expect(at({ wholeWords: false }, 1)).toBe(1);
    expect(at({ probability: 0 }, 50)).toBe(0);
    expect(new Masker(tokenizer).apply(Int32Array.from([cls, unk, sep]), 0).positions.length).toBe(0);
  });

  it('is a function of the seed', () => {
    const masker = new Masker(tokenizer);
    const run = (seed: number): number[] => {
      const sequence = sentence(50, 3);
      return [...masker.apply(sequence, seed).positions, ...sequence];
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });

  it('refuses wrong options by name', () => {
    expect(() => new Masker(tokenizer, { probability: 2 })).toThrow(/probability must be in \[0, 1\], got 2/);
    expect(() => new Masker(tokenizer, { maskShare: 0.9, randomShare: 0.2 })).toThrow(/maskShare \+ randomShare/);
    expect(() => new Masker(tokenizer, { maxNgram: 0 })).toThrow(/maxNgram/);
  });
});

describe('words', () => {
  const marks = (words: WordBoundaries, sequence: number[]): number[] => {
    const starts = new Uint8Array(sequence.length);
    words.mark(sequence, starts);
    return [...starts];
  };

  it('WordPiece: continuations have ##; Chinese characters stand alone, or are joined by the segmenter', () => {
    const sequence = ids('w1', '##x2', '我', '们', '在', '北', '京', '大', '学', '学', '习', '.');
    expect(marks(new WordBoundaries(tokenizer, 'pieces'), sequence)).toEqual([1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const words = [...new Intl.Segmenter('zh', { granularity: 'word' }).segment('我们在北京大学学习')].map(
      ({ segment }) => segment,
    );
    const expected = words.flatMap((word) => [...word].map((_, i) => Number(i === 0)));
    expect(words).toContain('我们');
    expect(marks(new WordBoundaries(tokenizer, 'intl'), sequence)).toEqual([1, 0, ...expected, 1]);
  });

  it('SentencePiece: a piece without word-start mark continues a word if it is of ASCII letters', async () => {
    const unigram = await unigramTokenizer();
    const words = new WordBoundaries(unigram, 'pieces');
    const starts = new Uint8Array(unigram.vocabSize);
    words.mark(Int32Array.from(starts.keys()), starts);
    for (let id = 0; id < unigram.vocabSize; id++) {
      const piece = unigram.idToToken(id)!;
      if (/^[a-z]+$/.test(piece)) expect(starts[id]).toBe(0);
      if (/^▁/.test(piece) || /^[.,!?]$/.test(piece) || /\p{Script=Han}|\d/u.test(piece)) expect(starts[id]).toBe(1);
    }
  });
});

/**
 * Expected runs of 1, 2, 3 words when lengths have probability 6/11, 3/11, 2/11 and the last ones are shortened to the
 * budget.
 */
function expectedRuns(budget: number): number[] {
  const expected = [0, 0, 0, 0];
  if (budget === 0) return expected;
  for (const [n, probability] of [
    [1, 6 / 11],
    [2, 3 / 11],
    [3, 2 / 11],
  ] as const) {
    const taken = Math.min(n, budget);
    expected[taken] += probability;
    expectedRuns(budget - taken).forEach((count, i) => (expected[i] += probability * count));
  }
  return expected;
}

/**
 * The published procedure written for clarity: all n-grams shuffled, sampled by 1/n, shortened to fit, left out when
 * they overlap.
 */
function plainChoice(sequence: Int32Array, random: ReturnType<typeof createRandom>): Set<number> {
  const words = wordsOf(sequence);
  const budget = Math.max(1, Math.round(sequence.length * 0.15));
  const covered = new Set<number>();
  for (const start of shuffle(
    words.map((_, i) => i),
    random,
  )) {
    if (covered.size >= budget) break;
    const grams = [1, 2, 3].map((n) => words.slice(start, start + n)).filter((gram, i) => gram.length === i + 1);
    const total = grams.reduce((sum, _, i) => sum + 1 / (i + 1), 0);
    let draw = random.uniform() * total;
    let n = grams.findIndex((_, i) => (draw -= 1 / (i + 1)) < 0);
    while (n > 0 && covered.size + grams[n].flat().length > budget) n--;
    const gram = grams[n].flat();
    if (covered.size + gram.length > budget || gram.some((position) => covered.has(position))) continue;
    gram.forEach((position) => covered.add(position));
  }
  return covered;
}

function countRuns(chosen: Set<number>, words: number[][], runs: number[]): void {
  let run = 0;
  for (const word of [...words, []]) {
    if (word.length > 0 && chosen.has(word[0])) run++;
    else if (run > 0) {
      runs[Math.min(run, 7)]++;
      run = 0;
    }
  }
}
