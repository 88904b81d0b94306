import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { bootstrapMean, bootstrapStatistic } from '../../src/metrics/resampling.ts';

describe('bootstrapStatistic', () => {
  const random = createRandom(5);
  const values = Array.from({ length: 40 }, () => random.normal());
  const mean = (rows: readonly number[]): number => rows.reduce((sum, i) => sum + values[i], 0) / rows.length;

  it('is bootstrapMean where the statistic is the mean', () => {
    const own = bootstrapStatistic(values.length, mean, { samples: 1000, seed: 3 });
    const known = bootstrapMean(values, { seed: 3 });
    for (const name of ['mean', 'low', 'high'] as const) expect(own[name]).toBeCloseTo(known[name], 12);
  });

  it('leaves out samples without a figure, and has none of nothing', () => {
    const { mean: whole, low, high } = bootstrapStatistic(4, (rows) => (rows.includes(0) ? 1 : NaN));
    expect([whole, low, high]).toEqual([1, 1, 1]);
    expect(bootstrapStatistic(0, () => NaN)).toEqual({ mean: NaN, low: NaN, high: NaN });
  });
});
