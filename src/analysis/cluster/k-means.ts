import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { createPause } from '../../core/interrupt.ts';
import { requireOptions } from '../../core/options.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { createRandom, type Random } from '../../core/random.ts';
import { COMPARISON_OPTIONS } from './duplicates.ts';
import { SimilarityProducts, type ComparisonOptions } from './similarity-blocks.ts';
import { UnitVectors, type VectorRows } from './vectors.ts';

/** Options of {@link sphericalKMeans}. */
export interface KMeansOptions extends ComparisonOptions {
  /** Of the first centres. Default 1. */
  seed?: number;
  /** First centres, `[clusters, dimensions]`, in place of those that are drawn. */
  centres?: Float32Array;
  /** Default 100. */
  maxIterations?: number;
  /** Whether centres are scaled to length 1, as cosines want it. Default true; false is plain k-means. */
  spherical?: boolean;
}

/** Clusters around centres. */
export interface KMeansResult {
  /** A cluster from 0 a row. */
  labels: Int32Array;
  /** `[clusters, dimensions]`: fewer than were asked for where there are fewer distinct rows. */
  centres: Float32Array;
  /** Sum of the squared distances of the rows, scaled to length 1, from the centres of their clusters. */
  inertia: number;
  /** Rounds until no row changed its cluster. */
  iterations: number;
  /** Whether it came to that before `maxIterations`. */
  converged: boolean;
}

/**
 * A given number of clusters around centres: k-means of vectors of length 1 whose centres have length 1 too (Dhillon and
 * Modha 2001), begun with k-means++ (Arthur and Vassilvitskii 2007; of several draws that which helps most is taken, as
 * in scikit-learn). A cluster that becomes empty takes the row furthest from its centre. Of fewer distinct rows than
 * clusters each is a cluster; of `centres` that are given some stay empty then. Throws `invalid_argument` for more
 * clusters than rows.
 */
export async function sphericalKMeans(
  rows: VectorRows,
  clusters: number,
  options: KMeansOptions = {},
): Promise<KMeansResult> {
  requireOptions('sphericalKMeans', options, {
    ...COMPARISON_OPTIONS,
    seed: 'number',
    centres: 'object',
    maxIterations: 'number',
    spherical: 'boolean',
  });
  const vectors = new UnitVectors(rows);
  requireInteger('clusters', clusters, { min: 1 });
  if (clusters > vectors.rows)
    throw new AlbertineError('invalid_argument', `${vectors.rows} rows are no ${clusters} clusters`, {
      value: clusters,
      option: 'clusters',
    });
  if (options.centres && options.centres.length !== clusters * vectors.dimensions)
    throw new AlbertineError(
      'shape_mismatch',
      `${clusters} centres of ${vectors.dimensions} numbers are ${clusters * vectors.dimensions}, got ${options.centres.length}`,
      { value: options.centres.length, option: 'centres' },
    );
  const maxIterations = requireInteger('maxIterations', options.maxIterations ?? 100, { min: 1 });
  using products = await SimilarityProducts.create(options);
  const pause = createPause(options.signal);
  const parts = { vectors, products, pause, lengths: squaredLengths(vectors.data, vectors.rows) };
  const first = options.centres?.slice() ?? (await plusPlus(parts, clusters, createRandom(options.seed ?? 1)));
  const lloyd = new Lloyd({ ...parts, spherical: options.spherical ?? true }, first);
  const meter = new ProgressMeter(options.onProgress, { stage: 'clustering', unit: 'rounds' });
  let iterations = 0;
  let changed = await lloyd.assign();
  while (changed > 0 && iterations < maxIterations) {
    lloyd.move();
    changed = await lloyd.assign();
    iterations++;
    meter.add(1, { moved: changed });
  }
  meter.finish();
  const { labels, centres, inertia } = lloyd;
  return { labels, centres, inertia, iterations, converged: changed === 0 };
}

/** Rows that are compared with the centres in one product. */
const ASSIGNED_TOGETHER = 4096;
/** Squared distance up to which rows are equal: what rounding makes of products of 32-bit numbers. */
const EQUAL = 4e-6;

interface Parts {
  vectors: UnitVectors;
  /** Squared lengths of the rows, which are only nearly 1. */
  lengths: Float64Array;
  products: SimilarityProducts;
  pause: () => Promise<void>;
}

/** The two steps of k-means (Lloyd 1982). */
class Lloyd {
  readonly labels: Int32Array;
  readonly centres: Float32Array;
  private readonly clusters: number;
  private readonly parts: Parts & { spherical: boolean };
  /** Squared distance of each row from its centre. */
  private readonly distances: Float64Array;
  /** Of the rows of each cluster: `[clusters, dimensions]`, and how many they are. */
  private readonly sums: Float64Array;
  private readonly sizes: Int32Array;

  constructor(parts: Lloyd['parts'], centres: Float32Array) {
    this.parts = parts;
    this.centres = centres;
    this.clusters = centres.length / parts.vectors.dimensions;
    this.labels = new Int32Array(parts.vectors.rows).fill(-1);
    this.distances = new Float64Array(parts.vectors.rows);
    this.sums = new Float64Array(centres.length);
    this.sizes = new Int32Array(this.clusters);
  }

  get inertia(): number {
    return this.distances.reduce((sum, distance) => sum + distance, 0);
  }

  /** Puts every row to its nearest centre; how many changed. */
  async assign(): Promise<number> {
    const { clusters } = this;
    const { vectors, products, pause, lengths } = this.parts;
    const squares = squaredLengths(this.centres, clusters);
    let changed = 0;
    for (let from = 0; from < vectors.rows; from += ASSIGNED_TOGETHER) {
      const to = Math.min(from + ASSIGNED_TOGETHER, vectors.rows);
      const scores = await products.multiply(vectors.slice(from, to), this.centres, vectors.dimensions);
      for (let row = from; row < to; row++) {
        const start = (row - from) * clusters;
        let [best, least] = [0, Infinity];
        for (let k = 0; k < clusters; k++) {
          const distance = squares[k] - 2 * scores[start + k];
          if (distance < least) [best, least] = [k, distance];
        }
        this.distances[row] = Math.max(0, lengths[row] + least);
        if (this.labels[row] === best) continue;
        changed++;
        this.put(row, best);
      }
      await pause();
    }
    return changed;
  }

  /** Puts every centre in the middle of its rows. */
  move(): void {
    const { spherical, vectors } = this.parts;
    const { dimensions } = vectors;
    this.fillEmpty();
    const lengths = squaredLengths(this.sums, this.clusters);
    for (let cluster = 0; cluster < this.clusters; cluster++) {
      if (this.sizes[cluster] === 0) continue;
      const divisor = spherical ? Math.sqrt(lengths[cluster]) : this.sizes[cluster];
      for (let k = cluster * dimensions; k < (cluster + 1) * dimensions; k++)
        this.centres[k] = divisor === 0 ? 0 : this.sums[k] / divisor;
    }
  }

  /** Puts a row into a cluster: sums are kept up, as after some rounds few rows change. */
  private put(row: number, cluster: number): void {
    const before = this.labels[row];
    this.labels[row] = cluster;
    this.addTo(cluster, row, 1);
    if (before >= 0) this.addTo(before, row, -1);
  }

  private addTo(cluster: number, row: number, sign: number): void {
    const { data, dimensions } = this.parts.vectors;
    const [from, to] = [row * dimensions, cluster * dimensions];
    this.sizes[cluster] += sign;
    for (let k = 0; k < dimensions; k++) this.sums[to + k] += sign * data[from + k];
  }

  private fillEmpty(): void {
    const { sizes, labels, distances } = this;
    for (const [cluster, size] of sizes.entries()) {
      if (size > 0) continue;
      let furthest = -1;
      for (let row = 0; row < distances.length; row++)
        if (sizes[labels[row]] > 1 && (furthest < 0 || distances[row] > distances[furthest])) furthest = row;
      // A copy of another centre would go back to it, and again be put here, without end.
      if (furthest < 0 || distances[furthest] <= EQUAL) return;
      this.put(furthest, cluster);
      distances[furthest] = 0;
    }
  }
}

/** First centres: rows, each drawn by its squared distance from those before, until every row is equal to one. */
async function plusPlus(parts: Parts, clusters: number, random: Random): Promise<Float32Array> {
  const { vectors, pause } = parts;
  const draws = 2 + Math.floor(Math.log(clusters));
  const chosen = [random.integer(vectors.rows)];
  let [nearest] = await distancesFrom(parts, chosen);
  while (chosen.length < clusters && nearest.some((distance) => distance > 0)) {
    const drawn = Array.from({ length: draws }, () => drawByWeight(nearest, random));
    const after = (await distancesFrom(parts, drawn)).map((distances) =>
      distances.map((distance, row) => Math.min(distance, nearest[row])),
    );
    const sums = after.map((distances) => distances.reduce((total, distance) => total + distance, 0));
    const best = sums.indexOf(Math.min(...sums));
    chosen.push(drawn[best]);
    nearest = after[best];
    await pause();
  }
  return vectors.pick(chosen);
}

/** Squared distances of all rows from each of some; 0 from equal ones. */
async function distancesFrom({ vectors, lengths, products }: Parts, rows: readonly number[]): Promise<Float64Array[]> {
  const scores = await products.multiply(vectors.data, vectors.pick(rows), vectors.dimensions);
  return rows.map((from, i) =>
    lengths.map((length, row) => {
      const squared = length + lengths[from] - 2 * scores[row * rows.length + i];
      return squared <= EQUAL ? 0 : squared;
    }),
  );
}

function squaredLengths(rows: ArrayLike<number>, count: number): Float64Array {
  const dimensions = rows.length / count;
  const squares = new Float64Array(count);
  for (let row = 0; row < count; row++)
    for (let k = row * dimensions; k < (row + 1) * dimensions; k++) squares[row] += rows[k] ** 2;
  return squares;
}

/** A place drawn by its weight; there is some. */
function drawByWeight(weights: Float64Array, random: Random): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let left = random.uniform() * sum;
  for (const [row, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return row;
  }
  return weights.findLastIndex((weight) => weight > 0);
}
