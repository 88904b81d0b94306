import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { QuoteStyle } from '../../data/csv.ts';
import type { ReadReport } from '../../data/rows.ts';
import type { OnError, RowFormat } from '../../data/rows.ts';
import { formatOfPath, readTexts, type TextRow } from '../../data/read-node.ts';
import type { TextEncoding } from '../../data/lines.ts';
import { AlbertineError } from '../../core/errors.ts';
import { withLineFeeds } from '../../core/line-ends.ts';
import { pick } from '../../core/pick.ts';
import { UsageError } from '../terminal/errors.ts';
import { flagName } from '../../core/settings.ts';

/** The flags of `addInputOptions`, as commander gives them. */
export interface InputFlags {
  input?: string;
  textField?: string;
  format?: RowFormat;
  encoding?: TextEncoding;
  delimiter?: string;
  quotes?: QuoteStyle;
  header?: boolean;
  onError?: OnError;
}

/** Where the texts of a command come from. */
export interface TextInput extends AsyncIterable<TextRow> {
  /** For messages and sidecars: a path, "standard input" or "arguments". */
  readonly name: string;
  /** Undefined for arguments. */
  readonly format?: RowFormat;
  readonly report: ReadReport;
  /** What the user should know of how the arguments were understood. */
  readonly notes: readonly string[];
  /** Calls a row bad after all: throws with `--on-error stop`, counts and lists it with `skip`. */
  reject(row: TextRow, reason: () => Error): void;
  /**
   * How many texts there are, about: exact for .txt and .jsonl; undefined where it cannot be told without reading
   * everything.
   */
  estimate(): Promise<number | undefined>;
}

const MAX_LISTED = 100;

/**
 * Texts from arguments, from standard input (`-`), or from a file (`--input`, or a single argument that is an existing
 * file with a known extension). Throws {@link UsageError} when it is unclear which or an argument is the path of
 * something else that is there, and `file_not_found` for one that can only be meant as the name of a file.
 */
export function openTextInput(
  texts: readonly string[],
  flags: InputFlags,
  { keepFields = false }: { keepFields?: boolean } = {},
): TextInput {
  const source = chooseSource(texts, flags);
  if (source === undefined) {
    for (const flag of ['textField', 'format', 'encoding', 'delimiter', 'quotes'] as const)
      if (flags[flag] !== undefined)
        throw new UsageError(`--${flagName(flag)} is for files and standard input, not for texts given as arguments`);
    return argumentInput(texts);
  }
  const { header, onError } = flags;
  const rows = readTexts(source, {
    ...pick(flags, ['textField', 'format', 'encoding', 'delimiter', 'quotes', 'onError']),
    keepFields,
    ...(header === false && { header }),
  });
  const { report } = rows;
  return {
    name: rows.name,
    format: rows.format,
    report,
    notes: [],
    [Symbol.asyncIterator]: () => rows[Symbol.asyncIterator](),
    reject: (row, reason) => {
      const error = reason();
      if (onError !== 'skip') throw error;
      report.rows--;
      report.skipped++;
      if (report.issues.length < MAX_LISTED) report.issues.push({ row: row.number, reason: error.message });
    },
    estimate: () =>
      source === '-'
        ? Promise.resolve(undefined)
        : estimateRows(source, { format: rows.format, header: header ?? true, quotes: flags.quotes }),
  };
}

/**
 * The file or `-` that the texts of a command come from; undefined where the arguments are texts. Throws
 * {@link UsageError} where it is unclear which, and `file_not_found` for an argument that can only be meant as the name
 * of a file.
 */
export function chooseSource(texts: readonly string[], { input }: InputFlags): string | undefined {
  if (input !== undefined) {
    if (texts.length > 0) throw new UsageError('give either texts or --input, not both');
    return input;
  }
  if (texts.length === 0) throw new UsageError('nothing to read: give texts, - for standard input, or --input FILE');
  texts.forEach(requireNoMissingFile);
  texts.forEach(requireNoPath);
  if (texts.length === 1) return texts[0] === '-' || isDataFile(texts[0]) ? texts[0] : undefined;
  const file = texts.find((text) => text === '-' || isDataFile(text));
  if (file !== undefined)
    throw new UsageError(
      `${file === '-' ? 'standard input' : file} cannot be mixed with other texts: read one source a run`,
    );
  return undefined;
}

function isDataFile(text: string): boolean {
  return formatOfPath(text) !== undefined && kindOnDisk(text) === 'file';
}

/** A mistyped name would otherwise be read as a text, which looks like success. */
function requireNoMissingFile(text: string): void {
  if (/\s/.test(text) || formatOfPath(text) === undefined || isDataFile(text)) return;
  throw new AlbertineError('file_not_found', `no file at ${text}`, {
    value: text,
    hint: `If it is a text and no file, give it on standard input: echo ${text} | albertine ... -`,
  });
}

/** `README.md` or `docs/` is hardly meant as a text where there is such a file or folder; a plain word may be. */
function requireNoPath(text: string): void {
  const kind = /[./\\]/.test(text) && !isDataFile(text) ? kindOnDisk(text) : undefined;
  if (kind === undefined) return;
  const how =
    kind === 'file'
      ? `read a text a line of it with: --input ${text} --format txt`
      : `read a file of it with: --input ${join(text, 'FILE')}`;
  throw new UsageError(
    `${text} is a ${kind}, not a text; ${how}. If the name itself is the text, give it on standard input: echo ${text} | albertine ... -`,
  );
}

/** What there is at a path; undefined for texts that are none. */
function kindOnDisk(text: string): 'file' | 'folder' | undefined {
  if (text === '' || /[\n\0]/.test(text)) return undefined;
  try {
    return statSync(text).isDirectory() ? 'folder' : 'file';
  } catch {
    return undefined; // Not there, or too long for a name.
  }
}

function argumentInput(texts: readonly string[]): TextInput {
  const report: ReadReport = { rows: 0, skipped: 0, blank: 0, issues: [] };
  async function* iterate(): AsyncGenerator<TextRow> {
    for (const [index, text] of texts.entries()) {
      report.rows++;
      yield { number: index + 1, text };
    }
  }
  return {
    name: 'arguments',
    report,
    notes: texts
      .filter((text) => kindOnDisk(text) !== undefined)
      .map(
        (text) =>
          `"${text}" was read as a text; there is a ${kindOnDisk(text)!} of that name too${kindOnDisk(text) === 'file' ? `, whose lines --input ${text} --format txt would read` : ''}`,
      ),
    [Symbol.asyncIterator]: iterate,
    reject: (_row, reason) => {
      throw reason();
    },
    estimate: async () => texts.length,
  };
}

/** Whole files of UTF-8 as a text each, read while they are consumed. Throws `file_not_found` at once. */
export function openDocuments(paths: readonly string[]): TextInput {
  for (const path of paths)
    if (kindOnDisk(path) !== 'file') throw new AlbertineError('file_not_found', `no file at ${path}`, { value: path });
  const report: ReadReport = { rows: 0, skipped: 0, blank: 0, issues: [] };
  async function* iterate(): AsyncGenerator<TextRow> {
    for (const [index, path] of paths.entries()) {
      const text = await readUtf8(path);
      report.rows++;
      yield { number: index + 1, text };
    }
  }
  return {
    name: 'documents',
    report,
    notes: [],
    [Symbol.asyncIterator]: iterate,
    reject: (_row, reason) => {
      throw reason();
    },
    estimate: async () => paths.length,
  };
}

async function readUtf8(path: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new AlbertineError('invalid_file', `${path} is not UTF-8`, { value: path, cause });
  }
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;

/**
 * Counts the records of a plain text file by their line ends, outside quotes in CSV. Undefined for Parquet and gzip.
 */
export async function estimateRows(
  path: string,
  { format, header, quotes }: { format: RowFormat; header: boolean; quotes: QuoteStyle | undefined },
): Promise<number | undefined> {
  if (format === 'parquet') return undefined;
  let lines = 0;
  let last = LINE_FEED;
  let insideQuotes = false;
  let isFirst = true;
  for await (const chunk of withLineFeeds(
    createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>,
  )) {
    if (isFirst && chunk[0] === 0x1f && chunk[1] === 0x8b) return undefined;
    isFirst = false;
    if (format === 'csv' && quotes !== 'none') {
      for (const byte of chunk) {
        if (byte === QUOTE) insideQuotes = !insideQuotes;
        else if (byte === LINE_FEED && !insideQuotes) lines++;
      }
    } else for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
    last = chunk[chunk.length - 1];
  }
  if (last !== LINE_FEED) lines++;
  return Math.max(0, lines - (header && (format === 'csv' || format === 'tsv') ? 1 : 0));
}
