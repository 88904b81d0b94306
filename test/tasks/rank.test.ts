import { afterAll, expect, it } from 'vitest';
import { openRankings } from '../../src/tasks/rank/data-node.ts';
import { rankTask } from '../../src/tasks/rank/task.ts';
import { temporaryFolder, writeRows } from '../training/small-run.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

it('rows of one query belong together, wherever they stand where they are labelled', async () => {
  const path = writeRows(
    folder.path('scattered.jsonl'),
    [
      ['a', 'x', 1],
      ['b', 'y', 0],
      ['a', 'z', 0],
      ['b', 'w', 2],
      ['b', 'v', 0],
    ].map(([query, text, label]) => ({ query, text, label })),
  );
  const read = async (labelled: boolean): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const {
      input: { query, candidates },
      gold,
    } of openRankings(path, {}, { labelled }))
      found.push([query, candidates, gold]);
    return found;
  };
  expect(await read(true)).toEqual([
    ['a', ['x', 'z'], [1, 0]],
    ['b', ['y', 'w', 'v'], [0, 2, 0]],
  ]);
  expect(await read(false)).toEqual([
    ['a', ['x'], [1]],
    ['b', ['y'], [0]],
    ['a', ['z'], [0]],
    ['b', ['w', 'v'], [2, 0]],
  ]);
});

it('candidates with equal scores gain nothing by their order', () => {
  const equal = { ranking: [0, 1, 2, 3].map((candidate) => ({ candidate, score: 0.5 })) };
  expect(rankTask.score([[1, 0, 0, 0]], [equal], {} as never).metrics).toMatchObject({ mrr: 0.25, accuracyAt1: 0 });
  expect(rankTask.score([[0, 0, 0, 1]], [equal], {} as never).metrics).toMatchObject({ mrr: 0.25, accuracyAt1: 0 });
  const sure = { ranking: [{ candidate: 2, score: 0.9 }, ...equal.ranking.filter(({ candidate }) => candidate !== 2)] };
  expect(rankTask.score([[0, 0, 1, 0]], [sure], {} as never).metrics).toMatchObject({
    mrr: 1,
    ndcg10: 1,
    map: 1,
    accuracyAt1: 1,
  });
});
