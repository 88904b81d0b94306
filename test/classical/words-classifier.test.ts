import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mixedTerms } from '../../src/classical/terms.ts';
import { classifyByWords } from '../../src/classical/words-classifier.ts';

interface Golden {
  texts: string[];
  labels: number[];
  intercept: number[];
  new: string[];
  predicted: number[];
}
const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as Golden;
const classes = golden.intercept.length;

describe("against scikit-learn's TfidfVectorizer and LogisticRegression(C=10)", () => {
  it('predictions are the same, unseen words left out', async () => {
    const predicted = await classifyByWords({
      train: golden.texts.map((text, i) => ({ text, class: golden.labels[i] })),
      evaluation: golden.new.map((text) => ({ text })),
      classes,
    });
    expect(predicted).toEqual(golden.predicted);
  });
});

describe('words of a text', () => {
  it('are characters and pairs in Chinese, words elsewhere, in one text as well', () => {
    expect(mixedTerms('iPhone很好用, really')).toEqual(['iphone', '很', '好', '用', '很好', '好用', 'really']);
  });

  it('are not tried where that would take minutes', async () => {
    const train = Array.from({ length: 2000 }, (_, i) => ({
      text: Array.from({ length: 100 }, (_unused, j) => `w${(i * 31 + j) % 900}`).join(' '),
      class: i % 400,
    }));
    expect(await classifyByWords({ train, evaluation: [{ text: 'w1' }], classes: 400 })).toBeUndefined();
  });
});
