import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketLength, classBalance, multiLabelBalance, planBatches, stratifiedSplit } from '../../src/data/index.ts';

describe('batches', () => {
  it('gives few lengths with little padding', () => {
    expect([0, 1, 16, 17, 18, 19, 32, 33, 64, 65, 128, 129, 511, 512].map(bucketLength)).toEqual([
      1, 1, 16, 18, 18, 20, 32, 36, 64, 72, 128, 144, 512, 512,
    ]);
    const lengths = Array.from({ length: 512 }, (_, index) => index + 1);
    expect(new Set(lengths.map(bucketLength)).size).toBe(56);
    for (const length of lengths) {
      const padded = bucketLength(length);
      expect(padded).toBeGreaterThanOrEqual(length);
      expect(padded).toBeLessThan(length * 1.125);
      expect(bucketLength(padded)).toBe(padded);
    }
  });

  it('joins neighbouring lengths where that costs less than another batch', () => {
    const cost = (texts: readonly number[], batches: readonly number[][]): number =>
      batches.reduce(
        (sum, batch) => sum + batch.length * bucketLength(Math.max(...batch.map((text) => texts[text]))) + 100,
        0,
      );
    expect(planBatches([20, 18, 5, 20], { tokenBudget: 500, batchCost: 0 })).toEqual([[0, 3], [1], [2]]);
    expect(planBatches([20, 18, 5, 20], { tokenBudget: 500, batchCost: 10 })).toEqual([[0, 3, 1], [2]]);
    expect(planBatches([20, 18, 5, 20], { tokenBudget: 500, batchCost: 100 })).toEqual([[0, 3, 1, 2]]);
    const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 60 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 3000 }), (texts, tokenBudget) => {
        const joined = planBatches(texts, { tokenBudget, batchCost: 100 });
        expect(joined.flat().sort((a, b) => a - b)).toEqual(texts.map((_, index) => index));
        for (const batch of joined)
          if (batch.length > 1)
            expect(batch.length * bucketLength(Math.max(...batch.map((text) => texts[text])))).toBeLessThanOrEqual(
              tokenBudget,
            );
        expect(cost(texts, joined)).toBeLessThanOrEqual(cost(texts, planBatches(texts, { tokenBudget })));
      }),
    );
  });

  it('takes every text once, within the budget, longest first', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        lengths,
        fc.integer({ min: 1, max: 1000 }),
        fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
        (texts, tokenBudget, maxBatch) => {
          const batches = planBatches(texts, { tokenBudget, maxBatch });
          expect(batches.flat().sort((a, b) => a - b)).toEqual(texts.map((_, index) => index));
          const padded = batches.map(([first]) => bucketLength(texts[first]));
          expect(padded).toEqual([...padded].sort((a, b) => b - a));
          for (const [index, batch] of batches.entries()) {
            expect(new Set(batch.map((text) => bucketLength(texts[text]))).size).toBe(1);
            if (batch.length > 1) expect(batch.length * padded[index]).toBeLessThanOrEqual(tokenBudget);
            if (maxBatch !== undefined) expect(batch.length).toBeLessThanOrEqual(maxBatch);
            expect(batch).toEqual([...batch].sort((a, b) => a - b));
          }
        },
      ),
    );
  });

  it('takes the rule for lengths from the caller and refuses nonsense', () => {
    expect(planBatches([3, 9, 4, 12], { tokenBudget: 16, bucket: (length) => Math.ceil(length / 8) * 8 })).toEqual([
      [1],
      [3],
      [0, 2],
    ]);
    expect(planBatches([100], { tokenBudget: 10 })).toEqual([[0]]);
    expect(planBatches([], { tokenBudget: 10 })).toEqual([]);
    expect(() => planBatches([5], { tokenBudget: 10, bucket: () => 4 })).toThrow(
      /bucket\(length\) must be an integer >= 5/,
    );
    expect(() => planBatches([1.5], { tokenBudget: 10 })).toThrow(/lengths\[0\]/);
  });
});

describe('splits', () => {
  it('keeps the mix of labels, is disjoint, and follows the seed', () => {
    const labels = [...'a'.repeat(70), ...'b'.repeat(25), ...'c'.repeat(4), 'd'];
    const { train, validation } = stratifiedSplit(labels, 0.2, 1);
    expect([...train, ...validation].sort((a, b) => a - b)).toEqual(labels.map((_, index) => index));
    const counts = Object.fromEntries(
      classBalance(validation.map((row) => labels[row])).classes.map(({ label, count }) => [label, count]),
    );
    expect(counts).toEqual({ a: 14, b: 5, c: 1 });
    expect(stratifiedSplit(labels, 0.2, 1)).toEqual({ train, validation });
    expect(stratifiedSplit(labels, 0.2, 2).validation).not.toEqual(validation);
    expect(() => stratifiedSplit(labels, 1, 1)).toThrow(/between 0 and 1/);
  });

  it('keeps a training row of every label, and the size when it can', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (labels, fraction) => {
          const { train, validation } = stratifiedSplit(labels, fraction, 3);
          expect(new Set(train.map((row) => labels[row]))).toEqual(new Set(labels));
          const most = labels.length - new Set(labels).size;
          expect(validation.length).toBeLessThanOrEqual(Math.round(labels.length * fraction));
          if (fraction <= 0.5)
            expect(validation.length).toBeGreaterThanOrEqual(
              Math.min(most, Math.round(labels.length * fraction)) - new Set(labels).size,
            );
        },
      ),
    );
  });

  it('describes imbalance', () => {
    expect(classBalance(['x', 'y', 'x', 'x'])).toEqual({
      classes: [
        { label: 'x', count: 3, share: 0.75 },
        { label: 'y', count: 1, share: 0.25 },
      ],
      imbalance: 3,
      majorityShare: 0.75,
    });
    expect(classBalance([]).imbalance).toBeNaN();
  });

  it('describes rows with several labels or none', () => {
    // x on 4 of 5 rows, y on 1, z on none; always x is wrong once for x and once for y, in 15 decisions.
    expect(multiLabelBalance([[0], [0, 1], [0], [], [0]], ['x', 'y', 'z'])).toEqual({
      rows: 5,
      unlabelled: 1,
      labelsPerRow: 1,
      imbalance: Infinity,
      constantHammingLoss: expect.closeTo(2 / 15, 12) as number,
      classes: [
        { label: 'x', count: 4, share: 0.8 },
        { label: 'y', count: 1, share: 0.2 },
        { label: 'z', count: 0, share: 0 },
      ],
    });
    expect(multiLabelBalance([[0, 1], [1]], ['x', 'y']).classes[0]).toEqual({ label: 'y', count: 2, share: 1 });
    expect(multiLabelBalance([], ['x'])).toMatchObject({
      rows: 0,
      labelsPerRow: NaN,
      imbalance: NaN,
      constantHammingLoss: NaN,
    });
    expect(() => multiLabelBalance([[2]], ['x', 'y'])).toThrow(/a label index must be an integer >= 0 and <= 1, got 2/);
  });
});
