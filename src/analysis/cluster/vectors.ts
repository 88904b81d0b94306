import { AlbertineError } from '../../core/errors.ts';

/** Vectors, one a row, as they are compared. */
export interface VectorRows {
  /** Row-major `[rows, dimensions]`, as `Albert.embed` gives them. */
  data: Float32Array;
  /** Numbers a vector. */
  dimensions: number;
}

/** How far a squared length may be from 1 for a vector to be left as it is. */
const NEARLY_ONE = 1e-5;

/** Vectors of length 1, whose inner products are cosines. */
export class UnitVectors {
  /** Number of vectors. */
  readonly rows: number;
  /** Numbers a vector. */
  readonly dimensions: number;
  /** Row-major `[rows, dimensions]`; that which was given where all have length 1 already. */
  readonly data: Float32Array;

  /** Throws `shape_mismatch` for a broken row, `not_finite` for a vector with NaN or infinity, by its row. */
  constructor({ data, dimensions }: VectorRows) {
    const rows = dimensions > 0 ? data.length / dimensions : 0;
    if (!Number.isInteger(rows) || (rows === 0 && data.length > 0))
      throw new AlbertineError('shape_mismatch', `${data.length} numbers are no rows of ${dimensions}`, {
        value: dimensions,
      });
    this.rows = rows;
    this.dimensions = dimensions;
    let scaled = data;
    for (let row = 0; row < rows; row++) {
      const squares = squaredLength(data, row * dimensions, dimensions);
      if (!Number.isFinite(squares))
        throw new AlbertineError('not_finite', `the vector of row ${row} has NaN or infinity`, { value: row });
      if (Math.abs(squares - 1) <= NEARLY_ONE || squares === 0) continue;
      if (scaled === data) scaled = data.slice();
      const length = Math.sqrt(squares);
      for (let k = row * dimensions; k < (row + 1) * dimensions; k++) scaled[k] = data[k] / length;
    }
    this.data = scaled;
  }

  /** A view of a row. */
  row(row: number): Float32Array {
    return this.slice(row, row + 1);
  }

  /** A view of rows that follow one another. */
  slice(from: number, to: number): Float32Array {
    return this.data.subarray(from * this.dimensions, to * this.dimensions);
  }

  /** Copies of some rows, one after the other. */
  pick(rows: readonly number[]): Float32Array {
    const picked = new Float32Array(rows.length * this.dimensions);
    rows.forEach((row, i) => picked.set(this.row(row), i * this.dimensions));
    return picked;
  }
}

function squaredLength(data: Float32Array, start: number, count: number): number {
  let sum = 0;
  for (let k = start; k < start + count; k++) sum += data[k] * data[k];
  return sum;
}
