import { existsSync } from 'node:fs';
import { AlbertineError } from '../core/errors.ts';
import { formatCsvRecord } from './csv.ts';
import { toJson } from './json.ts';
import { openParquetWriter } from './parquet-node.ts';
import { formatOfPath } from './read-node.ts';
import { countCompleteRecords, readHeaderFields } from './resume-node.ts';
import { FileSink, stdoutSink, type Sink } from './sink-node.ts';

/** Writes records in order. Await each call before the next: that is what slows a fast producer down. */
export interface RecordWriter {
  /** Records that were in the file when it was opened (with `resume`), so that the caller can go on after them. */
  readonly existing: number;
  write(record: Record<string, unknown>): Promise<void>;
  /** Hands what was written to the operating system; the file is valid afterwards, except Parquet. */
  flush(): Promise<void>;
  /** Finishes the file. Safe to call twice. */
  close(): Promise<void>;
  /** Ends early: the file is left valid with the records written so far. Safe to call twice, and after `close`. */
  abort(): Promise<void>;
}

/** Formats that records are written in. */
export const RECORD_FORMATS = ['jsonl', 'csv', 'tsv', 'parquet'] as const;
export type RecordFormat = (typeof RECORD_FORMATS)[number];

/** Options of {@link openRecordWriter}. */
export interface RecordWriterOptions {
  /** Default: by the path's extension; JSONL for standard output. */
  format?: RecordFormat;
  /** Continues the file, if there is one, after its last complete record. Not possible for Parquet. Default false. */
  resume?: boolean;
}

/**
 * Opens a `.jsonl`, `.csv`, `.tsv` or `.parquet` file, or standard output as `-`, for records; folders are made.
 * CSV, TSV and Parquet take their columns from the first record, and every later one must have the same. In CSV and TSV
 * an array of numbers becomes the columns `name_0`, `name_1` ..., other arrays and objects become JSON, null an empty value.
 * Throws `invalid_argument` for an unknown extension and `unsupported` for resuming Parquet.
 */
export async function openRecordWriter(path: string, { format, resume = false }: RecordWriterOptions = {}): Promise<RecordWriter> {
  const chosen = format ?? recordFormatOfPath(path);
  if (chosen === 'parquet') {
    if (path === '-') throw new AlbertineError('unsupported', 'Parquet cannot be written to standard output');
    if (resume && existsSync(path)) {
      throw new AlbertineError('unsupported', `a Parquet file cannot be continued: ${path}`, {
        value: path, hint: 'Write .npy or .jsonl to be able to resume, or start again',
      });
    }
    return openParquetWriter(path);
  }
  const existing = resume && path !== '-' && existsSync(path) ? await countCompleteRecords(path, chosen) : { records: 0, bytes: 0 };
  const header = chosen !== 'jsonl' && existing.bytes > 0 ? await readHeaderFields(path, chosen) : undefined;
  const sink = path === '-' ? stdoutSink() : await FileSink.open(path, existing.bytes);
  return textWriter(sink, existing.records, chosen === 'jsonl' ? (record) => `${toJson(record)}\n` : csvFormatter(chosen === 'tsv' ? '\t' : ',', header));
}

function recordFormatOfPath(path: string): RecordFormat {
  if (path === '-') return 'jsonl';
  const format = formatOfPath(path);
  if (format === undefined || format === 'txt' || path.toLowerCase().endsWith('.gz')) {
    throw new AlbertineError('invalid_argument', `cannot tell from its extension how to write ${path}`, {
      value: path, hint: `Use one of ${RECORD_FORMATS.map((name) => `.${name}`).join(', ')}`,
    });
  }
  return format;
}

function textWriter(sink: Sink, existing: number, format: (record: Record<string, unknown>) => string): RecordWriter {
  const close = (): Promise<void> => sink.close();
  return { existing, write: (record) => sink.write(format(record)), flush: () => sink.flush(), close, abort: close };
}

/** Formats records as delimited text; the first call adds the header unless the file has one already. */
function csvFormatter(delimiter: string, header: string[] | undefined): (record: Record<string, unknown>) => string {
  let columns = header;
  let layout: string | undefined;
  return (record) => {
    const cells = Object.entries(record).filter(([, value]) => value !== undefined).map(([name, value]) => cellOf(name, value));
    const text = formatCsvRecord(cells.flatMap(({ texts }) => texts), delimiter);
    const ownLayout = JSON.stringify(cells.map(({ name, isArray, texts }) => [name, isArray, texts.length]));
    // Spelling out the columns of every record would take longer than writing it.
    if (ownLayout === layout) return text;
    const names = cells.flatMap(({ name, isArray, texts }) => (isArray ? texts.map((_, index) => `${name}_${index}`) : [name]));
    if (columns === undefined) {
      layout = ownLayout;
      columns = names;
      return formatCsvRecord(names, delimiter) + text;
    }
    if (names.length !== columns.length || names.some((name, index) => name !== columns![index])) {
      throw new AlbertineError('invalid_data', `the record's columns (${summary(names)}) are not those of the file (${summary(columns)})`, { value: names });
    }
    layout = ownLayout;
    return text;
  };
}

interface Cell {
  name: string;
  isArray: boolean;
  texts: string[];
}

function cellOf(name: string, value: unknown): Cell {
  if (ArrayBuffer.isView(value) || (Array.isArray(value) && value.every((item) => typeof item === 'number'))) {
    const numbers = toJson(value).slice(1, -1);
    return { name, isArray: true, texts: numbers === '' ? [] : numbers.split(',') };
  }
  return { name, isArray: false, texts: [value === null ? '' : typeof value === 'string' ? value : toJson(value)] };
}

function summary(names: readonly string[]): string {
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} … ${names.length} in all` : names.join(', ');
}
