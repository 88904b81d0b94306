import { parseRows } from '../../../src/data/parse.ts';
import { RowReporter, type RowIssue } from '../../../src/data/rows.ts';

/** Formats of {@link readTextRows}. */
export type TextFormat = 'txt' | 'csv' | 'tsv' | 'jsonl';

/** Rows of a file or of what was pasted. */
export interface TextRows {
  /** Where they are from. */
  name: string;
  rows: Record<string, string>[];
  /** Names of their fields. */
  fields: string[];
  /** That which is most likely the text. */
  textField: string;
  /** Rows left out because they cannot be read, and the first of them. */
  skipped: number;
  issue: RowIssue | undefined;
}

const ENDINGS: Readonly<Record<string, TextFormat>> = { csv: 'csv', tsv: 'tsv', jsonl: 'jsonl', ndjson: 'jsonl' };

/** The format of a file by its name; of others plain text. */
export const formatOfName = (name: string): TextFormat => ENDINGS[name.split('.').at(-1)!.toLowerCase()] ?? 'txt';

/** What was pasted: objects of JSON, a table whose first line has a field `text` or `sentence`, or lines of text. */
export function formatOfText(text: string): TextFormat {
  const [first = ''] = text.trimStart().split('\n', 1);
  if (/^\{.*\}\s*$/.test(first)) return 'jsonl';
  for (const [format, delimiter] of [
    ['tsv', '\t'],
    ['csv', ','],
  ] as const) {
    const fields = first.split(delimiter).map(unquoted);
    if (fields.length > 1 && fields.some((field) => LIKELY.includes(field.toLowerCase()))) return format;
  }
  return 'txt';
}

const unquoted = (field: string): string => field.trim().replace(/^"(.*)"$/, '$1');

/** Names that the field of the text has mostly, the likeliest first. */
const LIKELY = ['text', 'sentence', 'content', 'review', 'body', 'title', 'question', 'sentence1', 'text_a', 'query'];

/** Reads rows with the readers of the command line; bad rows are left out and counted, blank lines passed over. */
export async function readTextRows(blob: Blob, name: string, format: TextFormat): Promise<TextRows> {
  const reporter = new RowReporter(name, 'skip');
  const rows: Record<string, string>[] = [];
  const fields = new Set<string>();
  for await (const row of parseRows(chunksOf(blob), { format }, reporter)) {
    const entries = Object.entries(row.fields).map(([key, value]) => [key, written(value)] as const);
    if (format === 'txt' && entries[0][1].trim() === '') continue;
    for (const [key] of entries) fields.add(key);
    rows.push(Object.fromEntries(entries));
  }
  reporter.requireSomeRow();
  const names = [...fields];
  return {
    ...{ name, rows, fields: names },
    textField:
      LIKELY.map((likely) => names.find((key) => key.toLowerCase() === likely)).find(Boolean) ?? longest(rows, names),
    skipped: reporter.report.skipped,
    issue: reporter.report.issues[0],
  };
}

async function* chunksOf(blob: Blob): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

const written = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** The field with most characters in the first rows. */
function longest(rows: readonly Record<string, string>[], names: readonly string[]): string {
  const characters = (name: string): number =>
    rows.slice(0, 100).reduce((sum, row) => sum + (row[name]?.length ?? 0), 0);
  return names.reduce((a, b) => (characters(b) > characters(a) ? b : a), names[0] ?? '');
}
