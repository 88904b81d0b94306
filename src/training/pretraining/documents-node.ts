import { AlbertineError } from '../../core/errors.ts';
import { formatOfPath, readTexts, type ReadTextOptions } from '../../data/read-node.ts';

/** One named part of a corpus. */
export interface CorpusSource extends Pick<ReadTextOptions, 'textField' | 'encoding' | 'onError'> {
  /** Letters, digits and `-_./`; unique in a build. Part of the shards' file names. */
  name: string;
  /** Files of one or several formats, read in this order. Gzipped text is recognised. */
  paths: readonly string[];
  /** How often an epoch passes over the source: 0.3 gives 30 % of it, other parts each time. Default 1. */
  weight?: number;
  /** Language for sentence boundaries, as a BCP 47 tag. Default: language-neutral rules. */
  locale?: string;
}

/** A document as its non-empty paragraphs. */
export type Paragraphs = string[];

/** What was read and what was left out, over all files of a source. */
export interface DocumentReport {
  /** Documents read. */
  documents: number;
  /** Rows left out. */
  skippedRows: number;
  /** The first bad rows, with their file. */
  issues: { path: string; row: number; reason: string }[];
}

/**
 * Longest document in UTF-16 units; a longer one goes on as another document, so that a file without blank lines fits
 * in memory.
 */
export const MAX_DOCUMENT_CHARACTERS = 1 << 20;

/**
 * The documents of a source, in file order and in constant memory. Text files: paragraphs are lines, documents end at
 * blank lines and at the end of the file. Other formats: a document is a row's text field, its lines are paragraphs.
 * Rows without text are documents without paragraphs, so that documents can be counted. Errors as {@link readTexts}.
 */
export async function* readDocuments(
  source: CorpusSource,
  report: DocumentReport = emptyReport(),
): AsyncGenerator<Paragraphs> {
  for (const path of source.paths) {
    const isText = formatOfPath(path) === 'txt';
    const { textField, encoding, onError } = source;
    const texts = readTexts(path, {
      ...(!isText && textField !== undefined && { textField }),
      ...(encoding && { encoding }),
      ...(onError && { onError }),
    });
    for await (const document of limitLength(isText ? splitAtBlankLines(texts) : splitRows(texts))) {
      report.documents++;
      yield document;
    }
    report.skippedRows += texts.report.skipped;
    report.issues.push(...texts.report.issues.map((issue) => ({ path, ...issue })));
  }
}

/** A {@link DocumentReport} of nothing. */
export function emptyReport(): DocumentReport {
  return { documents: 0, skippedRows: 0, issues: [] };
}

/** Throws `invalid_argument` for a name that cannot be part of a file name, or a weight that is not positive. */
export function requireSource(source: CorpusSource): void {
  if (!/^[\w./-]+$/.test(source.name)) {
    throw new AlbertineError(
      'invalid_argument',
      `the name of a source may have letters, digits and - _ . /, got ${JSON.stringify(source.name)}`,
      { value: source.name },
    );
  }
  const { weight = 1 } = source;
  if (!(weight > 0 && Number.isFinite(weight))) {
    throw new AlbertineError(
      'invalid_argument',
      `the weight of source ${source.name} must be positive, got ${weight}`,
      { value: weight, hint: 'Leave the source out instead of giving it no weight.' },
    );
  }
  if (source.paths.length === 0)
    throw new AlbertineError('invalid_argument', `source ${source.name} has no files`, { value: source.name });
}

async function* splitAtBlankLines(lines: AsyncIterable<{ text: string }>): AsyncGenerator<Paragraphs> {
  let document: Paragraphs = [];
  let length = 0;
  for await (const { text } of lines) {
    if (text.trim() !== '') {
      document.push(text);
      length += text.length;
    }
    if (document.length > 0 && (text.trim() === '' || length >= MAX_DOCUMENT_CHARACTERS)) {
      yield document;
      document = [];
      length = 0;
    }
  }
  if (document.length > 0) yield document;
}

async function* splitRows(rows: AsyncIterable<{ text: string }>): AsyncGenerator<Paragraphs> {
  for await (const { text } of rows) yield text.split(/\r?\n/).filter((line) => line.trim() !== '');
}

/** Cuts documents between paragraphs, and paragraphs that are themselves too long. */
async function* limitLength(documents: AsyncIterable<Paragraphs>): AsyncGenerator<Paragraphs> {
  for await (const document of documents) {
    if (document.reduce((sum, { length }) => sum + length, 0) <= MAX_DOCUMENT_CHARACTERS) {
      yield document;
      continue;
    }
    let part: Paragraphs = [];
    let length = 0;
    for (const paragraph of document.flatMap(cutParagraph)) {
      if (part.length > 0 && length + paragraph.length > MAX_DOCUMENT_CHARACTERS) {
        yield part;
        part = [];
        length = 0;
      }
      part.push(paragraph);
      length += paragraph.length;
    }
    yield part;
  }
}

function cutParagraph(paragraph: string): string[] {
  const parts: string[] = [];
  let rest = paragraph;
  while (rest.length > MAX_DOCUMENT_CHARACTERS) {
    // Between words where there are any, and never inside a surrogate pair.
    const space = rest.lastIndexOf(' ', MAX_DOCUMENT_CHARACTERS);
    const at =
      space > 0
        ? space
        : MAX_DOCUMENT_CHARACTERS - Number((rest.charCodeAt(MAX_DOCUMENT_CHARACTERS - 1) & 0xfc00) === 0xd800);
    parts.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return [...parts, rest];
}
