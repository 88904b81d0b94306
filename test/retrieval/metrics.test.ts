import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { meanAveragePrecision, meanReciprocalRank, ndcgAtK, recallAtK } from '../../src/metrics/index.ts';

interface Golden {
  queries: { ranking: number[]; relevance: [number, number][] }[];
  expected: Record<string, number>;
}

it('figures of rankings are those of trec_eval', () => {
  const path = resolve(import.meta.dirname, '../oracle/goldens/retrieval-metrics.json');
  const { queries, expected } = JSON.parse(readFileSync(path, 'utf8')) as Golden;
  const ranked = queries.map(({ ranking, relevance }) => ({ ranking, relevance: new Map(relevance) }));
  expect(ndcgAtK(ranked, 10)).toBeCloseTo(expected['ndcg_cut_10'], 9);
  expect(recallAtK(ranked, 10)).toBeCloseTo(expected['recall_10'], 9);
  expect(recallAtK(ranked, 100)).toBeCloseTo(expected['recall_100'], 9);
  expect(meanReciprocalRank(ranked)).toBeCloseTo(expected['recip_rank'], 9);
  expect(meanAveragePrecision(ranked)).toBeCloseTo(expected['map'], 9);
});
