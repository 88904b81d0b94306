/** A value, or a promise of it: products may be computed elsewhere. */
export type MaybePromise<T> = T | Promise<T>;

/** Rows of features, with the products that linear models are learned by. */
export interface FeatureMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Numbers a row. */
  readonly columns: number;
  /** `X · W`: `[rows, outputs]`, for weights `[columns, outputs]`. */
  multiply(weights: Float64Array, outputs: number): MaybePromise<Float64Array>;
  /** `Xᵀ · E`: `[columns, outputs]`, for errors `[rows, outputs]`. */
  multiplyTransposed(errors: Float64Array, outputs: number): MaybePromise<Float64Array>;
  /** Inner products with the rows of a matrix made in the same way: `[rows, other.rows]`. */
  similarities(other: FeatureMatrix): MaybePromise<Float64Array>;
  /** Inner product of a row with `vector[at..]`. */
  dot(row: number, vector: Float64Array, at?: number): number;
  /** Adds `factor` times a row to `vector[at..]`. */
  addTo(row: number, factor: number, target: { vector: Float64Array; at?: number }): void;
  /** Some of the rows, in the order given. */
  pick(rows: readonly number[]): FeatureMatrix;
  /** The same with every row multiplied by its own factor. */
  scaled(factors: ArrayLike<number>): FeatureMatrix;
}

/** Sizes of a dense product: `[rows, columns]` times `[columns, outputs]`. */
export interface ProductSizes {
  /** Rows of the left matrix. */
  rows: number;
  /** Numbers a row of the left matrix. */
  columns: number;
  /** Columns of the right one. */
  outputs: number;
}

/** Dense matrix products, row-major; what is fastest depends on the machine, so that it is handed in. */
export interface DenseProducts {
  /** `a · b`: `[rows, outputs]`. */
  multiply(a: Float64Array, b: Float64Array, sizes: ProductSizes): MaybePromise<Float64Array>;
  /** `aᵀ · e` for `e` of `[rows, outputs]`: `[columns, outputs]`. */
  multiplyTransposed(a: Float64Array, e: Float64Array, sizes: ProductSizes): MaybePromise<Float64Array>;
}

/** Plain loops. */
export const PLAIN_PRODUCTS: DenseProducts = {
  multiply(a, b, { rows, columns, outputs }) {
    const product = new Float64Array(rows * outputs);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        add(product, i * outputs, b, { from: j * outputs, length: outputs, factor: a[i * columns + j] });
    return product;
  },
  multiplyTransposed(a, e, { rows, columns, outputs }) {
    const product = new Float64Array(columns * outputs);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        add(product, j * outputs, e, { from: i * outputs, length: outputs, factor: a[i * columns + j] });
    return product;
  },
};

/** `target[at..] += factor * source[from..from + length]` */
function add(
  target: Float64Array,
  at: number,
  source: Float64Array,
  { from, length, factor }: { from: number; length: number; factor: number },
): void {
  for (let k = 0; k < length; k++) target[at + k] += factor * source[from + k];
}

/** Every value is there: `[rows, columns]`, row-major. */
export class DenseFeatures implements FeatureMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Numbers a row. */
  readonly columns: number;
  /** `[rows, columns]`. */
  readonly values: Float64Array;
  private readonly products: DenseProducts;

  constructor(values: Float64Array, columns: number, products: DenseProducts = PLAIN_PRODUCTS) {
    this.values = values;
    this.columns = columns;
    this.rows = values.length / columns;
    this.products = products;
  }

  multiply(weights: Float64Array, outputs: number): MaybePromise<Float64Array> {
    return this.products.multiply(this.values, weights, { rows: this.rows, columns: this.columns, outputs });
  }

  multiplyTransposed(errors: Float64Array, outputs: number): MaybePromise<Float64Array> {
    return this.products.multiplyTransposed(this.values, errors, { rows: this.rows, columns: this.columns, outputs });
  }

  similarities(other: DenseFeatures): MaybePromise<Float64Array> {
    const { values, columns, rows } = other;
    const transposed = new Float64Array(values.length); // [columns, other.rows]
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) transposed[j * rows + i] = values[i * columns + j];
    return this.multiply(transposed, rows);
  }

  dot(row: number, vector: Float64Array, at = 0): number {
    const start = row * this.columns;
    let sum = 0;
    for (let j = 0; j < this.columns; j++) sum += this.values[start + j] * vector[at + j];
    return sum;
  }

  addTo(row: number, factor: number, { vector, at = 0 }: { vector: Float64Array; at?: number }): void {
    add(vector, at, this.values, { from: row * this.columns, length: this.columns, factor });
  }

  pick(rows: readonly number[]): DenseFeatures {
    const { columns } = this;
    const values = new Float64Array(rows.length * columns);
    rows.forEach((row, i) => values.set(this.values.subarray(row * columns, (row + 1) * columns), i * columns));
    return new DenseFeatures(values, columns, this.products);
  }

  scaled(factors: ArrayLike<number>): DenseFeatures {
    const { columns } = this;
    return new DenseFeatures(
      this.values.map((value, i) => value * factors[Math.floor(i / columns)]),
      columns,
      this.products,
    );
  }
}

/** A row with few values: those at some columns. */
export interface SparseRow {
  /** Columns, ascending. */
  indices: Int32Array;
  /** The value at each of them. */
  values: Float64Array;
}

/** Rows of which most values are zero. */
export class SparseFeatures implements FeatureMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Numbers a row. */
  readonly columns: number;
  /** What is stored of each row. */
  readonly entries: readonly SparseRow[];

  constructor(entries: readonly SparseRow[], columns: number) {
    this.entries = entries;
    this.rows = entries.length;
    this.columns = columns;
  }

  /** Values that are stored. */
  get count(): number {
    return this.entries.reduce((sum, { values }) => sum + values.length, 0);
  }

  /** Values that are stored of a row. */
  length(row: number): number {
    return this.entries[row].values.length;
  }

  multiply(weights: Float64Array, outputs: number): Float64Array {
    const product = new Float64Array(this.rows * outputs);
    this.entries.forEach(({ indices, values }, i) => {
      for (let j = 0; j < indices.length; j++)
        add(product, i * outputs, weights, { from: indices[j] * outputs, length: outputs, factor: values[j] });
    });
    return product;
  }

  multiplyTransposed(errors: Float64Array, outputs: number): Float64Array {
    const product = new Float64Array(this.columns * outputs);
    this.entries.forEach(({ indices, values }, i) => {
      for (let j = 0; j < indices.length; j++)
        add(product, indices[j] * outputs, errors, { from: i * outputs, length: outputs, factor: values[j] });
    });
    return product;
  }

  /** Only rows that share a column are looked at. */
  similarities(other: SparseFeatures): Float64Array {
    const postings = new Map<number, { row: number; value: number }[]>();
    other.entries.forEach(({ indices, values }, row) =>
      indices.forEach((column, j) => {
        const found = postings.get(column);
        if (found) found.push({ row, value: values[j] });
        else postings.set(column, [{ row, value: values[j] }]);
      }),
    );
    const product = new Float64Array(this.rows * other.rows);
    this.entries.forEach(({ indices, values }, i) =>
      indices.forEach((column, j) => {
        for (const { row, value } of postings.get(column) ?? []) product[i * other.rows + row] += values[j] * value;
      }),
    );
    return product;
  }

  dot(row: number, vector: Float64Array, at = 0): number {
    const { indices, values } = this.entries[row];
    let sum = 0;
    for (let j = 0; j < indices.length; j++) sum += values[j] * vector[at + indices[j]];
    return sum;
  }

  addTo(row: number, factor: number, { vector, at = 0 }: { vector: Float64Array; at?: number }): void {
    const { indices, values } = this.entries[row];
    for (let j = 0; j < indices.length; j++) vector[at + indices[j]] += factor * values[j];
  }

  pick(rows: readonly number[]): SparseFeatures {
    return new SparseFeatures(
      rows.map((row) => this.entries[row]),
      this.columns,
    );
  }

  scaled(factors: ArrayLike<number>): SparseFeatures {
    return new SparseFeatures(
      this.entries.map(({ indices, values }, i) => ({ indices, values: values.map((value) => value * factors[i]) })),
      this.columns,
    );
  }
}

/** Matrices of the same rows side by side. */
export class JoinedFeatures implements FeatureMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Numbers a row. */
  readonly columns: number;
  private readonly parts: readonly { matrix: FeatureMatrix; at: number }[];

  constructor(matrices: readonly FeatureMatrix[]) {
    this.rows = matrices[0].rows;
    let columns = 0;
    this.parts = matrices.map((matrix) => {
      const part = { matrix, at: columns };
      columns += matrix.columns;
      return part;
    });
    this.columns = columns;
  }

  async multiply(weights: Float64Array, outputs: number): Promise<Float64Array> {
    return this.sum(({ matrix, at }) =>
      matrix.multiply(weights.subarray(at * outputs, (at + matrix.columns) * outputs), outputs),
    );
  }

  async multiplyTransposed(errors: Float64Array, outputs: number): Promise<Float64Array> {
    const product = new Float64Array(this.columns * outputs);
    for (const { matrix, at } of this.parts)
      product.set(await matrix.multiplyTransposed(errors, outputs), at * outputs);
    return product;
  }

  async similarities(other: JoinedFeatures): Promise<Float64Array> {
    return this.sum(({ matrix, at }) => matrix.similarities(other.parts.find((part) => part.at === at)!.matrix));
  }

  dot(row: number, vector: Float64Array, at = 0): number {
    return this.parts.reduce((sum, part) => sum + part.matrix.dot(row, vector, at + part.at), 0);
  }

  addTo(row: number, factor: number, { vector, at = 0 }: { vector: Float64Array; at?: number }): void {
    for (const part of this.parts) part.matrix.addTo(row, factor, { vector, at: at + part.at });
  }

  pick(rows: readonly number[]): JoinedFeatures {
    return new JoinedFeatures(this.parts.map(({ matrix }) => matrix.pick(rows)));
  }

  scaled(factors: ArrayLike<number>): JoinedFeatures {
    return new JoinedFeatures(this.parts.map(({ matrix }) => matrix.scaled(factors)));
  }

  private async sum(
    product: (part: { matrix: FeatureMatrix; at: number }) => MaybePromise<Float64Array>,
  ): Promise<Float64Array> {
    const [first, ...rest] = this.parts;
    const total = Float64Array.from(await product(first));
    for (const part of rest) (await product(part)).forEach((value, i) => (total[i] += value));
    return total;
  }
}

/** The rows at length 1, as cosines want them; rows of zeros stay so. */
export function normalised(features: FeatureMatrix): FeatureMatrix {
  const vector = new Float64Array(features.columns);
  return features.scaled(
    Array.from({ length: features.rows }, (_, row) => {
      features.addTo(row, 1, { vector });
      const squares = features.dot(row, vector);
      features.addTo(row, -1, { vector });
      return squares > 0 ? 1 / Math.sqrt(squares) : 0;
    }),
  );
}
