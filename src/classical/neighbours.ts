import { normalised, type FeatureMatrix } from './features.ts';
import type { Targets } from './linear.ts';

/** Rows compared at a time: similarities are `[QUERIES, rows]`. */
const QUERIES = 256;

/**
 * Mean target of the `k` rows with the highest cosine (Cover and Hart 1967), for several `k` at once: `[rows, outputs]`
 * each. Of equal cosines the earlier row counts, as in scikit-learn's brute force; other than there a row that shares
 * nothing with the one asked about (cosine 0) is no neighbour, and where there is none at all, it is the mean of all
 * rows.
 */
export async function neighbourTargets(
  features: FeatureMatrix,
  known: { features: FeatureMatrix; targets: Targets },
  ks: readonly number[],
): Promise<Float64Array[]> {
  const { values, outputs } = known.targets;
  const reference = normalised(known.features);
  const queries = normalised(features);
  let whole: Float64Array | undefined;
  const results = ks.map(() => new Float64Array(features.rows * outputs));
  const most = Math.min(Math.max(...ks), reference.rows);
  for (let start = 0; start < queries.rows; start += QUERIES) {
    const rows = Array.from({ length: Math.min(QUERIES, queries.rows - start) }, (_, i) => start + i);
    const cosines = await queries.pick(rows).similarities(reference);
    for (const [i, row] of rows.entries()) {
      const own = cosines.subarray(i * reference.rows, (i + 1) * reference.rows);
      const nearest = largest(own, most).filter((neighbour) => own[neighbour] !== 0);
      if (nearest.length === 0) {
        whole ??= meanTarget(known.targets, reference.rows);
        for (const result of results) result.set(whole, row * outputs);
        continue;
      }
      ks.forEach((k, index) => {
        const counted = nearest.slice(0, k);
        for (let output = 0; output < outputs; output++) {
          // Divided last: shares that are added up need not come to 1.
          const sum = counted.reduce((total, neighbour) => total + values[neighbour * outputs + output], 0);
          results[index][row * outputs + output] = sum / counted.length;
        }
      });
    }
  }
  return results;
}

function meanTarget({ values, outputs }: Targets, rows: number): Float64Array {
  const mean = new Float64Array(outputs);
  values.forEach((value, i) => (mean[i % outputs] += value));
  return mean.map((sum) => sum / rows);
}

/** Indices of the largest values, the largest first. */
function largest(values: Float64Array, count: number): number[] {
  const found: number[] = [];
  values.forEach((value, index) => {
    if (found.length === count && value <= values[found[count - 1]]) return;
    let at = found.length;
    while (at > 0 && values[found[at - 1]] < value) at--;
    found.splice(at, 0, index);
    if (found.length > count) found.pop();
  });
  return found;
}
