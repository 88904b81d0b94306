import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { writeFileAtomic } from '../core/files-node.ts';
import { NPY_DTYPES, type NpyDtype } from './npy.ts';
import { completeNpyRows, openNpyWriter } from './npy-node.ts';
import { openRecordWriter, type RecordWriter } from './writers-node.ts';

/** One embedded text as it is written. Matrix files (`.npy`) keep only `embedding`. */
export interface EmbeddingRecord extends Record<string, unknown> {
  /** 0-based place among the texts embedded, bad rows not counted. */
  index: number;
  /** Absent in per-token output, which is JSONL only. */
  embedding?: ArrayLike<number>;
}

/** Options of {@link openEmbeddingWriter}. */
export interface EmbeddingWriterOptions {
  /** Numbers of a vector (bytes, for packed binary vectors). */
  dimensions: number;
  /** Default `float32`. */
  dtype?: NpyDtype;
  /** Continues an interrupted output, if there is one. Default false: the output is replaced. */
  resume?: boolean;
  /** What the vectors depend on: model, tokeniser, layer, pooling, type. An output made with another one is not continued. */
  fingerprint?: string;
  /** More to be stored in the sidecar, such as the options used. */
  details?: Record<string, unknown>;
}

/** A {@link RecordWriter} for vectors with a sidecar `<output>.meta.json`. */
export interface EmbeddingWriter extends RecordWriter {
  write(record: EmbeddingRecord): Promise<void>;
  /** Finishes the output and marks it complete in the sidecar, with `counts` added. */
  close(counts?: Record<string, unknown>): Promise<void>;
  /** Ends early: a valid partial output, marked incomplete, with `counts` added. */
  abort(counts?: Record<string, unknown>): Promise<void>;
}

/** Content of the sidecar, besides `details` and counts. */
export interface EmbeddingMetadata extends Record<string, unknown> {
  fingerprint: string | null;
  dimensions: number;
  dtype: NpyDtype;
  /** Vectors in the output when the sidecar was written. */
  rows: number;
  complete: boolean;
}

/** Path of the sidecar of an output. */
export function metadataPath(path: string): string {
  return `${path}.meta.json`;
}

/** Reads the sidecar of an output; undefined if there is none. Throws `invalid_file` if it is not JSON. */
export async function readEmbeddingMetadata(path: string): Promise<EmbeddingMetadata | undefined> {
  const text = await readFile(metadataPath(path), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as EmbeddingMetadata;
  } catch (cause) {
    throw new AlbertineError('invalid_file', `${metadataPath(path)} is not JSON`, { cause, hint: 'Delete it and start again without resuming' });
  }
}

/**
 * Opens `.jsonl`, `.csv`, `.tsv`, `.parquet` or `.npy`, or `-` for JSONL on standard output (without sidecar), for vectors.
 * With `resume`, a torn last record is cut off and `existing` tells how many texts to pass over.
 * Throws `invalid_argument` (unknown extension, other fingerprint), `shape_mismatch` (other width), `unsupported` (resuming Parquet).
 */
export async function openEmbeddingWriter(path: string, options: EmbeddingWriterOptions): Promise<EmbeddingWriter> {
  const { dimensions, dtype = 'float32', resume = false, fingerprint = null, details = {} } = options;
  requireInteger('dimensions', dimensions, { min: 1 });
  requireOneOf('dtype', dtype, NPY_DTYPES);
  const hasSidecar = path !== '-';
  const continues = resume && hasSidecar && existsSync(path);
  if (continues) await requireSameOrigin(path, { fingerprint, dimensions, dtype });
  // An old sidecar must not vouch for a new output if this run dies early.
  else if (hasSidecar) await rm(metadataPath(path), { force: true });
  const output = path.toLowerCase().endsWith('.npy') ? await openMatrix(path, { dimensions, dtype, resume }) : await openRecordWriter(path, { resume });
  let rows = output.existing;
  let ended = false;
  const describe = async (complete: boolean, counts: Record<string, unknown> = {}): Promise<void> => {
    const metadata: EmbeddingMetadata = { ...details, ...counts, fingerprint, dimensions, dtype, rows, complete };
    if (hasSidecar) await writeFileAtomic(metadataPath(path), `${JSON.stringify(metadata, null, 2)}\n`);
  };
  const end = async (complete: boolean, counts?: Record<string, unknown>): Promise<void> => {
    if (ended) return;
    ended = true;
    await (complete ? output.close() : output.abort());
    await describe(complete, counts);
  };
  await describe(false);
  return {
    existing: output.existing,
    write: async (record) => {
      if (record.embedding && record.embedding.length !== dimensions) {
        throw new AlbertineError('shape_mismatch', `a vector of this output has ${dimensions} numbers, got ${record.embedding.length}`, {
          value: record.index,
        });
      }
      await output.write(record);
      rows++;
    },
    flush: () => output.flush(),
    close: (counts) => end(true, counts),
    abort: (counts) => end(false, counts),
  };
}

async function requireSameOrigin(path: string, wanted: { fingerprint: string | null; dimensions: number; dtype: NpyDtype }): Promise<void> {
  const found = await readEmbeddingMetadata(path);
  const fresh = { hint: 'Start again without resuming, or write to another file' };
  if (!found) {
    if (wanted.fingerprint === null) return;
    throw new AlbertineError('invalid_argument', `cannot continue ${path}: there is no ${metadataPath(path)} to tell what it was made with`, {
      value: path, ...fresh,
    });
  }
  for (const key of ['fingerprint', 'dimensions', 'dtype'] as const) {
    if (found[key] !== wanted[key]) {
      throw new AlbertineError('invalid_argument', `cannot continue ${path}: its ${key} is ${String(found[key])}, this run's is ${String(wanted[key])}`, {
        value: wanted[key], ...fresh,
      });
    }
  }
}

async function openMatrix(path: string, { dimensions, dtype, resume }: { dimensions: number; dtype: NpyDtype; resume: boolean }): Promise<RecordWriter> {
  const existing = resume && existsSync(path) ? (await completeNpyRows(path)).rows : 0;
  const writer = await openNpyWriter(path, { dtype, columns: dimensions, resume });
  const close = (): Promise<void> => writer.close();
  return {
    existing,
    write: async ({ embedding }) => {
      if (embedding === undefined) {
        throw new AlbertineError('unsupported', 'a .npy file holds one vector a text', {
          hint: 'Write per-token vectors to .jsonl',
        });
      }
      await writer.write(embedding as ArrayLike<number>);
    },
    flush: () => writer.flush(),
    close,
    abort: close,
  };
}
