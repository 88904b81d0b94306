import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, createReadStream, existsSync, openSync, readSync, realpathSync } from 'node:fs';
import { access, mkdir, open, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AlbertineError } from './errors.ts';
import type { FileSource } from './files.ts';
import { explainingSystemErrors, explainSystemError } from './system-errors.ts';

/** A {@link FileSource} over a directory. Throws `file_not_found` when the directory is absent. */
export async function openFolder(path: string): Promise<FileSource> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isDirectory()) throw new AlbertineError('file_not_found', `no folder at ${path}`, { value: path });
  const fail =
    (name: string) =>
    (cause: unknown): never => {
      throw new AlbertineError('file_not_found', `cannot read ${name} in ${path}`, { value: join(path, name), cause });
    };
  const place = await findReplaced(path);
  return {
    location: path,
    list: async () => {
      const names = (
        await Promise.all(
          [path, join(path, REPLACING)].map((folder) => readdir(folder, { withFileTypes: true }).catch(() => [])),
        )
      )
        .flat()
        .filter((entry) => !entry.isDirectory() && entry.name !== REMOVED)
        .map((entry) => entry.name);
      return [...new Set(names)].filter((name) => place === undefined || existsSync(place(name)));
    },
    size: async (name) => (await stat(placed(name)).catch(fail(name))).size,
    read: async (name, start = 0, end) => {
      if (start === 0 && end === undefined) return readFile(placed(name)).catch(fail(name));
      return readRange(placed(name), start, end).catch(fail(name));
    },
    local: (name) => {
      const real = realpathSync(placed(name));
      return { path: real, readSync: (start, end) => readRangeSync(real, start, end) };
    },
  };

  function placed(name: string): string {
    return place?.(name) ?? join(path, name);
  }
}

/**
 * Holds, for a moment, the complete new files of a folder that are about to take the place of the old ones (see
 * `writeFolder`).
 */
export const REPLACING = '.albertine-new';
/** In it: names of files, a line each, that the new content does not have. */
export const REMOVED = '.removed';

/**
 * Where the files of a folder are whose replacement was begun and not finished, because the process was killed;
 * undefined for any other folder.
 */
async function findReplaced(path: string): Promise<((name: string) => string) | undefined> {
  const fresh = join(path, REPLACING);
  if (!(await isFolder(fresh))) return undefined;
  const removed = (await readFile(join(fresh, REMOVED), 'utf8').catch(() => '')).split('\n');
  return (name) => (removed.includes(name) || existsSync(join(fresh, name)) ? join(fresh, name) : join(path, name));
}

function readRangeSync(path: string, start: number, end: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(end - start);
    for (let filled = 0; filled < bytes.length;) {
      const read = readSync(file, bytes, filled, Math.min(bytes.length - filled, MAX_READ), start + filled);
      if (read === 0) throw new AlbertineError('invalid_file', `${path} ends before byte ${end}`, { value: end });
      filled += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** libuv reads at most 2 GiB at once. */
const MAX_READ = 2 ** 30;

async function readRange(path: string, start: number, end?: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const stop = end ?? (await file.stat()).size;
    const bytes = new Uint8Array(Math.max(0, stop - start));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, Math.min(bytes.length - filled, MAX_READ), start + filled);
      if (bytesRead === 0) return bytes.subarray(0, filled);
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * Makes a folder and those above it; nothing where it is there. Throws Node's error, `EEXIST` where a file is in its
 * place. Not `mkdir` with `recursive`: where a folder refuses a new one with `ENOENT`, as `/proc` does, Node 20 tries
 * for ever.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch(async (error: unknown) => {
    // Another process may have made it meanwhile.
    if (!(await isFolder(path))) throw error;
  });
}

/**
 * Throws what {@link makeFolder} or writing into the folder would run into, without making anything: a file in the
 * place of a folder, no permission. What only the attempt can tell is not found.
 */
export async function requireUsableFolder(path: string): Promise<void> {
  let nearest = resolve(path);
  for (;;) {
    const found = await stat(nearest).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw explainSystemError(error) ?? error;
      return undefined;
    });
    if (found?.isDirectory()) break;
    if (found)
      throw new AlbertineError(
        'invalid_argument',
        `${nearest === resolve(path) ? path : nearest} is a file, not a folder`,
        { value: path, hint: 'Move it away, or choose another place' },
      );
    nearest = dirname(nearest);
  }
  await explainingSystemErrors(nearest, () => access(nearest, constants.W_OK));
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * A name beside `path` for what is not complete yet; it tells whose it is, so that what a killed process left can be
 * removed.
 */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
}

/**
 * Writes a file so that a reader sees either the old content or all of the new: temporary name, flush, rename. Nothing
 * is left where that fails.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string | Iterable<Uint8Array | string>,
): Promise<void> {
  await makeFolder(dirname(path));
  const target = await realpath(path).catch(() => path);
  const found = await stat(target).catch(() => undefined);
  // A device or a pipe cannot be replaced.
  if (found && !found.isFile() && !found.isDirectory()) return await writeFile(target, content);
  const temporary = temporaryName(target);
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Reads a JSON file that someone wrote: settings, a recipe. Throws `file_not_found`, or `invalid_file` with the place
 * of the mistake.
 */
export async function readJsonFile(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AlbertineError('file_not_found', isMissing ? `no file at ${path}` : `cannot read ${path}`, {
      value: path,
      cause,
    });
  });
  try {
    // A byte order mark, as editors on Windows write it.
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new AlbertineError(
      'invalid_file',
      `${path} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { value: path, cause },
    );
  }
}

/** SHA-256 of a file, by which a changed one is noticed. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
