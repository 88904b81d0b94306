import { createReadStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AlbertineError, describeValue, requireOneOf } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import { requireOptions, type OptionKinds } from '../core/options.ts';
import { readParquetRows } from './parquet-node.ts';
import { parseRows, type ParseOptions } from './parse.ts';
import {
  missingFieldReason,
  ROW_FORMATS,
  RowReporter,
  type OnError,
  type Row,
  type RowFormat,
  type RowSource,
} from './rows.ts';

/** Options of {@link openRows}. */
export interface ReadOptions extends Omit<ParseOptions, 'format'> {
  /** Default: by the file's extension, `.gz` aside. Needed for other extensions and for standard input. */
  format?: RowFormat;
  /** Default `stop`. */
  onError?: OnError;
}

/** Of {@link openRows}; see `requireOptions`. */
export const READ_OPTIONS: OptionKinds<ReadOptions> = {
  format: 'string',
  fields: 'list',
  encoding: 'string',
  header: 'boolean',
  delimiter: 'string',
  quotes: 'string',
  maxLineBytes: 'number',
  onError: 'string',
};

const EXTENSIONS: Record<string, RowFormat> = {
  txt: 'txt',
  text: 'txt',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  parquet: 'parquet',
};

/** The format that a path's extension stands for (`data.csv.gz` is `csv`); undefined if it stands for none. */
export function formatOfPath(path: string): RowFormat | undefined {
  const extension = /\.([^./\\]+)$/.exec(path.replace(/\.gz$/i, ''))?.[1];
  return extension === undefined ? undefined : EXTENSIONS[extension.toLowerCase()];
}

/**
 * Opens a file, or standard input as `-`, as rows that are read while they are consumed.
 * Text formats take constant memory whatever the file's size, and may be gzipped; Parquet takes one row group.
 * Throws `file_not_found` at once, `invalid_argument` if the format is unknown; while reading, `invalid_data` for bad
 * rows (unless `onError` is `skip`, and some row can be used) and `invalid_file` for damaged containers. `inStep` says that
 * rows belong to those of another source by their order, so that leaving some out is not advised.
 */
export function openRows(
  source: string,
  options: ReadOptions = {},
  { inStep = false }: { inStep?: boolean } = {},
): RowSource {
  requireOptions('openRows', options, READ_OPTIONS);
  const { onError = 'stop' } = options;
  requireOneOf('onError', onError, ['stop', 'skip']);
  const format = requireFormat(source, options.format);
  const isStdin = source === '-';
  if (!isStdin) requireFile(source);
  if (isStdin && format === 'parquet')
    throw new AlbertineError(
      'unsupported',
      'Parquet cannot be read from standard input, because its index is at the end',
    );
  const name = isStdin ? 'standard input' : source;
  const reporter = new RowReporter(name, onError, inStep);
  let passes = 0;

  const openPass = (): AsyncGenerator<Row> => {
    if (isStdin && passes > 0) throw new AlbertineError('unsupported', 'standard input can be read only once');
    if (passes++ > 0) reporter.reset();
    if (format === 'parquet') return readParquetRows(source, { fields: options.fields }, reporter);
    const bytes = isStdin ? process.stdin : createReadStream(source, { highWaterMark: 256 * 1024 });
    return parseRows(decompressed(bytes, name), { ...options, format }, reporter);
  };
  async function* iterate(rows: AsyncGenerator<Row>): AsyncGenerator<Row> {
    yield* rows;
    reporter.requireSomeRow();
  }
  return {
    name,
    format,
    report: reporter.report,
    reject: ({ number }, reason) => {
      reporter.bad(number, reason);
      reporter.report.rows--;
    },
    [Symbol.asyncIterator]: () => iterate(openPass()),
  };
}

/** A text with the row that it came from. */
export interface TextRow {
  /** As {@link Row.number}. */
  number: number;
  /** The text itself. */
  text: string;
  /** The text's own field, or with `keepFields` all of the row's. */
  fields?: Record<string, unknown>;
}

/** Texts in file order; see {@link RowSource}. */
export interface TextSource extends AsyncIterable<TextRow> {
  /** Where the texts come from, for messages. */
  readonly name: string;
  /** What the rows are read as. */
  readonly format: RowFormat;
  /** Rows read and left out so far. */
  readonly report: RowSource['report'];
}

/** Options of {@link readTexts}. */
export interface ReadTextOptions extends Omit<ReadOptions, 'fields'> {
  /** Field that holds the text. Default `text`, or the only field of the first row; chosen once for the whole file. */
  textField?: string;
  /** Gives every text with all fields of its row. Default false. */
  keepFields?: boolean;
}

/**
 * The texts of a file or of standard input (`-`, a text a line unless `format` says otherwise), read while they are
 * consumed. A row whose field is missing or no string is a bad row. Errors as {@link openRows}.
 */
export function readTexts(source: string, options: ReadTextOptions = {}): TextSource {
  requireOptions('readTexts', options, { ...READ_OPTIONS, textField: 'string', keepFields: 'boolean' });
  const { textField, keepFields = false, ...rest } = options;
  const format = options.format ?? (source === '-' ? 'txt' : undefined);
  // Text files have their one field whatever the caller calls it.
  const wanted = requireFormat(source, format) === 'txt' ? undefined : textField;
  const rows = openRows(source, { ...rest, format, ...(wanted !== undefined && !keepFields && { fields: [wanted] }) });
  async function* iterate(): AsyncGenerator<TextRow> {
    let chosen = wanted === undefined ? undefined : { name: wanted, guessed: false };
    for await (const row of rows) {
      chosen ??= chooseTextField(row.fields);
      if (chosen.guessed) requireOnlyField(rows.name, row, chosen.name);
      const { name } = chosen;
      const value = row.fields[name];
      if (typeof value === 'string') yield { number: row.number, text: value, fields: row.fields };
      else if (value === undefined) rejectMissing(rows, row, name);
      else
        rows.reject(
          row,
          `field ${JSON.stringify(name)} must be a string, got ${value === null ? 'null' : typeof value}`,
        );
    }
  }
  return { name: rows.name, format: rows.format, report: rows.report, [Symbol.asyncIterator]: iterate };
}

/**
 * In a table no row has the field, and skipping them all would help nobody: the name is wrong, or the first line is no
 * header.
 */
function rejectMissing(rows: RowSource, row: Row, field: string): void {
  const reason = missingFieldReason(field, row.fields);
  if (rows.format === 'jsonl')
    rows.reject(row, prose`${reason} (name the one that holds the text with ${option('textField')})`);
  else {
    const headless =
      rows.format === 'parquet' ? '' : prose`, and use ${option('header', false)} if the file has no header line`;
    throw new AlbertineError('invalid_data', `${rows.name} has ${reason}`, {
      value: field,
      hint: prose`Name the one that holds the text with ${option('textField')}${headless}`,
    });
  }
}

/**
 * The field of a file by its first row. `guessed`: taken for the text because it is the only one, whatever it is
 * called.
 */
function chooseTextField(fields: Record<string, unknown>): { name: string; guessed: boolean } {
  const [name, ...others] = Object.keys(fields);
  return name === undefined || name === 'text' || others.length > 0
    ? { name: 'text', guessed: false }
    : { name, guessed: true };
}

/**
 * Where other fields turn up later, the one field of the first row need not have been the text: every row so far may be
 * wrong.
 */
function requireOnlyField(source: string, { number, fields }: Row, name: string): void {
  const other = Object.keys(fields).find((field) => field !== name);
  if (other === undefined) return;
  throw new AlbertineError(
    'invalid_data',
    `${source}, row ${number}: ${JSON.stringify(name)} was taken for the text, as the only field of the first row, and here is a field ${describeValue(other, 40)}`,
    {
      value: other,
      hint: prose`Name the one that holds the text with ${option('textField')}`,
    },
  );
}

function requireFormat(source: string, format: RowFormat | undefined): RowFormat {
  const found = format ?? formatOfPath(source);
  if (found === undefined) {
    throw new AlbertineError(
      'invalid_argument',
      `cannot tell the format of ${source === '-' ? 'standard input' : source}`,
      {
        value: source,
        hint: prose`Name it with ${option('format')}: ${ROW_FORMATS.join(', ')}`,
      },
    );
  }
  return requireOneOf('format', found, ROW_FORMATS);
}

function requireFile(path: string): void {
  const info = statSync(path, { throwIfNoEntry: false });
  if (!info) throw new AlbertineError('file_not_found', `no file at ${path}`, { value: path });
  if (info.isDirectory())
    throw new AlbertineError('invalid_argument', `expected a file, got the folder ${path}`, { value: path });
}

/** The stream's bytes, unpacked if they start as gzip does. Closes the stream when the consumer stops early. */
async function* decompressed(stream: Readable, name: string): AsyncGenerator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    // A pipe may deliver the first byte alone.
    let head = new Uint8Array(0);
    while (head.length < 2) {
      const next = await chunks.next();
      if (next.done) break;
      head = new Uint8Array(Buffer.concat([head, next.value]));
    }
    const all = prepended(head, chunks);
    if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzip(all);
    else yield* all;
  } catch (cause) {
    throw asReadError(cause, name);
  } finally {
    stream.destroy();
  }
}

async function* prepended(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const next = await rest.next();
    if (next.done) return;
    yield next.value;
  }
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = Readable.from(chunks, { objectMode: false });
  const output = createGunzip({ chunkSize: 256 * 1024 });
  input.on('error', (error) => output.destroy(error));
  input.pipe(output);
  try {
    for await (const chunk of output) yield chunk as Uint8Array;
  } finally {
    input.destroy();
    output.destroy();
  }
}

function asReadError(cause: unknown, name: string): unknown {
  if (cause instanceof AlbertineError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code?.startsWith('Z_'))
    return new AlbertineError('invalid_file', `${name} is damaged gzip data: ${message}`, { value: name, cause });
  if (code === 'EACCES' || code === 'ENOENT')
    return new AlbertineError('file_not_found', `cannot read ${name}: ${message}`, { value: name, cause });
  return cause;
}
