import { describe, expect, it } from 'vitest';
import { createPruner } from '../../src/study/pruners.ts';
import { parameterImportance } from '../../src/study/importance.ts';
import { dominationRanks, hypervolume, paretoFront, spreadSubset } from '../../src/study/pareto.ts';
import { createSampler, type SamplerOptions } from '../../src/study/sampler.ts';
import { isWithinParameter, parseSpace, type Space, type TrialValues } from '../../src/study/space.ts';
import type { Direction, Trial } from '../../src/study/trial.ts';

const SPACE = parseSpace({
  rate: 'log:1e-5:1e-1',
  size: 'int:4:64',
  optimizer: ['adamw', 'sgd'],
  momentum: { range: '0:0.9', when: { optimizer: 'sgd' } },
});

/** Least at a rate of 1e-3 with adamw. */
const loss = ({ rate, size, optimizer }: TrialValues): number =>
  (Math.log10(Number(rate)) + 3) ** 2 + Math.abs(Number(size) - 16) / 40 + (optimizer === 'sgd' ? 1 : 0);

function study(space: Space, options: SamplerOptions, count: number, score = loss): Trial[] {
  const sampler = createSampler(space, options);
  const trials: Trial[] = [];
  for (let number = 0; number < count; number++) {
    const values = sampler.suggest(number, { trials, directions: ['minimize'] });
    if (values === undefined) break;
    trials.push({ number, values, state: 'complete', objectives: [score(values)], evaluations: [] });
  }
  return trials;
}

const best = (trials: readonly Trial[]): number => Math.min(...trials.map(({ objectives }) => objectives![0]));

describe('samplers', () => {
  it.each([{ sampler: 'random' }, { sampler: 'tpe' }, { sampler: 'tpe', multivariate: false }] as SamplerOptions[])(
    '%o: suggests what the space has, the same again from the same history',
    (options) => {
      const trials = study(SPACE, options, 40);
      expect(trials).toHaveLength(40);
      for (const { values } of trials) {
        expect(Object.keys(values)).toEqual(
          values['optimizer'] === 'sgd' ? ['rate', 'size', 'optimizer', 'momentum'] : ['rate', 'size', 'optimizer'],
        );
        for (const [name, value] of Object.entries(values))
          expect(isWithinParameter(SPACE[name], value), name).toBe(true);
      }
      const again = createSampler(SPACE, options);
      for (const number of [3, 17, 39])
        expect(again.suggest(number, { trials: trials.slice(0, number), directions: ['minimize'] })).toEqual(
          trials[number].values,
        );
      expect(study(SPACE, { ...options, seed: 2 }, 3)[0].values).not.toEqual(trials[0].values);
    },
  );

  it('TPE is better than random over seeds', () => {
    const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
    const [random, tpe] = (['random', 'tpe'] as const).map((sampler) =>
      seeds.map((seed) => best(study(SPACE, { sampler, seed }, 40))),
    );
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(tpe)).toBeLessThan(mean(random));
    expect(tpe.filter((value, i) => value < random[i]).length).toBeGreaterThanOrEqual(8);
  });

  it('a grid has every combination once, shuffled by the seed', () => {
    const space = parseSpace({ a: [1, 2], b: { range: 'int:0:2', when: { a: 2 } }, c: 'log:1:100' });
    const trials = study(space, { sampler: 'grid', gridPoints: 3 }, 99, () => 0);
    expect(createSampler(space, { sampler: 'grid', gridPoints: 3 }).size).toBe(12);
    expect(trials).toHaveLength(12);
    expect(new Set(trials.map(({ values }) => JSON.stringify(values))).size).toBe(12);
    expect([...new Set(trials.map(({ values }) => values['c']))].sort()).toEqual([1, 10, 100]);
    expect(study(space, { sampler: 'grid', gridPoints: 3, seed: 2 }, 99, () => 0)).not.toEqual(trials);
  });

  it.each(['random', 'tpe'] as const)('%s tries nothing twice, and ends where all has been tried', (sampler) => {
    const space = parseSpace({ a: ['x', 'y', 'z'], b: 'int:1:5' });
    const trials = study(space, { sampler }, 99, ({ b }) => Number(b));
    expect(trials).toHaveLength(15);
    expect(new Set(trials.map(({ values }) => JSON.stringify(values))).size).toBe(15);
  });

  it('running and failed trials keep suggestions away', () => {
    const space = parseSpace({ x: '0:1' });
    const done = study(space, { sampler: 'random' }, 12, ({ x }) => Number(x));
    const sampler = createSampler(space, { seed: 5 });
    const busy = Array.from({ length: 30 }, (_, i): Trial => ({
      number: 12 + i,
      values: { x: 0.001 * i },
      state: i % 2 ? 'running' : 'failed',
      evaluations: [],
    }));
    const suggest = (trials: Trial[]): number =>
      Array.from({ length: 30 }, (_, i) =>
        Number(sampler.suggest(50 + i, { trials, directions: ['minimize'] })!['x']),
      ).reduce((a, b) => a + b, 0) / 30;
    expect(suggest([...done, ...busy])).toBeGreaterThan(suggest(done));
  });

  it('refuses wrong options', () => {
    expect(() => createSampler(SPACE, { sampler: 'tep' as 'tpe' })).toThrow(/one of tpe, random, grid/);
    expect(() => createSampler(SPACE, { candidates: 0 })).toThrow(/candidates/);
    expect(() => createSampler(SPACE, { sead: 1 } as SamplerOptions)).toThrow(/Did you mean "seed"/);
    expect(() =>
      createSampler(parseSpace({ a: 'int:1:2000', b: 'int:1:2000' }), { sampler: 'grid', gridPoints: 2000 }),
    ).toThrow(/more than 1,000,000/);
    expect(() => createPruner({ pruner: 'halving' as 'asha' })).toThrow(/one of none, median, asha, hyperband/);
    expect(() => createPruner({ reductionFactor: 1 })).toThrow(/reductionFactor/);
  });
});

describe('several objectives', () => {
  const both: Direction[] = ['maximize', 'minimize'];
  const trial = (number: number, objectives: number[]): Trial => ({
    number,
    values: {},
    state: 'complete',
    objectives,
    evaluations: [],
  });

  it('the front is what nothing beats', () => {
    const trials = [
      trial(0, [0.8, 5]),
      trial(1, [0.9, 9]),
      trial(2, [0.7, 6]),
      trial(3, [0.9, 10]),
      trial(4, [0.6, 1]),
    ];
    expect(paretoFront(trials, both).map(({ number }) => number)).toEqual([1, 0, 4]);
    expect(
      dominationRanks([
        [1, 1],
        [2, 2],
        [1, 3],
        [3, 3],
      ]),
    ).toEqual([0, 1, 1, 2]);
  });

  it('volumes and subsets of simple cases', () => {
    expect(hypervolume([[0, 0]], [2, 3])).toBe(6);
    expect(
      hypervolume(
        [
          [0, 1],
          [1, 0],
        ],
        [2, 2],
      ),
    ).toBe(3);
    expect(
      spreadSubset(
        [
          [0, 4],
          [1, 1],
          [4, 0],
        ],
        1,
      ),
    ).toEqual([1]);
    expect(
      spreadSubset(
        [
          [1, 1],
          [1, 1],
          [1, 1],
        ],
        2,
      ),
    ).toEqual([0, 1]);
  });

  it('TPE moves to the front', () => {
    const sampler = createSampler(parseSpace({ x: '0:1', y: '0:1' }), { seed: 3 });
    const trials: Trial[] = [];
    for (let number = 0; number < 60; number++) {
      const values = sampler.suggest(number, { trials, directions: both })!;
      const [x, y] = [Number(values['x']), Number(values['y'])];
      // Every x is a compromise; y only harms.
      trials.push({ ...trial(number, [x - y, x + y]), values });
    }
    const meanY = (from: number, to: number): number =>
      trials.slice(from, to).reduce((sum, { values }) => sum + Number(values['y']), 0) / (to - from);
    expect(meanY(40, 60)).toBeLessThan(meanY(0, 10) / 2);
  });
});

describe('importance', () => {
  it('names what decides, as shares', () => {
    const trials = study(SPACE, { sampler: 'random' }, 100);
    const shares = parameterImportance(SPACE, trials, ['minimize']);
    expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
    expect(shares['rate']).toBeGreaterThan(shares['size']);
    expect(parameterImportance(SPACE, trials.slice(0, 1), ['minimize'])).toEqual({
      rate: 0,
      size: 0,
      optimizer: 0,
      momentum: 0,
    });
  });
});
