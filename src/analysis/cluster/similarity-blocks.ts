import { createPause } from '../../core/interrupt.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { Graph } from '../../graph/graph.ts';
import { rawGemm } from '../../graph/operators/matmul.ts';
import { compile, type CompiledGraph } from '../../runtime/compile.ts';
import { HostTensor } from '../../runtime/tensor.ts';
import type { UnitVectors } from './vectors.ts';

/** What long comparisons have in common. */
export interface ComparisonOptions {
  /** Processor threads of the products. Default: those this process may use. */
  threads?: number;
  /** Told about progress, in rows that are compared with all others. */
  onProgress?: ProgressListener;
  /** Stops with `interrupted`. */
  signal?: AbortSignal;
}

/** Rows that are compared with others in one product. */
export const ROWS_TOGETHER = 256;
/** How many others: a product takes 4 MB, which a processor's cache may hold. */
const BLOCK_COLUMNS = 4096;

/** Cosines of some rows with some others. They are overwritten by the next block. */
export interface SimilarityBlock {
  /** First row of the block. */
  row: number;
  rows: number;
  /** First of the others. */
  column: number;
  columns: number;
  /** `[rows, columns]`. */
  scores: Float32Array;
}

/**
 * Products of vectors, block by block, so that the matrix of all of them is never in memory. Dispose it to give its
 * memory back.
 */
export class SimilarityProducts implements Disposable {
  private readonly graph: CompiledGraph;
  private readonly target = new HostTensor(
    'float32',
    [ROWS_TOGETHER, BLOCK_COLUMNS],
    new Float32Array(ROWS_TOGETHER * BLOCK_COLUMNS),
  );

  private constructor(graph: CompiledGraph) {
    this.graph = graph;
  }

  /** Compiles the product. */
  static async create({ threads }: Pick<ComparisonOptions, 'threads'> = {}): Promise<SimilarityProducts> {
    const graph = new Graph();
    const a = graph.input('a', ['rows', 'dimensions']);
    const b = graph.input('b', ['columns', 'dimensions']);
    const y = rawGemm(a, b, undefined, { b: true }); // [rows, columns]
    return new SimilarityProducts(
      await compile({ outputs: { y } }, { arena: false, ...(threads !== undefined && { threads }) }),
    );
  }

  /** `a · bᵀ`: `[rows of a, rows of b]`. The next product may overwrite it. */
  async multiply(a: Float32Array, b: Float32Array, dimensions: number): Promise<Float32Array> {
    const [left, right] = [a, b].map(
      (values) => new HostTensor('float32', [values.length / dimensions, dimensions], values),
    );
    const isWhole = left.shape[0] === ROWS_TOGETHER && right.shape[0] === BLOCK_COLUMNS;
    const { y } = await this.graph.run({ a: left, b: right }, isWhole ? { into: { y: this.target } } : {});
    return y.data as Float32Array;
  }

  /**
   * Compares every vector with itself and all after it: the blocks of the upper triangle of all cosines, those that
   * begin on the diagonal with the part below it too. In ascending order of rows, then of columns.
   */
  async *triangle(
    vectors: UnitVectors,
    { onProgress, signal, stage = 'comparing' }: ComparisonOptions & { stage?: string } = {},
  ): AsyncGenerator<SimilarityBlock> {
    const pause = createPause(signal);
    const meter = new ProgressMeter(onProgress, { stage, unit: 'rows', total: vectors.rows });
    let done = 0;
    for (let row = 0; row < vectors.rows; row += ROWS_TOGETHER) {
      const rowEnd = Math.min(row + ROWS_TOGETHER, vectors.rows);
      const others = { others: vectors, from: row, to: vectors.rows };
      for await (const block of this.against(vectors, { from: row, to: rowEnd }, others)) {
        await pause();
        yield block;
      }
      // The first rows have most to be compared with: progress is in the share of all pairs.
      const share = 1 - ((vectors.rows - rowEnd) / vectors.rows) ** 2;
      meter.add(Math.round(share * vectors.rows) - done);
      done = Math.round(share * vectors.rows);
    }
    meter.finish();
  }

  /** Blocks of the cosines of some rows, up to {@link ROWS_TOGETHER}, with a range of others. */
  async *against(
    vectors: UnitVectors,
    { from: row, to }: { from: number; to: number },
    { others, from, to: last }: { others: UnitVectors; from: number; to: number },
  ): AsyncGenerator<SimilarityBlock> {
    const own = vectors.slice(row, to);
    for (let column = from; column < last; column += BLOCK_COLUMNS) {
      const end = Math.min(column + BLOCK_COLUMNS, last);
      const scores = await this.multiply(own, others.slice(column, end), vectors.dimensions);
      yield { row, rows: to - row, column, columns: end - column, scores };
    }
  }

  /** Frees the compiled graph. */
  [Symbol.dispose](): void {
    this.graph[Symbol.dispose]();
  }
}

/** Calls `found` for every pair of different rows, the lower one first, whose cosine is at least `threshold`. */
export function eachPair(
  { row, rows, column, columns, scores }: SimilarityBlock,
  threshold: number,
  found: (first: number, second: number, score: number) => void,
): void {
  for (let i = 0; i < rows; i++) {
    const own = row + i;
    const start = i * columns;
    for (let j = Math.max(0, own + 1 - column); j < columns; j++)
      if (scores[start + j] >= threshold) found(own, column + j, scores[start + j]);
  }
}

/**
 * Of every row the cosine with the centre of its cluster; of those in none with the nearest centre, NaN where there is
 * none. Centres have length 1.
 */
export async function centreSimilarities(
  vectors: UnitVectors,
  { centres, labels, ...options }: ComparisonOptions & { centres: Float32Array; labels: ArrayLike<number> },
): Promise<Float32Array> {
  const { dimensions } = vectors;
  const count = centres.length / dimensions;
  const similarities = new Float32Array(vectors.rows).fill(NaN);
  if (count === 0) return similarities;
  using products = await SimilarityProducts.create(options);
  const pause = createPause(options.signal);
  for (let from = 0; from < vectors.rows; from += ROWS_TOGETHER) {
    const to = Math.min(from + ROWS_TOGETHER, vectors.rows);
    const scores = await products.multiply(vectors.slice(from, to), centres, dimensions);
    for (let row = from; row < to; row++) {
      const own = scores.subarray((row - from) * count, (row - from + 1) * count);
      similarities[row] = labels[row] >= 0 ? own[labels[row]] : own.reduce((most, score) => Math.max(most, score));
    }
    await pause();
  }
  return similarities;
}
