import type { TaskManual } from '../manual.ts';
import { ASK_SCHEMA, objectSchema, TEXT } from '../service.ts';
import { EVALUATE_SETTINGS, PREDICT_SETTINGS } from '../shared-settings.ts';
import { MENTIONS, RELATION_SETTINGS, FINE_TUNE_SETTINGS } from './settings.ts';

const MENTION = objectSchema({ start: { type: 'integer' }, end: { type: 'integer' }, type: TEXT }, ['start', 'end']);

/** Two marked mentions into the relation between them. */
export const relateManual: TaskManual = {
  name: 'relate',
  head: 'sequenceClassification',
  noun: 'a classifier of relations',
  finetune: {
    summary: 'two marked mentions in a text into the relation between them',
    description:
      'Fine-tunes a checkpoint to say how two marked mentions of a text are related, and in which direction.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: 'as many as give 600 steps, at least 3 and at most 20',
      batchSize: '16',
      dropout: "hidden, attention and classifier dropout. Default: the checkpoint's",
      maxLength: '128, or as many as the model takes; longer texts are cut around the mentions',
      evaluateEvery: 'an epoch',
      microBatches: true,
    },
    saved:
      "the model with its relations, as Hugging Face's transformers loads it (AlbertForSequenceClassification; mentions are marked with @ and #)",
    facts: 'pairs of each relation',
    shown: ['macroF1', 'microF1', 'accuracy'],
    manual: `
Data
  1  "The <e1>fire</e1> was caused by <e2>lightning</e2>."        {"text":"The fire was caused by lightning.","head":{"start":4,"end":8},"tail":{"start":23,"end":32},"label":"Cause-Effect(e2,e1)"}
  Cause-Effect(e2,e1)                                            {"text":"..","entities":[{"start":4,"end":8,"label":"EVENT"}, ..],"relations":[{"head":0,"tail":1,"label":".."}]}
  Labels that end in (e1,e2) or (e2,e1) have a direction; a relation found the wrong way round is wrong.

Examples
  albertine finetune relate --train TRAIN_FILE.TXT --eval TEST_FILE_FULL.TXT --output relations
Then
  albertine evaluate relations --data TEST_FILE_FULL.TXT
  albertine predict relations --input pairs.jsonl
  albertine predict relations --tagger tagger "Angela Merkel was born in Hamburg."
`,
  },
  evaluate: {
    settings: { ...RELATION_SETTINGS, ...EVALUATE_SETTINGS },
    json: '"macroF1" (the official figure of SemEval-2010 Task 8: without the label of no relation, with direction), "microF1", "precision", "recall", "accuracy", with "perRelation"',
    examples: ['albertine evaluate relations --data TEST_FILE_FULL.TXT --json | jq .macroF1'],
  },
  predict: {
    settings: {
      ...MENTIONS,
      tagger: {
        kind: 'file',
        placeholder: 'model',
        help: 'relations: a tagger that finds the mentions, so that plain texts can be asked; all pairs of what it finds in a text are asked, and those with a relation are written',
      },
      ...PREDICT_SETTINGS,
    },
    output:
      '{"index":0,"label":"Cause-Effect(e2,e1)","score":0.93,"head":{"start":4,"end":8,"text":"fire"},"tail":{"start":23,"end":32,"text":"lightning"}, ..}\n    with --tagger a line for each text: {"index":0,"entities":[..],"triples":[{"head":{..},"relation":"Cause-Effect","tail":{..},"score":0.93}], ..}',
    examples: [
      'albertine predict relations --input pairs.jsonl',
      'albertine predict relations --tagger tagger "Angela Merkel was born in Hamburg."',
    ],
  },
  service: {
    input: objectSchema({ text: TEXT, head: MENTION, tail: MENTION }, ['text', 'head', 'tail']),
    options: objectSchema(ASK_SCHEMA),
  },
  load: async () => (await import('./verbs-node.ts')).relateVerbs,
};
