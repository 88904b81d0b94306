import { ClassTfIdf, type ClassTerm } from '../../classical/class-tf-idf.ts';
import { AlbertineError } from '../../core/errors.ts';
import { stopWordsOf, type StopWordLanguage, type StopWords } from '../keywords/stop-words.ts';
import { wordsOf } from '../keywords/words.ts';
import { UnitVectors, type VectorRows } from './vectors.ts';

/** The cluster of rows that are in none. */
export const OUTLIER = -1;

/** What a cluster is made of. */
export interface ClusterDescription {
  /** From 0; {@link OUTLIER} for the rows of none. */
  cluster: number;
  /** Rows. */
  size: number;
  /** Rows with the highest mean cosine with all of the cluster, best first: its medoids. None of outliers. */
  central: number[];
  /**
   * Words that are frequent in its texts, twice at least, and rare in others: class-based tf-idf. None of outliers.
   */
  keywords: ClassTerm[];
}

/** Options of {@link describeClusters}. */
export interface DescribeOptions {
  /** Central rows of each. Default 3. */
  central?: number;
  /** Keywords of each. Default 10. */
  keywords?: number;
  /** Languages whose stop words are no keywords. Default: English and Chinese. */
  stopWords?: readonly StopWordLanguage[];
}

/** Rows as they were clustered. */
export interface ClusteredRows extends VectorRows {
  /** A text a row. */
  texts: readonly string[];
  /** A cluster a row, from 0; {@link OUTLIER} where there is none. */
  labels: ArrayLike<number>;
}

/** A word that stands once in a cluster says little of it, and would be rare in the others. */
const MIN_COUNT = 2;

/** Describes every cluster, in the order of their numbers, outliers last. Throws `shape_mismatch`. */
export function describeClusters(
  { texts, labels, ...rows }: ClusteredRows,
  { central = 3, keywords = 10, stopWords = ['en', 'zh'] }: DescribeOptions = {},
): ClusterDescription[] {
  const vectors = new UnitVectors(rows);
  if (texts.length !== vectors.rows || labels.length !== vectors.rows)
    throw new AlbertineError(
      'shape_mismatch',
      `there are ${texts.length} texts, ${labels.length} clusters and ${vectors.rows} vectors of them`,
      { value: labels.length },
    );
  const stopped = stopWordsOf(stopWords);
  const members = new Map<number, number[]>();
  const words = new ClassTfIdf((text) => keywordTerms(text, stopped));
  for (let row = 0; row < vectors.rows; row++) {
    const cluster = labels[row];
    const own = members.get(cluster);
    if (own) own.push(row);
    else members.set(cluster, [row]);
    if (cluster !== OUTLIER) words.add(texts[row], cluster);
  }
  return [...members]
    .sort(([a], [b]) => (a === OUTLIER ? 1 : b === OUTLIER ? -1 : a - b))
    .map(([cluster, own]) => ({
      cluster,
      size: own.length,
      central: cluster === OUTLIER ? [] : medoids(vectors, own, central),
      keywords: cluster === OUTLIER ? [] : words.top(cluster, keywords, MIN_COUNT),
    }));
}

/** Clusters of {@link detectCommunities} as a number a row. */
export function communityLabels(communities: readonly (readonly number[])[], rows: number): Int32Array {
  const labels = new Int32Array(rows).fill(OUTLIER);
  for (const [cluster, community] of communities.entries()) for (const row of community) labels[row] = cluster;
  return labels;
}

/** The rows with the highest mean cosine with all: those with the highest product with their sum. */
function medoids(vectors: UnitVectors, members: readonly number[], most: number): number[] {
  const sum = new Float64Array(vectors.dimensions);
  for (const row of members) for (const [k, value] of vectors.row(row).entries()) sum[k] += value;
  const score = new Map(
    members.map((row) => [row, vectors.row(row).reduce((total, value, k) => total + value * sum[k], 0)]),
  );
  return [...members].sort((a, b) => score.get(b)! - score.get(a)! || a - b).slice(0, most);
}

const HAN = /\p{Script=Han}/u;
const NUMBER = /^[\p{N}.,]+$/u;

/** Words in lower case without stop words, numbers and single Chinese characters, which say little alone. */
function keywordTerms(text: string, stopWords: StopWords): string[] {
  return wordsOf(text)
    .map((word) => word.text)
    .filter((word) => !stopWords.isStop(word) && !NUMBER.test(word) && !(HAN.test(word) && [...word].length === 1));
}
