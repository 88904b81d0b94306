import { symmetricEigen } from '../../core/symmetric-eigen.ts';
import type { Random } from '../../core/random.ts';

/** Compressed sparse rows: row `r` has the entries from `rowEnds[r - 1]` (0 for the first) up to `rowEnds[r]`. */
export interface SparseMatrix {
  rows: number;
  columns: number;
  rowEnds: Uint32Array;
  columnIds: Uint16Array;
  values: Float32Array;
}

/** Columns computed besides those asked for, and passes over the matrix: both sharpen the last singular vectors. */
const OVERSAMPLING = 16;
const POWER_ITERATIONS = 3;

/**
 * Largest singular values and left vectors by randomised subspace iteration (Halko, Martinsson and Tropp 2011,
 * algorithm 4.4). `left: [rows, rank]`, orthonormal columns in descending order of singular value.
 */
export function factorise(
  matrix: SparseMatrix,
  options: { rank: number; random: Random },
): { left: Float32Array; singularValues: Float64Array } {
  const { rank, random } = options;
  const { rows, columns } = matrix;
  const width = Math.min(rank + OVERSAMPLING, columns, rows);
  let right = orthonormalise(
    Float32Array.from({ length: columns * width }, () => random.uniform() - 0.5),
    width,
  ); // [columns, width]
  for (let pass = 0; pass < POWER_ITERATIONS; pass++) {
    const left = orthonormalise(multiply(matrix, right, width), width); // [rows, width]
    right = orthonormalise(multiplyTransposed(matrix, left, width), width);
  }
  const image = multiply(matrix, right, width); // [rows, width]
  // The image's Gram matrix has the squared singular values; its eigenvectors turn the image's columns into the left
  // vectors.
  const { values, vectors } = symmetricEigen(gram(image, width), width);
  const singularValues = Float64Array.from(values.subarray(0, rank), (value) => Math.sqrt(Math.max(0, value)));
  const left = new Float32Array(rows * rank);
  for (let row = 0; row < rows; row++) {
    singularValues.forEach((singular, column) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += image[row * width + i] * vectors[column * width + i];
      left[row * rank + column] = singular > 0 ? sum / singular : 0;
    });
  }
  return { left, singularValues };
}

/** Matrix times `[columns, width]`: `[rows, width]`. */
function multiply(
  { rows, rowEnds, columnIds, values }: SparseMatrix,
  dense: Float32Array,
  width: number,
): Float32Array {
  const product = new Float32Array(rows * width);
  const sums = new Float64Array(width);
  for (let row = 0, at = 0; row < rows; row++) {
    sums.fill(0);
    for (; at < rowEnds[row]; at++) {
      const value = values[at];
      const start = columnIds[at] * width;
      for (let i = 0; i < width; i++) sums[i] += value * dense[start + i];
    }
    product.set(sums, row * width);
  }
  return product;
}

/** Transposed matrix times `[rows, width]`: `[columns, width]`. */
function multiplyTransposed(
  { rows, columns, rowEnds, columnIds, values }: SparseMatrix,
  dense: Float32Array,
  width: number,
): Float32Array {
  const product = new Float64Array(columns * width);
  for (let row = 0, at = 0; row < rows; row++) {
    const from = row * width;
    for (; at < rowEnds[row]; at++) {
      const value = values[at];
      const start = columnIds[at] * width;
      for (let i = 0; i < width; i++) product[start + i] += value * dense[from + i];
    }
  }
  return Float32Array.from(product);
}

/** `[width, width]` inner products of the columns. */
function gram(dense: Float32Array, width: number): Float64Array {
  const products = new Float64Array(width * width);
  for (let start = 0; start < dense.length; start += width) {
    for (let i = 0; i < width; i++) {
      const value = dense[start + i];
      for (let j = 0; j <= i; j++) products[i * width + j] += value * dense[start + j];
    }
  }
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) products[j * width + i] = products[i * width + j];
  return products;
}

/**
 * Makes the columns of `[n, width]` orthonormal in place, by Cholesky factors of their Gram matrix; twice, because one
 * pass leaves rounding errors.
 */
function orthonormalise(dense: Float32Array, width: number): Float32Array {
  for (let pass = 0; pass < 2; pass++) {
    const factor = cholesky(gram(dense, width), width);
    for (let start = 0; start < dense.length; start += width) {
      for (let i = 0; i < width; i++) {
        let value = dense[start + i];
        for (let j = 0; j < i; j++) value -= factor[i * width + j] * dense[start + j];
        dense[start + i] = factor[i * width + i] > 0 ? value / factor[i * width + i] : 0;
      }
    }
  }
  return dense;
}

/** Lower factor; a column that depends on earlier ones gets zeros. */
function cholesky(matrix: Float64Array, width: number): Float64Array {
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * width + j];
      for (let k = 0; k < j; k++) sum -= factor[i * width + k] * factor[j * width + k];
      if (i === j) factor[i * width + i] = sum > 1e-12 * matrix[i * width + i] ? Math.sqrt(sum) : 0;
      else factor[i * width + j] = factor[j * width + j] > 0 ? sum / factor[j * width + j] : 0;
    }
  }
  return factor;
}
