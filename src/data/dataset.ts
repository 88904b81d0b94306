import { parseDecimal } from '../core/decimal.ts';
import { AlbertineError, describeValue, requireOneOf } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { missingFieldReason, type ReadReport, type Row, type RowSource } from './rows.ts';

/** What is predicted for a text: one of several labels, any number of them, or a number. */
export const PROBLEM_TYPES = ['singleLabel', 'multiLabel', 'regression'] as const;
/** One of {@link PROBLEM_TYPES}. */
export type ProblemType = (typeof PROBLEM_TYPES)[number];

/** A text, or pair of texts, with what is to be predicted for it. */
export interface Example {
  /** The text, or the first of a pair. */
  text: string;
  /** Second text, when there is a `pairField`. */
  pair?: string;
  /** The label as written; several joined by the separator; a regression target as text. */
  label: string;
  /** Index into the labels (`singleLabel`), indices in ascending order (`multiLabel`), or the number (`regression`). */
  target: number | number[];
  /** As {@link Row.number}. */
  row: number;
}

/** Labelled examples with their vocabulary. */
export interface ExampleSet {
  /** What is predicted. */
  problem: ProblemType;
  /** In the order of the rows. */
  examples: Example[];
  /** Label names by index, sorted: as numbers if all are integers, by code unit otherwise. Empty for regression. */
  labels: string[];
  /** Examples whose text, or pair, is empty; they are kept. */
  emptyTexts: number;
  /** Rows read and left out. */
  report: ReadReport;
}

/** Options of {@link collectExamples}. */
export interface ExampleOptions {
  /** Default `text`. */
  textField?: string;
  /** Field of the second text of a pair. Default: no pairs. */
  pairField?: string;
  /** Default `label`. */
  labelField?: string;
  /** Default `singleLabel`. */
  problem?: ProblemType;
  /** `multiLabel`: what stands between labels in a string; arrays of strings need none. Default `,`. */
  labelSeparator?: string;
  /**
   * The only labels allowed, with their indices (those of a trained model). Default: all that occur. Others make a bad
   * row.
   */
  labels?: readonly string[];
}

/** Names of the fields that {@link collectExamples} reads with these options. */
export function exampleFields({ textField = 'text', pairField, labelField = 'label' }: ExampleOptions): string[] {
  return [textField, ...(pairField === undefined ? [] : [pairField]), labelField];
}

/**
 * Reads labelled examples into memory. A row is bad, and handled as the source's `onError` says, if a text is no
 * string, the label is missing, empty (except `multiLabel`, where that means none), not a finite number (regression) or
 * not among `labels`. Throws `invalid_data` if no example is left.
 */
export async function collectExamples(rows: RowSource, options: ExampleOptions = {}): Promise<ExampleSet> {
  const problem = requireOneOf('problem', options.problem ?? 'singleLabel', PROBLEM_TYPES);
  const readings: { example: Example; names: string[] }[] = [];
  const allowed = options.labels && new Set(options.labels);
  let emptyTexts = 0;
  for await (const row of rows) {
    const reading = readExample(row, problem, options);
    const unknown =
      typeof reading === 'string' ? undefined : reading.names.find((name) => allowed && !allowed.has(name));
    if (typeof reading === 'string') rows.reject(row, reading);
    else if (unknown !== undefined) rows.reject(row, unknownLabel(unknown, options.labels!));
    else {
      if (reading.example.text === '' || reading.example.pair === '') emptyTexts++;
      readings.push(reading);
    }
  }
  if (readings.length === 0) {
    const [first] = rows.report.issues;
    throw new AlbertineError('invalid_data', `${rows.name} has no usable example`, {
      hint: first && `The first bad row is ${first.row}: ${first.reason}`,
    });
  }
  const labels =
    problem === 'regression'
      ? []
      : [...(options.labels ?? sortLabels(new Set(readings.flatMap(({ names }) => names))))];
  const indices = new Map(labels.map((label, index) => [label, index]));
  for (const { example, names } of readings) {
    if (problem === 'singleLabel') example.target = indices.get(names[0])!;
    else if (problem === 'multiLabel') example.target = names.map((name) => indices.get(name)!).sort((a, b) => a - b);
  }
  return { problem, examples: readings.map(({ example }) => example), labels, emptyTexts, report: rows.report };
}

function unknownLabel(name: string, known: readonly string[]): string {
  const nearest =
    known.find((other) => other.toLowerCase() === name.toLowerCase()) ??
    (name.length > 2 ? nearestName(name, known) : undefined);
  return `the label ${describeValue(name)} is not among the known ones: ${describeValue(known)}${nearest === undefined ? '' : ` (did you mean ${JSON.stringify(nearest)}?)`}`;
}

/** Sorts label names as {@link ExampleSet.labels} says. */
export function sortLabels(names: Iterable<string>): string[] {
  const labels = [...names];
  const numeric = labels.every((label) => /^-?\d{1,15}$/.test(label));
  return labels.sort((a, b) => (numeric ? Number(a) - Number(b) : 0) || (a < b ? -1 : a > b ? 1 : 0));
}

/** The example in a row and the names of its labels, or why there is none. */
function readExample(
  row: Row,
  problem: ProblemType,
  options: ExampleOptions,
): { example: Example; names: string[] } | string {
  const { textField = 'text', pairField, labelField = 'label', labelSeparator = ',' } = options;
  for (const field of exampleFields(options))
    if (!Object.hasOwn(row.fields, field)) return missingFieldReason(field, row.fields);
  const text = row.fields[textField];
  const pair = pairField === undefined ? undefined : row.fields[pairField];
  if (typeof text !== 'string')
    return `field ${JSON.stringify(textField)} must be a string, got ${describeValue(text)}`;
  if (pairField !== undefined && typeof pair !== 'string')
    return `field ${JSON.stringify(pairField)} must be a string, got ${describeValue(pair)}`;
  const texts = { text, ...(typeof pair === 'string' && { pair }), row: row.number };
  const value = row.fields[labelField];
  const where = `field ${JSON.stringify(labelField)}`;
  if (problem === 'regression') {
    const target = typeof value === 'number' ? value : typeof value === 'string' ? parseDecimal(value) : NaN;
    return Number.isFinite(target)
      ? { example: { ...texts, label: String(value), target }, names: [] }
      : `${where} must be a number, got ${describeValue(value)}`;
  }
  if (problem === 'multiLabel') {
    const parts = Array.isArray(value)
      ? value
      : typeof value === 'string'
        ? value
            .split(labelSeparator)
            .map((part) => part.trim())
            .filter(Boolean)
        : [value];
    const names = parts.map(labelName);
    if (names.includes(undefined)) return `${where} must hold label names, got ${describeValue(value)}`;
    const distinct = [...new Set(names as string[])];
    return { example: { ...texts, label: distinct.join(labelSeparator), target: [] }, names: distinct };
  }
  const name = labelName(value);
  if (name === undefined) return `${where} must be a label, got ${describeValue(value)}`;
  return { example: { ...texts, label: name, target: -1 }, names: [name] };
}

/** A label's name; undefined for what cannot be one. Names keep their case but not the white space around them. */
function labelName(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
