import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { makeFolder } from '../../core/files-node.ts';
import { withinLock } from '../../core/lock-node.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { writeNpy } from '../../data/npy-node.ts';

/** Texts of a file, where they have an answer each: so many are computed again at most when a run is killed. */
const SHARD_ROWS = 1024;
/** Texts computed at a time, sorted by length together. */
const SLICE_ROWS = 256;
/** How files of the cache begin. */
export const CACHE_FILE = 'teacher-';

/** What a teacher says, and what it depends on. */
export interface Teacher<I> {
  /** Another one's answers are not used. */
  fingerprint: string;
  /** Numbers of a row of the answers. */
  width: number;
  /** Rows one after the other: one an input, or as many as it has tokens. */
  answer(inputs: readonly I[]): Promise<Float32Array>;
  /** An input as text, by which it is told from others. */
  key(input: I): string;
}

/** Where answers are kept, and who is told. */
export interface TeacherCacheOptions {
  folder: string;
  /** Inputs in all, for the progress. */
  total: number;
  /** Inputs whose answers are in a file, and in memory while they are computed. Default 1,024. */
  shardRows?: number;
  onProgress?: ProgressListener | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A teacher's answers to a stream of inputs, in `.npy` files of so many inputs each, whose paths are returned. A file is
 * named after teacher and inputs, so that what an earlier call made is taken as it is, and a folder may hold the answers
 * of any number of teachers. Throws `interrupted`; what is complete is kept.
 */
export async function teach<I>(
  inputs: AsyncIterable<I>,
  teacher: Teacher<I>,
  options: TeacherCacheOptions,
): Promise<{ paths: string[]; computed: number }> {
  await makeFolder(options.folder);
  return await withinLock(options.folder, () => teachLocked(inputs, teacher, options));
}

async function teachLocked<I>(
  inputs: AsyncIterable<I>,
  teacher: Teacher<I>,
  { folder, total, shardRows = SHARD_ROWS, onProgress, signal }: TeacherCacheOptions,
): Promise<{ paths: string[]; computed: number }> {
  const meter = new ProgressMeter(onProgress, { stage: 'asking the teacher', unit: 'texts', total });
  const paths: string[] = [];
  let [computed, kept] = [0, 0];
  for await (const shard of shardsOf(inputs, shardRows)) {
    const path = join(folder, `${CACHE_FILE}${hashOf(teacher, shard)}.npy`);
    paths.push(path);
    if (existsSync(path)) meter.add(shard.length);
    else {
      const answers: Float32Array[] = [];
      for (let start = 0; start < shard.length; start += SLICE_ROWS) {
        if (signal?.aborted) throw interrupted(signal.reason, kept);
        const slice = shard.slice(start, start + SLICE_ROWS);
        answers.push(await teacher.answer(slice));
        meter.add(slice.length);
      }
      computed += shard.length;
      await writeNpy(path, joined(answers), teacher.width);
    }
    kept += shard.length;
  }
  meter.finish();
  return { paths, computed };
}

async function* shardsOf<I>(inputs: AsyncIterable<I>, shardRows: number): AsyncGenerator<I[]> {
  let shard: I[] = [];
  for await (const input of inputs) {
    if (shard.push(input) < shardRows) continue;
    yield shard;
    shard = [];
  }
  if (shard.length > 0) yield shard;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Lengths go first, so that the ends of texts count. */
function hashOf<I>({ fingerprint, width, key }: Teacher<I>, inputs: readonly I[]): string {
  const hash = createHash('sha256').update(`${fingerprint};${width};`);
  for (const text of inputs.map(key)) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex').slice(0, 24);
}

function interrupted(reason: unknown, kept: number): AlbertineError {
  return new AlbertineError(
    'interrupted',
    `interrupted while the teacher was asked; what it has said of the first ${kept.toLocaleString('en-US')} texts is kept`,
    { cause: reason, hint: 'The same command goes on from there' },
  );
}
