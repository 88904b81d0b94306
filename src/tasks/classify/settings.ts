import type { Settings } from '../../core/settings.ts';
import { PROBLEM_TYPES } from '../../data/dataset.ts';
import { DATA_SETTINGS, FILE_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Fields and format of labelled texts. */
export const LABELLED_SETTINGS = {
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  pairField: { kind: 'text', help: 'field of the second text, for pairs' },
  labelField: { kind: 'text', help: 'field of the label. Default: label' },
  labelSeparator: {
    kind: 'text',
    placeholder: 'text',
    help: 'multiLabel: what stands between labels in a field. Default: a comma',
  },
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** How models of pairs are asked. */
export const ASKED_PAIR_SETTINGS = {
  pair: {
    kind: 'text',
    placeholder: 'text',
    help: 'second text, for models that learned pairs; goes with every text given as an argument',
  },
  pairField: {
    kind: 'text',
    help: 'field of the second text, for models that learned pairs; the first one is in --text-field. Standard input is JSONL then, unless --format says otherwise',
  },
} as const satisfies Settings;

/** Of `finetune classify`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  ...DATA_SETTINGS,
  evaluation: {
    ...DATA_SETTINGS.evaluation,
    help: 'held-out examples, of the same form. Default: a tenth of --train is held out, with the same mix of labels',
  },
  problem: {
    kind: 'text',
    values: PROBLEM_TYPES,
    placeholder: 'type',
    help: 'singleLabel (one label a text), multiLabel (any number), regression (a number). Default: singleLabel',
  },
  ...LABELLED_SETTINGS,
  metric: {
    kind: 'text',
    help: "the evaluation's figure by which the best weights are kept. Default: accuracy; macroF1 (multiLabel), spearman (regression)",
  },
  labelSmoothing: {
    kind: 'number',
    min: 0,
    below: 1,
    placeholder: 'share',
    help: 'share of the target spread over all labels. Default: 0',
  },
  ...TUNING_SETTINGS,
  wordsBaseline: {
    kind: 'flag',
    off: true,
    help: "do not also classify the held-out examples by their words alone (tf-idf and logistic regression, seconds). Default: do, and print the figures beside the model's",
  },
  balanceClasses: { kind: 'flag', help: 'weigh labels by the inverse of their frequency' },
  calibrate: {
    kind: 'flag',
    help: 'fit a temperature on the held-out examples, so that probabilities mean what they say',
  },
} as const satisfies Settings;
