import { describe, expect, it } from 'vitest';
import { describeBound, fitTemperature } from '../../src/tasks/classify/calibrate.ts';

/** Two classes; every row has the logits `[gap, 0]`, and the first `right` rows are of the first class. */
const twoClasses = (gap: number, rows: number, right: number): ReturnType<typeof fitTemperature> =>
  fitTemperature(
    Float32Array.from({ length: 2 * rows }, (_, i) => (i % 2 === 0 ? gap : 0)),
    Array.from({ length: rows }, (_, row) => (row < right ? 0 : 1)),
    2,
  );

describe('temperature', () => {
  it('makes the confidence the share that is right, as worked out by hand', () => {
    // sigmoid(gap / temperature) = right / rows, so temperature = gap / ln(right / wrong).
    for (const [gap, rows, right] of [
      [2, 4, 3],
      [1, 10, 9],
      [8, 100, 51],
      [0.2, 50, 48],
      [300, 1000, 999],
    ] as const) {
      const expected = gap / Math.log(right / (rows - right));
      const fit = twoClasses(gap, rows, right);
      if (expected < 20) expect(fit).toEqual({ temperature: expect.closeTo(expected, 4) as number, rows, right });
      else expect(fit).toEqual({ temperature: 20, bound: 'highest', rows, right });
      expect(describeBound(fit) === undefined).toBe(expected < 20);
    }
  });

  it('of three classes is that of least log loss among many', () => {
    const logits = Float32Array.from([3, 1, 0, 0.5, 2, 1, 2, 0, 1.5, 1, 1.2, 0]);
    const gold = [0, 1, 2, 0];
    const loss = (temperature: number): number =>
      gold.reduce((sum, label, row) => {
        const powers = Array.from(logits.subarray(3 * row, 3 * row + 3), (logit) => Math.exp(logit / temperature));
        return sum - Math.log(powers[label] / (powers[0] + powers[1] + powers[2]));
      }, 0);
    const { temperature, ...counts } = fitTemperature(logits, gold, 3);
    expect(counts).toEqual({ rows: 4, right: 2 });
    for (let other = 0.06; other < 20; other *= 1.03) expect(loss(temperature)).toBeLessThanOrEqual(loss(other));
  });

  it('tells when few rows, all right, leave it at the lowest', () => {
    for (const gap of [0.5, 3, 80]) {
      const fit = twoClasses(gap, 9, 9);
      expect(fit).toEqual({ temperature: 0.05, bound: 'lowest', rows: 9, right: 9 });
      expect(describeBound(fit)).toMatch(
        /^no temperature is stored: calibration ran to 0\.05, the lowest that it tries, on 9 held-out rows, 9 of them labelled right; hold out more rows/,
      );
    }
    // A mistake with a small gap, a thousand right ones: not all right, and beyond the range all the same.
    expect(twoClasses(0.1, 1000, 999)).toMatchObject({ temperature: 0.05, bound: 'lowest', right: 999 });
  });

  it('tells when rows no better than chance leave it at the highest', () => {
    const fit = twoClasses(2, 1, 0);
    expect(fit).toEqual({ temperature: 20, bound: 'highest', rows: 1, right: 0 });
    expect(describeBound(fit)).toMatch(
      /^no temperature is stored: calibration ran to 20, the highest that it tries, on 1 held-out row, 0 of them labelled right; .*not learned yet/,
    );
  });

  it('within the range is told of as found', () => {
    expect(describeBound(twoClasses(2, 4, 3))).toBeUndefined();
  });
});
