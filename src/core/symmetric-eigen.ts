/** Eigenvalues in descending order, each with its vector. */
export interface SymmetricEigen {
  /** Descending. */
  values: Float64Array;
  /** Row-major `[n, n]`: row i is the unit vector of value i, with its largest entry positive. */
  vectors: Float64Array;
}

/** Rounds after which an eigenvalue is taken as it is; two or three are usual. */
const MAX_ROUNDS = 60;

/**
 * Eigenvalues and vectors of a symmetric matrix `[n, n]`: Householder reflections to a tridiagonal one, then implicit
 * QL steps (Golub and Van Loan, "Matrix Computations", section 8.3). In about `5 n^3` multiplications; the same bits on
 * every machine. The matrix is overwritten.
 */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let k = 0; k < n - 2; k++) reflect(matrix, vectors, { k, n });
  const diagonal = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i]);
  const beside = Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? matrix[(i + 1) * n + i] : 0));
  const rows = transposed(vectors, n);
  diagonalise(diagonal, beside, rows);
  return sorted(diagonal, rows);
}

/**
 * Makes column `k` zero below the one beside the diagonal, by a reflection from both sides; `q: [n, n]` collects it.
 */
function reflect(a: Float64Array, q: Float64Array, { k, n }: { k: number; n: number }): void {
  const v = new Float64Array(n);
  let square = 0;
  for (let i = k + 1; i < n; i++) square += (v[i] = a[i * n + k]) ** 2;
  if (square === 0) return;
  v[k + 1] += v[k + 1] >= 0 ? Math.sqrt(square) : -Math.sqrt(square);
  let length = 0;
  for (let i = k + 1; i < n; i++) length += v[i] ** 2;
  length = Math.sqrt(length);
  for (let i = k + 1; i < n; i++) v[i] /= length;
  const w = new Float64Array(n);
  for (let i = k; i < n; i++) w[i] = dotRow(a, v, { row: i, from: k + 1, n });
  let along = 0;
  for (let i = k + 1; i < n; i++) along += v[i] * w[i];
  for (let i = k; i < n; i++) w[i] -= along * v[i];
  for (let i = k; i < n; i++) for (let j = k; j < n; j++) a[i * n + j] -= 2 * (v[i] * w[j] + w[i] * v[j]);
  for (let row = 0; row < n; row++) {
    const twice = 2 * dotRow(q, v, { row, from: k + 1, n });
    for (let i = k + 1; i < n; i++) q[row * n + i] -= twice * v[i];
  }
}

function dotRow(a: Float64Array, v: Float64Array, { row, from, n }: { row: number; from: number; n: number }): number {
  let sum = 0;
  for (let i = from; i < n; i++) sum += a[row * n + i] * v[i];
  return sum;
}

/** Implicit QL steps with Wilkinson's shift on a tridiagonal matrix; `z: [n, n]` has the vectors as rows. */
function diagonalise(d: Float64Array, e: Float64Array, z: Float64Array): void {
  const n = d.length;
  for (let first = 0; first < n; first++) {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let last = first;
      while (last < n - 1 && Math.abs(e[last]) > Number.EPSILON * (Math.abs(d[last]) + Math.abs(d[last + 1]))) last++;
      if (last === first) break;
      chase({ d, e, z }, first, last);
    }
  }
}

/** One step on the block from `first` to `last`. */
function chase({ d, e, z }: { d: Float64Array; e: Float64Array; z: Float64Array }, first: number, last: number): void {
  const half = (d[first + 1] - d[first]) / (2 * e[first]);
  let g = d[last] - d[first] + e[first] / (half + (half >= 0 ? 1 : -1) * Math.sqrt(half * half + 1));
  let [sine, cosine, shift] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i];
    const b = cosine * e[i];
    const length = Math.sqrt(f * f + g * g);
    e[i + 1] = length;
    if (length === 0) {
      d[i + 1] -= shift;
      e[last] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    g = d[i + 1] - shift;
    const r = (d[i] - g) * sine + 2 * cosine * b;
    shift = sine * r;
    d[i + 1] = g + shift;
    g = cosine * r - b;
    turnRows(z, { row: i, n: d.length, sine, cosine });
  }
  d[first] -= shift;
  e[first] = g;
  e[last] = 0;
}

function turnRows(
  z: Float64Array,
  { row, n, sine, cosine }: { row: number; n: number; sine: number; cosine: number },
): void {
  for (let a = row * n, b = a + n, k = 0; k < n; k++, a++, b++) {
    const next = z[b];
    z[b] = sine * z[a] + cosine * next;
    z[a] = cosine * z[a] - sine * next;
  }
}

function transposed(matrix: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[j * n + i] = matrix[i * n + j];
  return out;
}

function sorted(values: Float64Array, rows: Float64Array): SymmetricEigen {
  const n = values.length;
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    const row = rows.subarray(from * n, (from + 1) * n);
    const largest = row.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    for (let i = 0; i < n; i++) vectors[to * n + i] = largest < 0 ? -row[i] : row[i];
  });
  return { values: Float64Array.from(order, (i) => values[i]), vectors };
}
