import { countOf } from '../../core/count.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { parsedCell } from '../../data/cells.ts';
import { formatOfPath, openRows, type ReadOptions } from '../../data/read-node.ts';
import { RowReporter, type ReadReport, type RowSource } from '../../data/rows.ts';
import { readWholeJson } from '../../data/whole-json-node.ts';
import { pick } from '../../core/pick.ts';
import type { AnswerGold, AnswerInput } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Where questions stand in a file. */
export interface AnswerFields extends Omit<ReadOptions, 'fields' | 'maxLineBytes'> {
  /** Default `question`, `context`, `answers`. */
  questionField?: string;
  /** Default `context`. */
  contextField?: string;
  /** Default `answers`. */
  answerField?: string;
}

/** A question with what is right, where the file says it. */
export interface AnswerRow {
  number: number;
  input: AnswerInput;
  gold?: AnswerGold;
  fields?: Record<string, unknown>;
}

/** Questions of a file. */
export interface AnswerSource extends AsyncIterable<AnswerRow> {
  readonly name: string;
  readonly report: ReadReport;
  /** Answers whose place was wrong and was found again. */
  readonly repaired: { count: number };
}

/**
 * Opens a file of questions: `.json` in the form of SQuAD (1.1, 2.0; CMRC 2018 and XQuAD have it too) or with a flat
 * list of questions in `data`, else rows with a question, a context and answers (`[{ text, start }]`, one such object,
 * or the text alone). An answer that does not stand at its place is looked for; one that stands nowhere is a bad row.
 * With `labelled` a row without answers is a bad one; an empty list means that the question has none.
 */
export function openQuestions(path: string, fields: AnswerFields, { labelled }: { labelled: boolean }): AnswerSource {
  const repaired = { count: 0 };
  const isSquad = fields.format === undefined && /\.json$/i.test(path);
  if (isSquad) {
    const reporter = new RowReporter(path, fields.onError ?? 'stop');
    return {
      name: path,
      report: reporter.report,
      repaired,
      [Symbol.asyncIterator]: () => squadRows(path, { reporter, fields, repaired, labelled }),
    };
  }
  const rows = openRows(path, {
    ...pick(fields, FILE_OPTIONS),
    format: fields.format ?? formatOfPath(path) ?? 'jsonl',
  });
  return {
    name: rows.name,
    report: rows.report,
    repaired,
    [Symbol.asyncIterator]: () => tableRows(rows, { fields, repaired, labelled }),
  };
}

interface Reading {
  repaired: { count: number };
  labelled: boolean;
}

async function* squadRows(
  path: string,
  { reporter, fields, ...reading }: Reading & { reporter: RowReporter; fields: AnswerFields },
): AsyncGenerator<AnswerRow> {
  const { value, lines } = await readWholeJson(path);
  let number = 0;
  for (const { context, qas } of paragraphsOf(path, lines ?? value, fields)) {
    for (const qa of qas) {
      number++;
      const { id, question, answers, is_impossible: impossible } = (qa ?? {}) as Record<string, unknown>;
      const input = { question, context, ...(id !== undefined && { id: String(id) }) };
      const found =
        impossible === true
          ? readAnswers([], String(context), reading)
          : readAnswers(answers, String(context), reading);
      if (typeof question !== 'string' || typeof context !== 'string')
        reporter.bad(number, 'a question and its context must be texts');
      else if (typeof found === 'string') reporter.bad(number, found);
      else {
        reporter.report.rows++;
        yield { number, input: input as AnswerInput, ...(found && { gold: found }) };
      }
    }
  }
  reporter.requireSomeRow();
}

/**
 * The paragraphs of a file of SQuAD's form, one after the other; in Hugging Face's flat form of it every question is
 * one with its context.
 */
function paragraphsOf(
  path: string,
  json: unknown,
  { questionField = 'question', contextField = 'context', answerField = 'answers' }: AnswerFields,
): { context: unknown; qas: unknown[] }[] {
  const articles = Array.isArray(json) ? json : (json as { data?: unknown } | null)?.data;
  const wrong = new AlbertineError(
    'invalid_data',
    `${path} is not in the form of SQuAD: { "data": [{ "paragraphs": [{ "context", "qas" }] }] }, nor a list of ${questionField}, ${contextField} and ${answerField}`,
    { value: path, hint: 'Or give rows with question, context and answers as .jsonl' },
  );
  if (!Array.isArray(articles)) throw wrong;
  return articles.flatMap((article: unknown) => {
    const fields = (article ?? {}) as Record<string, unknown>;
    const { paragraphs } = fields;
    if (Object.hasOwn(fields, questionField) && Object.hasOwn(fields, contextField))
      return [
        {
          context: fields[contextField],
          qas: [{ id: fields['id'], question: fields[questionField], answers: fields[answerField] }],
        },
      ];
    if (!Array.isArray(paragraphs)) throw wrong;
    return paragraphs.map((paragraph: unknown) => {
      const { context, qas } = (paragraph ?? {}) as Record<string, unknown>;
      if (!Array.isArray(qas)) throw wrong;
      return { context, qas };
    });
  });
}

async function* tableRows(
  rows: RowSource,
  {
    fields: { questionField = 'question', contextField = 'context', answerField },
    ...reading
  }: Reading & { fields: AnswerFields },
): AsyncGenerator<AnswerRow> {
  for await (const row of rows) {
    const { [questionField]: question, [contextField]: context, id } = row.fields;
    if (typeof question !== 'string' || typeof context !== 'string') {
      rows.reject(
        row,
        `fields ${describeValue(questionField)} and ${describeValue(contextField)} must be texts; the fields are ${Object.keys(row.fields).join(', ')}`,
      );
      continue;
    }
    const given = answerField === undefined ? (row.fields['answers'] ?? row.fields['answer']) : row.fields[answerField];
    const start = row.fields['answer_start'] ?? row.fields['start'];
    const found = readAnswers(parsed(given, start), context, reading);
    if (typeof found === 'string') rows.reject(row, found);
    else
      yield {
        number: row.number,
        fields: row.fields,
        input: { question, context, ...(id !== undefined && id !== null && { id: String(id) }) },
        ...(found && { gold: found }),
      };
  }
}

/** What a field has of answers: a list or an object as JSON, or the text of one. */
function parsed(value: unknown, start: unknown): unknown {
  const cell = parsedCell(value);
  if (typeof cell !== 'string') return cell;
  return cell === '' ? [] : [{ text: cell, start }];
}

/**
 * The answers with the place of the first one; a reason where they cannot be used; undefined where there are none to be
 * read.
 */
function readAnswers(
  value: unknown,
  context: string,
  { repaired, labelled }: Reading,
): AnswerGold | string | undefined {
  if (value === undefined || value === null)
    return labelled ? 'there is no field of answers; an empty list says that the question has none' : undefined;
  const { text: columns, answer_start: places } = value as { text?: unknown; answer_start?: unknown };
  // Hugging Face's data sets have columns: { text: [..], answer_start: [..] }.
  const list = Array.isArray(columns)
    ? columns.map((text: unknown, i) => ({
        text,
        answer_start: Array.isArray(places) ? (places as unknown[])[i] : undefined,
      }))
    : Array.isArray(value)
      ? value
      : [value];
  const answers = list.map((answer: unknown) =>
    typeof answer === 'string' ? { text: answer } : (answer as Record<string, unknown> | null),
  );
  const wrong = answers.find((answer) => typeof answer?.['text'] !== 'string' || answer['text'] === '');
  if (wrong !== undefined) return `an answer has a text, got ${describeValue(wrong)}`;
  if (answers.length === 0) return { answers: [], start: -1, end: -1 };
  const texts = answers.map((answer) => answer!['text'] as string);
  for (const [i, text] of texts.entries()) {
    const given = answers[i]!['answer_start'] ?? answers[i]!['start'];
    const place = placeOf(text, context, Number(given));
    if (place === undefined) continue;
    if (place.repaired) repaired.count++;
    return { answers: [...new Set(texts)], start: place.start, end: place.start + text.length };
  }
  return labelled
    ? `the answer ${describeValue(texts[0], 60)} does not stand in its context`
    : { answers: texts, start: -1, end: -1 };
}

/** Where an answer stands: as given, in code points as Python counts, or nearest to that. */
function placeOf(text: string, context: string, given: number): { start: number; repaired: boolean } | undefined {
  const isAt = (start: number): boolean => context.startsWith(text, start);
  if (Number.isInteger(given) && given >= 0 && isAt(given)) return { start: given, repaired: false };
  const inUnits = Number.isInteger(given) && given >= 0 ? [...context].slice(0, given).join('').length : 0;
  if (Number.isInteger(given) && isAt(inUnits)) return { start: inUnits, repaired: false };
  let nearest: number | undefined;
  for (let at = context.indexOf(text); at >= 0; at = context.indexOf(text, at + 1))
    if (nearest === undefined || Math.abs(at - inUnits) < Math.abs(nearest - inUnits)) nearest = at;
  return nearest === undefined ? undefined : { start: nearest, repaired: Number.isInteger(given) };
}

/** All questions of a file with what is right. Throws `invalid_data` where there is none. */
export async function readQuestions(
  path: string,
  fields: AnswerFields,
): Promise<{ rows: { input: AnswerInput; gold: AnswerGold }[]; report: ReadReport; remarks: string[] }> {
  const source = openQuestions(path, fields, { labelled: true });
  const rows: { input: AnswerInput; gold: AnswerGold }[] = [];
  for await (const { input, gold } of source) rows.push({ input, gold: gold! });
  if (rows.length === 0)
    throw new AlbertineError('invalid_data', `${path} has no usable question`, {
      value: path,
      hint:
        source.report.issues[0] &&
        `The first bad row is ${source.report.issues[0].row}: ${source.report.issues[0].reason}`,
    });
  return {
    rows,
    report: source.report,
    remarks:
      source.repaired.count > 0
        ? [
            `${countOf(source.repaired.count, 'answer')} did not stand at the place given, and ${source.repaired.count === 1 ? 'was' : 'were'} found again`,
          ]
        : [],
  };
}
