import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlbertScorer } from '../../src/analysis/score/scorer.ts';
import { IdfWeights } from '../../src/analysis/score/idf.ts';
import { rescaled, scoreBaseline } from '../../src/analysis/score/baseline.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import type { Albert } from '../../src/loaded/albert.ts';

/** Written by oracle/make_bert_score_golden.py with the package bert_score on the built-in model's folder. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/bert-score.json'), 'utf8')) as {
  pairs: [candidate: string, reference: string][];
  several: [candidate: string, references: string[]][];
  cases: { layer: number; idf: boolean; scores: number[][]; several?: number[][] }[];
};
const candidates = golden.pairs.map(([candidate]) => candidate);
const references = golden.pairs.map(([, reference]) => reference);

let model: Albert;
beforeAll(async () => {
  model = await loadModel('albertine-nano-en-zh', { threads: 1 });
});
afterAll(() => model[Symbol.dispose]());

const idfOf = (texts: readonly string[]): IdfWeights => {
  const idf = new IdfWeights(model.tokenizer);
  for (const text of texts) idf.add(text);
  return idf;
};

describe('ALBERTScore as bert_score', () => {
  it.each(golden.cases)('layer $layer, idf $idf', async ({ layer, idf, scores: expected, several }) => {
    const scorer = AlbertScorer.from(model, { layer, ...(idf && { idf: idfOf(references) }) });
    const { scores, emptyPairs } = await scorer.score({ candidates, references });
    scores.forEach(({ precision, recall, f1 }, i) => {
      const [p, r, f] = expected[i];
      for (const [name, difference] of Object.entries({ p: precision - p, r: recall - r, f: f1 - f }))
        expect(Math.abs(difference), `${name} of ${candidates[i]} | ${references[i]}`).toBeLessThan(1e-5);
    });
    expect(emptyPairs).toBe(2);
    if (!several) return;
    const best = await scorer.score({
      candidates: golden.several.map(([candidate]) => candidate),
      references: golden.several.map(([, texts]) => texts),
    });
    best.scores.forEach(({ precision, recall, f1 }, i) =>
      [precision, recall, f1].forEach((value, k) => expect(Math.abs(value - several[i][k])).toBeLessThan(1e-5)),
    );
  });
});

describe('ALBERTScore', () => {
  it('is 1 for equal texts, whatever the batch, and keeps long texts whole', async () => {
    const scorer = AlbertScorer.from(model);
    expect(scorer.layer).toBe(6);
    const long = Array.from({ length: 400 }, (_, i) => `word${i}`).join(' ');
    const { scores, windowedTexts } = await scorer.score({
      candidates: ['The same text.', long],
      references: ['The same text.', long],
    });
    expect(windowedTexts).toBe(1);
    for (const { f1 } of scores) expect(Math.abs(f1 - 1)).toBeLessThan(1e-6);
    // The end of a long text counts.
    const changed = await scorer.score({ candidates: [`${long} and an ending`], references: [long] });
    expect(changed.scores[0].recall).toBeGreaterThan(changed.scores[0].precision);
    const [alone] = (await AlbertScorer.from(model).score({ candidates: [candidates[0]], references: [references[0]] }))
      .scores;
    const among = (await AlbertScorer.from(model).score({ candidates, references })).scores[0];
    expect(Math.abs(alone.f1 - among.f1)).toBeLessThan(1e-6);
  });

  it('takes the mean of several references, and refuses what cannot be compared', async () => {
    const scorer = AlbertScorer.from(model);
    const pair = async (reference: string | string[]): Promise<number> =>
      (await scorer.score({ candidates: ['A cat.'], references: [reference] }, { several: 'mean' })).scores[0].f1;
    const [a, b] = [await pair('The cat.'), await pair('A dog.')];
    expect(Math.abs((await pair(['The cat.', 'A dog.'])) - (a + b) / 2)).toBeLessThan(1e-9);
    await expect(scorer.score({ candidates: ['a'], references: [] })).rejects.toMatchObject({ code: 'shape_mismatch' });
    await expect(scorer.score({ candidates: ['a'], references: [[]] })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(() => AlbertScorer.from(model, { layer: 7 })).toThrow(/layer/);
  });

  it('is rescaled by what unrelated texts score, made for the same scores', async () => {
    const scorer = AlbertScorer.from(model);
    const texts = [...candidates, ...references];
    const baseline = await scoreBaseline(scorer, texts, { pairs: 100 });
    expect(baseline).toMatchObject({ pairs: 100, idf: false, fingerprint: scorer.fingerprint });
    const plain = await scorer.score({ candidates, references });
    const { scores } = await scorer.score({ candidates, references }, { baseline });
    expect(scores[0]).toEqual(rescaled(plain.scores[0], baseline));
    expect(Math.abs(scores[0].f1 - (plain.scores[0].f1 - baseline.f1) / (1 - baseline.f1))).toBeLessThan(1e-12);
    const other = AlbertScorer.from(model, { layer: 1 });
    await expect(other.score({ candidates, references }, { baseline })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/baseline was made with another model, layer or weights/) as string,
    });
    expect(AlbertScorer.from(model, { idf: idfOf(texts) }).fingerprint).not.toBe(scorer.fingerprint);
  });

  it('shows which tokens match', async () => {
    const { candidate, reference, similarities, f1 } = await AlbertScorer.from(model).align(
      'A red car',
      '一辆红色的车',
    );
    expect(candidate.map(({ start, end }) => 'A red car'.slice(start, end).trim())).toEqual(['A', 'red', 'car']);
    expect(similarities).toHaveLength(3);
    expect(similarities[0]).toHaveLength(reference.length);
    expect(f1).toBeGreaterThan(0);
  });
});
