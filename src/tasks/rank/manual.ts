import type { Settings } from '../../core/settings.ts';
import type { TaskManual } from '../manual.ts';
import { DATA_SETTINGS, EVALUATE_SETTINGS, FILE_SETTINGS, PREDICT_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

const FIELDS = {
  queryField: { kind: 'text', help: 'rankings: field of the query. Default: query' },
  candidatesField: { kind: 'text', help: 'rankings: field of the list of candidates. Default: candidates' },
} as const satisfies Settings;

/** Where queries and candidates stand in a file. */
export const RANK_SETTINGS = {
  ...FIELDS,
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  labelField: { kind: 'text', help: 'field of the label. Default: label' },
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** Candidates for a query into their order. */
export const rankManual: TaskManual = {
  name: 'rank',
  head: 'sequenceClassification',
  noun: 'a ranker',
  finetune: {
    summary: 'candidates for a query into their order',
    description: 'Fine-tunes a checkpoint into a ranker (cross-encoder): query and candidate are read together, so it is slower and better than comparing vectors.',
    settings: {
      ...DATA_SETTINGS,
      train: { ...DATA_SETTINGS.train, help: 'queries with candidates: .jsonl, .csv, .tsv or .parquet with query, candidates and labels, with query, positives and negatives, or a row for each candidate (query, text, label)' },
      ...RANK_SETTINGS,
      loss: { kind: 'text', values: ['listwise', 'pointwise'], help: 'rankings: listwise (which of a query\'s candidates is right) or pointwise (whether each one is). Default: listwise' },
      metric: { kind: 'text', help: 'the evaluation\'s figure by which the best weights are kept. Default: mrr' },
      ...TUNING_SETTINGS,
    },
    training: {
      epochs: 'as many as give 600 steps, at least 2 and at most 10', batchSize: '8 queries', dropout: 'hidden, attention and classifier dropout. Default: the checkpoint\'s', maxLength: '256, or as many as the model takes; longer candidates are cut, and counted', evaluateEvery: 'an epoch', microBatches: true,
    },
    saved: 'the model, as Hugging Face\'s transformers and the CrossEncoder of sentence-transformers load it (one output)',
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
  evaluate: { settings: { ...RANK_SETTINGS, ...EVALUATE_SETTINGS }, json: '"mrr", "ndcg10", "map", "accuracyAt1" over queries with something relevant, with "queries", "candidates", "recallAt10"', examples: ['albertine evaluate ranker --data test.jsonl --json | jq .mrr'] },
  predict: {
    settings: { ...FIELDS, topK: { kind: 'number', integer: true, min: 1, help: 'rankings: candidates listed, best first. Default: all' }, ...PREDICT_SETTINGS },
    output: '{"index":0,"ranking":[{"candidate":1,"score":0.97},{"candidate":0,"score":0.02}],"tokenCount":21,"windows":2,"truncatedTokens":0}\n    "candidate" is an index into the list of the input.',
    examples: ['albertine predict ranker --input queries.jsonl --top-k 3'],
  },
  load: async () => (await import('./verbs-node.ts')).rankVerbs,
};
