import { expect, it } from 'vitest';
import { describeCourse } from '../../../src/training/run/plan-node.ts';

it('a run is said to improve at its end only where it did', () => {
  const told = (value: number, gain: number): string[] =>
    describeCourse({
      outcome: 'finished',
      steps: 5,
      skipped: 0,
      rollBacks: 0,
      best: { step: 5, metric: 'accuracy', value, gain, evaluation: {} },
    }).map(String);
  expect(told(0.5, 0.1)).toEqual([expect.stringMatching(/^accuracy was still improving at the end \(0\.1000 better/)]);
  expect(told(0.5, 0.001)).toEqual([]);
  // Zero and no better than before: nothing has been learned.
  expect(told(0, 0)).toEqual([]);
});
