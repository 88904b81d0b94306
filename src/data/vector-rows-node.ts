import { closeSync, openSync, readSync } from 'node:fs';
import { AlbertineError } from '../core/errors.ts';
import { float16ToFloat32 } from '../core/half.ts';
import { completeNpyRows } from './npy-node.ts';

/** A matrix whose rows are read from disk when they are asked for: its size is no matter. */
export class NpyRows implements Disposable {
  /** Complete rows of the file. */
  readonly rows: number;
  /** Numbers a row. */
  readonly columns: number;
  private readonly file: number;
  private readonly dataOffset: number;
  private readonly bytes: Buffer;
  private readonly path: string;
  private readonly decode: (into: Float32Array) => void;

  private constructor(
    path: string,
    file: number,
    {
      rows,
      columns,
      dataOffset,
      itemBytes,
      dtype,
    }: { rows: number; columns: number; dataOffset: number; itemBytes: number; dtype: FloatType },
  ) {
    this.path = path;
    this.file = file;
    this.rows = rows;
    this.columns = columns;
    this.dataOffset = dataOffset;
    // Of its own, so that views on it are aligned.
    const memory = new ArrayBuffer(columns * itemBytes);
    this.bytes = Buffer.from(memory);
    this.decode = DECODERS[dtype](memory);
  }

  /**
   * Opens a `.npy` matrix of float16, float32 or float64. Throws `file_not_found`, `invalid_file` where rows are
   * missing, `unsupported` for another type or shape.
   */
  static async open(path: string): Promise<NpyRows> {
    const header = await completeNpyRows(path).catch((error: unknown) => {
      throw error instanceof AlbertineError && !error.message.includes(path)
        ? new AlbertineError(error.code, `${path}: ${error.message}`, { value: path, cause: error })
        : error;
    });
    const {
      dtype,
      shape: [stated],
      rows,
    } = header;
    if (!isFloatType(dtype))
      throw new AlbertineError('unsupported', `${path} holds ${dtype}, and vectors are float16, float32 or float64`, {
        value: dtype,
        hint: "In Python: numpy.save(path, vectors.astype('float32'))",
      });
    if (rows < stated)
      throw new AlbertineError('invalid_file', `${path} is cut off: it has ${rows} of ${stated} rows`, {
        value: rows,
        hint: 'Write it anew',
      });
    return new NpyRows(path, openSync(path, 'r'), { ...header, dtype });
  }

  /** Writes a row into `into`, which is as long as a row. */
  read(row: number, into: Float32Array): void {
    const { bytes } = this;
    let done = 0;
    while (done < bytes.length) {
      const got = readSync(this.file, bytes, done, bytes.length - done, this.dataOffset + row * bytes.length + done);
      if (got === 0)
        throw new AlbertineError('invalid_file', `${this.path} ends before row ${row + 1}`, {
          value: row,
          hint: 'It was changed while it was read',
        });
      done += got;
    }
    this.decode(into);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    closeSync(this.file);
  }
}

type FloatType = 'float16' | 'float32' | 'float64';
const isFloatType = (dtype: string): dtype is FloatType => Object.hasOwn(DECODERS, dtype);

const DECODERS: Record<FloatType, (memory: ArrayBuffer) => (into: Float32Array) => void> = {
  float16: (memory) => {
    const bits = new Uint16Array(memory);
    return (into) => void float16ToFloat32(bits, into);
  },
  float32: (memory) => {
    const values = new Float32Array(memory);
    return (into) => into.set(values);
  },
  float64: (memory) => {
    const values = new Float64Array(memory);
    return (into) => into.set(values);
  },
};

/** Matrices of one width, one after the other. */
export class StackedRows implements Disposable {
  /** Of all of them. */
  readonly rows: number;
  /** Numbers a row. */
  readonly columns: number;
  private readonly parts: readonly NpyRows[];
  /** Where each part begins. */
  private readonly starts: readonly number[];

  /** Throws `shape_mismatch` where one has another width than the first. */
  constructor(parts: readonly { path: string; rows: NpyRows }[]) {
    const [first] = parts;
    const other = parts.find(({ rows }) => rows.columns !== first.rows.columns);
    if (other)
      throw new AlbertineError(
        'shape_mismatch',
        `${first.path} has vectors of ${first.rows.columns} numbers, ${other.path} of ${other.rows.columns}`,
        { value: other.path, hint: 'Give vectors of one encoder' },
      );
    this.parts = parts.map(({ rows }) => rows);
    this.columns = first.rows.columns;
    const starts = [0];
    for (const { rows } of this.parts) starts.push(starts.at(-1)! + rows);
    this.rows = starts.pop()!;
    this.starts = starts;
  }

  /** Opens files by {@link NpyRows.open}. */
  static async open(paths: readonly string[]): Promise<StackedRows> {
    const parts: { path: string; rows: NpyRows }[] = [];
    try {
      for (const path of paths) parts.push({ path, rows: await NpyRows.open(path) });
      return new StackedRows(parts);
    } catch (error) {
      for (const { rows } of parts) rows[Symbol.dispose]();
      throw error;
    }
  }

  /** Writes a row into `into`. */
  read(row: number, into: Float32Array): void {
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    this.parts[low].read(row - this.starts[low], into);
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    for (const part of this.parts) part[Symbol.dispose]();
  }
}
