import { requireInteger } from '../../core/errors.ts';
import { createPause } from '../../core/interrupt.ts';
import { requireOptions } from '../../core/options.ts';
import { COMPARISON_OPTIONS, requireThreshold } from './duplicates.ts';
import { eachPair, ROWS_TOGETHER, SimilarityProducts, type ComparisonOptions } from './similarity-blocks.ts';
import { UnitVectors, type VectorRows } from './vectors.ts';

/** Options of {@link detectCommunities}. */
export interface CommunityOptions extends ComparisonOptions {
  /** Least cosine of a member with the central row, from -1 to 1. Default 0.75. */
  threshold?: number;
  /** Fewest rows of a community. Default 10. */
  minSize?: number;
}

/** Neighbours that are in memory at a time, besides those of one row: some 50 MB. */
const MOST_NEIGHBOURS = 1 << 20;

/**
 * Communities: rows around a central one, with which each has a cosine of at least `threshold`. The row with most such
 * neighbours comes first and takes them, then the next one that is not taken, as long as `minSize` rows are left for it
 * (as `util.community_detection` of sentence-transformers). The largest first; of each the central row, then the others
 * from the nearest to the furthest. Rows of none are outliers.
 *
 * Every vector is compared with every other, in time by the square of the rows; neighbours are counted first and found
 * again where they are needed, so that in memory are only blocks of cosines.
 */
export async function detectCommunities(rows: VectorRows, options: CommunityOptions = {}): Promise<number[][]> {
  requireOptions('detectCommunities', options, { ...COMPARISON_OPTIONS, threshold: 'number', minSize: 'number' });
  const threshold = requireThreshold(options.threshold ?? 0.75);
  const minSize = requireInteger('minSize', options.minSize ?? 10, { min: 1 });
  const vectors = new UnitVectors(rows);
  if (vectors.rows < minSize) return [];
  using products = await SimilarityProducts.create(options);
  const counts = await countNeighbours(products, vectors, { ...options, threshold });
  const centres = Array.from(counts.keys())
    .filter((row) => counts[row] >= minSize)
    .sort((a, b) => counts[b] - counts[a] || a - b);
  const pause = createPause(options.signal);
  const isTaken = new Uint8Array(vectors.rows);
  const communities: number[][] = [];
  for (let next = 0; next < centres.length;) {
    const together: number[] = [];
    let expected = 0;
    for (; next < centres.length && together.length < ROWS_TOGETHER && expected < MOST_NEIGHBOURS; next++) {
      const centre = centres[next];
      if (isTaken[centre] !== 0) continue;
      together.push(centre);
      expected += counts[centre];
    }
    const neighbours = await neighboursOf(products, vectors, { together, threshold, isTaken, pause });
    for (const [i, centre] of together.entries()) {
      if (isTaken[centre] !== 0) continue;
      const members = neighbours[i].filter(({ row }) => isTaken[row] === 0 && row !== centre);
      if (members.length + 1 < minSize) continue;
      members.sort((a, b) => b.score - a.score || a.row - b.row);
      const community = [centre, ...members.map(({ row }) => row)];
      for (const row of community) isTaken[row] = 1;
      communities.push(community);
    }
  }
  return communities.sort((a, b) => b.length - a.length);
}

/** How many rows are near each, itself included. */
async function countNeighbours(
  products: SimilarityProducts,
  vectors: UnitVectors,
  { threshold, ...options }: ComparisonOptions & { threshold: number },
): Promise<Int32Array> {
  const counts = new Int32Array(vectors.rows).fill(1);
  for await (const block of products.triangle(vectors, options))
    eachPair(block, threshold, (first, second) => {
      counts[first]++;
      counts[second]++;
    });
  return counts;
}

/** Of each of some rows, those near it that no community has. */
async function neighboursOf(
  products: SimilarityProducts,
  vectors: UnitVectors,
  {
    together,
    threshold,
    isTaken,
    pause,
  }: { together: readonly number[]; threshold: number; isTaken: Uint8Array; pause: () => Promise<void> },
): Promise<{ row: number; score: number }[][]> {
  const own = new UnitVectors({ data: vectors.pick(together), dimensions: vectors.dimensions });
  const found = together.map((): { row: number; score: number }[] => []);
  const all = { others: vectors, from: 0, to: vectors.rows };
  for await (const { column, columns, scores } of products.against(own, { from: 0, to: own.rows }, all)) {
    for (let i = 0; i < together.length; i++)
      for (let j = 0; j < columns; j++) {
        const score = scores[i * columns + j];
        if (score >= threshold && isTaken[column + j] === 0) found[i].push({ row: column + j, score });
      }
    await pause();
  }
  return found;
}
