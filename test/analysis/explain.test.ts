import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextExplainer, type Explanation } from '../../src/analysis/explain/explainer.ts';
import { summariseFaithfulness } from '../../src/analysis/explain/faithfulness.ts';
import type { Baseline } from '../../src/analysis/explain/integrated-gradients.ts';
import { gaussLegendre } from '../../src/analysis/explain/quadrature.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { writeSineClassifier } from './sine-classifier.ts';

interface GoldenCase {
  text: string;
  pair: string | null;
  ids: number[];
  logits: number[];
  integrated: { output: number; baseline: Baseline; values: number[]; delta: number }[];
  gradientTimesInput: number[];
  rollout: number[];
  occlusion: number[];
}
const golden = JSON.parse(readFileSync(new URL('../oracle/goldens/explain.json', import.meta.url), 'utf8')) as {
  steps: number;
  cases: GoldenCase[];
};
const LABELS = ['a', 'b', 'c'];
const folder = temporaryFolder();
const opened: TextExplainer[] = [];
async function open(name: string, options: Parameters<typeof writeSineClassifier>[1]): Promise<TextExplainer> {
  const model = await loadModel(await writeSineClassifier(folder.path(name), options), { threads: 1 });
  const explainer = TextExplainer.from(TextClassifier.from(model), { threads: 1 });
  opened.push(explainer);
  return explainer;
}
let large: TextExplainer;
let explainer: TextExplainer;
let several: TextExplainer;
let number: TextExplainer;
beforeAll(async () => {
  large = await open('large', { base: 'built-in' });
  explainer = await open('tiny', {});
  several = await open('several', { problemType: 'multi_label_classification' });
  number = await open('number', { labels: ['value'], problemType: 'regression' });
});
afterAll(() => {
  for (const one of opened) one[Symbol.dispose]();
  folder.remove();
});

const inputOf = ({ text, pair }: GoldenCase) => (pair === null ? text : { text, pair });
const sumOf = ({ attributions }: Pick<Explanation, 'attributions'>): number =>
  attributions.reduce((sum, { attribution }) => sum + attribution, 0);

/** Attributions of the tokens of the text beside those of a list that has special tokens too. */
function expectNear(explanation: Explanation, { ids }: GoldenCase, expected: readonly number[]): void {
  const own = expected.filter((_, i) => ![2, 3].includes(ids[i]));
  expect(explanation.attributions).toHaveLength(own.length);
  explanation.attributions.forEach(({ attribution, text }, i) =>
    expect(Math.abs(attribution - own[i]), text).toBeLessThan(1e-4),
  );
}

describe('attributions as of captum and torch', () => {
  it.each(golden.cases)('$text', async (one) => {
    const [piece] = large.model.encode(inputOf(one)).pieces;
    expect([...piece.ids]).toEqual(one.ids);
    for (const { output, baseline, values } of one.integrated) {
      const explanation = await large.explain(inputOf(one), {
        label: LABELS[output],
        baseline,
        steps: golden.steps,
        unit: 'token',
      });
      expect(Math.abs(explanation.logit - one.logits[output])).toBeLessThan(1e-4);
      expectNear(explanation, one, values);
    }
    const options = { label: 'b', unit: 'token' } as const;
    const product = await large.explain(inputOf(one), { ...options, method: 'gradient-x-input' });
    expectNear(product, one, one.gradientTimesInput);
    expect(Math.abs(product.special + sumOf(product) - one.gradientTimesInput.reduce((a, b) => a + b, 0))).toBeLessThan(
      1e-4,
    );
    expectNear(await large.explain(inputOf(one), { ...options, method: 'occlusion' }), one, one.occlusion);
    const rollout = await large.explain(inputOf(one), { method: 'attention-rollout', unit: 'token' });
    expectNear(rollout, one, one.rollout);
    expect(Math.abs(rollout.special + sumOf(rollout) - 1)).toBeLessThan(1e-6);
  });
});

describe('integrated gradients', () => {
  const text = 'a good story with bad music, and a great old actor';

  it('take steps until they add up to the difference of the output, and say so', async () => {
    for (const baseline of ['mask', 'pad', 'zero'] as const) {
      const { completeness, attributions } = await explainer.explain(text, { baseline });
      const { difference, sum, error, complete, steps } = completeness!;
      expect(complete).toBe(true);
      expect(error).toBeLessThanOrEqual(1e-3 * Math.min(1, Math.max(0.1, Math.abs(difference))));
      expect(Math.abs(sumOf({ attributions }) - sum)).toBeLessThan(1e-9);
      expect(steps).toBeGreaterThanOrEqual(32);
    }
    expect((await explainer.explain(text, { steps: 1 })).completeness).toMatchObject({ steps: 1, complete: false });
  });

  it('add up alike over tokens, words, characters and spans, with offsets', async () => {
    const mixed = 'The plot is bad, 但是很好 🙂.';
    const [tokens, words, characters] = await Promise.all(
      (['token', 'word', 'character'] as const).map((unit) =>
        large.explain(mixed, { unit, label: 'c', steps: 1, spans: [[0, mixed.length]] }),
      ),
    );
    for (const explanation of [tokens, words, characters]) {
      expect(Math.abs(sumOf(explanation) - sumOf(tokens))).toBeLessThan(1e-9);
      expect(Math.abs(explanation.spans![0].attribution - sumOf(tokens))).toBeLessThan(1e-9);
      for (const { text: own, start, end } of explanation.attributions)
        if (end > start) expect(mixed.slice(start, end)).toBe(own);
    }
    expect(words.attributions.map((word) => word.text).slice(0, 7)).toEqual([
      'The',
      'plot',
      'is',
      'bad',
      ',',
      '但是',
      '很好',
    ]);
    expect(characters.attributions.map((character) => character.text)).toContain('🙂');
  });

  it('read a long text whole, in windows whose outputs are averaged', async () => {
    const long = Array.from({ length: 70 }, (_, i) => (i % 7 === 0 ? 'bad' : 'film')).join(' ');
    const { completeness, counts, logit, attributions } = await explainer.explain(long, { label: 'a' });
    expect(counts.windows).toBe(3);
    expect(completeness!.complete).toBe(true);
    expect(attributions).toHaveLength(70);
    const [logits] = await explainer.model.ask([long]);
    expect(Math.abs(logits[0] - logit)).toBeLessThan(1e-5);
  });

  it('explain a number, and refuse labels and counterfactuals of it', async () => {
    const explanation = await number.explain('a film');
    expect(explanation).toMatchObject({ output: 'value', completeness: { complete: true } });
    expect(explanation.logit).toBe(explanation.score);
    await expect(number.explain('a film', { label: 'a' })).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(number.counterfactual('a film')).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('refuse what would do nothing', async () => {
    const refused = [
      { label: 'z' },
      { method: 'attention-rollout', label: 'a' },
      { method: 'occlusion', baseline: 'zero' },
      { method: 'gradient-x-input', steps: 3 },
      { spans: [[3, 900]] },
    ] as const;
    for (const options of refused)
      await expect(explainer.explain('a film', options)).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(explainer.explain('a film', { lable: 'a' } as object)).rejects.toMatchObject({ option: 'lable' });
  });

  it('stop between passes when they are interrupted', async () => {
    const controller = new AbortController();
    const model = await loadModel(folder.path('tiny'), { threads: 1 });
    using stopped = TextExplainer.from(TextClassifier.from(model), { threads: 1, signal: controller.signal });
    controller.abort(new Error('stop'));
    const interrupted = { code: 'interrupted', cause: expect.objectContaining({ message: 'stop' }) as Error };
    await expect(stopped.explain('a film')).rejects.toMatchObject(interrupted);
    await expect(stopped.counterfactual('a film')).rejects.toMatchObject(interrupted);
  });

  it('tell of windows and passes within a text, and stop between its batches', async () => {
    const controller = new AbortController();
    const model = await loadModel(folder.path('tiny'), { threads: 1 });
    let [passes, limit] = [0, Infinity];
    using one = TextExplainer.from(TextClassifier.from(model), {
      threads: 1,
      maxLength: 8,
      signal: controller.signal,
      onPasses(count) {
        passes += count;
        if (passes >= limit) controller.abort(new Error('enough'));
      },
    });
    const text = 'a good old film '.repeat(40).trim();
    const windows: number[] = [];
    const { counts } = await one.explain(text, {
      method: 'occlusion',
      onProgress: ({ done, total }) => windows.push(done, total!),
    });
    expect(counts.windows).toBeGreaterThan(10);
    expect(windows.slice(0, 2)).toEqual([1, counts.windows]);
    // The text itself, and its windows once more with every word.
    const all = passes;
    expect(all).toBeGreaterThan(100);
    [passes, limit] = [0, counts.windows + 5];
    await expect(one.explain(text, { method: 'occlusion' })).rejects.toMatchObject({ code: 'interrupted' });
    expect(passes).toBeLessThan(all / 2);
  });

  it('are empty for an empty text', async () => {
    expect((await explainer.explain('')).attributions).toEqual([]);
  });
});

describe('quadrature', () => {
  it('is exact for polynomials', () => {
    for (const count of [1, 2, 5, 64]) {
      const { points, weights } = gaussLegendre(count);
      for (let power = 0; power < Math.min(2 * count, 40); power++) {
        const integral = points.reduce((sum, point, i) => sum + weights[i] * point ** power, 0);
        expect(Math.abs(integral - 1 / (power + 1))).toBeLessThan(1e-13);
      }
    }
  });
});

describe('counterfactuals', () => {
  /** Positive where `logit` of the words of a text is above 0; asked as a real model is. */
  const stub = (logit: (words: ReadonlySet<string>) => number): TextExplainer => {
    const { model } = explainer;
    return TextExplainer.of({
      ...model,
      outputs: ['negative', 'positive'],
      ask: async (inputs) => inputs.map((input) => Float32Array.of(0, logit(new Set((input as string).split(/\W+/))))),
      answer: (logits) => {
        const probabilities = Float32Array.from([0, 1], (i) => 1 / (1 + Math.exp(logits[1 - i] - logits[i])));
        const best = probabilities[1] > 0.5 ? 1 : 0;
        return { label: ['negative', 'positive'][best], score: probabilities[best], probabilities };
      },
    });
  };
  const noCandidates = (): string[] => [];

  it('find the one word that matters, and what to put there', async () => {
    const text = 'A long good story';
    const found = await stub((words) => (words.has('good') ? 1 : words.has('great') ? 2 : -1)).counterfactual(text, {
      candidates: (word) => (word === 'good' ? ['great', 'poor'] : []),
    });
    expect(found).toMatchObject({
      found: true,
      edits: [{ start: 7, end: 11, from: 'good' }],
      before: { label: 'positive' },
      after: { label: 'negative' },
    });
    expect(found.edits[0].to).not.toBe('great');
    const deleted = await stub((words) => (words.has('good') ? 1 : -1)).counterfactual(text, { candidatesPerWord: 0 });
    expect(deleted).toMatchObject({ text: 'A long story', queries: 1 + 4 + 1 });
    const atStart = await stub((words) => (words.has('A') ? 1 : -1)).counterfactual(text, { candidatesPerWord: 0 });
    expect(atStart.text).toBe('long good story');
  });

  it('take edits back that the others make superfluous', async () => {
    // "film" helps a little, so it is deleted first; either of "good" and "fine" is enough, so both must go.
    const explained = stub((words) => {
      const has = (word: string): number => (words.has(word) ? 1 : 0);
      return 0.4 * has('film') + 10 * Math.max(has('good'), has('fine')) + 0.1 * (has('good') + has('fine')) - 0.5;
    });
    const found = await explained.counterfactual('a good film with fine music', { candidates: noCandidates });
    expect(found.edits.map(({ from }) => from)).toEqual(['good', 'fine']);
    expect(found.text).toBe('a film with music');
    expect(
      await explained.counterfactual('a good film with fine music', { maxEdits: 1, candidates: noCandidates }),
    ).toMatchObject({ found: false, edits: [], ended: 'edits', text: 'a good film with fine music' });
  });

  it('turn a label of several on or off, in either text of a pair', async () => {
    const pair = { text: 'the film was very long', pair: 'a great actor' };
    const found = await several.counterfactual(pair, { maxQueries: 400 });
    if (found.found) {
      const [logits] = await several.model.ask([{ text: found.text, pair: found.pair! }]);
      const { probabilities } = several.model.answer(logits);
      expect(probabilities[several.model.outputs.indexOf(found.before.label)] >= 0.5).not.toBe(
        found.before.score >= 0.5,
      );
      for (const { side, start, end, from } of found.edits) expect(pair[side!].slice(start, end)).toBe(from);
    } else expect(found).toMatchObject(pair);
    expect(found.queries).toBeLessThanOrEqual(410);
  });

  it('stop where the budget ends, and take candidates from outside', async () => {
    const few = await explainer.counterfactual('a film with a very old story', { to: 'b', maxQueries: 3 });
    if (!few.found) expect(few).toMatchObject({ ended: 'queries', edits: [] });
    expect(few.queries).toBeLessThanOrEqual(6);
    const asked: string[] = [];
    await explainer.counterfactual('some very old story', {
      candidates: (word, { before, after }) => {
        expect(before + word + after).toBe('some very old story');
        asked.push(word);
        return [];
      },
    });
    expect(asked.length).toBeGreaterThan(0);
    await expect(explainer.counterfactual('a film', { to: 'z' })).rejects.toMatchObject({ option: 'to' });
  });
});

describe('faithfulness', () => {
  it('ranks words by an explanation, beside random rankings that a seed fixes', async () => {
    const text = 'the plot was bad , and the music with the old actor very great';
    const explanation = await explainer.explain(text, { method: 'occlusion' });
    const own = await explainer.faithfulness(text, explanation);
    expect(own.words).toBe(14);
    expect(await explainer.faithfulness(text, explanation)).toEqual(own);
    const reversed = {
      ...explanation,
      attributions: explanation.attributions.map((one) => ({ ...one, attribution: -one.attribution })),
    };
    const other = await explainer.faithfulness(text, reversed);
    expect(other.deletion).toBeGreaterThan(own.deletion);
    expect(other.insertion).toBeLessThan(own.insertion);
    expect(other.randomDeletion).toBe(own.randomDeletion);
    const summary = summariseFaithfulness([own, own, own]);
    expect(summary.deletionGain.difference).toBeCloseTo(own.deletion - own.randomDeletion, 12);
  });
});
