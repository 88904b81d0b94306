import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';

/** How keywords are chosen among candidates. */
export const CHOICE_METHODS = ['none', 'mmr', 'max-sum'] as const;
/**
 * One of {@link CHOICE_METHODS}: `none` takes the best ones; `mmr` maximal marginal relevance (Carbonell and Goldstein
 * 1998); `max-sum` of the best `pool` those that are least similar to one another.
 */
export type ChoiceMethod = (typeof CHOICE_METHODS)[number];

/** Candidates by number. */
export interface Choices {
  /** Scores, one a candidate. */
  scores: ArrayLike<number>;
  /** How similar two candidates are. */
  similarity: (a: number, b: number) => number;
}

/** Numbers of candidates by falling score; those of the same score in their order. */
export function byScore(scores: ArrayLike<number>): number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a]);
}

/**
 * Numbers of those left, the best first, when each that stands nowhere without sharing text with a better one is
 * taken out; those without ranges stay.
 */
export function withoutOverlaps(
  scores: ArrayLike<number>,
  ranges: readonly (readonly (readonly [start: number, end: number])[])[],
): number[] {
  const taken: (readonly [number, number])[] = [];
  return byScore(scores).filter((i) => {
    const isApart =
      ranges[i].length === 0 ||
      ranges[i].some(([start, end]) => taken.every(([from, to]) => end <= from || start >= to));
    if (isApart) taken.push(...ranges[i]);
    return isApart;
  });
}

/**
 * Maximal marginal relevance: the best candidate, then again and again the one with the highest
 * `(1 - diversity) * score - diversity * largest similarity with a chosen one`. In the order of choosing.
 */
export function chooseMmr(
  { scores, similarity }: Choices,
  { topK, diversity }: { topK: number; diversity: number },
): number[] {
  const left = Array.from(scores, (_, i) => i);
  const nearest = new Float64Array(scores.length).fill(-Infinity);
  const chosen: number[] = [];
  while (chosen.length < topK && left.length > 0) {
    const value = (i: number): number =>
      chosen.length === 0 ? scores[i] : (1 - diversity) * scores[i] - diversity * nearest[i];
    const best = left.reduce((most, i) => (value(i) > value(most) ? i : most));
    chosen.push(best);
    left.splice(left.indexOf(best), 1);
    for (const i of left) nearest[i] = Math.max(nearest[i], similarity(i, best));
  }
  return chosen;
}

/** Steps of a search before it is called too long: about a second. */
const MOST_STEPS = 1e7;

/**
 * Of the `pool` best candidates the `topK` with the smallest sum of similarities between them, exactly. Throws
 * `invalid_argument` where there are too many ways to choose.
 */
export function chooseMaxSum(
  { scores, similarity }: Choices,
  { topK, pool }: { topK: number; pool: number },
): number[] {
  const best = byScore(scores).slice(0, pool);
  if (best.length <= topK) return best;
  const table = best.map((a) => best.map((b) => similarity(a, b)));
  const least = Math.min(...table.flatMap((row, i) => row.filter((_, j) => j !== i)));
  const pairs = (count: number): number => (count * (count - 1)) / 2;
  const chosen: number[] = [];
  let [found, smallest, steps]: [number[], number, number] = [[], Infinity, 0];
  const search = (from: number, sum: number): void => {
    if (++steps > MOST_STEPS)
      throw new AlbertineError(
        'invalid_argument',
        prose`${option('method', 'max-sum')} has too many ways to choose ${topK} of ${best.length} candidates`,
        { value: pool, option: 'pool', hint: prose`Use a smaller ${option('pool')}, or ${option('method', 'mmr')}` },
      );
    // What is still to be chosen adds at least this.
    if (sum + least * (pairs(topK) - pairs(chosen.length)) >= smallest) return;
    if (chosen.length === topK) {
      [found, smallest] = [[...chosen], sum];
      return;
    }
    for (let i = from; i <= best.length - (topK - chosen.length); i++) {
      const added = chosen.reduce((total, j) => total + table[i][j], 0);
      chosen.push(i);
      search(i + 1, sum + added);
      chosen.pop();
    }
  };
  search(0, 0);
  return found.map((i) => best[i]);
}
