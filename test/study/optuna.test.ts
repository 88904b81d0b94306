import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pedAnova } from '../../src/study/importance.ts';
import { hypervolume } from '../../src/study/pareto.ts';
import { parzenEstimator } from '../../src/study/parzen.ts';
import { createPruner, haltsAt, bracketAt, bracketBudgets, type PrunerOptions } from '../../src/study/pruners.ts';
import type { Space, TrialValues } from '../../src/study/space.ts';
import { splitTrials } from '../../src/study/split.ts';
import type { Direction, Trial } from '../../src/study/trial.ts';

interface History {
  directions: Direction[];
  trials: Trial[];
  good: number[];
  points: TrialValues[];
  together: string[];
  densities: Record<string, [number[], number[]]>;
  importance: Record<string, number>;
}

interface Pruning {
  options: PrunerOptions;
  direction: Direction;
  trials: { values: (number | null)[]; decisions: boolean[] }[];
  brackets: number[];
}

const golden = JSON.parse(readFileSync(resolve(import.meta.dirname, '../oracle/goldens/study.json'), 'utf8')) as {
  space: Space;
  histories: History[];
  hypervolumes: { rows: number[][]; volume: number }[];
  pruners: Pruning[];
};

const pickSpace = (names: readonly string[]): Space =>
  Object.fromEntries(names.map((name) => [name, golden.space[name]]));

describe('as Optuna has it', () => {
  it.each(golden.histories.map((history, i) => [i, history] as const))(
    'history %i: good and bad trials',
    (_, history) => {
      const { good, bad } = splitTrials(history.trials, history.directions);
      expect(good.map(({ number }) => number)).toEqual(history.good);
      expect(good.length + bad.length).toBe(history.trials.length);
    },
  );

  it.each(golden.histories.map((history, i) => [i, history] as const))('history %i: densities', (_, history) => {
    const split = splitTrials(history.trials, history.directions);
    for (const [label, expected] of Object.entries(history.densities)) {
      const names = label === 'together' ? history.together : [label];
      const observed = (trials: readonly Trial[]): TrialValues[] =>
        trials.map(({ values }) => values).filter((values) => names.every((name) => name in values));
      for (const [part, logs] of [
        [split.good, expected[0]],
        [split.bad, expected[1]],
      ] as const) {
        const estimator = parzenEstimator(pickSpace(names), observed(part));
        history.points.forEach((point, i) => expect(estimator.logDensity(point), label).toBeCloseTo(logs[i], 8));
      }
    }
  });

  it.each(golden.histories.map((history, i) => [i, history] as const))('history %i: importance', (_, history) => {
    const own = pedAnova(golden.space, history.trials, history.directions);
    expect(Object.keys(own).sort()).toEqual(Object.keys(history.importance).sort());
    for (const [name, value] of Object.entries(history.importance)) expect(own[name], name).toBeCloseTo(value, 8);
  });

  it('hypervolumes', () => {
    for (const { rows, volume } of golden.hypervolumes)
      expect(
        hypervolume(
          rows,
          rows[0].map(() => 1.1),
        ),
      ).toBeCloseTo(volume, 10);
  });

  it.each(golden.pruners.map((pruning, i) => [i, pruning.options.pruner!, pruning] as const))(
    'pruning %i: %s decides the same',
    (_, name, { options, direction, trials, brackets }) => {
      const others: Trial[] = [];
      const pruner = createPruner(options);
      let pruned = 0;
      trials.forEach(({ values, decisions }, number) => {
        const evaluations = values.map((value, i) => ({ at: i + 1, value: value ?? NaN }));
        decisions.forEach((expected, i) => {
          const trial = { number, evaluations: evaluations.slice(0, i + 1) };
          const decided =
            name === 'hyperband'
              ? // Optuna draws brackets by a checksum of its study's name.
                haltsAt(
                  trial,
                  others.filter((other) => brackets[other.number] === brackets[number]),
                  {
                    direction,
                    first: 3 ** brackets[number],
                    factor: 3,
                  },
                )
              : pruner(trial, others, direction);
          expect(decided, `trial ${number}, evaluation ${i + 1}`).toBe(expected);
        });
        const isPruned = decisions.at(-1)!;
        pruned += Number(isPruned);
        others.push({ number, values: {}, state: isPruned ? 'pruned' : 'complete', evaluations });
      });
      expect(pruned).toBeGreaterThan(0);
      expect(pruned).toBeLessThan(trials.length);
    },
  );

  it('hyperband: brackets and their shares', () => {
    // optuna.pruners.HyperbandPruner(1, 12, 3)._trial_allocation_budgets
    const budgets = bracketBudgets({ first: 1, most: 12, factor: 3 });
    expect(budgets).toEqual([9, 5, 3]);
    expect([0, 8, 9, 13, 14, 16, 17].map((draw) => bracketAt(draw, budgets))).toEqual([0, 0, 1, 1, 2, 2, 0]);
  });
});
