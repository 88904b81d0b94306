import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { AlbertineError } from '../../core/errors.ts';
import { withLineFeeds } from '../../core/line-ends.ts';

/** A text file, how much each of its lines counts, and its bytes on disk. */
export interface TextSource {
  path: string;
  /** Multiplies the counts of its words. */
  weight: number;
  bytes: number;
  /** Last change, in milliseconds; tells a changed file on resuming. */
  modified: number;
}

const EXTENSIONS = ['.txt', '.txt.gz', '.jsonl', '.jsonl.gz'];

/**
 * Finds the text files under paths: a file is taken as it is, a folder gives its `.txt` and `.jsonl` files (also
 * `.gz`), at any depth, by name. Throws `file_not_found` for a path that does not exist or a folder without such files.
 */
export async function findTextSources(
  inputs: readonly (string | { path: string; weight?: number })[],
): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const input of inputs) {
    const { path, weight = 1 } = typeof input === 'string' ? { path: input } : input;
    if (!(weight > 0 && Number.isFinite(weight)))
      throw new AlbertineError('invalid_argument', `the weight of ${path} must be positive, got ${weight}`, {
        value: weight,
      });
    const info = await stat(path).catch((cause: unknown) => {
      throw new AlbertineError('file_not_found', `no file or folder at ${path}`, { value: path, cause });
    });
    const files = info.isDirectory()
      ? (await readdir(path, { recursive: true }))
          .sort()
          .map((name) => join(path, name))
          .filter(isText)
      : [path];
    if (files.length === 0)
      throw new AlbertineError('file_not_found', `no text file in ${path}`, {
        value: path,
        hint: `Looked for ${EXTENSIONS.join(', ')}`,
      });
    for (const file of files) {
      const { size, mtimeMs } = await stat(file);
      sources.push({ path: file, weight, bytes: size, modified: Math.round(mtimeMs) });
    }
  }
  return sources;
}

function isText(path: string): boolean {
  return EXTENSIONS.some((extension) => path.endsWith(extension));
}

/** Options of {@link readLines}. */
export interface ReadLinesOptions {
  /**
   * Longer lines are given out in parts of this many UTF-16 units, so that one line never fills the memory. Default 1
   * Mi.
   */
  maxLineLength?: number;
  /** Field of the objects in `.jsonl` files. Default `text`. */
  textField?: string;
  /** Receives the bytes read from disk since the last call. */
  onBytes?: (bytes: number) => void;
}

/**
 * Streams the non-empty lines of a UTF-8 file in batches, decompressing `.gz`. In `.jsonl` files a line is a row's text
 * field, which may hold several. Throws `invalid_file` for broken compression and `invalid_data` for a bad row, both
 * with the place.
 */
export async function* readLines(path: string, options: ReadLinesOptions = {}): AsyncGenerator<string[]> {
  const { maxLineLength = 1 << 20, textField = 'text' } = options;
  const isJson = /\.jsonl(\.gz)?$/.test(path);
  const limit = isJson ? Infinity : maxLineLength;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let row = 0;
  const take = (lines: string[]): string[] => {
    const texts = isJson ? lines.flatMap((line) => textOfRow(line, { path, row: ++row, textField })) : lines;
    return texts.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line)).filter((line) => line !== '');
  };
  let first = true;
  for await (const chunk of withLineFeeds(openStream(path, options.onBytes), path)) {
    let text = rest + decoder.write(chunk);
    if (first && text !== '') {
      first = false;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    const lines = text.split('\n');
    rest = lines.pop()!;
    while (rest.length > limit) {
      // Cut between words where there are any, and never inside a surrogate pair.
      const space = rest.lastIndexOf(' ', limit);
      const at = space > 0 ? space : limit - ((rest.charCodeAt(limit - 1) & 0xfc00) === 0xd800 ? 1 : 0);
      lines.push(rest.slice(0, at));
      rest = rest.slice(at);
    }
    const batch = take(lines);
    if (batch.length > 0) yield batch;
  }
  const last = take([rest + decoder.end()]);
  if (last.length > 0) yield last;
}

async function* openStream(path: string, onBytes: ((bytes: number) => void) | undefined): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  file.on('data', (chunk) => onBytes?.(chunk.length));
  let stream: Readable = file;
  if (path.endsWith('.gz')) {
    const gunzip = createGunzip();
    file.on('error', (error) => gunzip.destroy(error));
    stream = file.pipe(gunzip);
  }
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    const missing = (cause as { code?: string }).code === 'ENOENT';
    throw new AlbertineError(
      missing ? 'file_not_found' : 'invalid_file',
      `cannot read ${path}: ${(cause as Error).message}`,
      { value: path, cause },
    );
  } finally {
    file.destroy();
  }
}

function textOfRow(line: string, place: { path: string; row: number; textField: string }): string[] {
  if (line.trim() === '') return [];
  let text: unknown;
  try {
    text = (JSON.parse(line) as Record<string, unknown> | null)?.[place.textField];
  } catch (cause) {
    throw new AlbertineError('invalid_data', `${place.path}, row ${place.row} is not JSON`, {
      value: line.slice(0, 80),
      cause,
    });
  }
  if (typeof text !== 'string') {
    throw new AlbertineError(
      'invalid_data',
      `${place.path}, row ${place.row} has no string in field ${place.textField}`,
      { value: line.slice(0, 80) },
    );
  }
  return text.split('\n');
}
