import { parseDecimal } from '../../core/decimal.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { formatOfPath, openRows, type ReadOptions } from '../../data/read-node.ts';
import { missingFieldReason, textFieldProblem, type ReadReport, type Row } from '../../data/rows.ts';
import type { EmbeddingObjective } from '../../training/contrastive-head.ts';
import { pick } from '../../core/pick.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Fields and format of files of sentences. */
export interface SentenceFields extends Omit<ReadOptions, 'fields' | 'maxLineBytes'> {
  /** Default `text`. Not needed for `.txt` files, which have a text a line. */
  textField?: string;
  /** Second text of a pair. Default `pair`, where pairs are read. */
  pairField?: string;
  /** Similarity of a pair as a number, more for more similar. Default `score`, where scores are read. */
  scoreField?: string;
}

/** One row: a text, or two, perhaps with their score. */
export interface SentenceRow {
  texts: string[];
  score?: number;
}

/** Rows in file order, read while they are consumed; the report is complete once the iteration has ended. */
export interface SentenceSource extends AsyncIterable<SentenceRow> {
  readonly report: ReadReport;
}

/**
 * Opens a file of texts (`simcse`), pairs or scored pairs. A row whose text is no string or whose score is no number is
 * bad, and handled as `onError` says. Throws `invalid_argument` for pairs from a `.txt` file, and as `openRows`.
 */
export function openSentences(path: string, fields: SentenceFields, objective: EmbeddingObjective): SentenceSource {
  const names = fieldNames(path, fields, objective);
  const rows = openRows(path, {
    ...pick(fields, FILE_OPTIONS),
    fields: names,
  });
  async function* iterate(): AsyncGenerator<SentenceRow> {
    for await (const row of rows) {
      const found = readRow(row, names);
      if (typeof found === 'string') rows.reject(row, found);
      else yield found;
    }
  }
  return { report: rows.report, [Symbol.asyncIterator]: iterate };
}

/** Fields to be read: text; text and pair; or text, pair and score. */
function fieldNames(path: string, fields: SentenceFields, objective: EmbeddingObjective): string[] {
  const { textField = 'text', pairField = 'pair', scoreField = 'score' } = fields;
  if ((fields.format ?? formatOfPath(path)) !== 'txt')
    return [textField, ...(objective === 'simcse' ? [] : [pairField]), ...(objective === 'scored' ? [scoreField] : [])];
  if (objective === 'simcse') return ['text'];
  throw new AlbertineError(
    'invalid_argument',
    `a .txt file has one text a line, and ${objective === 'pairs' ? 'pairs' : 'scored pairs'} need more fields: ${path}`,
    { value: path, hint: 'Use .csv, .tsv, .jsonl or .parquet' },
  );
}

function readRow({ fields }: Row, [textField, pairField, scoreField]: readonly string[]): SentenceRow | string {
  const texts: string[] = [];
  for (const field of pairField === undefined ? [textField] : [textField, pairField]) {
    const problem = textFieldProblem(field, fields);
    if (problem !== undefined) return problem;
    texts.push(fields[field] as string);
  }
  if (scoreField === undefined) return { texts };
  if (!Object.hasOwn(fields, scoreField)) return missingFieldReason(scoreField, fields);
  const value = fields[scoreField];
  const score =
    typeof value === 'number' || typeof value === 'bigint'
      ? Number(value)
      : typeof value === 'string'
        ? parseDecimal(value)
        : NaN;
  return Number.isFinite(score)
    ? { texts, score }
    : `field ${JSON.stringify(scoreField)} must be a number, got ${describeValue(value)}`;
}
