import type { Settings } from '../../core/settings.ts';
import { DATA_SETTINGS, FILE_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Shared by several verbs. */
export const MENTIONS = {
  headField: {
    kind: 'text',
    help: 'relations: field of the first mention, { "start": .., "end": .., "type": .. }. Default: head',
  },
  tailField: { kind: 'text', help: 'relations: field of the second mention. Default: tail' },
} as const satisfies Settings;

/** Where relations stand in a file. */
export const RELATION_SETTINGS = {
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  ...MENTIONS,
  labelField: { kind: 'text', help: 'field of the label. Default: label' },
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** Of `finetune relate`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  ...DATA_SETTINGS,
  train: {
    ...DATA_SETTINGS.train,
    help: 'texts with two mentions: SemEval-2010 Task 8 (.txt, <e1> and <e2> in the text, the relation on the next line), or .jsonl, .csv, .parquet with text, head, tail and label, or with entities and relations',
  },
  ...RELATION_SETTINGS,
  noRelation: {
    kind: 'text',
    help: 'the label that says that there is no relation, which averages leave out. Default: Other, no_relation, none and the like, where there is one',
  },
  metric: { kind: 'text', help: "the evaluation's figure by which the best weights are kept. Default: macroF1" },
  labelSmoothing: {
    kind: 'number',
    min: 0,
    below: 1,
    placeholder: 'share',
    help: 'share of the target spread over all labels. Default: 0',
  },
  ...TUNING_SETTINGS,
} as const satisfies Settings;
