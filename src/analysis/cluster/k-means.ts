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
  /** `[clusters, dimensions]`. */
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
 * in scikit-learn). A cluster that becomes empty takes the row furthest from its centre. Throws `invalid_argument` for
 * more clusters than rows.
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
  const lloyd = new Lloyd({ vectors, clusters, products, pause, spherical: options.spherical ?? true });
  lloyd.centres = options.centres?.slice() ?? (await lloyd.plusPlus(createRandom(options.seed ?? 1)));
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

interface LloydParts {
  vectors: UnitVectors;
  clusters: number;
  products: SimilarityProducts;
  pause: () => Promise<void>;
  spherical: boolean;
}

/** The two steps of k-means (Lloyd 1982). */
class Lloyd {
  readonly labels: Int32Array;
  centres: Float32Array = new Float32Array(0);
  private readonly parts: LloydParts;
  /** Squared distance of each row from its centre. */
  private readonly distances: Float64Array;
  /** Of the rows of each cluster: `[clusters, dimensions]`, and how many they are. */
  private readonly sums: Float64Array;
  private readonly sizes: Int32Array;

  constructor(parts: LloydParts) {
    this.parts = parts;
    this.labels = new Int32Array(parts.vectors.rows).fill(-1);
    this.distances = new Float64Array(parts.vectors.rows);
    this.sums = new Float64Array(parts.clusters * parts.vectors.dimensions);
    this.sizes = new Int32Array(parts.clusters);
  }

  get inertia(): number {
    return this.distances.reduce((sum, distance) => sum + distance, 0);
  }

  /** Puts every row to its nearest centre; how many changed. */
  async assign(): Promise<number> {
    const { vectors, clusters, products, pause } = this.parts;
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
        this.distances[row] = Math.max(0, 1 + least);
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
    const { clusters, spherical, vectors } = this.parts;
    const { dimensions } = vectors;
    this.fillEmpty();
    const lengths = squaredLengths(this.sums, clusters);
    for (let cluster = 0; cluster < clusters; cluster++) {
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
      this.put(furthest, cluster);
      distances[furthest] = 0;
    }
  }

  /** First centres: rows, each drawn by its squared distance from those before. */
  async plusPlus(random: Random): Promise<Float32Array> {
    const { vectors, clusters, pause } = this.parts;
    const draws = 2 + Math.floor(Math.log(clusters));
    const chosen = [random.integer(vectors.rows)];
    let [nearest] = await this.distancesFrom(chosen);
    while (chosen.length < clusters) {
      const drawn = Array.from({ length: draws }, () => drawByWeight(nearest, random));
      const after = (await this.distancesFrom(drawn)).map((distances) =>
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

  /** Squared distances of all rows from each of some. */
  private async distancesFrom(rows: readonly number[]): Promise<Float64Array[]> {
    const { vectors, products } = this.parts;
    const scores = await products.multiply(vectors.data, vectors.pick(rows), vectors.dimensions);
    return rows.map((_, i) =>
      Float64Array.from({ length: vectors.rows }, (_row, row) => Math.max(0, 2 - 2 * scores[row * rows.length + i])),
    );
  }
}

function squaredLengths(centres: ArrayLike<number>, clusters: number): Float64Array {
  const dimensions = centres.length / clusters;
  const squares = new Float64Array(clusters);
  for (let cluster = 0; cluster < clusters; cluster++)
    for (let k = cluster * dimensions; k < (cluster + 1) * dimensions; k++) squares[cluster] += centres[k] ** 2;
  return squares;
}

/** A place drawn by its weight; any where there is no weight. */
function drawByWeight(weights: Float64Array, random: Random): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum === 0) return random.integer(weights.length);
  let left = random.uniform() * sum;
  for (const [row, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return row;
  }
  return weights.length - 1;
}
