import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { createRandom } from '../../core/random.ts';
import { cosine } from '../../metrics/similarity.ts';

/** Words with what they have in common. */
export interface WordSet {
  /** What it is called. */
  name: string;
  /** The words. */
  words: readonly string[];
}

/** Two sets of target words and two of attributes: are those of X nearer to A, and those of Y to B? */
export interface WeatTest {
  /** What it is called. */
  name: string;
  /** The one set of targets. */
  X: WordSet;
  /** The other set of targets. */
  Y: WordSet;
  /** The one set of attributes. */
  A: WordSet;
  /** The other set of attributes. */
  B: WordSet;
}

/** Vectors in place of the words. */
export interface WeatVectors {
  /** The one set of targets. */
  X: readonly Float32Array[];
  /** The other set of targets. */
  Y: readonly Float32Array[];
  /** The one set of attributes. */
  A: readonly Float32Array[];
  /** The other set of attributes. */
  B: readonly Float32Array[];
}

/** Association of target words with attributes. */
export interface WeatResult {
  /**
   * Difference of the mean associations of X and Y in standard deviations, from -2 to 2: above 0 where X goes with A
   * and Y with B.
   */
  effectSize: number;
  /** Sum of the associations of X less that of Y. */
  statistic: number;
  /** One-sided: the share of divisions of the targets into two sets of these sizes whose statistic is as large. */
  pValue: number;
  /** Divisions that were looked at. */
  permutations: number;
  /** Whether these are all there are. */
  exact: boolean;
}

/** Options of {@link weat}. */
export interface WeatOptions {
  /** Divisions that are drawn where there are more than these. Default 100,000. */
  permutations?: number;
  /** Default 1. */
  seed?: number;
}

const PERMUTATIONS = 100_000;

/**
 * Word Embedding Association Test (Caliskan, Bryson & Narayanan 2017) of any vectors; of those of sentences it is SEAT
 * (May et al. 2019). The association of a vector is its mean cosine with A less that with B; the effect size divides by
 * the sample standard deviation over X and Y together, as the authors' code does. Throws `invalid_argument` for a set
 * of fewer than two targets or without attributes.
 */
export function weat({ X, Y, A, B }: WeatVectors, options: WeatOptions = {}): WeatResult {
  const { permutations = PERMUTATIONS, seed = 1 } = options;
  requireInteger('permutations', permutations, { min: 1 });
  if (X.length < 2 || Y.length < 2 || A.length < 1 || B.length < 1)
    throw new AlbertineError('invalid_argument', 'WEAT needs two words in X and in Y and one in A and in B', {
      value: [X.length, Y.length, A.length, B.length],
    });
  const association = (vector: Float32Array): number => meanCosine(vector, A) - meanCosine(vector, B);
  const own = [...X, ...Y].map(association);
  const sum = own.reduce((total, value) => total + value, 0);
  const ofX = own.slice(0, X.length).reduce((total, value) => total + value, 0);
  const mean = sum / own.length;
  const deviation = Math.sqrt(own.reduce((total, value) => total + (value - mean) ** 2, 0) / (own.length - 1));
  const statistic = ofX - (sum - ofX);
  // A division is known by the sum of its first part; what rounding alone makes different is as large.
  const least = ofX - 1e-9;
  const exact = combinations(own.length, X.length) <= permutations;
  const { asLarge, count } = exact
    ? allDivisions(own, X.length, least)
    : drawnDivisions(own, X.length, { least, permutations, seed });
  return {
    // All targets alike are associated with nothing.
    effectSize: deviation === 0 ? 0 : (ofX / X.length - (sum - ofX) / Y.length) / deviation,
    statistic,
    pValue: asLarge / count,
    permutations: count,
    exact,
  };
}

function meanCosine(vector: Float32Array, others: readonly Float32Array[]): number {
  return others.reduce((sum, other) => sum + cosine(vector, other), 0) / others.length;
}

function combinations(count: number, chosen: number): number {
  let product = 1;
  for (let i = 1; i <= chosen; i++) product = (product * (count - chosen + i)) / i;
  return product;
}

function allDivisions(values: readonly number[], chosen: number, least: number): { asLarge: number; count: number } {
  let [asLarge, count] = [0, 0];
  const choose = (from: number, left: number, sum: number): void => {
    if (left === 0) {
      count++;
      if (sum >= least) asLarge++;
      return;
    }
    for (let i = from; i <= values.length - left; i++) choose(i + 1, left - 1, sum + values[i]);
  };
  choose(0, chosen, 0);
  return { asLarge, count };
}

/** With the division as it is among those drawn, so that p is never 0. */
function drawnDivisions(
  values: readonly number[],
  chosen: number,
  { least, permutations, seed }: { least: number; permutations: number; seed: number },
): { asLarge: number; count: number } {
  const random = createRandom(seed);
  const order = [...values];
  let asLarge = 1;
  for (let draw = 1; draw < permutations; draw++) {
    let sum = 0;
    for (let i = 0; i < chosen; i++) {
      const j = i + random.integer(order.length - i);
      [order[i], order[j]] = [order[j], order[i]];
      sum += order[i];
    }
    if (sum >= least) asLarge++;
  }
  return { asLarge, count: permutations };
}
