import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError, type ProgressListener } from '../src/index.ts';
import type { Recipe, RecipeSource } from './recipe.ts';
import type { StageJob } from './stages.ts';

/** What every stage of a build has in common. */
export interface BuildContext {
  recipe: Recipe;
  /** Folder of the corpus, which the sources' files are below. */
  corpus: string;
  /** Folder of further data, for files named `data:FILE`. */
  data?: string;
  /** Processor threads. Default: those this process may use. */
  threads?: number;
  signal?: AbortSignal;
  onProgress?: ProgressListener;
  onNote: (text: string) => void;
}

/** Paths of a source's files; throws `file_not_found` for the first that is absent. */
export function corpusPaths({ corpus }: BuildContext, { name, files }: Pick<RecipeSource, 'name' | 'files'>): string[] {
  return files.map((file) => requireFile(join(corpus, file), `file of source ${name}`));
}

/** Path of `data:FILE`. */
export function dataPath({ data }: BuildContext, file: string): string {
  const name = file.replace(/^data:/, '');
  if (data === undefined)
    throw new AlbertineError('invalid_argument', `the recipe reads ${file}, and no data folder was given`, {
      value: file,
      hint: 'Give --data FOLDER',
    });
  return requireFile(join(data, name), 'data file');
}

/** Path of `data:FILE`, or of `sentences:NAME`, which the sentences stage made. */
export function stepFile(context: BuildContext, file: string, job: Pick<StageJob, 'input'>): string {
  return file.startsWith('data:')
    ? dataPath(context, file)
    : join(job.input('sentences').folder, `${file.slice('sentences:'.length)}.jsonl`);
}

function requireFile(path: string, what: string): string {
  if (!existsSync(path)) throw new AlbertineError('file_not_found', `no ${what} at ${path}`, { value: path });
  return path;
}

const hashes = new Map<string, Promise<string>>();

/**
 * SHA-256 of a file (the first 16 hexadecimal digits), read once a process until the file changes: settings refer to
 * contents, so that a copied corpus is the same corpus.
 */
export async function fileHash(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  const key = [path, ino, size, mtimeNs].join(' ');
  let hash = hashes.get(key);
  if (!hash) hashes.set(key, (hash = readHash(path)));
  return hash;
}

async function readHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex').slice(0, 16);
}

/** File names with the hashes of their contents. */
export async function contentsOf(paths: readonly string[], names: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(paths.map(async (path, i) => [names[i], await fileHash(path)] as const)));
}
