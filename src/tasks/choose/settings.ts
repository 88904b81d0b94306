import type { Settings } from '../../core/settings.ts';
import { DATA_SETTINGS, FILE_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Of `finetune choose`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  ...DATA_SETTINGS,
  train: {
    ...DATA_SETTINGS.train,
    help: 'questions with choices: .json, .jsonl, .csv, .tsv or .parquet in the form of RACE, SWAG, C3, or with context, question, choices and label',
  },
  ...FILE_SETTINGS,
  metric: {
    kind: 'text',
    help: "the evaluation's figure by which the best weights are kept: accuracy or loss. Default: accuracy",
  },
  ...TUNING_SETTINGS,
} as const satisfies Settings;
