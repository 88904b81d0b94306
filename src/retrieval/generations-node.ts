import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { makeFolder, readJsonFile, writeFileAtomic } from '../core/files-node.ts';
import type { Albert } from '../loaded/albert.ts';
import type { ChunkOptions } from './chunk.ts';
import { damaged, withAdvice } from './damaged.ts';
import type { RowOptions, Source } from './documents/sources-node.ts';
import type { StorePlace, StoreSettings } from './stores/store.ts';

/** The file of an index that names what it holds now; writing it is what makes a build or an update happen. */
export const POINTER = 'albertine-index.json';
/** Vectors that an unfinished build has computed. */
export const WORK = 'work';
const NEXT = 'next';
/** In the folder of a generation. */
export const MANIFEST = 'manifest.json';

interface Pointer {
  format: 1;
  generation: string;
}

/** What an index was made of and how. */
export interface Manifest {
  /** Path or hub id, by which it is opened for searches. */
  model: string;
  /** That of the model. */
  fingerprint: string;
  /** That of the vectors: model, pooling, windows, prompt. */
  vectors: string;
  /** Numbers a vector. */
  dimensions: number;
  /** How vectors are kept. */
  store: StoreSettings;
  /** Identifies the index where others are beside it. */
  id: string;
  /** What stands before every chunk where it is embedded. */
  prompt: string;
  /** How documents were cut. */
  chunking: ChunkOptions;
  /** How files were read. */
  reading: RowOptions;
  /** What was indexed. */
  sources: readonly Source[];
  /** In the order of their chunks. */
  files: readonly IndexedFile[];
  /** Chunks in all. */
  chunks: number;
  /** Tokens in all. */
  tokens: number;
  /** Files without any text, such as scanned PDFs. */
  emptyFiles: readonly string[];
  /** Files that could not be read, with the reason. */
  skippedFiles: readonly { file: string; reason: string }[];
  /** Bad rows that were left out. */
  skippedRows: number;
  /** Files of no kind that is read, by extension. */
  leftOut: Readonly<Record<string, number>>;
  /** ISO time. */
  writtenAt: string;
}

/** A file in an index. */
export interface IndexedFile {
  /** Its path. */
  file: string;
  /** SHA-256 of its content. */
  hash: string;
  /** How many it has. */
  chunks: number;
}

/** A generation on disk. */
export interface Generation {
  folder: string;
  name: string;
  manifest: Manifest;
}

/** The name of the generation that an index holds now; undefined where there is none. Throws as {@link currentGeneration}. */
export async function generationName(index: string): Promise<string | undefined> {
  const found = await stat(join(index, POINTER)).catch(() => undefined);
  if (!found) return undefined;
  const { format, generation } = ((await readOwnJson(join(index, POINTER))) ?? {}) as Partial<Pointer>;
  if (typeof format !== 'number') throw damaged(join(index, POINTER), 'it does not name a generation');
  if (format !== 1 || typeof generation !== 'string')
    throw new AlbertineError('invalid_file', `${join(index, POINTER)} is of another version of albertine`, {
      value: format,
      hint: 'Build the index anew with --overwrite',
    });
  return generation;
}

/** The generation that an index holds now; undefined where there is none. Throws `invalid_file` for what is no index. */
export async function currentGeneration(index: string): Promise<Generation | undefined> {
  const generation = await generationName(index);
  if (generation === undefined) return undefined;
  const folder = join(index, generation);
  try {
    return { folder, name: generation, manifest: await readManifest(join(folder, MANIFEST)) };
  } catch (error) {
    // An update may have replaced it since its name was read.
    if ((await generationName(index)) !== generation) return await currentGeneration(index);
    throw error;
  }
}

/** Throws `invalid_file` where it is missing, cut, or something else. */
async function readManifest(path: string): Promise<Manifest> {
  const manifest = ((await readOwnJson(path)) ?? {}) as Partial<Manifest>;
  const { chunks, store, files, model } = manifest;
  if (typeof chunks !== 'number' || typeof store?.name !== 'string' || !Array.isArray(files) || model === undefined)
    throw damaged(path, 'it does not say what the index holds');
  return manifest as Manifest;
}

/** A file of the index, which nobody else writes. */
async function readOwnJson(path: string): Promise<unknown> {
  return await readJsonFile(path).catch((error: AlbertineError) => {
    if (error.code === 'file_not_found') throw damaged(path, 'the file is missing or cannot be read', error);
    throw withAdvice(error);
  });
}

/** The same; throws `file_not_found` where there is none, `invalid_file` where only what names it is gone. */
export async function requireGeneration(index: string): Promise<Generation> {
  const generation = await currentGeneration(index);
  if (generation) return generation;
  const names: string[] = await readdir(index).catch(() => []);
  const begun = names.includes(WORK);
  if (!begun && names.some((name) => /^\d{6}$/.test(name)))
    throw damaged(index, `it has no ${POINTER}, which names what it holds`);
  throw new AlbertineError(
    'file_not_found',
    `${index} is no index${begun ? ' yet: its build did not come to its end' : ''}`,
    {
      value: index,
      hint: begun
        ? 'The same albertine index build goes on from there'
        : 'Make one: albertine index build FOLDER --output INDEX',
    },
  );
}

/** Throws `weights_mismatch` where an index was made with another model. */
export function requireModel(
  { fingerprint, model: name }: Pick<Manifest, 'fingerprint' | 'model'>,
  model: Pick<Albert, 'fingerprint' | 'checkpoint'>,
): void {
  if (model.fingerprint === fingerprint) return;
  throw new AlbertineError(
    'weights_mismatch',
    `the index was made with ${name} (${fingerprint}), and its vectors say nothing beside those of ${model.checkpoint.location} (${model.fingerprint})`,
    { value: model.fingerprint, hint: 'Search with the model it was made with, or build it anew with this one' },
  );
}

/** A folder for a new generation, empty. */
export async function beginGeneration(index: string): Promise<{ folder: string; name: string }> {
  const folder = join(index, NEXT);
  await rm(folder, { recursive: true, force: true });
  await makeFolder(folder);
  const numbers = (await readdir(index)).filter((name) => /^\d{6}$/.test(name)).map(Number);
  const name = String(Math.max(0, ...numbers) + 1).padStart(6, '0');
  return { folder, name };
}

/** Makes a complete generation the one that the index holds, and removes what it replaces. Returns the old ones. */
export async function commitGeneration(index: string, name: string, manifest: Manifest): Promise<string[]> {
  await writeFileAtomic(join(index, NEXT, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
  await rename(join(index, NEXT), join(index, name));
  const pointer: Pointer = { format: 1, generation: name };
  await writeFileAtomic(join(index, POINTER), `${JSON.stringify(pointer)}\n`);
  const old = (await readdir(index)).filter((other) => /^\d{6}$/.test(other) && other !== name);
  // Where files that a search has open cannot be removed (Windows), the next update removes them.
  for (const other of old) await rm(join(index, other), { recursive: true, force: true }).catch(() => undefined);
  await rm(join(index, WORK), { recursive: true, force: true });
  return old;
}

/** Where the vectors of a generation are; `database` as in {@link StorePlace}. */
export function placeOf(
  {
    folder,
    name,
    manifest: { id, store },
  }: Omit<Generation, 'manifest'> & { manifest: Pick<Manifest, 'id' | 'store'> },
  database?: string,
): StorePlace {
  return { folder, name: `${id}_${name}`, settings: store, database };
}
