import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { bestRows } from '../../core/top-rows.ts';
import { dotAt } from '../../metrics/similarity.ts';
import { completeNpyRows } from '../../data/npy-node.ts';
import { PlacedFile } from '../placed-file-node.ts';
import { CompactStore, createVectorFiles } from './compact-node.ts';
import type { NearestOptions, ScoredRow, VectorStore, VectorStoreKind } from './store.ts';
import { VECTORS } from './vectors-file.ts';

/** All vectors in memory, every one compared: exact, and right for collections of up to some hundred thousand chunks. */
export class ExactStore implements VectorStore {
  /** Number of vectors. */
  readonly rows: number;
  /** Numbers a vector. */
  readonly dimensions: number;
  private readonly data: Float32Array;

  /** `[rows, dimensions]`, each of length 1. */
  constructor(data: Float32Array, dimensions: number) {
    this.data = data;
    this.dimensions = dimensions;
    this.rows = data.length / dimensions;
  }

  nearest(query: Float32Array, { limit, accept }: NearestOptions): Promise<ScoredRow[]> {
    const { data, dimensions, rows } = this;
    const score = (row: number): number => dotAt(query, data, row * dimensions);
    return Promise.resolve(bestRows(score, { rows, limit, accept }));
  }

  read(rows: readonly number[]): Promise<Float32Array[]> {
    const { data, dimensions } = this;
    return Promise.resolve(rows.map((row) => data.subarray(row * dimensions, (row + 1) * dimensions)));
  }

  /** Nothing to free. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Files in the folder of the index. */
export const exactStore: VectorStoreKind = {
  name: 'exact',
  create: createVectorFiles,
  async open({ folder, settings: { vectors: format = 'f32' } }) {
    if (format !== 'f32') return await CompactStore.open(folder, format);
    const path = join(folder, VECTORS);
    const { columns, dtype, dataOffset, endOffset } = await completeNpyRows(path);
    if (dtype !== 'float32')
      throw new AlbertineError('invalid_file', `${path} holds ${dtype}, not vectors of float32`, { value: dtype });
    // Read into the memory that they stay in: as a whole file they would be in memory twice for a while.
    await using file = await PlacedFile.open(path);
    const { buffer } = await file.read(dataOffset, endOffset);
    return new ExactStore(new Float32Array(buffer as ArrayBuffer), columns);
  },
  remove: async () => undefined,
};
