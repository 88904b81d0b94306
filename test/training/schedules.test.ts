import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  learningRateAt,
  SCHEDULE_KINDS,
  scaleLearningRate,
  validateSchedule,
  warmupStepsOf,
  type Schedule,
} from '../../src/training/schedules.ts';

const rates = (schedule: Schedule, steps: number) =>
  Array.from({ length: steps }, (_, step) => learningRateAt(schedule, step));
const close = (actual: number[], expected: number[]) =>
  actual.forEach((value, index) => expect(value).toBeCloseTo(expected[index], 12));

/**
 * Expected lists of Hugging Face's own test of its schedulers (tests/optimization/test_optimization.py): rate 10, ten
 * steps.
 */
describe('schedules against Hugging Face', () => {
  const base = { learningRate: 10, totalSteps: 10, warmupSteps: 2 };

  it('constant, with and without warm-up', () => {
    close(rates({ kind: 'constant', learningRate: 10, totalSteps: 10 }, 10), Array(10).fill(10) as number[]);
    close(
      rates({ kind: 'constant', learningRate: 10, totalSteps: 10, warmupSteps: 4 }, 10),
      [0, 2.5, 5, 7.5, 10, 10, 10, 10, 10, 10],
    );
  });

  it('linear', () => close(rates({ ...base, kind: 'linear' }, 10), [0, 5, 10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25]));

  it('cosine', () => {
    const expected = [0, 5, 10, 9.61, 8.53, 6.91, 5, 3.08, 1.46, 0.38];
    rates({ ...base, kind: 'cosine' }, 10).forEach((rate, step) =>
      expect(Math.abs(rate - expected[step])).toBeLessThan(0.01),
    );
  });

  it('cosine with one restart', () => {
    const expected = [0, 5, 10, 8.53, 5, 1.46, 10, 8.53, 5, 1.46];
    rates({ ...base, kind: 'cosine', restarts: 1 }, 10).forEach((rate, step) =>
      expect(Math.abs(rate - expected[step])).toBeLessThan(0.01),
    );
  });

  it('polynomial to 1e-7', () => {
    const expected = [0, 5, 10, 7.656, 5.625, 3.906, 2.5, 1.406, 0.625, 0.156];
    rates({ ...base, kind: 'polynomial', power: 2, finalLearningRate: 1e-7 }, 10).forEach((rate, step) =>
      expect(Math.abs(rate - expected[step])).toBeLessThan(0.001),
    );
  });
});

describe('schedule properties', () => {
  const schedules = fc.record({
    kind: fc.constantFrom(...SCHEDULE_KINDS),
    learningRate: fc.constant(2e-3),
    totalSteps: fc.integer({ min: 1, max: 500 }),
    warmupRatio: fc.double({ min: 0, max: 0.9, noNaN: true }),
    finalLearningRate: fc.constantFrom(0, 1e-4),
    power: fc.constantFrom(0.5, 1, 3),
  });

  it('stay within bounds, end at the final rate and fall after warm-up', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        validateSchedule(schedule);
        const all = rates(schedule, schedule.totalSteps + 2);
        const warmup = warmupStepsOf(schedule);
        expect(Math.max(...all)).toBeLessThanOrEqual(schedule.learningRate);
        expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
        expect(all[warmup]).toBeCloseTo(warmup < schedule.totalSteps ? schedule.learningRate : all[warmup], 12);
        for (let step = warmup + 1; step < all.length; step++)
          expect(all[step]).toBeLessThanOrEqual(all[step - 1] + 1e-15);
        if (schedule.kind !== 'constant') expect(all.at(-1)).toBeCloseTo(schedule.finalLearningRate, 12);
      }),
    );
  });

  it('polynomial of power 1 is linear', () => {
    const common = { learningRate: 3e-5, totalSteps: 77, warmupRatio: 0.1 };
    expect(rates({ ...common, kind: 'polynomial' }, 77)).toEqual(rates({ ...common, kind: 'linear' }, 77));
  });

  it('rounds a warm-up ratio up, as Hugging Face does', () => {
    expect(warmupStepsOf({ kind: 'linear', learningRate: 1, totalSteps: 15, warmupRatio: 0.1 })).toBe(2);
  });

  it('names the field that is wrong', () => {
    const good: Schedule = { kind: 'linear', learningRate: 1e-3, totalSteps: 10 };
    expect(validateSchedule(good)).toBe(good);
    const broken: [Partial<Schedule>, RegExp][] = [
      [{ learningRate: 0 }, /schedule.learningRate must be a positive number, got 0/],
      [{ totalSteps: 0 }, /schedule.totalSteps/],
      [{ warmupSteps: 11 }, /warmupSteps must be at most totalSteps/],
      [{ warmupSteps: 1, warmupRatio: 0.1 }, /warmupRatio must be left out/],
      [{ warmupRatio: 1 }, /warmupRatio must be in \[0, 1\)/],
      [{ finalLearningRate: 1 }, /finalLearningRate/],
      [{ kind: 'step' as 'linear' }, /schedule.kind must be one of/],
    ];
    for (const [change, message] of broken) expect(() => validateSchedule({ ...good, ...change })).toThrow(message);
  });

  it('scales by the square root of the batch', () => {
    expect(scaleLearningRate(1.76e-3, 1024, 4096)).toBeCloseTo(8.8e-4, 12);
    expect(scaleLearningRate(1e-3, 64, 64)).toBe(1e-3);
  });
});
