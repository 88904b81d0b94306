import type { Settings } from '../../core/settings.ts';
import { DATA_SETTINGS, FILE_SETTINGS, TUNING_SETTINGS } from '../shared-settings.ts';

/** Shared by several verbs. */
export const FIELDS = {
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

/** Of `finetune rank`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  ...DATA_SETTINGS,
  train: {
    ...DATA_SETTINGS.train,
    help: 'queries with candidates: .jsonl, .csv, .tsv or .parquet with query, candidates and labels, with query, positives and negatives, or a row for each candidate (query, text, label)',
  },
  ...RANK_SETTINGS,
  loss: {
    kind: 'text',
    values: ['listwise', 'pointwise'],
    help: "rankings: listwise (which of a query's candidates is right) or pointwise (whether each one is). Default: listwise",
  },
  metric: { kind: 'text', help: "the evaluation's figure by which the best weights are kept. Default: mrr" },
  ...TUNING_SETTINGS,
} as const satisfies Settings;
