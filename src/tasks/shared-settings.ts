import type { Settings } from '../core/settings.ts';
import { QUOTE_STYLES } from '../data/csv.ts';
import { TEXT_ENCODINGS } from '../data/lines.ts';
import { ROW_FORMATS } from '../data/rows.ts';

/* Settings that several tasks have, each in one place. */

/** How files of rows are read. */
export const FILE_SETTINGS = {
  format: {
    kind: 'text',
    values: ROW_FORMATS,
    placeholder: 'format',
    help: 'format of the files where the extension does not tell it',
  },
  encoding: {
    kind: 'text',
    values: TEXT_ENCODINGS,
    help: `encoding of text files, never guessed: ${TEXT_ENCODINGS.join(', ')}. Default: utf-8`,
  },
  delimiter: {
    kind: 'text',
    placeholder: 'character',
    help: 'CSV and TSV: what separates columns. Default: comma or tab',
  },
  quotes: {
    kind: 'text',
    values: QUOTE_STYLES,
    placeholder: 'style',
    help: `CSV and TSV: ${QUOTE_STYLES.join(', ')}. Default: rfc4180 for CSV, auto for TSV`,
  },
  header: { kind: 'flag', off: true, help: 'CSV and TSV: the first line is a record; columns are called 0, 1, 2 ...' },
  onError: {
    kind: 'text',
    values: ['stop', 'skip'],
    placeholder: 'action',
    help: 'what to do with a row that cannot be used: stop or skip (counted and listed). Default: stop',
  },
} as const satisfies Settings;

/** Names of {@link FILE_SETTINGS}. */
export const FILE_OPTIONS = Object.keys(FILE_SETTINGS) as (keyof typeof FILE_SETTINGS)[];

/** Files of a run that learns from labelled rows. */
export const DATA_SETTINGS = {
  train: {
    kind: 'file',
    required: true,
    help: 'labelled examples: .csv, .tsv, .jsonl or .parquet; text formats may be gzipped',
  },
  evaluation: {
    kind: 'file',
    flag: 'eval',
    help: 'held-out examples, of the same form. Default: a tenth of --train is held out',
  },
} as const satisfies Settings;

/** What every run that learns from labelled rows has. */
export const TUNING_SETTINGS = {
  freshHead: {
    kind: 'flag',
    help: "start a new head also where the model's own answers the same, which otherwise is kept",
  },
  dropDuplicates: {
    kind: 'flag',
    help: 'leave out rows whose text and answer stood before, and training rows whose text is held out (case and white space do not count). Default: count and tell',
  },
} as const satisfies Settings;

/** How evaluating reads texts. */
export const EVALUATE_SETTINGS = {
  longText: {
    kind: 'text',
    values: ['truncate', 'window', 'error'],
    placeholder: 'policy',
    help: 'texts longer than the model was trained with: truncate (as in training), window (as predict and embed do), error. Default: truncate; embeddings window',
  },
  maxLength: {
    kind: 'number',
    integer: true,
    min: 3,
    help: 'tokens per text or window, [CLS] and [SEP] included. Default: as in training; embeddings: as many as the model has positions',
  },
  batchTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'tokens computed at a time, padding included. Default: 1024',
  },
} as const satisfies Settings;

/** How predicting reads texts. */
export const PREDICT_SETTINGS = {
  longText: {
    kind: 'text',
    values: ['window', 'truncate', 'error'],
    placeholder: 'policy',
    help: 'texts longer than the model was trained with: window (logits of the windows are averaged), truncate (cut, and counted), error. Default: window',
  },
  maxLength: {
    kind: 'number',
    integer: true,
    min: 3,
    help: 'tokens per window, [CLS] and [SEP] included. Default: as in training',
  },
  batchTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'tokens computed at a time, padding included. Default: 1024',
  },
} as const satisfies Settings;
