import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { openNpyFile, readNpy } from '../../data/npy-node.ts';
import type { NearestOptions, ScoredRow, VectorStore, VectorStoreKind } from './store.ts';
import { TopRows } from './top-rows.ts';

const FILE = 'vectors.npy';

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
    const top = new TopRows(Math.min(limit, this.rows));
    const { data, dimensions } = this;
    const whole = dimensions - (dimensions % 4);
    for (let row = 0, at = 0; row < this.rows; row++, at += dimensions) {
      if (accept?.[row] === 0) continue;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let k = 0;
      // Four sums, so that one addition need not wait for the one before; declared one by one, which is twice as fast
      // here as together.
      for (; k < whole; k += 4) {
        s0 += query[k] * data[at + k];
        s1 += query[k + 1] * data[at + k + 1];
        s2 += query[k + 2] * data[at + k + 2];
        s3 += query[k + 3] * data[at + k + 3];
      }
      for (; k < dimensions; k++) s0 += query[k] * data[at + k];
      top.offer(row, s0 + s1 + s2 + s3);
    }
    return Promise.resolve(top.sorted());
  }

  read(rows: readonly number[]): Promise<Float32Array[]> {
    const { data, dimensions } = this;
    return Promise.resolve(rows.map((row) => data.subarray(row * dimensions, (row + 1) * dimensions)));
  }

  /** Nothing to free. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** `vectors.npy` in the folder of the index. */
export const exactStore: VectorStoreKind = {
  name: 'exact',
  async create({ folder }, dimensions) {
    const path = join(folder, FILE);
    const writer = await openNpyFile(path, { columns: dimensions });
    return {
      write: (vectors) => (vectors.length === 0 ? Promise.resolve() : writer.write(vectors)),
      close: () => writer.close(),
      abort: async () => {
        await writer.close().catch(() => undefined);
        await rm(path, { force: true });
      },
    };
  },
  async open({ folder }) {
    const path = join(folder, FILE);
    const { data, shape, dtype } = await readNpy(path);
    if (!(data instanceof Float32Array) || shape.length !== 2)
      throw new AlbertineError('invalid_file', `${path} holds ${dtype}, not vectors of float32`, { value: dtype });
    return new ExactStore(data, shape[1]);
  },
  remove: async () => undefined,
};
