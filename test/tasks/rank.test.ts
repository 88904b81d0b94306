import { expect, it } from 'vitest';
import { rankTask } from '../../src/tasks/rank/task.ts';

it('candidates with equal scores gain nothing by their order', () => {
  const equal = { ranking: [0, 1, 2, 3].map((candidate) => ({ candidate, score: 0.5 })) };
  expect(rankTask.score([[1, 0, 0, 0]], [equal], {} as never).metrics).toMatchObject({ mrr: 0.25, accuracyAt1: 0 });
  expect(rankTask.score([[0, 0, 0, 1]], [equal], {} as never).metrics).toMatchObject({ mrr: 0.25, accuracyAt1: 0 });
  const sure = { ranking: [{ candidate: 2, score: 0.9 }, ...equal.ranking.filter(({ candidate }) => candidate !== 2)] };
  expect(rankTask.score([[0, 0, 1, 0]], [sure], {} as never).metrics).toMatchObject({ mrr: 1, ndcg10: 1, map: 1, accuracyAt1: 1 });
});
