import type { TaskManual } from '../manual.ts';
import { ASK_SCHEMA, COUNT, objectSchema, TEXT } from '../service.ts';
import { EVALUATE_SETTINGS, PREDICT_SETTINGS } from '../shared-settings.ts';
import { ASKED_PAIR_SETTINGS, FINE_TUNE_SETTINGS, LABELLED_SETTINGS } from './settings.ts';

/** Texts, or pairs of texts, into labels or numbers. */
export const classifyManual: TaskManual = {
  name: 'classify',
  head: 'sequenceClassification',
  noun: 'a classifier',
  rewritable: true,
  finetune: {
    summary: 'texts or pairs of texts into labels or numbers',
    description:
      'Fine-tunes a checkpoint into a classifier of texts (or pairs of texts): one label a text, several, or a number.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: 'as many as give 200 steps and 6 a label, at least 3 and at most 20',
      batchSize: '32',
      dropout: "hidden, attention and classifier dropout. Default: the checkpoint's",
      maxLength: '256, or as many as the model takes',
      evaluateEvery: 'an epoch',
      microBatches: true,
    },
    saved: "the model with its labels, as Hugging Face's transformers loads it",
    shown: ['accuracy', 'macroF1', 'matthews', 'microF1', 'hammingLoss', 'pearson', 'spearman', 'rmse', 'mae'],
    facts: 'class counts, confusion matrix of the held-out examples',
    manual: `
Examples
  albertine finetune classify --train reviews.csv --output reviews-model
  albertine finetune classify --train train.tsv --eval dev.tsv --text-field sentence --label-field polarity --epochs 4 --output model
  albertine finetune classify --model albert/albert-base-v2 --train pairs.jsonl --text-field premise --pair-field hypothesis --output nli
  albertine finetune classify --train sts.csv --problem regression --text-field a --pair-field b --label-field score --output sts
Then
  albertine report reviews-model
  albertine evaluate reviews-model --data test.csv
  albertine predict reviews-model "what a film"
`,
  },
  evaluate: {
    settings: { ...LABELLED_SETTINGS, ...EVALUATE_SETTINGS },
    json: `"accuracy", "macroF1", "weightedF1", "microF1", "matthews", "logLoss", "expectedCalibrationError" ... ("pearson", "spearman", "mse" ... for regression), with "problem", "labels", "perClass" and "confusionMatrix" (rows are the true labels)`,
    examples: [
      'albertine evaluate reviews-model --data test.csv',
      'albertine evaluate reviews-model --data test.csv --json | jq .macroF1',
    ],
  },
  predict: {
    settings: {
      ...ASKED_PAIR_SETTINGS,
      topK: {
        kind: 'number',
        integer: true,
        min: 1,
        help: 'labels listed in "labels" (in tables label, label_2 ...), best first; "label" and "score" are always the best one. Default: all; in tables 1',
      },
      ...PREDICT_SETTINGS,
    },
    output: `{"index":0,"label":"pos","score":0.97,"labels":[{"label":"pos","score":0.97},{"label":"neg","score":0.03}],"tokenCount":5,"windows":1,"truncatedTokens":0}
    A multi-label model adds "assigned", the labels at or above 0.5. A regression model has "value" instead.
    Tables have index, label, score (label_2, score_2 ... with --top-k), assigned or value, and the counts.`,
    examples: [
      'albertine predict reviews-model "what a film" "never again"',
      'albertine predict reviews-model new-reviews.csv --text-field text --output labelled.csv --top-k 3',
      'cat lines.txt | albertine predict reviews-model - --look-ahead 1',
      'albertine predict nli "a man sleeps" --pair "somebody is awake"',
      'albertine predict nli pairs.csv --text-field premise --pair-field hypothesis',
      'albertine predict nli pairs.tsv --no-header --text-field 0 --pair-field 1',
      `echo '{"premise":"a man sleeps","hypothesis":"somebody is awake"}' | albertine predict nli - --text-field premise --pair-field hypothesis`,
    ],
  },
  service: {
    input: { anyOf: [TEXT, objectSchema({ text: TEXT, pair: TEXT }, ['text'])] },
    options: objectSchema({ ...ASK_SCHEMA, topK: COUNT }),
  },
  load: async () => (await import('./verbs-node.ts')).classifyVerbs,
};
