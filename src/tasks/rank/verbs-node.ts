import { short, toJson } from '../../data/json.ts';
import { pick } from '../../core/pick.ts';
import type { AskedRows, TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { openRankings, type RankFields } from './data-node.ts';
import { Reranker } from './reranker.ts';
import type { RankAnswer, RankOptions } from './task.ts';
import { rankTuning } from './tuning-node.ts';

/** The verbs of ranking. */
export const rankVerbs: TaskVerbs = verbsOf(rankTuning, {
  open: (model) => Reranker.from(model),
  next: ({ output }) => [`evaluate ${output} --data FILE`, `predict ${output} --input QUERIES.jsonl`],
  predict: {
    open(path, options): AskedRows {
      const source = openRankings(path, options as RankFields, { labelled: false });
      return {
        name: source.name,
        report: source.report,
        notes: [],
        [Symbol.asyncIterator]: () => source[Symbol.asyncIterator](),
      };
    },
    asking: (options) => pick(options as RankOptions, ['topK']),
    record: ({ id, ranking }: RankAnswer) => ({ ...(id !== undefined && { id }), ranking: plain(ranking) }),
    cells: ({ ranking }: RankAnswer) => ({
      best: ranking[0].candidate,
      score: short(Math.fround(ranking[0].score)),
      ranking: toJson(plain(ranking)),
    }),
  },
});

const plain = (ranking: RankAnswer['ranking']): RankAnswer['ranking'] =>
  ranking.map(({ candidate, score }) => ({ candidate, score: short(Math.fround(score)) }));
