import { countOf } from '../core/count.ts';
import { AlbertineError, describeValue } from '../core/errors.ts';
import { option, prose, type Prose } from '../core/prose.ts';

/** File formats that rows are read from. `.gz` on top of a text format is recognised by its first bytes. */
export const ROW_FORMATS = ['txt', 'jsonl', 'csv', 'tsv', 'parquet'] as const;
/** One of {@link ROW_FORMATS}. */
export type RowFormat = (typeof ROW_FORMATS)[number];

/** One record of an input. */
export interface Row {
  /** 1-based line on which the record starts (a header line counts); for Parquet the 1-based row. */
  number: number;
  /** Values by field name. Text files have one field, `text`; CSV and TSV values are strings. */
  fields: Record<string, unknown>;
}

/** A record that could not be used. */
export interface RowIssue {
  /** As {@link Row.number}. */
  row: number;
  /** Why, as a sentence. */
  reason: string;
}

/** What happened while reading; complete once the iteration has ended. */
export interface ReadReport {
  /** Records given out. */
  rows: number;
  /** Records left out because they were bad (only with `onError: 'skip'`). */
  skipped: number;
  /** Blank lines of JSONL, CSV and TSV, which are no records. Blank lines of text files are empty texts. */
  blank: number;
  /** The first {@link MAX_LISTED_ISSUES} bad records. */
  issues: RowIssue[];
}

/** How many bad records a {@link ReadReport} lists; the rest are only counted. */
export const MAX_LISTED_ISSUES = 100;

/** One report of several files: their counts together, and the first {@link MAX_LISTED_ISSUES} bad records. */
export function joinReports(reports: readonly ReadReport[]): ReadReport {
  const sum = (count: (report: ReadReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  return {
    rows: sum(({ rows }) => rows),
    skipped: sum(({ skipped }) => skipped),
    blank: sum(({ blank }) => blank),
    issues: reports.flatMap(({ issues }) => issues).slice(0, MAX_LISTED_ISSUES),
  };
}

/** What to do with a record that cannot be used: throw `invalid_data`, or leave it out and count it. */
export type OnError = 'stop' | 'skip';

/**
 * Rows in file order, read while they are consumed, with a report.
 * Iterating again starts from the beginning with a fresh report, except for standard input, which can be read once.
 */
export interface RowSource extends AsyncIterable<Row> {
  /** Where the rows come from, for messages. */
  readonly name: string;
  /** What the rows are read as. */
  readonly format: RowFormat;
  /** Rows read and left out so far. */
  readonly report: ReadReport;
  /** Declares a row that was given out to be bad after all: throws or counts it, as `onError` says. */
  reject(row: Row, reason: string | Prose): void;
}

/** Applies {@link OnError} and keeps the {@link ReadReport}. */
export class RowReporter {
  /** What was counted so far. */
  readonly report: ReadReport = { rows: 0, skipped: 0, blank: 0, issues: [] };
  /** Where the rows come from, for messages. */
  readonly source: string;
  private readonly onError: OnError;
  private readonly inStep: boolean;
  private first: Prose | undefined;

  /** `inStep`: no row can be left out, because rows belong to those of another source by their order. */
  constructor(source: string, onError: OnError, inStep = false) {
    this.source = source;
    this.onError = onError;
    this.inStep = inStep;
  }

  /** Records a bad row; throws `invalid_data` with `onError: 'stop'`. */
  bad(row: number, reason: string | Prose): void {
    if (this.onError === 'stop') {
      throw new AlbertineError('invalid_data', prose`${this.source}, row ${row}: ${reason}`, {
        value: row,
        hint: this.inStep
          ? 'Correct the row'
          : prose`Correct the row, or leave bad rows out with ${option('onError', 'skip')}`,
      });
    }
    this.report.skipped++;
    this.first ??= prose`The first bad row is ${row}: ${reason}`;
    if (this.report.issues.length < MAX_LISTED_ISSUES) this.report.issues.push({ row, reason: String(reason) });
  }

  /**
   * To be called when the source has ended: throws `invalid_data` if it had records and every one of them was left out,
   * which is no success.
   */
  requireSomeRow(): void {
    const { rows, skipped } = this.report;
    if (rows > 0 || skipped === 0) return;
    throw new AlbertineError('invalid_data', `${this.source}: none of ${countOf(skipped, 'row')} could be used`, {
      value: skipped,
      hint: this.first,
    });
  }

  /** Sets every count back to zero, for another pass over the same source. */
  reset(): void {
    Object.assign(this.report, { rows: 0, skipped: 0, blank: 0, issues: [] });
    this.first = undefined;
  }
}

/** The sentence for a row without `field`, naming the fields that it has. */
export function missingFieldReason(field: string, fields: Record<string, unknown>): string {
  const present = Object.keys(fields);
  return `no field ${JSON.stringify(field)}; the fields present are ${present.length > 0 ? present.map((name) => describeValue(name, 40)).join(', ') : 'none'}`;
}

/** The sentence for a row whose `field` is missing or no string; undefined where it is one. */
export function textFieldProblem(field: string, fields: Record<string, unknown>): string | undefined {
  if (!Object.hasOwn(fields, field)) return missingFieldReason(field, fields);
  return typeof fields[field] === 'string'
    ? undefined
    : `field ${JSON.stringify(field)} must be a string, got ${describeValue(fields[field])}`;
}
