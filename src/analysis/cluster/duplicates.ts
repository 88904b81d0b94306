import { requireInteger, wrongOption } from '../../core/errors.ts';
import { requireOptions, type OptionKinds } from '../../core/options.ts';
import { TopRows, type ScoredRow } from '../../core/top-rows.ts';
import { eachPair, SimilarityProducts, type ComparisonOptions } from './similarity-blocks.ts';
import { UnitVectors, type VectorRows } from './vectors.ts';

/** Two rows that are near one another. */
export interface SimilarPair {
  /** 0-based, below `second`. */
  first: number;
  /** 0-based. */
  second: number;
  /** Their cosine. */
  score: number;
}

/** Options of {@link mineDuplicates}. */
export interface MineOptions extends ComparisonOptions {
  /** Least cosine of a pair, from -1 to 1. Default 0.9. */
  threshold?: number;
  /** Nearest rows that are looked at for each row. Default 100. */
  topK?: number;
  /** Most pairs: the best. Default 500,000. */
  maxPairs?: number;
}

/** Options of {@link similarGroups} and {@link keepDistinct}. */
export type SimilarRowsOptions = Omit<MineOptions, 'topK' | 'maxPairs'>;

/** See `requireOptions`. */
export const COMPARISON_OPTIONS: OptionKinds<ComparisonOptions> = {
  threads: 'number',
  onProgress: 'function',
  signal: 'object',
};
/** Cosine from which rows count as near duplicates. */
export const DUPLICATE_THRESHOLD = 0.9;

/** Throws `invalid_argument` for what is no cosine. */
export function requireThreshold(threshold: number): number {
  if (threshold >= -1 && threshold <= 1) return threshold;
  throw wrongOption('threshold', 'a cosine, from -1 to 1', { value: threshold });
}

/** The threshold of options of `subject`, checked like the others. */
export function requireNear(subject: string, options: SimilarRowsOptions): number {
  requireOptions(subject, options, { ...COMPARISON_OPTIONS, threshold: 'number' });
  return requireThreshold(options.threshold ?? DUPLICATE_THRESHOLD);
}

/**
 * The pairs of rows with the highest cosines, best first, equal ones in their order: of every row its `topK` nearest
 * ones, of all those the best `maxPairs` (paraphrase mining as in sentence-transformers; Reimers and Gurevych 2019).
 * Every vector is compared with every other, in time by the square of the rows; only blocks of cosines, the nearest
 * rows (up to 12 bytes times `topK` a row, and objects of them at the end, where so many are near enough) and the pairs are in memory.
 */
export async function mineDuplicates(rows: VectorRows, options: MineOptions = {}): Promise<SimilarPair[]> {
  requireOptions('mineDuplicates', options, {
    ...COMPARISON_OPTIONS,
    threshold: 'number',
    topK: 'number',
    maxPairs: 'number',
  });
  const threshold = requireThreshold(options.threshold ?? DUPLICATE_THRESHOLD);
  const topK = requireInteger('topK', options.topK ?? 100, { min: 1 });
  const maxPairs = requireInteger('maxPairs', options.maxPairs ?? 500_000, { min: 1 });
  const vectors = new UnitVectors(rows);
  using products = await SimilarityProducts.create(options);
  const nearest: (TopRows | undefined)[] = new Array<undefined>(vectors.rows);
  const offer = (row: number, other: number, score: number): void => {
    (nearest[row] ??= new TopRows(topK)).offer(other, score);
  };
  // The triangle shows every row its others in ascending order, as `TopRows` wants them.
  for await (const block of products.triangle(vectors, options))
    eachPair(block, threshold, (first, second, score) => {
      offer(first, second, score);
      offer(second, first, score);
    });
  return bestPairs(
    Array.from(nearest, (own) => own?.sorted() ?? []),
    maxPairs,
  );
}

/** The pairs of every row's nearest ones, each once. */
function bestPairs(nearest: readonly (readonly ScoredRow[])[], most: number): SimilarPair[] {
  let pairs: SimilarPair[] = [];
  const shrink = (): void => {
    pairs.sort((a, b) => b.score - a.score || a.first - b.first || a.second - b.second);
    pairs = pairs.slice(0, most);
  };
  for (const [row, own] of nearest.entries()) {
    for (const { row: other, score } of own) {
      // It was added when it was the other's turn.
      if (other < row && nearest[other].some((found) => found.row === row)) continue;
      pairs.push({ first: Math.min(row, other), second: Math.max(row, other), score });
    }
    if (pairs.length >= 2 * most) shrink();
  }
  shrink();
  return pairs;
}

/**
 * Rows that are joined by cosines of at least `threshold`, directly or over others: the connected components of two and
 * more, each in ascending order, in the order of their first rows. Two rows of a group may be less near than the
 * threshold; a low one can join everything.
 */
export async function similarGroups(rows: VectorRows, options: SimilarRowsOptions = {}): Promise<number[][]> {
  const threshold = requireNear('similarGroups', options);
  const vectors = new UnitVectors(rows);
  using products = await SimilarityProducts.create(options);
  const parents = Int32Array.from({ length: vectors.rows }, (_, row) => row);
  const rootOf = (row: number): number => {
    while (parents[row] !== row) {
      parents[row] = parents[parents[row]];
      row = parents[row];
    }
    return row;
  };
  for await (const block of products.triangle(vectors, options))
    eachPair(block, threshold, (first, second) => {
      const [a, b] = [rootOf(first), rootOf(second)];
      if (a !== b) parents[Math.max(a, b)] = Math.min(a, b);
    });
  const groups = new Map<number, number[]>();
  for (let row = 0; row < vectors.rows; row++) {
    const root = rootOf(row);
    const group = groups.get(root);
    if (group) group.push(row);
    else groups.set(root, [row]);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}
