import { AlbertineError, describeValue } from '../../core/errors.ts';
import { parsedCell } from '../../data/cells.ts';
import { formatOfPath, openRows, type ReadOptions } from '../../data/read-node.ts';
import { missingFieldReason, textFieldProblem, type ReadReport, type Row, type RowSource } from '../../data/rows.ts';
import { pick } from '../../core/pick.ts';
import { mentionProblem, type Mention, type RelationInput } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Where relations stand in a file. */
export interface RelationFields extends Omit<ReadOptions, 'fields' | 'maxLineBytes'> {
  /** Default `text`, `head`, `tail`, `label`. */
  textField?: string;
  /** Field of the first mention. Default `head`. */
  headField?: string;
  /** Field of the second mention. Default `tail`. */
  tailField?: string;
  /** Default `label`. */
  labelField?: string;
}

/** A pair of mentions, with its relation where the file says it. */
export interface RelationRow {
  number: number;
  input: RelationInput;
  label?: string;
  fields?: Record<string, unknown>;
}

/** Pairs of a file, read while they are consumed. */
export interface RelationSource extends AsyncIterable<RelationRow> {
  readonly name: string;
  readonly report: ReadReport;
}

/**
 * Opens a file of pairs: SemEval-2010 Task 8 (`.txt`: a number, the text with `<e1>` and `<e2>`, on the next line the
 * relation), or rows with a text, `head` and `tail` (`{ start, end, type? }`) and a label; or with `entities`
 * (`{ start, end, label }`) and `relations` (`{ head, tail, label }`, indices of entities): several pairs a text. With
 * `labelled` a row without a label is a bad one.
 */
export function openRelations(
  path: string,
  fields: RelationFields,
  { labelled }: { labelled: boolean },
): RelationSource {
  const format = fields.format ?? formatOfPath(path) ?? 'txt';
  const rows = openRows(path, { ...pick(fields, FILE_OPTIONS), format });
  const iterate = format === 'txt' ? semEvalRows(rows, labelled) : tableRows(rows, fields, labelled);
  return { name: rows.name, report: rows.report, [Symbol.asyncIterator]: () => iterate };
}

const NUMBERED = /^\s*\d+\s+"?(.*?)"?\s*$/;

/** The next line of a text is its relation; comments and blank lines are between. */
async function* semEvalRows(rows: RowSource, labelled: boolean): AsyncGenerator<RelationRow> {
  let waiting: { row: Row; input: RelationInput } | undefined;
  for await (const row of rows) {
    const line = (row.fields['text'] as string).trim();
    if (line === '' || /^comment\s*:/i.test(line)) continue;
    const text = line.includes('<e1>') ? (NUMBERED.exec(line)?.[1] ?? line) : undefined;
    if (text === undefined) {
      if (waiting) yield { number: waiting.row.number, input: waiting.input, label: line };
      else
        rows.reject(
          row,
          `a text with <e1> and <e2> was expected, got ${describeValue(line, 60)}${line.startsWith('{') ? ', which looks like the format jsonl' : ''}`,
        );
      waiting = undefined;
      continue;
    }
    if (waiting) {
      if (labelled) rows.reject(waiting.row, 'the text has no relation on the line after it');
      else yield { number: waiting.row.number, input: waiting.input };
    }
    const input = unmark(text);
    if (input === undefined)
      rows.reject(row, `the text must have <e1>..</e1> and <e2>..</e2> once, got ${describeValue(text, 60)}`);
    waiting = input && { row, input };
  }
  if (waiting && !labelled) yield { number: waiting.row.number, input: waiting.input };
  else if (waiting) rows.reject(waiting.row, 'the text has no relation on the line after it');
}

/** The text without its marks, and where they were. */
export function unmark(marked: string): RelationInput | undefined {
  const places: Record<string, number> = {};
  let text = '';
  let from = 0;
  for (const match of marked.matchAll(/<(\/?)(e[12])>/g)) {
    text += marked.slice(from, match.index);
    from = match.index + match[0].length;
    const name = `${match[2]}${match[1] === '/' ? 'end' : 'start'}`;
    if (name in places) return undefined;
    places[name] = text.length;
  }
  text += marked.slice(from);
  const [head, tail] = ['e1', 'e2'].map((name): Mention => ({
    start: places[`${name}start`],
    end: places[`${name}end`],
  }));
  return mentionProblem(head, text) === undefined && mentionProblem(tail, text) === undefined
    ? { text, head, tail }
    : undefined;
}

async function* tableRows(rows: RowSource, fields: RelationFields, labelled: boolean): AsyncGenerator<RelationRow> {
  for await (const row of rows) {
    const found = readRow(row, fields, labelled);
    if (typeof found === 'string') rows.reject(row, found);
    else for (const pair of found) yield { number: row.number, fields: row.fields, ...pair };
  }
}

type Pair = Pick<RelationRow, 'input' | 'label'>;

function readRow(
  { fields }: Row,
  { textField = 'text', headField = 'head', tailField = 'tail', labelField = 'label' }: RelationFields,
  labelled: boolean,
): Pair[] | string {
  const wrong = textFieldProblem(textField, fields);
  if (wrong !== undefined) return wrong;
  const text = fields[textField] as string;
  const relations = parsedCell(fields['relations']);
  const entities = parsedCell(fields['entities']);
  if (Array.isArray(relations) && Array.isArray(entities))
    return readRelations(text, { entities, relations, labelled });
  const names = [headField, tailField, ...(labelled ? [labelField] : [])];
  const missing = names.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) return missingFieldReason(missing, fields);
  const [head, tail] = [parsedCell(fields[headField]), parsedCell(fields[tailField])];
  for (const [name, mention] of [
    [headField, head],
    [tailField, tail],
  ] as const) {
    const problem = mentionProblem(mention, text);
    if (problem !== undefined) return `field ${describeValue(name)}: ${problem}`;
  }
  const label = fields[labelField];
  if (labelled && (typeof label !== 'string' || label.trim() === ''))
    return `field ${describeValue(labelField)} must be a label, got ${describeValue(label)}`;
  return [
    {
      input: { text, head: mentionOf(head), tail: mentionOf(tail) },
      ...(typeof label === 'string' && { label: label.trim() }),
    },
  ];
}

function readRelations(
  text: string,
  { entities, relations, labelled }: { entities: readonly unknown[]; relations: readonly unknown[]; labelled: boolean },
): Pair[] | string {
  const wrong = entities.map((entity) => mentionProblem(entity, text)).find((problem) => problem !== undefined);
  if (wrong !== undefined) return wrong;
  const pairs: Pair[] = [];
  for (const relation of relations) {
    const { head, tail, label } = (relation ?? {}) as Record<string, unknown>;
    const [first, second] = [head, tail].map((index) =>
      Number.isInteger(index) ? entities[index as number] : undefined,
    );
    if (first === undefined || second === undefined)
      return `relation ${describeValue(relation)} names entities that are not there: head and tail are indices of entities`;
    const isNamed = typeof label === 'string' && label.trim() !== '';
    if (labelled && !isNamed) return `relation ${describeValue(relation)} has no label`;
    pairs.push({
      input: { text, head: mentionOf(first), tail: mentionOf(second) },
      ...(isNamed && { label: label.trim() }),
    });
  }
  return pairs;
}

/** Mentions call their kind `type`, entities of a tagger `label`. */
function mentionOf(value: unknown): Mention {
  const { start, end, type, label } = value as Mention & { label?: unknown };
  const kind = typeof type === 'string' ? type : typeof label === 'string' ? label : undefined;
  return { start, end, ...(kind !== undefined && { type: kind }) };
}

/** All pairs of a file, with their labels. Throws `invalid_data` where there is none. */
export async function readLabelledPairs(
  path: string,
  fields: RelationFields,
): Promise<{ rows: RelationRow[]; report: ReadReport }> {
  const source = openRelations(path, fields, { labelled: true });
  const rows: RelationRow[] = [];
  for await (const row of source) rows.push(row);
  if (rows.length > 0) return { rows, report: source.report };
  const [first] = source.report.issues;
  throw new AlbertineError('invalid_data', `${path} has no usable pair`, {
    value: path,
    hint: first && `The first bad row is ${first.row}: ${first.reason}`,
  });
}
