import type { Settings } from '../../core/settings.ts';
import { DATA_SETTINGS, FILE_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Shared by several verbs. */
export const FIELDS = {
  questionField: { kind: 'text', help: 'answers: field of the question. Default: question' },
  contextField: { kind: 'text', help: 'answers: field of the text that answers it. Default: context' },
} as const satisfies Settings;

/** Where questions stand in a file. */
export const QUESTION_SETTINGS = {
  ...FIELDS,
  answerField: {
    kind: 'text',
    help: 'answers: field of what is right: a text, or [{ "text": .., "start": .. }]; an empty list where there is no answer. Default: answers, else answer',
  },
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** Shared by several verbs. */
export const ASKING = {
  maxAnswerLength: { kind: 'number', integer: true, min: 1, help: 'answers: tokens of one at most. Default: 30' },
  stride: {
    kind: 'number',
    integer: true,
    min: 0,
    help: 'tokens that consecutive windows of a long text share. Default: answers a third, entities a quarter of a window',
  },
} as const satisfies Settings;

/** Shared by several verbs. */
export const THRESHOLD = {
  noAnswerThreshold: {
    kind: 'number',
    placeholder: 'x',
    help: 'answers: how much larger (in logits) no answer has to be to be given. Default: the one that training found, where it saw questions without answers',
  },
} as const satisfies Settings;

/** Of `finetune answer`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  ...DATA_SETTINGS,
  train: {
    ...DATA_SETTINGS.train,
    help: 'questions with their texts and answers: .json in the form of SQuAD 1.1 or 2.0 (CMRC 2018, XQuAD), or .jsonl, .csv, .parquet with question, context and answers',
  },
  ...QUESTION_SETTINGS,
  ...ASKING,
  metric: { kind: 'text', help: "the evaluation's figure by which the best weights are kept. Default: f1" },
  ...TUNING_SETTINGS,
} as const satisfies Settings;
