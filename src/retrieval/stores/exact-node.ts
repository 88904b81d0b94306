import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { readNpy } from '../../data/npy-node.ts';
import { CompactStore, createVectorFiles } from './compact-node.ts';
import type { NearestOptions, ScoredRow, VectorStore, VectorStoreKind } from './store.ts';
import { bestRows, dotAt } from './top-rows.ts';
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
    const { data, shape, dtype } = await readNpy(path);
    if (!(data instanceof Float32Array) || shape.length !== 2)
      throw new AlbertineError('invalid_file', `${path} holds ${dtype}, not vectors of float32`, { value: dtype });
    return new ExactStore(data, shape[1]);
  },
  remove: async () => undefined,
};
