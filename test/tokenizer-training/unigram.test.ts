import { describe, expect, it } from 'vitest';
import { digamma, maximise, UnigramLattice } from '../../src/tokenizer/training/expectation.ts';
import { evaluateUnigram } from '../../src/tokenizer/training/evaluate-unigram.ts';
import { piecesFromTexts, type PieceSet, pieceText } from '../../src/tokenizer/training/pieces.ts';
import { prunePieces } from '../../src/tokenizer/training/prune.ts';
import { makeSeedPieces } from '../../src/tokenizer/training/seed-pieces.ts';
import { buildSegmentCorpus, type SegmentCorpus } from '../../src/tokenizer/training/segment-corpus.ts';
import { DEFAULT_SPLIT_RULES, SegmentCounter } from '../../src/tokenizer/training/segments.ts';
import { trainUnigram } from '../../src/tokenizer/training/unigram-trainer.ts';
import { shuffle, createRandom } from '../../src/core/random.ts';
import { toyLines } from './toy-text.ts';

function corpusOf(segments: Record<string, number>): SegmentCorpus {
  return buildSegmentCorpus(new Map(Object.entries(segments)), 1);
}

function textsOf(pieces: PieceSet, corpus: SegmentCorpus): string[] {
  return Array.from(pieces.lengths, (_, index) => pieceText(pieces, index, corpus.alphabet));
}

/** Every way to write `text` with `pieces`. */
function segmentations(text: string, pieces: ReadonlyMap<string, number>): string[][] {
  if (text === '') return [[]];
  const found: string[][] = [];
  for (const piece of pieces.keys())
    if (text.startsWith(piece))
      for (const rest of segmentations(text.slice(piece.length), pieces)) found.push([piece, ...rest]);
  return found;
}

describe('digamma', () => {
  // Abramowitz and Stegun, table 6.1, and -gamma, -gamma - 2 ln 2.
  it.each([
    [1, -0.5772156649015329],
    [0.5, -1.9635100260214235],
    [2, 0.4227843350984671],
    [10, 2.251752589066721],
    [1.5, 0.03648997397857652],
  ])('of %d', (x, value) => {
    expect(Math.abs(digamma(x) - value)).toBeLessThan(1e-9);
  });
});

describe('seed pieces', () => {
  it('are right-maximal substrings by frequency times length', () => {
    const corpus = corpusOf({ '▁abab': 3, '▁abc': 2 });
    const seeds = makeSeedPieces(corpus, { seedSize: 100, maxPieceLength: 16 });
    const scored = new Map(
      textsOf(seeds, corpus).map((text, index) => [text, Math.exp(seeds.logProbabilities[index])]),
    );
    // ab: 8 times, ▁ab: 5, and the ends of the words; "▁a" always goes on with b, so it is no seed.
    const expected: Record<string, number> = {
      '▁': 5,
      a: 8,
      b: 8,
      c: 2,
      ab: 16,
      '▁ab': 15,
      '▁abab': 15,
      abab: 12,
      bab: 9,
      abc: 6,
      bc: 4,
      '▁abc': 8,
    };
    const sum = Object.values(expected).reduce((x, y) => x + y);
    expect([...scored.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [text, score] of Object.entries(expected)) expect(scored.get(text)).toBeCloseTo(score / sum, 12);
  });

  it('respect size, length and the rule that no piece ends in a space', () => {
    const corpus = corpusOf({ '▁ab▁ab▁cd▁ab': 4 });
    const few = makeSeedPieces(corpus, { seedSize: 1, maxPieceLength: 3 });
    expect(textsOf(few, corpus).filter((text) => text.length > 1)).toEqual(['▁ab']);
    const all = textsOf(makeSeedPieces(corpus, { seedSize: 100, maxPieceLength: 16 }), corpus);
    expect(all.filter((text) => text.length > 1 && text.endsWith('▁'))).toEqual([]);
  });
});

describe('expectation step', () => {
  const entries: [string, number][] = [
    ['a', 0.2],
    ['b', 0.25],
    ['ab', 0.15],
    ['ba', 0.1],
    ['aba', 0.2],
    ['bab', 0.1],
  ];
  const probabilities = new Map(entries);

  it('equals the sum over all segmentations', () => {
    const weights: Record<string, number> = { abab: 2, ababab: 1.5, b: 3, bbaabbababa: 1 };
    const corpus = corpusOf(weights);
    const pieces = piecesFromTexts(
      entries.map(([text, p]) => [text, Math.log(p)] as const),
      corpus.alphabet,
    );
    const lattice = new UnigramLattice(corpus, pieces);
    const { counts, logLikelihood, tokens } = lattice.expectation();

    const expected = new Map<string, number>();
    let likelihood = 0;
    let best = 0;
    for (const [text, weight] of Object.entries(weights)) {
      const paths = segmentations(text, probabilities);
      const values = paths.map((path) => path.reduce((product, piece) => product * probabilities.get(piece)!, 1));
      const total = values.reduce((a, b) => a + b);
      likelihood += weight * Math.log(total);
      best += weight * Math.log(Math.max(...values));
      paths.forEach((path, index) =>
        path.forEach((piece) => expected.set(piece, (expected.get(piece) ?? 0) + (weight * values[index]) / total)),
      );
    }
    expect(logLikelihood).toBeCloseTo(likelihood, 9);
    entries.forEach(([text], index) => expect(counts[index]).toBeCloseTo(expected.get(text) ?? 0, 9));
    expect(tokens).toBeCloseTo(
      [...expected.values()].reduce((a, b) => a + b),
      9,
    );
    expect(lattice.bestSegmentations().logProbability).toBeCloseTo(best, 9);
  });

  it('does not underflow on long segments and prices unknown characters', () => {
    const corpus = corpusOf({ ['ab'.repeat(20000)]: 1, axa: 1 });
    const pieces = piecesFromTexts(
      [
        ['a', -15],
        ['b', -15],
        ['ab', -31],
      ],
      corpus.alphabet,
    );
    const { logLikelihood } = new UnigramLattice(corpus, pieces).expectation();
    const perPair = Math.log(1 + Math.exp(-1)) - 30; // an unknown character costs -31 - 10
    expect(logLikelihood / (20000 * perPair - 15 - 41 - 15)).toBeCloseTo(1, 10);
  });

  it('with the plain M step never lowers the likelihood', () => {
    const counter = new SegmentCounter(DEFAULT_SPLIT_RULES);
    for (const line of toyLines(200)) counter.add(`▁${line.replaceAll(' ', '▁')}`);
    const corpus = buildSegmentCorpus(counter.counts, 1);
    const pieces = makeSeedPieces(corpus, { seedSize: 2000, maxPieceLength: 16 });
    let previous = -Infinity;
    for (let iteration = 0; iteration < 12; iteration++) {
      const { counts, logLikelihood } = new UnigramLattice(corpus, pieces).expectation();
      expect(logLikelihood).toBeGreaterThanOrEqual(previous - 1e-6 * Math.abs(previous === -Infinity ? 0 : previous));
      previous = logLikelihood;
      const total = counts.reduce((a, b) => a + b);
      counts.forEach(
        (count, index) => (pieces.logProbabilities[index] = count > 1e-9 ? Math.log(count / total) : -Infinity),
      );
    }
  });

  it('the M step drops pieces expected less than half a time', () => {
    const pieces = piecesFromTexts(
      [
        ['a', -1],
        ['b', -1],
        ['ab', -1],
      ],
      ['', 'a', 'b'],
    );
    maximise(pieces, Float64Array.of(4, 0.4, 2));
    expect(pieces.logProbabilities[0]).toBeCloseTo(digamma(4) - digamma(6), 12);
    expect(pieces.logProbabilities[1]).toBe(-Infinity);
  });
});

describe('pruning', () => {
  it('drops the piece whose loss is smallest, and never a single character in use', () => {
    const corpus = corpusOf({ abab: 100, cdcd: 3, abx: 1 });
    const texts: [string, number][] = [
      ['a', 0.01],
      ['b', 0.01],
      ['c', 0.01],
      ['d', 0.01],
      ['x', 0.01],
      ['ab', 0.4],
      ['cd', 0.2],
      ['zz', 0.1],
    ];
    const usable = texts.filter(([text]) => text !== 'zz');
    const pieces = piecesFromTexts(
      usable.map(([text, p]) => [text, Math.log(p)] as const),
      corpus.alphabet,
    );
    const lattice = new UnigramLattice(corpus, pieces);
    // a, b, c and d are not in any best segmentation: they go first; x has no other spelling; ab loses far more than
    // cd.
    expect(textsOf(prunePieces(pieces, lattice, 2), corpus)).toEqual(['x', 'ab']);
    expect(textsOf(prunePieces(pieces, lattice, 3), corpus)).toEqual(['x', 'ab', 'cd']);
  });
});

describe('trainUnigram', () => {
  const lines = toyLines(400);

  it("reaches the size, keeps the alphabet and ALBERT's special pieces", async () => {
    const { model, report } = await trainUnigram(lines, { vocabSize: 220, characterCoverage: 1 });
    expect(model.pieces).toHaveLength(220);
    expect(model.pieces.slice(0, 5).map(({ piece, type }) => `${piece} ${type}`)).toEqual([
      '<pad> control',
      '<unk> unknown',
      '[CLS] control',
      '[SEP] control',
      '[MASK] control',
    ]);
    const pieces = new Set(model.pieces.map(({ piece }) => piece));
    for (const character of lines.join('').replaceAll(' ', '')) expect(pieces.has(character)).toBe(true);
    expect(pieces.size).toBe(220);
    const scores = model.pieces.slice(5).map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(report.tokensPerCharacter).toBeLessThan(0.5);
    expect(evaluateUnigram(model, lines).unknownCharacters).toBe(0);
  });

  it('with its sparse prior still does not lower the likelihood inside a round by more than 0.1 %', async () => {
    const { report } = await trainUnigram(lines, { vocabSize: 200, subIterations: 3, characterCoverage: 1 });
    for (let at = 1; at < report.iterations.length; at++) {
      const [before, now] = [report.iterations[at - 1], report.iterations[at]];
      if (before.round === now.round) expect(now.logLikelihood).toBeGreaterThan(before.logLikelihood * 1.001);
    }
  });

  it('depends on the text alone, not on its order', async () => {
    const first = await trainUnigram(lines, { vocabSize: 200 });
    const second = await trainUnigram(shuffle([...lines], createRandom(3)), { vocabSize: 200 });
    expect(second.model).toEqual(first.model);
  });

  it('continues from any saved round to the same model', async () => {
    const saved: string[] = [];
    const options = { vocabSize: 130, characterCoverage: 0.99 };
    const whole = await trainUnigram(lines, {
      ...options,
      onCheckpoint: (checkpoint) => void saved.push(JSON.stringify(checkpoint)),
    });
    expect(saved.length).toBeGreaterThan(1);
    for (const text of saved) {
      const { model, report } = await trainUnigram(lines, { ...options, resumeFrom: JSON.parse(text) });
      expect(model).toEqual(whole.model);
      expect(report.iterations).toEqual(whole.report.iterations);
    }
  });

  it('keeps symbols whole, adds bytes, leaves rare characters out', async () => {
    const texts = lines.map((line, index) =>
      index % 5 === 0 ? `${line} <user>@home` : index === 7 ? `${line}龘` : line,
    );
    const { model } = await trainUnigram(texts, {
      vocabSize: 600,
      characterCoverage: 0.999,
      userDefinedSymbols: ['<user>'],
      byteFallback: true,
      hardVocabLimit: false,
    });
    expect(model.pieces[5]).toEqual({ piece: '<user>', score: 0, type: 'userDefined' });
    expect(model.pieces[6]).toEqual({ piece: '<0x00>', score: 0, type: 'byte' });
    expect(model.pieces[261].piece).toBe('<0xFF>');
    const normal = model.pieces.filter(({ type }) => type === 'normal').map(({ piece }) => piece);
    expect(normal.filter((piece) => piece.includes('龘') || piece.includes('user'))).toEqual([]);
  });

  it('accepts weighted words', async () => {
    const words = new Map([
      ['▁low', 5],
      ['▁lower', 2],
      ['▁newest', 6],
      ['▁widest', 3],
    ]);
    const { model } = await trainUnigram(words, { vocabSize: 24, characterCoverage: 1, hardVocabLimit: false });
    expect(model.pieces.map(({ piece }) => piece)).toContain('▁newest');
  });

  it('explains wrong sizes and empty text', async () => {
    await expect(trainUnigram(lines, { vocabSize: 20 })).rejects.toThrow(
      /vocabSize leaves room for 15 pieces, but the alphabet/,
    );
    await expect(trainUnigram(lines, { vocabSize: 100000 })).rejects.toThrow(
      /vocabSize is too large for this text, which yields/,
    );
    await expect(trainUnigram([], { vocabSize: 100 })).rejects.toMatchObject({ code: 'invalid_data' });
    await expect(trainUnigram(lines, { vocabSize: 4 })).rejects.toThrow(/vocabSize must exceed the 5 special pieces/);
    await expect(trainUnigram(lines, { vocabSize: 100, characterCoverage: 2 })).rejects.toThrow(/characterCoverage/);
    await expect(trainUnigram(lines, { vocabSize: 100, padId: 1 })).rejects.toThrow(/both want id 1/);
    await expect(trainUnigram(lines, { vocabSize: 200, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});
