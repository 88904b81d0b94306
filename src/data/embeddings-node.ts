import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { writeFileAtomic } from '../core/files-node.ts';
import { OutputFile } from '../core/output-node.ts';
import { NPY_DTYPES, type NpyDtype } from './npy.ts';
import { completeNpyRows, openNpyFile } from './npy-node.ts';
import { abandonAfter, openRecordFile, openRecordWriter, type RecordWriter } from './writers-node.ts';

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
  /**
   * What the vectors depend on: model, tokeniser, layer, pooling, type. An output made with another one is not
   * continued.
   */
  fingerprint?: string;
  /** More to be stored in the sidecar, such as the options used. */
  details?: Record<string, unknown>;
  /** Files that the vectors are made from; the output must be none of them. */
  inputs?: readonly (string | undefined)[];
  /** The output where it is claimed already (with {@link METADATA_ENDING}); the writer ends it. */
  output?: OutputFile;
}

/** What the name of a sidecar adds to that of its output. */
export const METADATA_ENDING = '.meta.json';

/** A {@link RecordWriter} for vectors with a sidecar `<output>.meta.json`. */
export interface EmbeddingWriter extends RecordWriter {
  /** Writes one vector. Throws `shape_mismatch` for another length than the first had. */
  write(record: EmbeddingRecord): Promise<void>;
  /** Finishes the output and marks it complete in the sidecar, with `counts` added. */
  close(counts?: Record<string, unknown>): Promise<void>;
  /** Ends early: a valid partial output, marked incomplete, with `counts` added. */
  abort(counts?: Record<string, unknown>): Promise<void>;
}

/** Content of the sidecar, besides `details` and counts. */
export interface EmbeddingMetadata extends Record<string, unknown> {
  /** That of the model; null where it is not known. */
  fingerprint: string | null;
  /** Numbers a vector. */
  dimensions: number;
  /** Type of its numbers. */
  dtype: NpyDtype;
  /** Vectors in the output when the sidecar was written. */
  rows: number;
  /** False while the output is being written. */
  complete: boolean;
}

/** Path of the sidecar of an output. */
export function metadataPath(path: string): string {
  return path + METADATA_ENDING;
}

/** Reads the sidecar of an output; undefined if there is none. Throws `invalid_file` if it is not JSON. */
export async function readEmbeddingMetadata(path: string): Promise<EmbeddingMetadata | undefined> {
  const text = await readFile(metadataPath(path), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as EmbeddingMetadata;
  } catch (cause) {
    throw new AlbertineError('invalid_file', `${metadataPath(path)} is not JSON`, {
      cause,
      hint: 'Delete it and start again without resuming',
    });
  }
}

/**
 * Opens `.jsonl`, `.csv`, `.tsv`, `.parquet` or `.npy`, or `-` for JSONL on standard output (without sidecar), for
 * vectors. The output and its sidecar are written under other names (`partialPath`), locked meanwhile, and replace
 * older ones when it is closed. With `resume`, a torn last record is cut off and `existing` tells how many texts to
 * pass over. Throws `invalid_argument` (unknown extension, other fingerprint, an output that is an input),
 * `shape_mismatch` (other width), `unsupported` (resuming Parquet), `file_system` while another process writes there.
 */
export async function openEmbeddingWriter(path: string, options: EmbeddingWriterOptions): Promise<EmbeddingWriter> {
  const { dimensions, dtype = 'float32', resume = false, inputs } = options;
  requireInteger('dimensions', dimensions, { min: 1 });
  requireOneOf('dtype', dtype, NPY_DTYPES);
  if (path === '-') return vectorWriter(await openRecordWriter(path), { dimensions, describe: async () => undefined });
  const output =
    options.output ?? (await OutputFile.claim(path, { companions: [METADATA_ENDING], ...(inputs && { inputs }) }));
  try {
    return await openClaimed(path, output, { ...options, resume: resume && (await output.resume()) });
  } catch (error) {
    await output.abandon({ keep: true });
    throw error;
  }
}

async function openClaimed(
  path: string,
  output: OutputFile,
  options: EmbeddingWriterOptions & { resume: boolean },
): Promise<EmbeddingWriter> {
  const { dimensions, dtype = 'float32', resume, fingerprint = null, details = {} } = options;
  const { partial } = output;
  const describe = async (rows: number, complete: boolean, counts: Record<string, unknown> = {}): Promise<void> => {
    const metadata: EmbeddingMetadata = { ...details, ...counts, fingerprint, dimensions, dtype, rows, complete };
    await writeFileAtomic(metadataPath(partial), `${JSON.stringify(metadata, null, 2)}\n`);
  };
  if (resume) await requireSameOrigin(path, partial, { fingerprint, dimensions, dtype });
  else {
    if (partial !== output.target) await rm(partial, { force: true });
    // Before the first record: one without a sidecar could not be continued.
    await describe(0, false);
  }
  const writer = path.toLowerCase().endsWith('.npy')
    ? await openMatrix(partial, { dimensions, dtype, resume })
    : await openRecordFile(partial, { resume, named: path });
  if (resume) await describe(writer.existing, false);
  return vectorWriter(writer, { dimensions, describe, output });
}

interface VectorWriterParts {
  dimensions: number;
  describe: (rows: number, complete: boolean, counts?: Record<string, unknown>) => Promise<void>;
  output?: OutputFile;
}

function vectorWriter(inner: RecordWriter, { dimensions, describe, output }: VectorWriterParts): EmbeddingWriter {
  let rows = inner.existing;
  let ended = false;
  return {
    existing: inner.existing,
    write: async (record) => {
      if (record.embedding && record.embedding.length !== dimensions) {
        throw new AlbertineError(
          'shape_mismatch',
          `a vector of this output has ${dimensions} numbers, got ${record.embedding.length}`,
          { value: record.index },
        );
      }
      await inner.write(record);
      rows++;
    },
    flush: () => inner.flush(),
    close: async (counts) => {
      if (ended) return;
      await inner.close();
      await describe(rows, true, counts);
      await output?.commit();
      ended = true;
    },
    abort: async (counts) => {
      if (ended) return;
      ended = true;
      const end = async (): Promise<void> => {
        await inner.abort();
        if (rows > 0) await describe(rows, false, counts);
      };
      await (output ? abandonAfter(end, output, () => rows > 0) : end());
    },
  };
}

async function requireSameOrigin(
  path: string,
  partial: string,
  wanted: { fingerprint: string | null; dimensions: number; dtype: NpyDtype },
): Promise<void> {
  const found = await readEmbeddingMetadata(partial);
  const fresh = { hint: 'Start again without resuming, or write to another file' };
  if (!found) {
    if (wanted.fingerprint === null) return;
    throw new AlbertineError(
      'invalid_argument',
      `cannot continue ${path}: there is no ${metadataPath(partial)} to tell what it was made with`,
      {
        value: path,
        ...fresh,
      },
    );
  }
  for (const key of ['fingerprint', 'dimensions', 'dtype'] as const) {
    if (found[key] !== wanted[key]) {
      throw new AlbertineError(
        'invalid_argument',
        `cannot continue ${path}: its ${key} is ${String(found[key])}, this run's is ${String(wanted[key])}`,
        {
          value: wanted[key],
          ...fresh,
        },
      );
    }
  }
}

async function openMatrix(
  path: string,
  { dimensions, dtype, resume }: { dimensions: number; dtype: NpyDtype; resume: boolean },
): Promise<RecordWriter> {
  const existing = resume && existsSync(path) ? (await completeNpyRows(path)).rows : 0;
  const writer = await openNpyFile(path, { dtype, columns: dimensions, resume });
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
