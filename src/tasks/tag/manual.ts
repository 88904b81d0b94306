import type { TaskManual } from '../manual.ts';
import { ASK_SCHEMA, COUNT, objectSchema, TEXT } from '../service.ts';
import { EVALUATE_SETTINGS, PREDICT_SETTINGS } from '../shared-settings.ts';
import { TAGGED_SETTINGS, ASKING, FINE_TUNE_SETTINGS } from './settings.ts';

/** Texts into the entities in them. */
export const tagManual: TaskManual = {
  name: 'tag',
  head: 'tokenClassification',
  noun: 'a tagger',
  rewritable: true,
  finetune: {
    summary: 'texts into the entities in them, with their places',
    description:
      'Fine-tunes a checkpoint into a tagger: names, places, products ... in texts of any length, with UTF-16 offsets.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: 'as many as give 600 steps, at least 3 and at most 20',
      batchSize: '16',
      dropout: "hidden, attention and classifier dropout. Default: the checkpoint's",
      maxLength: '128, or as many as the model takes; longer texts are read in windows',
      evaluateEvery: 'an epoch',
      microBatches: true,
    },
    saved: "the model with its tags, as Hugging Face's transformers loads it (AlbertForTokenClassification)",
    facts: 'entities of each label',
    shown: ['f1', 'precision', 'recall', 'macroF1'],
    manual: `
Data
  Lines      Angela B-PER           {"text":"Angela Merkel lives in Berlin","entities":[{"label":"PER","start":0,"end":13},{"label":"LOC","start":23,"end":29}]}
             Merkel I-PER           {"tokens":["Angela","Merkel","lives"],"tags":["B-PER","I-PER","O"]}
  Every word has one label: entities that overlap are refused. Texts longer than the model are read in overlapping windows; no entity is lost.

Examples
  albertine finetune tag --train train.conll --eval dev.conll --output tagger
  albertine finetune tag --train people.jsonl --output tagger --epochs 5
Then
  albertine evaluate tagger --data test.conll
  albertine predict tagger "Angela Merkel lives in Berlin"
`,
  },
  evaluate: {
    settings: { ...TAGGED_SETTINGS, ...ASKING, ...EVALUATE_SETTINGS },
    json: '"f1", "precision", "recall" over all entities (label and both ends right), "macroF1", "weightedF1", with "entities" and "perLabel"',
    examples: ['albertine evaluate tagger --data test.conll --json | jq .f1'],
  },
  predict: {
    settings: { ...ASKING, ...PREDICT_SETTINGS },
    output:
      '{"index":0,"entities":[{"label":"PER","start":0,"end":13,"text":"Angela Merkel","score":0.98}],"tokenCount":6,"windows":1,"truncatedTokens":0}\n    "start" and "end" are UTF-16 positions in the text. Tables have the list as JSON.',
    examples: [
      'albertine predict tagger "Angela Merkel lives in Berlin"',
      'albertine predict tagger news.jsonl --text-field body --output entities.jsonl',
    ],
  },
  service: {
    input: {
      anyOf: [
        TEXT,
        objectSchema({ text: TEXT, words: { type: 'array', items: { type: 'array', items: { type: 'integer' } } } }, [
          'text',
        ]),
      ],
    },
    options: objectSchema({
      ...ASK_SCHEMA,
      aggregation: { enum: ['first', 'average', 'max', 'simple'] },
      decoding: { enum: ['viterbi', 'greedy'] },
      stride: COUNT,
    }),
  },
  load: async () => (await import('./verbs-node.ts')).tagVerbs,
};
