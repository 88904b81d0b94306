import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { openFolder, writeFileAtomic } from '../core/files-node.ts';
import { OutputFile } from '../core/output-node.ts';
import {
  NPY_DTYPES,
  NPY_HEADER_BYTES,
  NPY_ITEM_BYTES,
  npyHeader,
  parseNpy,
  parseNpyHeader,
  type NpyArray,
  type NpyDtype,
  type NpyHeader,
} from './npy.ts';
import { FileSink, FLUSH_INTERVAL_MS } from './sink-node.ts';

/**
 * Reads a `.npy` file. Throws `file_not_found`, `invalid_file` or `unsupported` (object arrays, Fortran order,
 * big-endian).
 */
export async function readNpy(path: string): Promise<NpyArray> {
  const folder = await openFolder(dirname(path));
  const name = basename(path);
  return parseNpy(await folder.read(name, 0, await folder.size(name)));
}

/** Writes a float32 matrix of `columns` numbers a row; an older file stays until the new one is complete. */
export async function writeNpy(path: string, data: Float32Array, columns: number): Promise<void> {
  await writeFileAtomic(path, [
    npyHeader('float32', data.length / columns, columns),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

/** Options of {@link openNpyWriter}. */
export interface NpyWriterOptions {
  /** Default `float32`. */
  dtype?: NpyDtype;
  /** Elements of a row. */
  columns: number;
  /**
   * Continues the file, if there is one, instead of replacing it; its element type and width must be the same. Default
   * false.
   */
  resume?: boolean;
}

/** Rows of the file that are complete: what the header says and what is there, whichever is less. */
export async function completeNpyRows(
  path: string,
): Promise<NpyHeader & { rows: number; columns: number; endOffset: number }> {
  const file = await open(path).catch((cause: Error) => {
    throw new AlbertineError('file_not_found', `no file at ${path}`, { value: path, cause });
  });
  try {
    const start = new Uint8Array(4096);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    const header = parseNpyHeader(start.subarray(0, bytesRead));
    const [stated, columns] = header.shape;
    if (header.shape.length !== 2) {
      throw new AlbertineError('unsupported', `${path} is no matrix: its shape is (${header.shape.join(', ')})`, {
        value: header.shape,
      });
    }
    const rowBytes = columns * header.itemBytes;
    const rows = Math.min(stated, Math.floor(((await file.stat()).size - header.dataOffset) / rowBytes));
    return { ...header, rows, columns, endOffset: header.dataOffset + rows * rowBytes };
  } finally {
    await file.close();
  }
}

/**
 * A `.npy` matrix written row by row. The header has a fixed length, and every flush stores the number of complete rows
 * in it, so that the file is valid at any time after the first flush, even if the process is killed between two.
 */
export class NpyWriter {
  private written: number;
  private stored: number;
  private flushedAt = performance.now();
  private readonly sink: FileSink;
  private readonly dtype: NpyDtype;
  private readonly columns: number;
  private readonly output: OutputFile | undefined;

  /** Use {@link openNpyWriter}. */
  constructor(
    sink: FileSink,
    {
      dtype,
      columns,
      rows,
      output,
    }: { dtype: NpyDtype; columns: number; rows: number; output?: OutputFile | undefined },
  ) {
    this.sink = sink;
    this.dtype = dtype;
    this.columns = columns;
    this.written = rows;
    this.stored = rows;
    this.output = output;
  }

  /** Rows in the file, those of earlier runs included. */
  get rows(): number {
    return this.written;
  }

  /**
   * Adds one row, or several at once if there are `n * columns` numbers. Throws `shape_mismatch`, or `invalid_data` for
   * numbers out of the type's range.
   */
  async write(values: ArrayLike<number>): Promise<void> {
    if (values.length === 0 || values.length % this.columns !== 0) {
      throw new AlbertineError('shape_mismatch', `a row has ${this.columns} numbers, got ${values.length}`, {
        value: values.length,
      });
    }
    await this.sink.write(toBytes(values, this.dtype));
    this.written += values.length / this.columns;
    const waitingBytes = (this.written - this.stored) * this.columns * NPY_ITEM_BYTES[this.dtype];
    if (waitingBytes >= 1 << 20 || performance.now() - this.flushedAt >= FLUSH_INTERVAL_MS) await this.flush();
  }

  /** Makes everything written so far part of the valid file. */
  async flush(): Promise<void> {
    this.flushedAt = performance.now();
    await this.sink.flush();
    if (this.stored === this.written) return;
    await this.sink.writeAt(npyHeader(this.dtype, this.written, this.columns), 0);
    this.stored = this.written;
  }

  /** Finishes the file, which takes its name now. Safe to call twice. */
  async close(): Promise<void> {
    await this.end();
    await this.output?.commit();
  }

  /** Ends early: the rows so far stay under another name, for `resume`; a file of the name itself stays as it was. */
  async abort(): Promise<void> {
    try {
      await this.end();
    } finally {
      await this.output?.abandon({ keep: this.stored > 0 });
    }
  }

  private async end(): Promise<void> {
    if (this.stored !== this.written) await this.flush();
    await this.sink.close();
  }
}

/**
 * Starts or continues a `.npy` matrix, under another name (`partialPath`) until it is closed. Throws `shape_mismatch`
 * when the file to continue has another width or element type.
 */
export async function openNpyWriter(
  path: string,
  { resume = false, ...options }: NpyWriterOptions,
): Promise<NpyWriter> {
  const output = await OutputFile.claim(path);
  try {
    return await openNpyFile(output.partial, { ...options, resume: resume && (await output.resume()), output });
  } catch (error) {
    await output.abandon({ keep: true });
    throw error;
  }
}

/** The writer of a file as it lies, without locks and renaming, unless it is to end `output`. */
export async function openNpyFile(
  path: string,
  { dtype = 'float32', columns, resume = false, output }: NpyWriterOptions & { output?: OutputFile },
): Promise<NpyWriter> {
  requireOneOf('dtype', dtype, NPY_DTYPES);
  requireInteger('columns', columns, { min: 1 });
  if (resume && existsSync(path)) {
    const existing = await completeNpyRows(path);
    if (existing.dtype !== dtype || existing.columns !== columns || existing.dataOffset !== NPY_HEADER_BYTES) {
      throw new AlbertineError(
        'shape_mismatch',
        `${path} has rows of ${existing.columns} ${existing.dtype}, cannot append rows of ${columns} ${dtype}`,
        {
          value: path,
        },
      );
    }
    const sink = await FileSink.open(path, existing.endOffset);
    await sink.writeAt(npyHeader(dtype, existing.rows, columns), 0);
    return new NpyWriter(sink, { dtype, columns, rows: existing.rows, output });
  }
  const sink = await FileSink.open(path);
  await sink.write(npyHeader(dtype, 0, columns));
  await sink.flush();
  return new NpyWriter(sink, { dtype, columns, rows: 0, output });
}

function toBytes(values: ArrayLike<number>, dtype: NpyDtype): Uint8Array {
  const array =
    dtype === 'float32'
      ? Float32Array.from(values)
      : dtype === 'int8'
        ? Int8Array.from(values)
        : Uint8Array.from(values);
  if (dtype !== 'float32') {
    // Typed arrays wrap around without a word.
    for (let i = 0; i < array.length; i++) {
      if (array[i] !== values[i])
        throw new AlbertineError('invalid_data', `a number does not fit ${dtype}: ${values[i]}`, { value: values[i] });
    }
  }
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
