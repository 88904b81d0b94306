import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Eigenvalues in descending order, each with its vector. */
export interface SymmetricEigen {
  /** Descending. */
  values: Float64Array;
  /** Row-major `[n, n]`: row i is the unit vector of value i, with its largest entry positive. */
  vectors: Float64Array;
}

/** Eigenvalues and vectors of a symmetric matrix, row-major `[n, n]`, in a time that grows with the cube of `n`. */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(Matrix.from1DArray(n, n, matrix), {
    assumeSymmetric: true,
  });
  const order = Array.from(realEigenvalues.keys()).sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  const vectors = new Float64Array(n * n);
  order.forEach((column, row) => {
    const vector = eigenvectorMatrix.getColumn(column);
    const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    vectors.set(largest < 0 ? vector.map((value) => -value) : vector, row * n);
  });
  return { values: Float64Array.from(order, (column) => realEigenvalues[column]), vectors };
}
