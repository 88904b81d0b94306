import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { FillMask } from '../../src/tasks/fill-mask/fill-mask.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { loadFillMaskCases } from '../oracle/goldens.ts';
import { records, run, temporaryFolder } from '../cli/support.ts';
import { SMALL_CONFIG, WORDS } from './model.ts';

const folder = temporaryFolder();
const model = folder.path('masked');
beforeAll(async () => {
  mkdirSync(model, { recursive: true });
  await saveCheckpoint(model, {
    config: SMALL_CONFIG,
    weights: initialiseWeights(SMALL_CONFIG, 4, { heads: ['maskedLm'] }),
    tokenizerFiles: { 'vocab.txt': `${WORDS.join('\n')}\n` },
  });
});
afterAll(() => folder.remove());
const open = async (): Promise<FillMask> => FillMask.from(await loadModel(model, { threads: 1 }));

describe('fill-mask', () => {
  it("gives the head's probabilities for every mask, with its place", async () => {
    using filler = await open();
    const text = 'the [MASK] sat on a [MASK] .';
    const [{ masks, text: filled, tokenCount }] = await filler.fill([text], { topK: WORDS.length });
    expect(tokenCount).toBe(7);
    expect(masks.map(({ start, end }) => text.slice(start, end))).toEqual(['[MASK]', '[MASK]']);
    const { tokenizer, encoder } = filler.model;
    const { ids } = tokenizer.encode(text);
    const { lastHiddenState } = await encoder.forward({ batchSize: 1, sequenceLength: ids.length, inputIds: ids });
    const row = await encoder.logits('maskedLm', lastHiddenState.slice(2 * 32, 3 * 32));
    const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
    for (const { token, score } of masks[0].guesses)
      expect(score).toBeCloseTo(Math.exp(row[tokenizer.tokenToId(token!)!]) / total, 5);
    expect(masks[0].guesses.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
    expect(filled).toBe(`the ${masks[0].guesses[0].text} sat on a ${masks[1].guesses[0].text} .`);
  });

  it('judges words that are given, of one piece or several, alike alone and among others', async () => {
    using filler = await open();
    const candidates = ['cat', 'dogs', 'sun'];
    await expect(filler.fill(['the [MASK] ran'], { candidates: ['cat', '鿃'] })).rejects.toThrow(
      'the vocabulary does not know the candidate "鿃"',
    );
    // Twice the same would halve its score.
    await expect(filler.fill(['the [MASK] ran'], { candidates: ['cat', 'dog', 'cat'] })).rejects.toMatchObject({
      message: 'candidates has "cat" twice',
      option: 'candidates',
    });
    await expect(filler.fill(['the [MASK] ran'], { candidates: ['cat', 'Cat'] })).rejects.toThrow(
      'the candidates "cat" and "Cat" are the same pieces',
    );
    await expect(filler.fill(['the [MASK]', 'ran'])).rejects.toThrow('text 1 has no mask: "ran"');
    const [
      {
        masks: [{ guesses }],
      },
    ] = await filler.fill(['the [MASK] ran'], { candidates });
    expect(guesses.map(({ text }) => text).sort()).toEqual([...candidates].sort());
    expect(guesses.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 6);
    // One piece: the probability among the whole vocabulary.
    const [
      {
        masks: [all],
      },
    ] = await filler.fill(['the [MASK] ran'], { topK: WORDS.length });
    expect(Math.exp(guesses.find(({ text }) => text === 'cat')!.logProbability!)).toBeCloseTo(
      all.guesses.find(({ token }) => token === 'cat')!.score,
      5,
    );
    // Two pieces: both masked at once.
    const [{ masks }] = await filler.fill(['the [MASK] [MASK] ran'], { topK: WORDS.length });
    const product =
      masks[0].guesses.find(({ token }) => token === 'dog')!.score *
      masks[1].guesses.find(({ token }) => token === '##s')!.score;
    expect(Math.exp(guesses.find(({ text }) => text === 'dogs')!.logProbability!)).toBeCloseTo(product, 6);
  });

  it('scores a text by masking each token in its turn, also one longer than the model takes', async () => {
    using filler = await open();
    const [{ tokens, pseudoLogLikelihood, pseudoPerplexity }] = await filler.score(['the cat ran']);
    for (const [i, masked] of ['[MASK] cat ran', 'the [MASK] ran', 'the cat [MASK]'].entries()) {
      const [
        {
          masks: [{ guesses }],
        },
      ] = await filler.fill([masked], { topK: WORDS.length });
      expect(Math.exp(tokens[i].logProbability)).toBeCloseTo(
        guesses.find(({ token }) => token === tokens[i].token)!.score,
        6,
      );
    }
    expect(pseudoLogLikelihood).toBeCloseTo(
      tokens.reduce((sum, { logProbability }) => sum + logProbability, 0),
      6,
    );
    expect(pseudoPerplexity).toBeCloseTo(Math.exp(-pseudoLogLikelihood / 3), 6);
    const [long, empty] = await filler.score(['a cat and '.repeat(20), '']);
    expect([
      long.tokens.length,
      long.tokens.every(({ logProbability }) => logProbability < 0),
      empty.tokens,
      empty.pseudoLogLikelihood,
    ]).toEqual([60, true, [], 0]);
  });

  it('is a command', async () => {
    const { stdout, code, stderr } = await run([
      'fill-mask',
      '-m',
      model,
      'the [MASK] ran',
      '--top-k',
      '2',
      '--threads',
      '1',
    ]);
    expect(code, stderr).toBe(0);
    expect(records(stdout)).toMatchObject([
      {
        index: 0,
        masks: [{ start: 4, end: 10, guesses: [{ score: expect.any(Number) as number }, {}] }],
        tokenCount: 3,
      },
    ]);
    writeFileSync(folder.path('lines.txt'), 'a cat\nthe sun\n');
    const output = folder.path('scores.jsonl');
    expect(
      await run(['fill-mask', '-m', model, folder.path('lines.txt'), '--score', '-o', output, '--threads', '1']),
    ).toMatchObject({ code: 0 });
    expect(await run(['fill-mask', '-m', model, folder.path('lines.txt'), '--threads', '1'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/lines\.txt, row 1: the text has no mask/) as string,
    });
    expect(await run(['fill-mask', '-m', model, 'x', '--score', '--top-k', '2'])).toMatchObject({ code: 2 });
    expect((await run(['fill-mask', '-m', join(folder.path('none')), 'x [MASK]'])).code).toBe(1);
  });
});

describe.each(loadFillMaskCases())('the pipeline of transformers ($name)', ({ folder: golden, expected }) => {
  const PROBABILITY = 1e-5; // float32 against float64
  const LOGARITHM = 1e-4; // of probabilities down to 1e-18
  const within = (found: number, wanted: number, tolerance: number, what: string): void =>
    expect(Math.abs(found - wanted), `${what}: ${found}, not ${wanted}`).toBeLessThan(tolerance);
  let filler: FillMask;
  beforeAll(async () => void (filler = FillMask.from(await loadModel(golden, { threads: 1 }))));
  afterAll(() => filler[Symbol.dispose]());

  it('guesses the same pieces with the same probabilities, for one mask and several', async () => {
    for (const { text, ids } of expected.masks) expect([...filler.model.tokenizer.encode(text).ids], text).toEqual(ids);
    const found = await filler.fill(expected.masks.map(({ text }) => text));
    for (const [i, { text, guesses }] of expected.masks.entries()) {
      expect(
        found[i].masks.map(({ guesses: own }) => own.map(({ token, text: written }) => ({ token, text: written }))),
        text,
      ).toEqual(guesses.map((mask) => mask.map(({ token, text: written }) => ({ token, text: written }))));
      for (const [mask, own] of guesses.entries())
        for (const [rank, { score }] of own.entries())
          within(found[i].masks[mask].guesses[rank].score, score, PROBABILITY, `${text} ${rank}`);
    }
  });

  it('judges candidates as its targets, and those of several pieces as a loop over masks', async () => {
    for (const { text, candidates, logProbabilities } of expected.candidates) {
      const [{ masks }] = await filler.fill([text], { candidates });
      expect(masks).toHaveLength(logProbabilities.length);
      for (const [mask, wanted] of logProbabilities.entries()) {
        const total = wanted.reduce((sum, value) => sum + Math.exp(value), 0);
        for (const [i, candidate] of candidates.entries()) {
          const { logProbability, score } = masks[mask].guesses.find((guess) => guess.text === candidate)!;
          within(logProbability!, wanted[i], LOGARITHM, `${text} ${candidate}`);
          within(Math.exp(logProbability!), Math.exp(wanted[i]), PROBABILITY, `${text} ${candidate}`);
          within(score, Math.exp(wanted[i]) / total, PROBABILITY, `${text} ${candidate} among candidates`);
        }
      }
    }
  });

  it('scores every token as a loop that masks one at a time', async () => {
    const found = await filler.score(expected.scores.map(({ text }) => text));
    for (const [i, { text, ids, logProbabilities }] of expected.scores.entries()) {
      const { tokens, pseudoLogLikelihood, pseudoPerplexity } = found[i];
      expect(
        tokens.map(({ token }) => filler.model.tokenizer.tokenToId(token)),
        text,
      ).toEqual(ids.slice(1, -1));
      for (const [at, wanted] of logProbabilities.entries()) {
        within(tokens[at].logProbability, wanted, LOGARITHM, `${text} ${at}`);
        within(Math.exp(tokens[at].logProbability), Math.exp(wanted), PROBABILITY, `${text} ${at}`);
      }
      const total = logProbabilities.reduce((sum, value) => sum + value, 0);
      within(pseudoLogLikelihood, total, LOGARITHM * tokens.length, text);
      within(Math.log(pseudoPerplexity), -total / tokens.length, LOGARITHM, text);
    }
  });
});
