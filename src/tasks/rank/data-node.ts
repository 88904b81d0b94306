import { parseDecimal } from '../../core/decimal.ts';
import { describeValue } from '../../core/errors.ts';
import { parsedCell } from '../../data/cells.ts';
import { openRows, type ReadOptions } from '../../data/read-node.ts';
import type { ReadReport, Row } from '../../data/rows.ts';
import { pick } from '../../core/pick.ts';
import type { RankInput } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Where queries and candidates stand in a file. */
export interface RankFields extends Omit<ReadOptions, 'fields' | 'maxLineBytes'> {
  /** Default `query`, `candidates`, `text`, `label`. */
  queryField?: string;
  /** Field of a list of candidates. Default `candidates`. */
  candidatesField?: string;
  /** Field of one candidate, where each has a row. Default `text`. */
  textField?: string;
  /** Default `label`. */
  labelField?: string;
}

/** A query with its candidates, and their relevance where the file says it. */
export interface RankRow {
  number: number;
  input: RankInput;
  gold?: number[];
  fields?: Record<string, unknown>;
}

/** Queries of a file. */
export interface RankSource extends AsyncIterable<RankRow> {
  readonly name: string;
  readonly report: ReadReport;
}

/**
 * Opens a file of queries: rows with a query and `candidates` (and `labels`), with `positives` and `negatives`, or a
 * row for each candidate (query, text, label). Of these, those of one query belong together: with `labelled`, wherever
 * they stand in the file; else where they follow each other, as the file may be a stream. With `labelled` a row without
 * relevance is a bad one.
 */
export function openRankings(path: string, fields: RankFields, { labelled }: { labelled: boolean }): RankSource {
  const rows = openRows(path, pick(fields, FILE_OPTIONS));
  async function* iterate(): AsyncGenerator<RankRow> {
    const waiting = new Map<string, RankRow>();
    for await (const row of rows) {
      const found = readRow(row, fields, labelled);
      if (typeof found === 'string') {
        rows.reject(row, found);
        continue;
      }
      const { query } = found.row.input;
      const before = found.isOne ? waiting.get(query) : undefined;
      if (before) {
        (before.input.candidates as string[]).push(...found.row.input.candidates); // made by readRow, for this row alone
        before.gold?.push(...(found.row.gold ?? []));
        continue;
      }
      if (!labelled || !found.isOne) {
        yield* waiting.values();
        waiting.clear();
      }
      if (found.isOne) waiting.set(query, found.row);
      else yield found.row;
    }
    yield* waiting.values();
  }
  return { name: rows.name, report: rows.report, [Symbol.asyncIterator]: iterate };
}

function readRow(
  { fields, number }: Row,
  { queryField = 'query', candidatesField = 'candidates', textField = 'text', labelField = 'label' }: RankFields,
  labelled: boolean,
): { row: RankRow; isOne: boolean } | string {
  const query = fields[queryField];
  if (typeof query !== 'string')
    return `field ${describeValue(queryField)} must be a text, got ${describeValue(query)}`;
  const { id } = fields;
  const base = { query, ...(id !== undefined && id !== null && { id: String(id) }) };
  const [positives, negatives] = [
    parsedCell(fields['positives'] ?? fields['positive']),
    parsedCell(fields['negatives'] ?? fields['negative']),
  ];
  if (positives !== undefined) {
    const [right, wrong] = [listOf(positives), listOf(negatives ?? [])];
    if (!right || !wrong)
      return `positives and negatives must be texts, got ${describeValue(positives, 40)} and ${describeValue(negatives, 40)}`;
    return {
      isOne: false,
      row: {
        number,
        fields,
        input: { ...base, candidates: [...right, ...wrong] },
        gold: [...right.map(() => 1), ...wrong.map(() => 0)],
      },
    };
  }
  const candidates = parsedCell(fields[candidatesField]);
  if (candidates !== undefined) {
    const texts = listOf(candidates);
    const labels = parsedCell(fields['labels'] ?? fields[labelField]);
    const gold = Array.isArray(labels) ? labels.map(gainOf) : undefined;
    if (!texts || texts.length === 0)
      return `field ${describeValue(candidatesField)} must be a list of texts, got ${describeValue(candidates, 60)}`;
    if (gold ? gold.length !== texts.length || gold.some((gain) => gain === undefined) : labelled)
      return `${texts.length} candidates need as many labels, numbers of at least 0, got ${describeValue(labels, 60)}`;
    return {
      isOne: false,
      row: { number, fields, input: { ...base, candidates: texts }, ...(gold && { gold: gold as number[] }) },
    };
  }
  const text = fields[textField];
  if (typeof text !== 'string')
    return `there is neither ${describeValue(candidatesField)} nor positives nor ${describeValue(textField)}; the fields are ${Object.keys(fields).join(', ')}`;
  const gain = gainOf(fields[labelField]);
  if (gain === undefined && labelled)
    return `field ${describeValue(labelField)} must be a number of at least 0, got ${describeValue(fields[labelField])}`;
  return {
    isOne: true,
    row: { number, fields, input: { ...base, candidates: [text] }, ...(gain !== undefined && { gold: [gain] }) },
  };
}

const listOf = (value: unknown): string[] | undefined =>
  typeof value === 'string'
    ? [value]
    : Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value
      : undefined;

function gainOf(value: unknown): number | undefined {
  const gain =
    typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
      ? Number(value)
      : typeof value === 'string'
        ? parseDecimal(value)
        : NaN;
  return Number.isFinite(gain) && gain >= 0 ? gain : undefined;
}
