import { AlbertineError, describeValue, namingSource, requireOneOf, wrongOption } from '../core/errors.ts';
import { option, prose, type Prose } from '../core/prose.ts';
import { CsvParser, QUOTE_STYLES, type CsvRecord, type QuoteStyle } from './csv.ts';
import { readLines, type Line, type TextEncoding } from './lines.ts';
import { missingFieldReason, type Row, type RowFormat, type RowReporter } from './rows.ts';

/** Options of the readers of text formats. */
export interface ParseOptions {
  /** Format of the text. */
  format: Exclude<RowFormat, 'parquet'>;
  /**
   * Fields that every row must have. A CSV or TSV file without one of them throws; a JSONL row without is a bad row.
   */
  fields?: readonly string[];
  /** Default `utf-8`. Never guessed. */
  encoding?: TextEncoding;
  /** CSV and TSV: whether the first record names the fields (default true); if not, they are named `0`, `1`, `2` ... */
  header?: boolean;
  /** CSV and TSV: one character. Default comma or tab. */
  delimiter?: string;
  /** CSV and TSV. Default `rfc4180` for CSV and `auto` for TSV, because many tab-separated corpora hold bare quotes. */
  quotes?: QuoteStyle;
  /** Longest line in bytes. Default 64 MiB. */
  maxLineBytes?: number;
}

/**
 * Rows of a text format from its bytes, in order, in bounded memory; browser-safe.
 * Bad rows go to `reporter`. Throws `invalid_data` for a CSV or TSV header that is unusable.
 */
export async function* parseRows(
  chunks: AsyncIterable<Uint8Array>,
  options: ParseOptions,
  reporter: RowReporter,
): AsyncGenerator<Row, void, undefined> {
  const lines = namedLines(readLines(chunks, options), reporter.source);
  const rows =
    options.format === 'txt'
      ? textRows(lines, reporter)
      : options.format === 'jsonl'
        ? jsonRows(lines, options.fields ?? [], reporter)
        : csvRows(lines, options, reporter);
  for await (const row of rows) {
    reporter.report.rows++;
    yield row;
  }
}

async function* namedLines(lines: AsyncIterable<Line[]>, source: string): AsyncGenerator<Line[]> {
  try {
    yield* lines;
  } catch (error) {
    throw namingSource(error, source);
  }
}

async function* textRows(lines: AsyncIterable<Line[]>, reporter: RowReporter): AsyncGenerator<Row> {
  for await (const group of lines) {
    for (const { number, text, problem } of group) {
      if (problem !== undefined) reporter.bad(number, problem);
      else yield { number, fields: { text: text.endsWith('\r') ? text.slice(0, -1) : text } };
    }
  }
}

async function* jsonRows(
  lines: AsyncIterable<Line[]>,
  required: readonly string[],
  reporter: RowReporter,
): AsyncGenerator<Row> {
  for await (const group of lines) {
    for (const { number, text, problem } of group) {
      if (problem !== undefined) reporter.bad(number, problem);
      else if (text.trim() === '') reporter.report.blank++;
      else {
        const fields = parseObject(text, number);
        const reason = typeof fields === 'string' ? fields : firstMissing(fields, required);
        if (reason !== undefined) reporter.bad(number, reason);
        else yield { number, fields: fields as Record<string, unknown> };
      }
    }
  }
}

/** The object on a line, or why there is none. */
function parseObject(text: string, number: number): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (number === 1 && text.trimStart().startsWith('['))
      return 'the file is one JSON array; write one object a line instead, for example with: jq -c .[]';
    return `not JSON: ${(error as Error).message}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `expected a JSON object, got ${describeValue(value)}`;
  return value as Record<string, unknown>;
}

function firstMissing(fields: Record<string, unknown>, required: readonly string[]): string | undefined {
  const missing = required.find((name) => !Object.hasOwn(fields, name));
  return missing === undefined ? undefined : missingFieldReason(missing, fields);
}

async function* csvRows(
  lines: AsyncIterable<Line[]>,
  options: ParseOptions,
  reporter: RowReporter,
): AsyncGenerator<Row> {
  const {
    format,
    header = true,
    delimiter = format === 'tsv' ? '\t' : ',',
    quotes = format === 'tsv' ? 'auto' : 'rfc4180',
  } = options;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw wrongOption('delimiter', 'one character', { value: delimiter });
  }
  const parser = new CsvParser({ delimiter, quotes: requireOneOf('quotes', quotes, QUOTE_STYLES) });
  let names: string[] | undefined;

  const toRow = (record: CsvRecord): Row | undefined => {
    if (names === undefined) {
      names = fieldNames(record, {
        header,
        required: options.fields ?? [],
        source: reporter.source,
        ...(options.delimiter === undefined && { assumed: delimiter }),
      });
      parser.columns = names.length;
      if (header) return undefined;
    }
    const { number, values, problem } = record;
    if (problem !== undefined || values.length !== names.length) {
      reporter.bad(
        number,
        problem ?? `${values.length} fields where ${header ? 'the header has' : 'the first row has'} ${names.length}`,
      );
      return undefined;
    }
    // Made from entries so that a column may be called __proto__.
    return { number, fields: Object.fromEntries(names.map((name, index) => [name, values[index]])) };
  };

  for await (const group of lines) {
    for (const line of group) {
      if (!parser.insideRecord && (line.text === '' || line.text === '\r')) {
        if (line.problem !== undefined) reporter.bad(line.number, line.problem);
        else reporter.report.blank++;
        continue;
      }
      const record = parser.push(line);
      const row = record && toRow(record);
      if (row) yield row;
    }
  }
  const record = parser.finish();
  const row = record && toRow(record);
  if (row) yield row;
}

interface HeaderContext {
  header: boolean;
  required: readonly string[];
  source: string;
  /** The delimiter, where it is the format's and was not named by the caller. */
  assumed?: string;
}

function fieldNames(
  { number, values, problem }: CsvRecord,
  { header, required, source, assumed }: HeaderContext,
): string[] {
  const fail = (reason: string, hint?: Prose): never => {
    throw new AlbertineError(
      'invalid_data',
      `${source}, line ${number}: the ${header ? 'header' : 'first row'} cannot be used: ${reason}`,
      { value: values, hint },
    );
  };
  if (problem !== undefined) fail(problem);
  const other = header && assumed !== undefined ? otherDelimiter(values, assumed) : undefined;
  if (other !== undefined) {
    // A tab is hard to give on a command line, and has a format of its own.
    const remedy =
      other === '\t'
        ? prose`tabs: use ${option('format', 'tsv')}`
        : prose`${JSON.stringify(other)}: use ${option('delimiter')} ${JSON.stringify(other)}`;
    fail(
      `it is the one field ${describeValue(values[0], 60)}`,
      prose`Its fields seem to be separated by ${remedy}. If it is one field, use ${option('delimiter')} ${JSON.stringify(assumed)}`,
    );
  }
  const names = header ? values : values.map((_, index) => String(index));
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    fail(
      `two fields are called ${JSON.stringify(repeated)}`,
      prose`If the file has no header line, use ${option('header', false)}`,
    );
  const reason = firstMissing(Object.fromEntries(names.map((name) => [name, ''])), required);
  if (reason !== undefined) {
    fail(
      reason,
      header
        ? prose`Name the fields that hold what is needed; if the file has no header line, use ${option('header', false)} and name them 0, 1, 2 ...`
        : prose`Name the fields that hold what is needed`,
    );
  }
  return names;
}

/**
 * What separates the names of a header that has come out as one name: spreadsheets write semicolons where the comma is
 * the decimal point.
 */
function otherDelimiter([name, ...others]: readonly string[], assumed: string): string | undefined {
  if (others.length > 0) return undefined;
  return [';', '\t', ',', '|'].find((delimiter) => {
    const parts = name.split(delimiter);
    return delimiter !== assumed && parts.length > 1 && parts.every((part) => part.trim() !== '' && part.length <= 64);
  });
}
