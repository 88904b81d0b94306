import { createPause } from '../../core/interrupt.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { requireNear, type SimilarRowsOptions } from './duplicates.ts';
import { ROWS_TOGETHER, SimilarityProducts } from './similarity-blocks.ts';
import { UnitVectors, type VectorRows } from './vectors.ts';

/** The rows that stay, and for every row the one that stands for it. */
export interface DistinctRows {
  /** Rows that are near no earlier row that stays, ascending. */
  kept: number[];
  /** One a row: itself where it stays, else the nearest earlier row that does. */
  standsFor: Int32Array;
  /** One a row: the cosine with that one; 1 where it stays. */
  scores: Float32Array;
}

/**
 * Leaves out every row whose cosine with an earlier row that stays is at least `threshold` (default 0.9). Unlike the
 * first rows of `similarGroups`, everything that is left out is near something that stays. Rows are only compared
 * with those that stay, which are in memory twice.
 */
export async function keepDistinct(rows: VectorRows, options: SimilarRowsOptions = {}): Promise<DistinctRows> {
  const threshold = requireNear('keepDistinct', options);
  const vectors = new UnitVectors(rows);
  using products = await SimilarityProducts.create(options);
  const meter = new ProgressMeter(options.onProgress, { stage: 'comparing', unit: 'rows', total: vectors.rows });
  const pause = createPause(options.signal);
  const stays = new StayingRows(vectors, threshold);
  for (let row = 0; row < vectors.rows; row += ROWS_TOGETHER) {
    const range = { from: row, to: Math.min(row + ROWS_TOGETHER, vectors.rows) };
    await pause();
    await stays.compare(products, range, pause);
    meter.add(range.to - range.from);
  }
  meter.finish();
  return { kept: stays.kept, standsFor: stays.standsFor, scores: stays.scores };
}

/** Those that stay so far, side by side so that they are compared in one product. */
class StayingRows {
  readonly kept: number[] = [];
  readonly standsFor: Int32Array;
  readonly scores: Float32Array;
  private readonly vectors: UnitVectors;
  private readonly threshold: number;
  private readonly side: UnitVectors;

  constructor(vectors: UnitVectors, threshold: number) {
    this.vectors = vectors;
    this.threshold = threshold;
    this.standsFor = Int32Array.from({ length: vectors.rows }, (_, row) => row);
    this.scores = new Float32Array(vectors.rows).fill(-Infinity);
    this.side = new UnitVectors({ data: new Float32Array(vectors.data.length), dimensions: vectors.dimensions });
  }

  async compare(
    products: SimilarityProducts,
    range: { from: number; to: number },
    pause: () => Promise<void>,
  ): Promise<void> {
    const { vectors, kept, side } = this;
    for await (const { column, columns, scores, rows } of products.against(vectors, range, {
      others: side,
      from: 0,
      to: kept.length,
    })) {
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) this.offer(range.from + i, kept[column + j], scores[i * columns + j]);
      await pause();
    }
    for await (const { rows, scores } of products.against(vectors, range, { others: vectors, ...range }))
      for (let i = 0; i < rows; i++) {
        const row = range.from + i;
        for (let j = 0; j < i; j++)
          if (this.standsFor[range.from + j] === range.from + j) this.offer(row, range.from + j, scores[i * rows + j]);
        if (this.scores[row] < this.threshold) this.keep(row);
      }
  }

  private offer(row: number, other: number, score: number): void {
    if (score <= this.scores[row]) return;
    this.scores[row] = score;
    this.standsFor[row] = other;
  }

  private keep(row: number): void {
    this.scores[row] = 1;
    this.standsFor[row] = row;
    this.side.data.set(this.vectors.row(row), this.kept.length * this.vectors.dimensions);
    this.kept.push(row);
  }
}
