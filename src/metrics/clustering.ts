import { AlbertineError } from '../core/errors.ts';
import { requireSameLength } from './check.ts';

/** How well clusters agree with labels. */
export interface ClusteringReport {
  /** Pairs that are together in both, 0 for chance and 1 for equal partitions (Hubert and Arabie 1985). */
  adjustedRandIndex: number;
  /** 1 where every cluster has rows of one label alone (Rosenberg and Hirschberg 2007). */
  homogeneity: number;
  /** 1 where all rows of a label are in one cluster. */
  completeness: number;
  /** Harmonic mean of both, which is the mutual information by the mean of the entropies. */
  vMeasure: number;
  /** Share of the rows that have their cluster's most frequent label; 1 where every row is a cluster. */
  purity: number;
}

type Names = ArrayLike<string | number>;

/**
 * Compares clusters with labels, both by any names; the first four figures as in scikit-learn. Throws `shape_mismatch`
 * for lists of different lengths, `invalid_argument` for empty ones.
 */
export function clusteringReport(labels: Names, clusters: Names): ClusteringReport {
  const n = requireSameLength(labels, clusters);
  if (n === 0) throw new AlbertineError('invalid_argument', 'there is no row to be measured', { value: n });
  const [ofLabels, ofClusters, ofBoth] = [new Map(), new Map(), new Map()] as [Counts, Counts, Counts];
  const largest = new Map<string | number, number>();
  for (let i = 0; i < n; i++) {
    const [label, cluster] = [labels[i], clusters[i]];
    count(ofLabels, label);
    count(ofClusters, cluster);
    const together = count(ofBoth, JSON.stringify([label, cluster]));
    largest.set(cluster, Math.max(largest.get(cluster) ?? 0, together));
  }
  const [labelEntropy, clusterEntropy, jointEntropy] = [ofLabels, ofClusters, ofBoth].map((counts) =>
    entropy(counts, n),
  );
  const mutual = Math.max(0, labelEntropy + clusterEntropy - jointEntropy);
  const homogeneity = labelEntropy === 0 ? 1 : mutual / labelEntropy;
  const completeness = clusterEntropy === 0 ? 1 : mutual / clusterEntropy;
  const sum = homogeneity + completeness;
  return {
    adjustedRandIndex: adjustedRand({ labels: pairs(ofLabels), clusters: pairs(ofClusters), both: pairs(ofBoth), n }),
    homogeneity,
    completeness,
    vMeasure: sum === 0 ? 0 : (2 * homogeneity * completeness) / sum,
    purity: [...largest.values()].reduce((total, rows) => total + rows, 0) / n,
  };
}

type Counts = Map<string | number, number>;

function count(counts: Counts, name: string | number): number {
  const now = (counts.get(name) ?? 0) + 1;
  counts.set(name, now);
  return now;
}

function entropy(counts: Counts, n: number): number {
  let sum = 0;
  for (const rows of counts.values()) sum -= (rows / n) * Math.log(rows / n);
  return sum;
}

const pairs = (counts: Counts): number => [...counts.values()].reduce((sum, rows) => sum + (rows * (rows - 1)) / 2, 0);

function adjustedRand({
  labels,
  clusters,
  both,
  n,
}: {
  labels: number;
  clusters: number;
  both: number;
  n: number;
}): number {
  const all = (n * (n - 1)) / 2;
  const expected = all === 0 ? 0 : (labels * clusters) / all;
  const most = (labels + clusters) / 2;
  // Where both partitions are trivial in the same way they are equal.
  return most === expected ? 1 : (both - expected) / (most - expected);
}
