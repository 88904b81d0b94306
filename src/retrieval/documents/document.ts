import type { FieldValue } from '../../core/filter.ts';

export type { FieldValue };

/** A paragraph, list, table or piece of code: what a chunk is made of. */
export interface Block {
  /** UTF-16 position in the document's text. */
  start: number;
  /** The position after its last character. */
  end: number;
  /** The headings above it, outermost first. */
  headings: readonly string[];
  /** Of a PDF, from 1. */
  page?: number;
}

/** A document as it was read, before it is cut into chunks. */
export interface ReadDocument {
  /** What is cut; positions count in it. */
  text: string;
  /** In the order of the text, none of them empty or overlapping. */
  blocks: readonly Block[];
  /** Where it has one. */
  title?: string;
  /** Of a file of rows: its record, from 1, a header counted. */
  row?: number;
  /** Of the row or the front matter. */
  fields?: Readonly<Record<string, FieldValue>>;
  /** Where a range of `text` stands in the file, if that is not the range itself. */
  place?: (start: number, end: number) => [start: number, end: number];
}

/** The fields of a row that a search can be restricted by; others, such as lists, are left aside. */
export function fieldValues(
  fields: Readonly<Record<string, unknown>>,
  without: readonly (string | undefined)[] = [],
): Record<string, FieldValue> {
  const kept: Record<string, FieldValue> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (without.includes(name)) continue;
    if (typeof value === 'bigint') kept[name] = Number(value);
    else if (value instanceof Date) kept[name] = value.toISOString();
    else if (typeof value === 'number') kept[name] = Number.isFinite(value) ? value : null;
    else if (value === null || typeof value === 'string' || typeof value === 'boolean') kept[name] = value;
  }
  return kept;
}
