import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { trainLogistic } from '../../src/classical/logistic.ts';
import { mixedTerms, TfIdf, words } from '../../src/classical/tf-idf.ts';
import { classifyByWords } from '../../src/classical/words-classifier.ts';

interface Golden {
  texts: string[];
  labels: number[];
  vocabulary: Record<string, number>;
  coefficients: number[][];
  intercept: number[];
  new: string[];
  predicted: number[];
}
const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as Golden;
const classes = golden.intercept.length;
const features = Object.keys(golden.vocabulary).length;

describe("against scikit-learn's TfidfVectorizer and LogisticRegression(C=10)", () => {
  it('coefficients and intercepts agree within 1e-3', () => {
    const tfIdf = new TfIdf(golden.texts, words);
    const rows = golden.texts.map((text) => {
      const vector = [...tfIdf.vector(text)];
      return { indices: vector.map(([term]) => golden.vocabulary[term]), values: vector.map(([, weight]) => weight) };
    });
    const weights = trainLogistic({ rows, classes: golden.labels }, { classes, features, c: 10, maxIterations: 2000 });
    for (let k = 0; k < classes; k++) {
      for (let j = 0; j < features; j++)
        expect(Math.abs(weights[j * classes + k] - golden.coefficients[k][j]), `${k} ${j}`).toBeLessThan(1e-3);
    }
    // Only differences between intercepts mean anything: nothing penalises them.
    for (let k = 1; k < classes; k++)
      expect(weights[features * classes + k] - weights[features * classes]).toBeCloseTo(
        golden.intercept[k] - golden.intercept[0],
        3,
      );
  });

  it('predictions are the same, unseen words left out', () => {
    const predicted = classifyByWords({
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

  it('are not tried where that would take minutes', () => {
    const train = Array.from({ length: 2000 }, (_, i) => ({
      text: Array.from({ length: 100 }, (_unused, j) => `w${(i * 31 + j) % 900}`).join(' '),
      class: i % 400,
    }));
    expect(classifyByWords({ train, evaluation: [{ text: 'w1' }], classes: 400 })).toBeUndefined();
  });
});
