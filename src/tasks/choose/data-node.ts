import { describeValue } from '../../core/errors.ts';
import { parsedCell } from '../../data/cells.ts';
import { formatOfPath, openRows, type ReadOptions } from '../../data/read-node.ts';
import { RowReporter, type ReadReport } from '../../data/rows.ts';
import { readWholeJson } from '../../data/whole-json-node.ts';
import { pick } from '../../core/pick.ts';
import type { ChoiceInput } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** How files of questions with choices are read. */
export type ChoiceFields = Omit<ReadOptions, 'fields' | 'maxLineBytes'>;

/** A question with the index of what is right, where the file says it. */
export interface ChoiceRow {
  number: number;
  input: ChoiceInput;
  gold?: number;
  fields?: Record<string, unknown>;
}

/** Questions of a file. */
export interface ChoiceSource extends AsyncIterable<ChoiceRow> {
  readonly name: string;
  readonly report: ReadReport;
}

/**
 * Opens a file of questions with choices. Rows (`.jsonl`, `.csv`, `.tsv`, `.parquet`) or a `.json` file of one object
 * or a list, in any of these forms: RACE (`article`, `questions`, `options`, `answers`), SWAG (`sent1`, `sent2`,
 * `ending0` ..., `label`), C3 (`[[texts], [{ question, choice, answer }], id]`), or `context`, `question`, `choices`
 * and `label` or `answer` (an index, a letter or the choice itself). With `labelled` a row without what is right, or
 * where that may be two of the choices, is a bad one.
 */
export function openChoices(path: string, fields: ChoiceFields, { labelled }: { labelled: boolean }): ChoiceSource {
  if (fields.format === undefined && /\.json$/i.test(path)) {
    const reporter = new RowReporter(path, fields.onError ?? 'stop');
    return { name: path, report: reporter.report, [Symbol.asyncIterator]: () => jsonRows(path, reporter, labelled) };
  }
  const rows = openRows(path, {
    ...pick(fields, FILE_OPTIONS),
    format: fields.format ?? formatOfPath(path) ?? 'jsonl',
  });
  async function* iterate(): AsyncGenerator<ChoiceRow> {
    for await (const row of rows) {
      const found = readRow(row.fields, labelled);
      if (typeof found === 'string') rows.reject(row, found);
      else for (const one of found) yield { number: row.number, fields: row.fields, ...one };
    }
  }
  return { name: rows.name, report: rows.report, [Symbol.asyncIterator]: iterate };
}

async function* jsonRows(path: string, reporter: RowReporter, labelled: boolean): AsyncGenerator<ChoiceRow> {
  const { value, lines } = await readWholeJson(path);
  for (const [index, item] of (lines ?? (Array.isArray(value) ? value : [value])).entries()) {
    const found = readRow(item, labelled);
    if (typeof found === 'string') {
      reporter.bad(index + 1, found);
      continue;
    }
    reporter.report.rows++;
    for (const one of found) yield { number: index + 1, ...one };
  }
  reporter.requireSomeRow();
}

type Question = Pick<ChoiceRow, 'input' | 'gold'>;

/** The questions of a row, whatever its form, or what is wrong with it. */
function readRow(item: unknown, labelled: boolean): Question[] | string {
  const found = Array.isArray(item) ? c3Questions(item) : questionsOf((item ?? {}) as Record<string, unknown>);
  if (typeof found === 'string') return found;
  const questions: Question[] = [];
  for (const { context, question, choices, answer, form, id } of found) {
    if (!Array.isArray(choices) || choices.length < 2 || !choices.every((choice) => typeof choice === 'string'))
      return `a question has at least two choices, which are texts, got ${describeValue(choices)}`;
    const read =
      answer === undefined || answer === null ? 'there is no label or answer' : indexOf(answer, choices, form);
    if (typeof read === 'string' && labelled) return read;
    const gold = typeof read === 'string' ? undefined : read;
    const input = {
      ...(typeof context === 'string' && { context }),
      ...(typeof question === 'string' && { question }),
      choices,
      ...(id !== undefined && id !== null && { id: String(id) }),
    };
    questions.push({ input, ...(gold !== undefined && { gold }) });
  }
  return questions;
}

interface Parts {
  context?: unknown;
  question?: unknown;
  choices: unknown;
  answer?: unknown;
  /** How answers are written in files of this form. Default: any way. */
  form?: 'letter' | 'text';
  id?: unknown;
}

/** `[[texts], [{ question, choice, answer }], id]` */
function c3Questions([texts, questions, id]: unknown[]): Parts[] | string {
  if (!Array.isArray(texts) || !Array.isArray(questions))
    return `expected [[texts], [questions], id], got ${describeValue(texts, 60)}`;
  return questions.map((one: unknown, i) => {
    const { question, choice, answer } = (one ?? {}) as Record<string, unknown>;
    return {
      context: texts.join('\n'),
      question,
      choices: choice,
      answer,
      form: 'text',
      id: id === undefined ? undefined : `${String(id)}-${i}`,
    };
  });
}

function questionsOf(row: Record<string, unknown>): Parts[] | string {
  const { article, context = article ?? row['passage'], question, id } = row;
  const form = article === undefined ? {} : { form: 'letter' as const };
  if (Array.isArray(row['questions']) && Array.isArray(row['options'])) {
    const [options, answers] = [row['options'] as unknown[], row['answers'] as unknown[] | undefined];
    return (row['questions'] as unknown[]).map((one, i) => ({
      context,
      question: one,
      choices: options[i],
      answer: answers?.[i],
      ...form,
      id: id === undefined ? undefined : `${String(id)}-${i}`,
    }));
  }
  const answer = row['label'] ?? row['answer'];
  const endings = Object.keys(row)
    .filter((name) => /^(ending|choice|option)_?\d+$/.test(name))
    .sort((a, b) => Number(/\d+$/.exec(a)![0]) - Number(/\d+$/.exec(b)![0]));
  if (endings.length > 0)
    return [
      {
        context: row['sent1'] ?? row['startphrase'] ?? context,
        question: row['sent2'] ?? question,
        choices: endings.map((name) => row[name]),
        answer,
        id,
      },
    ];
  return [{ context, question, choices: parsedCell(row['choices'] ?? row['options']), answer, ...form, id }];
}

/**
 * What is right as an index, or why that cannot be said. A number is an index; a text is an index, a letter or the
 * choice itself, which must not be different choices where the form does not say.
 */
function indexOf(answer: unknown, choices: readonly string[], form: Parts['form']): number | string {
  const place =
    typeof answer === 'number' || typeof answer === 'bigint'
      ? Number(answer)
      : typeof answer === 'string'
        ? placeOf(answer.trim())
        : NaN;
  const atPlace =
    Number.isInteger(place) && place >= 0 && place < choices.length && form !== 'text' ? place : undefined;
  const same = typeof answer === 'string' && choices.includes(answer) ? choices.indexOf(answer) : undefined;
  if (form === undefined && atPlace !== undefined && same !== undefined && atPlace !== same)
    return `the answer ${describeValue(answer)} is a choice, and the place of another one: write its index as a number or its letter`;
  return (
    (form === 'letter' ? (atPlace ?? same) : (same ?? atPlace)) ??
    `the answer ${describeValue(answer)} is none of the ${choices.length} choices`
  );
}

/** An index or a letter as an index. */
function placeOf(answer: string): number {
  if (/^\d+$/.test(answer)) return Number(answer);
  return /^[A-Za-z]$/.test(answer) ? answer.toUpperCase().charCodeAt(0) - 65 : NaN;
}
