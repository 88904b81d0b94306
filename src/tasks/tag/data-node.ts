import { countOf } from '../../core/count.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { parsedCell } from '../../data/cells.ts';
import { formatOfPath, openRows, type ReadOptions } from '../../data/read-node.ts';
import type { ReadReport, Row, RowSource } from '../../data/rows.ts';
import { detectScheme, entitiesOfTags, TAG_SCHEMES, type Span, type TagScheme } from '../../metrics/entities.ts';
import { pick } from '../../core/pick.ts';
import { joinWords, type Range } from './words.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Where entities stand in a file. */
export interface TagFields extends Omit<ReadOptions, 'fields' | 'maxLineBytes' | 'format'> {
  /** Rows of a table or JSON lines: text with `entities`, or `tokens` with `tags`. */
  format?: ReadOptions['format'];
  /**
   * Reads lines of a word and its tag, whatever the file's name. Default: where the name ends in nothing known, or in
   * `.txt`.
   */
  conll?: boolean;
  /** Columns: number of the word's, from 1. Default 1. */
  column?: number;
  /** Columns: number of the tag's, from 1. Default: the last. */
  tagColumn?: number;
  /** Default: found from the tags. */
  scheme?: TagScheme | 'auto';
  /**
   * What happens to tags that the scheme does not allow: read as `conlleval` does and counted, or an error. Default
   * `repair`.
   */
  wrongTags?: 'repair' | 'stop';
  /** Default `text`, `entities`, `tokens`, `tags`. */
  textField?: string;
  entitiesField?: string;
  /** Of rows with words: default tokens. */
  tokensField?: string;
  /** Of rows with tags: default tags. */
  tagsField?: string;
}

/** A text with its entities in characters. */
export interface TaggedText {
  text: string;
  /** Where the file says what a word is. */
  words?: Range[];
  entities: Span[];
}

/** Texts of a file. */
export interface TaggedTexts {
  texts: TaggedText[];
  report: ReadReport;
  remarks: string[];
}

/** A sentence as columns or lists have it. */
interface Sentence {
  words: string[];
  tags: string[];
  /** Of its first line or row. */
  row: number;
}

/**
 * Reads texts with entities: columns of words and tags (CoNLL, a character a line), JSON lines or tables with `tokens`
 * and `tags` or with `text` and `entities`. Throws `invalid_data` for rows that cannot be used, and where there is
 * none.
 */
export async function readTagged(path: string, fields: TagFields): Promise<TaggedTexts> {
  const columns = isInColumns(path, fields);
  const rows = openRows(path, {
    ...pick(fields, FILE_OPTIONS),
    format: columns ? 'txt' : (fields.format ?? formatOfPath(path))!,
  });
  const texts: TaggedText[] = [];
  const sentences: Sentence[] = [];
  if (columns) await readColumns(rows, fields, sentences);
  else for await (const row of rows) readRow(row, { rows, fields, texts, sentences });
  const remarks = convert(sentences, { path, fields, texts });
  if (texts.length === 0)
    throw new AlbertineError('invalid_data', `${path} has no usable text`, {
      value: path,
      hint:
        rows.report.issues[0] && `The first bad row is ${rows.report.issues[0].row}: ${rows.report.issues[0].reason}`,
    });
  return { texts, report: rows.report, remarks };
}

/** Whether a file of tags is read as columns: a word and its tag a line. */
export function isInColumns(path: string, { conll, format = formatOfPath(path) }: TagFields): boolean {
  return conll ?? (format === undefined || format === 'txt');
}

/** A word and its tag a line, a sentence to a blank line. */
async function readColumns(
  rows: RowSource,
  { column = 1, tagColumn }: TagFields,
  sentences: Sentence[],
): Promise<void> {
  let current: Sentence = { words: [], tags: [], row: 0 };
  const end = (): void => {
    if (current.words.length > 0) sentences.push(current);
    current = { words: [], tags: [], row: 0 };
  };
  for await (const row of rows) {
    const line = row.fields['text'] as string;
    if (line.trim() === '' || line.startsWith('-DOCSTART-')) {
      end();
      continue;
    }
    const parts = line.includes('\t') ? line.split('\t') : line.trim().split(/ +/);
    const [word, tag] = [parts[column - 1]?.trim() ?? '', parts[(tagColumn ?? parts.length) - 1]?.trim() ?? ''];
    // A line of white space alone with a tag: that word cannot be seen in a text.
    if (word === '' && (tag === 'O' || tag === '')) continue;
    if (parts.length < 2 || word === '' || tag === '')
      rows.reject(row, `a line has a word and its tag, got ${describeValue(line)}`);
    else {
      if (current.words.length === 0) current.row = row.number;
      current.words.push(word);
      current.tags.push(tag);
    }
  }
  end();
}

function readRow(
  row: Row,
  {
    rows,
    fields,
    texts,
    sentences,
  }: { rows: RowSource; fields: TagFields; texts: TaggedText[]; sentences: Sentence[] },
): void {
  const { textField = 'text', entitiesField = 'entities', tokensField = 'tokens', tagsField = 'tags' } = fields;
  const { [tokensField]: words = row.fields['words'], [tagsField]: tags = row.fields['ner'] } = row.fields;
  if (isTexts(words) && isTexts(tags)) {
    if (words.length === tags.length)
      sentences.push({ words: words.map(clean), tags: tags.map(String), row: row.number });
    else rows.reject(row, `${words.length} words have ${tags.length} tags`);
    return;
  }
  const text = row.fields[textField];
  const found = parsedCell(row.fields[entitiesField]);
  if (typeof text !== 'string')
    rows.reject(
      row,
      `there is neither ${describeValue(textField)} with ${describeValue(entitiesField)} nor ${describeValue(tokensField)} with ${describeValue(tagsField)}; the fields are ${Object.keys(row.fields).join(', ')}`,
    );
  else if (!Array.isArray(found))
    rows.reject(row, `field ${describeValue(entitiesField)} must be a list of entities, got ${describeValue(found)}`);
  else {
    const entities = found.map((entity: unknown) => readEntity(entity, text));
    const wrong = entities.find((entity) => typeof entity === 'string') ?? overlap(entities as Span[]);
    if (typeof wrong === 'string') rows.reject(row, wrong);
    else texts.push({ text, entities: (entities as Span[]).sort((a, b) => a.start - b.start) });
  }
}

const isTexts = (value: unknown): value is unknown[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
/** A word cannot be empty or hold white space alone: it would have no token. */
const clean = (word: unknown): string => (String(word).trim() === '' ? '\u25a1' : String(word));

function readEntity(entity: unknown, text: string): Span | string {
  const { label, start, end } = (entity ?? {}) as Record<string, unknown>;
  if (typeof label !== 'string' || label === '' || !Number.isInteger(start) || !Number.isInteger(end))
    return `an entity has a label, a start and an end, got ${describeValue(entity)}`;
  const [from, to] = [start as number, end as number];
  if (!(from >= 0 && from < to && to <= text.length))
    return `entity ${describeValue(entity)} is outside its text of ${text.length} UTF-16 units`;
  return { label, start: from, end: to };
}

function overlap(entities: readonly Span[]): string | undefined {
  const sorted = [...entities].sort((a, b) => a.start - b.start);
  const at = sorted.findIndex((entity, i) => i > 0 && entity.start < sorted[i - 1].end);
  return at < 0
    ? undefined
    : `entities overlap (${describeValue(sorted[at - 1])}, ${describeValue(sorted[at])}): a tagger gives every word one label, so keep one of them`;
}

/** Tags become entities in characters; what they break is repaired and counted, or refused. */
function convert(
  sentences: readonly Sentence[],
  { path, fields, texts }: { path: string; fields: TagFields; texts: TaggedText[] },
): string[] {
  if (sentences.length === 0) return [];
  const { scheme: asked = 'auto', wrongTags = 'repair' } = fields;
  const scheme = asked === 'auto' ? detectScheme(sentences.map(({ tags }) => tags)) : asked;
  let repaired = 0;
  for (const { words, tags, row } of sentences) {
    const { text, words: ranges } = joinWords(words);
    const spans = entitiesOfTags(tags, scheme);
    const strict = new Set(entitiesOfTags(tags, scheme, 'strict').map((span) => JSON.stringify(span)));
    const wrong = spans.filter((span) => !strict.has(JSON.stringify(span)));
    if (wrong.length > 0 && wrongTags === 'stop') {
      const [{ start, end }] = wrong;
      throw new AlbertineError(
        'invalid_data',
        `${path}, row ${row}: the tags ${tags.slice(start, end).join(' ')} of ${describeValue(words.slice(start, end).join(' '))} are not ${scheme}`,
        { value: tags, hint: 'Name another scheme, or let such tags be repaired' },
      );
    }
    repaired += wrong.length;
    texts.push({
      text,
      words: ranges,
      entities: spans.map(({ label, start, end }) => ({ label, start: ranges[start][0], end: ranges[end - 1][1] })),
    });
  }
  return [
    ...(scheme !== 'iob2' ? [`tags are ${scheme}`] : []),
    ...(repaired > 0
      ? [`${countOf(repaired, 'entity')} with tags that ${scheme} does not allow, read as conlleval does`]
      : []),
  ];
}

/** Every way of saying how entities are tagged. */
export const SCHEME_NAMES = ['auto', ...TAG_SCHEMES] as const;
