import type { Line } from './lines.ts';

/**
 * How double quotes are read. `rfc4180`: a field that starts with one ends at its partner, may hold delimiters and line
 * breaks, and `""` stands for one quote. `none`: quotes are ordinary characters. `auto`: as `rfc4180`, except that a
 * line that only has the right number of fields when its quotes are ordinary characters is read that way.
 */
export const QUOTE_STYLES = ['rfc4180', 'none', 'auto'] as const;
/** One of {@link QUOTE_STYLES}. */
export type QuoteStyle = (typeof QUOTE_STYLES)[number];

/** One record of delimited text. */
export interface CsvRecord {
  /** 1-based line on which it starts. */
  number: number;
  /** Its fields, unquoted. */
  values: string[];
  /** Why it cannot be used. */
  problem?: string;
}

/** Options of {@link CsvParser}. */
export interface CsvOptions {
  /** One character. */
  delimiter: string;
  /** How quotes are read. */
  quotes: QuoteStyle;
  /** A quoted field longer than this, in UTF-16 units, is a problem. Default 64 Mi. */
  maxRecordLength?: number;
}

/** A record under construction: its finished fields and, inside quotes, the text so far. */
interface OpenRecord {
  number: number;
  values: string[];
  quoted: string[];
  quotedLength: number;
  problem: string | undefined;
}

/**
 * Delimited text (RFC 4180, and tab-separated text), line by line; holds one record.
 * Bare quotes inside an unquoted field are kept. Text after a closing quote is a problem of that record.
 */
export class CsvParser {
  /** Fields that a record should have, once known; `quotes: 'auto'` decides by it. */
  columns: number | undefined;
  private open: OpenRecord | undefined;
  private readonly delimiter: string;
  private readonly quotes: QuoteStyle;
  private readonly maxRecordLength: number;

  constructor({ delimiter, quotes, maxRecordLength = 64 * 1024 * 1024 }: CsvOptions) {
    this.delimiter = delimiter;
    this.quotes = quotes;
    this.maxRecordLength = maxRecordLength;
  }

  /** True between the lines of a record that has a line break inside quotes. */
  get insideRecord(): boolean {
    return this.open !== undefined;
  }

  /** Takes the next line; returns the record that it ends, if it ends one. */
  push(line: Line): CsvRecord | undefined {
    if (!this.open && (this.quotes === 'none' || !line.text.includes('"'))) {
      return { number: line.number, values: withoutReturn(line.text).split(this.delimiter), problem: line.problem };
    }
    const record = this.open ?? { number: line.number, values: [], quoted: [], quotedLength: 0, problem: undefined };
    const isFirstLine = this.open === undefined;
    record.problem ??= line.problem;
    const complete = this.scan(line.text, record, isFirstLine);
    if (isFirstLine && this.quotes === 'auto') {
      const literal = this.asLiteral(line, record, complete);
      if (literal) return literal;
    }
    if (complete) {
      this.open = undefined;
      return this.finished(record, line.number);
    }
    this.open = record;
    return record.quotedLength > this.maxRecordLength
      ? this.giveUp(`is longer than ${this.maxRecordLength} characters`)
      : undefined;
  }

  /** The record left open by the last line, which is a problem. */
  finish(): CsvRecord | undefined {
    return this.open && this.giveUp('is not closed before the end of the input');
  }

  private giveUp(reason: string): CsvRecord {
    const { number, values } = this.open!;
    this.open = undefined;
    return { number, values, problem: `the quoted field that starts on line ${number} ${reason}` };
  }

  private finished({ number, values, problem }: OpenRecord, lastLine: number): CsvRecord {
    // In a file of bare quotes a quote on one line may find a partner many lines later and swallow the rows between.
    const swallowed =
      this.quotes === 'auto' &&
      lastLine > number &&
      values.some((value) => value.includes(this.delimiter) && value.includes('\n'));
    if (!swallowed) return { number, values, problem };
    const reason = `a quoted field spans the lines ${number} to ${lastLine} and holds delimiters; say whether quotes are 'rfc4180' or 'none'`;
    return { number, values, problem: problem ?? reason };
  }

  /**
   * With `auto`: the line split without regard to quotes, if only that gives the expected number of fields (of a first
   * record: more than one).
   */
  private asLiteral(line: Line, record: OpenRecord, complete: boolean): CsvRecord | undefined {
    const sound = complete && record.problem === line.problem;
    if (sound && (this.columns === undefined || record.values.length === this.columns)) return undefined;
    const values = withoutReturn(line.text).split(this.delimiter);
    const fits = this.columns === undefined ? values.length > 1 : values.length === this.columns;
    return fits ? { number: line.number, values, problem: line.problem } : undefined;
  }

  /** Reads one line into `record`; returns whether it ends the record. */
  private scan(text: string, record: OpenRecord, startsField: boolean): boolean {
    let position = 0;
    let atFieldStart = startsField;
    for (;;) {
      if (atFieldStart && text[position] !== '"') {
        const end = text.indexOf(this.delimiter, position);
        if (end < 0) {
          record.values.push(withoutReturn(text.slice(position)));
          return true;
        }
        record.values.push(text.slice(position, end));
        position = end + 1;
        continue;
      }
      const close = this.scanQuoted(text, atFieldStart ? position + 1 : position, record);
      if (close < 0) return false;
      const end = text.indexOf(this.delimiter, close);
      const tail = end < 0 ? withoutReturn(text.slice(close)) : text.slice(close, end);
      if (tail !== '')
        record.problem ??= `text after the closing quote of field ${record.values.length + 1}: ${JSON.stringify(tail.slice(0, 40))}`;
      record.values.push(record.quoted.join('') + tail);
      record.quoted = [];
      record.quotedLength = 0;
      if (end < 0) return true;
      position = end + 1;
      atFieldStart = true;
    }
  }

  /** Collects quoted text from `start`; returns the position after the closing quote, or -1 if the line ends inside. */
  private scanQuoted(text: string, start: number, record: OpenRecord): number {
    for (let position = start; ;) {
      const quote = text.indexOf('"', position);
      const piece =
        quote < 0 ? `${text.slice(position)}\n` : text.slice(position, text[quote + 1] === '"' ? quote + 1 : quote);
      record.quoted.push(piece);
      record.quotedLength += piece.length;
      if (quote < 0) return -1;
      if (text[quote + 1] !== '"') return quote + 1;
      position = quote + 2;
    }
  }
}

/** One record as delimited text, with the final line feed; fields that need it are quoted as RFC 4180 says. */
export function formatCsvRecord(values: readonly string[], delimiter: string): string {
  const plain = values.join(delimiter);
  // Most records need no quotes, and those of vectors are wide.
  if (values.length > 1 && !/["\n\r]/.test(plain) && plain.split(delimiter).length === values.length)
    return `${plain}\n`;
  const quoted = values.map((value) =>
    /["\n\r]/.test(value) || value.includes(delimiter) ? `"${value.replaceAll('"', '""')}"` : value,
  );
  // A single empty value would be a blank line, which readers take for nothing.
  return `${quoted.length === 1 && quoted[0] === '' ? '""' : quoted.join(delimiter)}\n`;
}

function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
