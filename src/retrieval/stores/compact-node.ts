import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { countOf } from '../../core/count.ts';
import { bestRows, TopRows } from '../../core/top-rows.ts';
import { completeNpyRows, openNpyFile } from '../../data/npy-node.ts';
import { FileSink } from '../../data/sink-node.ts';
import { dot } from '../../metrics/similarity.ts';
import { damaged, notTogether } from '../damaged.ts';
import { PlacedFile } from '../placed-file-node.ts';
import { binaryCode, int8Code, type VectorCode } from './codes.ts';
import type { NearestOptions, ScoredRow, StorePlace, VectorFormat, VectorStore, VectorWriter } from './store.ts';
import { VECTORS } from './vectors-file.ts';

/** A form of vectors that is not float32. */
export type CompactFormat = Exclude<VectorFormat, 'f32'>;

const CODES: Record<CompactFormat, (dimensions: number) => VectorCode> = { int8: int8Code, binary: binaryCode };
const codesFile = (format: CompactFormat): string => `vectors.${format}`;

/** The vectors of a file in float32 behind a smaller form of them in memory, which says which ones to compare. */
export class CompactStore implements VectorStore {
  /** Number of vectors. */
  readonly rows: number;
  /** Numbers a vector. */
  readonly dimensions: number;
  /** See {@link VectorCode}. */
  readonly oversample: number;
  private readonly code: VectorCode;
  private readonly codes: Uint8Array;
  private readonly file: PlacedFile;
  private readonly dataOffset: number;

  private constructor({ rows, columns, dataOffset }: VectorsShape, parts: CompactParts) {
    this.rows = rows;
    this.dimensions = columns;
    this.dataOffset = dataOffset;
    this.code = parts.code;
    this.oversample = parts.code.oversample;
    this.codes = parts.codes;
    this.file = parts.file;
  }

  /** Throws `invalid_file` where the files are not of one size. */
  static async open(folder: string, format: CompactFormat): Promise<CompactStore> {
    const shape = await completeNpyRows(join(folder, VECTORS));
    const code = CODES[format](shape.columns);
    const path = join(folder, codesFile(format));
    await using small = await PlacedFile.open(path);
    const codes = await small.read(0, small.size);
    if (shape.dtype !== 'float32' || codes.length !== shape.rows * code.rowBytes)
      throw notTogether(
        [path, join(folder, VECTORS)],
        `${codes.length} bytes, and ${countOf(shape.rows, 'vector')} of ${code.rowBytes} bytes each`,
      );
    const file = await PlacedFile.open(join(folder, VECTORS));
    return new CompactStore(shape, { code, codes, file });
  }

  nearest(query: Float32Array, { limit, accept, oversample }: NearestOptions): Promise<ScoredRow[]> {
    const { least } = this.code;
    const compared = oversample === undefined ? Math.max(least, limit * this.oversample) : limit * oversample;
    const candidates = bestRows(this.code.scorer(this.codes, query), { rows: this.rows, limit: compared, accept });
    const top = new TopRows(Math.min(limit, candidates.length));
    const rows = candidates.map(({ row }) => row).sort((a, b) => a - b);
    for (const row of rows) top.offer(row, dot(this.readRow(row), query));
    return Promise.resolve(top.sorted());
  }

  read(rows: readonly number[]): Promise<Float32Array[]> {
    return Promise.resolve(rows.map((row) => this.readRow(row)));
  }

  /** Closes the file of f32 vectors. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }

  private readRow(row: number): Float32Array {
    const vector = new Float32Array(this.dimensions);
    const read = this.file.readSync(new Uint8Array(vector.buffer), this.dataOffset + row * vector.byteLength);
    if (read !== vector.byteLength) throw damaged(VECTORS, `it ends before vector ${row} of ${this.rows}`);
    return vector;
  }
}

interface VectorsShape {
  rows: number;
  columns: number;
  dataOffset: number;
}

interface CompactParts {
  code: VectorCode;
  codes: Uint8Array;
  file: PlacedFile;
}

/** Writes vectors in float32, and in a smaller form beside it where one is asked for. */
export async function createVectorFiles(
  { folder, settings }: Pick<StorePlace, 'folder' | 'settings'>,
  dimensions: number,
): Promise<VectorWriter> {
  const { vectors: format = 'f32' } = settings;
  const names = [VECTORS, ...(format === 'f32' ? [] : [codesFile(format)])].map((name) => join(folder, name));
  const whole = await openNpyFile(names[0], { columns: dimensions });
  const sink = names.length > 1 ? await FileSink.open(names[1]) : undefined;
  const code = format === 'f32' ? undefined : CODES[format](dimensions);
  const close = async (): Promise<void> => {
    await sink?.close();
    await whole.close();
  };
  return {
    async write(vectors) {
      if (vectors.length === 0) return;
      await whole.write(vectors);
      if (!code) return;
      const codes = new Uint8Array((vectors.length / dimensions) * code.rowBytes);
      for (let row = 0; row * dimensions < vectors.length; row++)
        code.encode(
          vectors.subarray(row * dimensions, (row + 1) * dimensions),
          codes.subarray(row * code.rowBytes, (row + 1) * code.rowBytes),
        );
      await sink!.write(codes);
    },
    close,
    async abort() {
      await close().catch(() => undefined);
      for (const name of names) await rm(name, { force: true });
    },
  };
}
