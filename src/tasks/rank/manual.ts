import type { TaskManual } from '../manual.ts';
import { ASK_SCHEMA, COUNT, objectSchema, TEXT } from '../service.ts';
import { EVALUATE_SETTINGS, PREDICT_SETTINGS } from '../shared-settings.ts';
import { FIELDS, RANK_SETTINGS, FINE_TUNE_SETTINGS } from './settings.ts';

/** Candidates for a query into their order. */
export const rankManual: TaskManual = {
  name: 'rank',
  head: 'sequenceClassification',
  noun: 'a ranker',
  finetune: {
    summary: 'candidates for a query into their order',
    description:
      'Fine-tunes a checkpoint into a ranker (cross-encoder): query and candidate are read together, so it is slower and better than comparing vectors.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: 'as many as give 600 steps, at least 2 and at most 10',
      batchSize: '8 queries',
      dropout: "hidden, attention and classifier dropout. Default: the checkpoint's",
      maxLength: '256, or as many as the model takes; longer candidates are cut, and counted',
      evaluateEvery: 'an epoch',
      microBatches: true,
    },
    saved:
      "the model, as Hugging Face's transformers and the CrossEncoder of sentence-transformers load it (one output)",
    facts: 'figures of the best weights',
    shown: ['mrr', 'ndcg10', 'map', 'accuracyAt1'],
    manual: `
Data
  {"query":"water flowers","positives":["Give plants a drink."],"negatives":["Sell shares.","Boil rice."]}
  {"query":"water flowers","candidates":["Give plants a drink.","Sell shares."],"labels":[1,0]}              labels may be graded: 2 is better than 1
  query,text,label                                                                                          a row for each candidate; rows of a query stand together

Examples
  albertine finetune rank --train queries.jsonl --output ranker
Then
  albertine evaluate ranker --data test.jsonl
  albertine predict ranker --input queries.jsonl --top-k 3
`,
  },
  evaluate: {
    settings: { ...RANK_SETTINGS, ...EVALUATE_SETTINGS },
    json: '"mrr", "ndcg10", "map", "accuracyAt1" over queries with something relevant, with "queries", "candidates", "recallAt10"',
    examples: ['albertine evaluate ranker --data test.jsonl --json | jq .mrr'],
  },
  predict: {
    settings: {
      ...FIELDS,
      topK: { kind: 'number', integer: true, min: 1, help: 'rankings: candidates listed, best first. Default: all' },
      ...PREDICT_SETTINGS,
    },
    output:
      '{"index":0,"ranking":[{"candidate":1,"score":0.97},{"candidate":0,"score":0.02}],"tokenCount":21,"windows":2,"truncatedTokens":0}\n    "candidate" is an index into the list of the input.',
    examples: ['albertine predict ranker --input queries.jsonl --top-k 3'],
  },
  service: {
    input: objectSchema({ query: TEXT, candidates: { type: 'array', items: TEXT }, id: TEXT }, ['query', 'candidates']),
    options: objectSchema({ ...ASK_SCHEMA, topK: COUNT }),
  },
  load: async () => (await import('./verbs-node.ts')).rankVerbs,
};
