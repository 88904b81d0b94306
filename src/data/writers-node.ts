import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { AlbertineError } from '../core/errors.ts';
import { OutputFile } from '../core/output-node.ts';
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
  /** Writes one record; `close` must still be called. */
  write(record: Record<string, unknown>): Promise<void>;
  /** Hands what was written to the operating system; the file is valid afterwards, except Parquet. */
  flush(): Promise<void>;
  /** Finishes the file, which takes its name now. Safe to call twice. */
  close(): Promise<void>;
  /**
   * Ends early: the records written so far stay, valid, under another name (`partialPath`), where `resume` finds them;
   * a file of the name itself stays as it was. Nothing stays of an output without records. Safe to call twice, and
   * after `close`.
   */
  abort(): Promise<void>;
}

/** Formats that records are written in. */
export const RECORD_FORMATS = ['jsonl', 'csv', 'tsv', 'parquet'] as const;
/** One of {@link RECORD_FORMATS}. */
export type RecordFormat = (typeof RECORD_FORMATS)[number];

/** Options of {@link openRecordWriter}. */
export interface RecordWriterOptions {
  /** Default: by the path's extension; JSONL for standard output. */
  format?: RecordFormat;
  /** Continues the file, if there is one, after its last complete record. Not possible for Parquet. Default false. */
  resume?: boolean;
  /** Files that the records are made from; the output must be none of them. */
  inputs?: readonly (string | undefined)[];
  /** The output where it is claimed already; the writer ends it. */
  output?: OutputFile;
}

/**
 * Opens a `.jsonl`, `.csv`, `.tsv` or `.parquet` file, or standard output as `-`, for records; folders are made. CSV,
 * TSV and Parquet take their columns from the first record, and every later one must have the same. In CSV and TSV an
 * array of numbers becomes the columns `name_0`, `name_1` ..., other arrays and objects become JSON, null an empty
 * value. A file is written under another name, locked meanwhile, and replaces an older one of its name when it is
 * closed. Throws `invalid_argument` for an unknown extension or an output that is an input, `unsupported` for resuming
 * Parquet, `file_system` while another process writes there.
 */
export async function openRecordWriter(
  path: string,
  { format, resume = false, inputs, output: claimed }: RecordWriterOptions = {},
): Promise<RecordWriter> {
  const chosen = format ?? recordFormatOfPath(path);
  if (path === '-') {
    if (chosen === 'parquet') throw new AlbertineError('unsupported', 'Parquet cannot be written to standard output');
    return textWriter(stdoutSink(), 0, formatterOf(chosen));
  }
  const output = claimed ?? (await OutputFile.claim(path, { ...(inputs && { inputs }) }));
  try {
    const continues = resume && (await output.resume());
    if (!continues && output.partial !== output.target) await rm(output.partial, { force: true });
    return endingWith(output, await openRecordFile(output.partial, { format: chosen, resume: continues, named: path }));
  } catch (error) {
    await output.abandon({ keep: true });
    throw error;
  }
}

/**
 * The writer of a file as it lies, without locks and renaming: begins it, or continues it. `named` is what the user
 * calls it.
 */
export async function openRecordFile(
  path: string,
  { format, resume, named = path }: { format?: RecordFormat; resume: boolean; named?: string },
): Promise<RecordWriter> {
  const chosen = format ?? recordFormatOfPath(path);
  if (chosen === 'parquet') {
    if (resume && existsSync(path)) {
      throw new AlbertineError('unsupported', `a Parquet file cannot be continued: ${named}`, {
        value: named,
        hint: 'Write .npy or .jsonl to be able to resume, or start again',
      });
    }
    return openParquetWriter(path);
  }
  const existing = resume && existsSync(path) ? await countCompleteRecords(path, chosen) : { records: 0, bytes: 0 };
  const header = chosen !== 'jsonl' && existing.bytes > 0 ? await readHeaderFields(path, chosen) : undefined;
  return textWriter(await FileSink.open(path, existing.bytes), existing.records, formatterOf(chosen, header));
}

function formatterOf(
  format: Exclude<RecordFormat, 'parquet'>,
  header?: string[],
): (record: Record<string, unknown>) => string {
  return format === 'jsonl' ? (record) => `${toJson(record)}\n` : csvFormatter(format === 'tsv' ? '\t' : ',', header);
}

/** The writer, whose end is that of the claimed output too. */
function endingWith(output: OutputFile, writer: RecordWriter): RecordWriter {
  let records = writer.existing;
  return {
    existing: writer.existing,
    write: async (record) => {
      await writer.write(record);
      records++;
    },
    flush: () => writer.flush(),
    close: async () => {
      await writer.close();
      await output.commit();
    },
    abort: async () => {
      await abandonAfter(
        () => writer.abort(),
        output,
        () => records > 0,
      );
    },
  };
}

/** Ends a partial file as well as can be, and lets go of it; it is kept where that makes sense. */
export async function abandonAfter(
  end: () => Promise<void>,
  output: OutputFile,
  hasRecords: () => boolean,
): Promise<void> {
  let isReadable = !output.partial.toLowerCase().endsWith('.parquet');
  try {
    await end();
    isReadable = true;
  } finally {
    // The index of a Parquet file is written at its end; without it the rows are lost.
    await output.abandon({ keep: isReadable && hasRecords() });
  }
}

function recordFormatOfPath(path: string): RecordFormat {
  if (path === '-') return 'jsonl';
  const format = formatOfPath(path);
  if (format === undefined || format === 'txt' || path.toLowerCase().endsWith('.gz')) {
    throw new AlbertineError('invalid_argument', `cannot tell from its extension how to write ${path}`, {
      value: path,
      hint: `Use one of ${RECORD_FORMATS.map((name) => `.${name}`).join(', ')}`,
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
    const cells = Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => cellOf(name, value));
    const text = formatCsvRecord(
      cells.flatMap(({ texts }) => texts),
      delimiter,
    );
    const ownLayout = JSON.stringify(cells.map(({ name, isArray, texts }) => [name, isArray, texts.length]));
    // Spelling out the columns of every record would take longer than writing it.
    if (ownLayout === layout) return text;
    const names = cells.flatMap(({ name, isArray, texts }) =>
      isArray ? texts.map((_, index) => `${name}_${index}`) : [name],
    );
    if (columns === undefined) {
      layout = ownLayout;
      columns = names;
      return formatCsvRecord(names, delimiter) + text;
    }
    if (names.length !== columns.length || names.some((name, index) => name !== columns![index])) {
      throw new AlbertineError(
        'invalid_data',
        `the record's columns (${summary(names)}) are not those of the file (${summary(columns)})`,
        { value: names },
      );
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
