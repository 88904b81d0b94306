import type { Settings } from '../../core/settings.ts';
import { PROBLEM_TYPES } from '../../data/dataset.ts';
import type { TaskManual } from '../manual.ts';
import { DATA_SETTINGS, EVALUATE_SETTINGS, FILE_SETTINGS, PREDICT_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Fields and format of labelled texts. */
export const LABELLED_SETTINGS = {
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  pairField: { kind: 'text', help: 'field of the second text, for pairs' },
  labelField: { kind: 'text', help: 'field of the label. Default: label' },
  labelSeparator: { kind: 'text', placeholder: 'text', help: 'multiLabel: what stands between labels in a field. Default: a comma' },
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** Texts, or pairs of texts, into labels or numbers. */
export const classifyManual: TaskManual = {
  name: 'classify',
  head: 'sequenceClassification',
  noun: 'a classifier',
  finetune: {
    summary: 'texts or pairs of texts into labels or numbers',
    description: 'Fine-tunes a checkpoint into a classifier of texts (or pairs of texts): one label a text, several, or a number.',
    settings: {
      ...DATA_SETTINGS,
      evaluation: { ...DATA_SETTINGS.evaluation, help: 'held-out examples, of the same form. Default: a tenth of --train is held out, with the same mix of labels' },
      problem: { kind: 'text', values: PROBLEM_TYPES, placeholder: 'type', help: 'singleLabel (one label a text), multiLabel (any number), regression (a number). Default: singleLabel' },
      ...LABELLED_SETTINGS,
      metric: { kind: 'text', help: 'the evaluation\'s figure by which the best weights are kept. Default: accuracy; macroF1 (multiLabel), spearman (regression)' },
      labelSmoothing: { kind: 'number', min: 0, below: 1, placeholder: 'share', help: 'share of the target spread over all labels. Default: 0' },
      ...TUNING_SETTINGS,
      wordsBaseline: { kind: 'flag', off: true, help: 'do not also classify the held-out examples by their words alone (tf-idf and logistic regression, seconds). Default: do, and print the figures beside the model\'s' },
      balanceClasses: { kind: 'flag', help: 'weigh labels by the inverse of their frequency' },
      calibrate: { kind: 'flag', help: 'fit a temperature on the held-out examples, so that probabilities mean what they say' },
    },
    training: {
      epochs: 'as many as give 200 steps and 6 a label, at least 3 and at most 20', batchSize: '32', dropout: 'hidden, attention and classifier dropout. Default: the checkpoint\'s',
      maxLength: '256, or as many as the model takes', evaluateEvery: 'an epoch', microBatches: true,
    },
    saved: 'the model with its labels, as Hugging Face\'s transformers loads it',
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
    examples: ['albertine evaluate reviews-model --data test.csv', 'albertine evaluate reviews-model --data test.csv --json | jq .macroF1'],
  },
  predict: {
    settings: {
      pair: { kind: 'text', placeholder: 'text', help: 'second text, for models fine-tuned on pairs; goes with every text given as an argument' },
      pairField: { kind: 'text', help: 'field of the second text, for models fine-tuned on pairs; the first one is in --text-field. Standard input is JSONL then, unless --format says otherwise' },
      topK: { kind: 'number', integer: true, min: 1, help: 'labels listed in "labels" (in tables label, label_2 ...), best first; "label" and "score" are always the best one. Default: all; in tables 1' },
      ...PREDICT_SETTINGS,
    },
    output: `{"index":0,"label":"pos","score":0.97,"labels":[{"label":"pos","score":0.97},{"label":"neg","score":0.03}],"tokenCount":5,"windows":1,"truncatedTokens":0}
    A multi-label model adds "assigned", the labels at or above 0.5. A regression model has "value" instead.
    Tables have index, label, score (label_2, score_2 ... with --top-k), assigned or value, and the counts.`,
    examples: [
      'albertine predict reviews-model "what a film" "never again"', 'albertine predict reviews-model new-reviews.csv --text-field text --output labelled.csv --top-k 3',
      'cat lines.txt | albertine predict reviews-model - --look-ahead 1', 'albertine predict nli "a man sleeps" --pair "somebody is awake"',
      'albertine predict nli pairs.csv --text-field premise --pair-field hypothesis', 'albertine predict nli pairs.tsv --no-header --text-field 0 --pair-field 1',
      `echo '{"premise":"a man sleeps","hypothesis":"somebody is awake"}' | albertine predict nli - --text-field premise --pair-field hypothesis`,
    ],
  },
  load: async () => (await import('./verbs-node.ts')).classifyVerbs,
};
