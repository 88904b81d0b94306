import { requireInteger } from '../core/errors.ts';

/** Options of {@link planBatches}. */
export interface BatchOptions {
  /** Padded tokens that a batch may have: rows times padded length. A longer text is a batch of its own. */
  tokenBudget: number;
  /** Rows that a batch may have. Default: no limit. */
  maxBatch?: number;
  /** Padded length for a length, not below it. Default {@link bucketLength}. */
  bucket?: (length: number) => number;
  /**
   * What one more batch costs, in padded tokens: batches of neighbouring lengths are joined where the padding costs
   * less. Default 0: only texts of one padded length share a batch. Training sets it, because a step has few rows of
   * many lengths.
   */
  batchCost?: number;
}

/**
 * The `batchCost` of training: a forward and backward pass of few rows costs about as much as this many tokens more.
 */
export const MICRO_BATCH_COST = 256;

/**
 * Rounds a length up so that few different lengths occur and little is padded: exact up to 16, then 8 steps to each
 * doubling (18, 20 ... 32, 36 ... 64, 72 ...). At most 1/8 is padding, 3-4 % of typical texts; 56 lengths up to 512.
 */
export function bucketLength(length: number): number {
  if (length <= 16) return Math.max(1, length);
  const step = 2 ** (Math.ceil(Math.log2(length)) - 4);
  return Math.ceil(length / step) * step;
}

/** {@link bucketLength} that never exceeds what a model takes; lengths themselves must not exceed it either. */
export const bucketWithin =
  (limit: number) =>
  (length: number): number =>
    Math.min(limit, bucketLength(length));

/**
 * Groups texts by padded length under a token budget and returns the batches as indices into `lengths`: every text is
 * in exactly one batch, padded to the `bucket` of its longest text (with the default `batchCost` all texts of a batch
 * have the same padded length), and batches run from the longest to the shortest (so that memory peaks first).
 * Deterministic. Lengths must be integers of at least 0; 0 is padded to the bucket of 0.
 */
export function planBatches(
  lengths: ArrayLike<number>,
  { tokenBudget, maxBatch, bucket = bucketLength, batchCost = 0 }: BatchOptions,
): number[][] {
  requireInteger('tokenBudget', tokenBudget, { min: 1 });
  if (maxBatch !== undefined) requireInteger('maxBatch', maxBatch, { min: 1 });
  const byLength = new Map<number, number[]>();
  for (let index = 0; index < lengths.length; index++) {
    const length = requireInteger(`lengths[${index}]`, lengths[index], { min: 0 });
    const paddedLength = requireInteger('bucket(length)', bucket(length), { min: length });
    const group = byLength.get(paddedLength);
    if (group) group.push(index);
    else byLength.set(paddedLength, [index]);
  }
  const batches: number[][] = [];
  for (const paddedLength of [...byLength.keys()].sort((a, b) => b - a)) {
    const group = byLength.get(paddedLength)!;
    const rows = Math.min(maxBatch ?? Infinity, Math.max(1, Math.floor(tokenBudget / Math.max(1, paddedLength))));
    for (let start = 0; start < group.length; start += rows) batches.push(group.slice(start, start + rows));
  }
  return batchCost > 0
    ? joinBatches(batches, (batch) => bucket(lengths[batch[0]]), {
        tokenBudget,
        maxBatch: maxBatch ?? Infinity,
        batchCost,
      })
    : batches;
}

/**
 * Joins neighbours of batches in descending order of length so that padded tokens plus `batchCost` for each batch are
 * fewest.
 */
function joinBatches(
  batches: number[][],
  paddedLength: (batch: number[]) => number,
  limits: Required<Pick<BatchOptions, 'tokenBudget' | 'maxBatch' | 'batchCost'>>,
): number[][] {
  /** Least cost of the batches before `i`, and where the last of them begins. */
  const best = [{ cost: 0, from: 0 }];
  for (let end = 1; end <= batches.length; end++) {
    let choice = { cost: Infinity, from: end - 1 };
    for (let from = end - 1, rows = 0; from >= 0; from--) {
      rows += batches[from].length;
      const tokens = rows * paddedLength(batches[from]);
      if (from < end - 1 && (rows > limits.maxBatch || tokens > limits.tokenBudget)) break;
      const cost = best[from].cost + tokens + limits.batchCost;
      if (cost < choice.cost) choice = { cost, from };
    }
    best.push(choice);
  }
  const joined: number[][] = [];
  for (let end = batches.length; end > 0; end = best[end].from)
    joined.unshift(batches.slice(best[end].from, end).flat());
  return joined;
}
