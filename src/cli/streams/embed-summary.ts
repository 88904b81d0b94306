import { countOf } from '../../core/count.ts';
import { unknownRemarks } from '../../loaded/text-windows.ts';
import type { ReadReport } from '../../data/rows.ts';
import type { EmbeddedText } from '../../loaded/embed.ts';
import type { CliIo } from '../terminal/io.ts';
import { formatDuration, formatRate } from '../terminal/progress-bar.ts';

/** What happened to the texts of a run; stored in the sidecar and printed at the end. */
export class EmbedCounts {
  texts = 0;
  /**
   * Of these, texts done by a run that was killed before it could write its counts: all other figures leave them out.
   */
  uncountedTexts = 0;
  /** Without special tokens, of the whole texts. */
  tokens = 0;
  /** Tokens for what the vocabulary does not have. */
  unknownTokens = 0;
  windowedTexts = 0;
  truncatedTexts = 0;
  truncatedTokens = 0;
  /** Numbers beyond the calibrated range, with int8 vectors. */
  clippedValues = 0;

  add({ tokenCount, windows, truncatedTokens, unknownTokens = 0 }: EmbeddedText): void {
    this.unknownTokens += unknownTokens;
    this.texts++;
    this.tokens += tokenCount;
    this.truncatedTokens += truncatedTokens;
    if (windows > 1) this.windowedTexts++;
    if (truncatedTokens > 0) this.truncatedTexts++;
  }

  /** Adds the counts that an interrupted run left in its sidecar, if it left any. */
  addStored(stored: Record<string, unknown> | undefined): void {
    for (const name of [
      'texts',
      'uncountedTexts',
      'tokens',
      'unknownTokens',
      'windowedTexts',
      'truncatedTexts',
      'truncatedTokens',
      'clippedValues',
    ] as const) {
      const value = stored?.[name];
      if (typeof value === 'number') this[name] += value;
    }
  }
}

/** Bad rows printed at the end; all of the report's are in the sidecar. */
const PRINTED_ISSUES = 10;

/** Prints what was done, what was cut, and which rows were left out. */
export function printSummary(
  io: CliIo,
  run: {
    counts: EmbedCounts;
    input: ReadInput;
    flags: { output?: string; quiet?: boolean };
    existing: number;
    seconds: number;
  },
): void {
  const { counts, input, flags, existing, seconds } = run;
  const number = (value: number): string => value.toLocaleString('en-US');
  const texts = counts.texts - existing;
  const lines: string[] = [];
  if (!flags.quiet && flags.output !== undefined) {
    const before = existing > 0 ? ` after ${number(existing)} that were there` : '';
    const tokens = `${countOf(counts.tokens, 'token')} ${counts.uncountedTexts > 0 ? `without the first ${countOf(counts.uncountedTexts, 'text')}` : 'in all'}`;
    lines.push(
      `${countOf(texts, 'text')}${before} -> ${flags.output}  (${tokens}, ${formatDuration(seconds)}, ${formatRate(texts / seconds)} texts/s)`,
    );
    if (counts.windowedTexts > 0)
      lines.push(`${countOf(counts.windowedTexts, 'text')} longer than the model takes, read in several windows`);
  }
  if (counts.truncatedTexts > 0)
    lines.push(
      `note: ${countOf(counts.truncatedTexts, 'text')} cut, ${countOf(counts.truncatedTokens, 'token')} in all`,
    );
  if (counts.clippedValues > 0)
    lines.push(`note: ${countOf(counts.clippedValues, 'number')} outside the int8 ranges of the first texts, clipped`);
  lines.push(...unknownNotes(counts), ...inputNotes(input));
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}

/** A note where many tokens are the unknown one. */
export function unknownNotes(counts: { tokens: number; unknownTokens: number }): string[] {
  return unknownRemarks(counts).map((remark) => `note: ${remark}`);
}

/** An input that has been read to its end. */
export interface ReadInput {
  readonly name: string;
  readonly report: ReadReport;
  readonly notes: readonly string[];
}

/** Lines about an input: how its arguments were understood, that it was empty, or which rows were left out. */
export function inputNotes({ name, report, notes }: ReadInput): string[] {
  const isEmpty = report.rows === 0 && report.skipped === 0;
  return [
    ...notes.map((note) => `note: ${note}`),
    ...(isEmpty ? [`note: ${name} holds no rows`] : []),
    ...skippedRows(report),
  ];
}

function skippedRows({ skipped, issues }: ReadReport): string[] {
  if (skipped === 0) return [];
  const listed = issues.slice(0, PRINTED_ISSUES).map(({ row, reason }) => `  row ${row}: ${reason}`);
  const rest = skipped - listed.length;
  return [
    `note: ${countOf(skipped, 'row')} left out`,
    ...listed,
    ...(rest > 0 ? [`  and ${rest.toLocaleString('en-US')} more`] : []),
  ];
}
