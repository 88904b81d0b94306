import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { formatOfPath, readTexts, type ReadTextOptions } from '../../data/read-node.ts';
import { POINTER } from '../generations-node.ts';
import { fieldValues, type ReadDocument } from './document.ts';
import { readMarkdown } from './markdown.ts';
import { readPdf } from './pdf-node.ts';
import { readPlain } from './plain.ts';

/** How files of rows are read. */
export interface RowOptions extends Pick<
  ReadTextOptions,
  'textField' | 'encoding' | 'header' | 'delimiter' | 'quotes' | 'onError'
> {
  /** Field that holds the title of a row. Default `title`, where there is one. */
  titleField?: string;
}

/** A file or folder as it was named, and where that is. */
export interface Source {
  /** As it was named. */
  given: string;
  /** Where it is. */
  path: string;
}

/** A file that can be read. */
export interface SourceFile {
  /** Path as the source was given. */
  file: string;
  path: string;
  bytes: number;
}

/** What a source holds. */
export interface SourceFiles {
  files: SourceFile[];
  /** How many files of a folder are of no kind that is read, by extension; and how many indexes are in it. */
  leftOut: Record<string, number>;
}

type Kind = 'text' | 'markdown' | 'html' | 'pdf' | 'rows';

const KINDS: Record<string, Kind> = {
  '.txt': 'text',
  '.text': 'text',
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.mdx': 'markdown',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.pdf': 'pdf',
};

/** What a file is read as; undefined for what is not read. A `.json` file is one only where it is named itself. */
function kindOf(path: string, isNamed: boolean): Kind | undefined {
  const kind = KINDS[extname(path).toLowerCase()];
  if (kind) return kind;
  const format = formatOfPath(path);
  return format === undefined || format === 'txt' || (!isNamed && /\.json(\.gz)?$/i.test(path)) ? undefined : 'rows';
}

/** Names that folders of documents hold besides documents. */
const isHidden = (name: string): boolean => name.startsWith('.') || name === 'node_modules';

/**
 * Files of sources in the order of their names. Hidden ones, `node_modules` and indexes (`written`, which is none yet,
 * among them) are passed over, links to folders not followed. Throws `file_not_found` for a source that is not there,
 * `unsupported` for a named file of no kind and for an index.
 */
export async function listSources(sources: readonly Source[], written?: string): Promise<SourceFiles> {
  const found: SourceFiles = { files: [], leftOut: {} };
  const isIndex = (path: string): boolean =>
    existsSync(join(path, POINTER)) || (written !== undefined && resolve(written) === path);
  for (const { given, path } of sources) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new AlbertineError('file_not_found', `no file or folder at ${given}`, { value: given, cause });
    });
    if (isIndex(path))
      throw new AlbertineError('unsupported', `${given} is an index, and no folder of documents`, {
        value: given,
        hint: 'Name the files and folders that it was built of',
      });
    if (info.isDirectory()) await listFolder({ given, path }, { found, isIndex });
    else if (kindOf(path, true) === undefined) throw unknownKind(given);
    else found.files.push({ file: given, path, bytes: info.size });
  }
  const seen = new Set<string>();
  found.files = found.files.filter(({ path }) => !seen.has(path) && seen.add(path));
  return found;
}

async function listFolder(
  { given, path }: Source,
  into: { found: SourceFiles; isIndex: (path: string) => boolean },
): Promise<void> {
  const { found, isIndex } = into;
  const entries = await readdir(path, { withFileTypes: true });
  for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isHidden(name)) continue;
    const inner = { given: join(given, name), path: join(path, name) };
    const entry = entries.find((one) => one.name === name)!;
    if (entry.isDirectory()) {
      if (isIndex(inner.path)) leaveOut(found, 'index');
      else await listFolder(inner, into);
      continue;
    }
    const info = await stat(inner.path).catch(() => undefined);
    if (!info?.isFile()) continue;
    const extension = extname(name).toLowerCase() || 'no extension';
    if (kindOf(name, false) === undefined) leaveOut(found, extension);
    else found.files.push({ file: inner.given, path: inner.path, bytes: info.size });
  }
}

function leaveOut({ leftOut }: SourceFiles, kind: string): void {
  leftOut[kind] = (leftOut[kind] ?? 0) + 1;
}

function unknownKind(given: string): AlbertineError {
  return new AlbertineError('unsupported', `cannot tell what kind of document ${given} is`, {
    value: given,
    hint: `Read are ${Object.keys(KINDS).join(', ')}, .jsonl, .csv, .tsv, .parquet`,
  });
}

/** A source with its place, wherever the program runs later. */
export const sourceOf = (given: string): Source => ({ given, path: resolve(given) });

/** Hash of a text that is embedded, of 52 bits: of a million texts, no two are likely to share one. */
export function hashOfText(text: string): number {
  const digest = createHash('sha256').update(text).digest();
  return digest.readUIntBE(0, 6) * 16 + (digest[6] & 15);
}

/**
 * The documents of a file: one, or one for every row. Throws `invalid_data` for text that is not UTF-8 and what reading
 * rows throws, `invalid_file` for a damaged PDF. `report` is told how many rows were left out.
 */
export async function* readDocuments(
  { file, path }: SourceFile,
  options: RowOptions,
  report: { skippedRows: number } = { skippedRows: 0 },
): AsyncGenerator<ReadDocument> {
  const kind = kindOf(path, true)!;
  if (kind === 'rows') yield* readRows(path, options, report);
  else if (kind === 'pdf') yield await readPdf(await readFile(path), file);
  else {
    const text = decode(await readFile(path), { file, encoding: options.encoding });
    if (kind === 'html') yield (await import('./html.ts')).readHtml(text);
    else yield kind === 'markdown' ? readMarkdown(text) : readPlain(text);
  }
}

function decode(
  bytes: Uint8Array,
  { file, encoding = 'utf-8' }: { file: string; encoding: string | undefined },
): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new AlbertineError('invalid_data', `${file} is not ${encoding}`, {
      value: file,
      cause,
      hint: 'Name its encoding with --encoding, or leave out what cannot be read with --on-error skip',
    });
  }
}

async function* readRows(
  path: string,
  { titleField = 'title', ...options }: RowOptions,
  report: { skippedRows: number },
): AsyncGenerator<ReadDocument> {
  const rows = readTexts(path, { ...options, keepFields: true });
  let textField: string | undefined;
  for await (const { number, text, fields = {} } of rows) {
    textField ??= options.textField ?? (Object.hasOwn(fields, 'text') ? 'text' : Object.keys(fields)[0]);
    const title = fields[titleField];
    yield {
      ...readPlain(text),
      row: number,
      ...(typeof title === 'string' && title !== '' && { title }),
      fields: fieldValues(fields, [textField, titleField]),
    };
  }
  report.skippedRows += rows.report.skipped;
}
