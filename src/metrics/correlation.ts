import { mean, requireSameLength } from './check.ts';

/**
 * Pearson's linear correlation, in [-1, 1]; NaN with fewer than two pairs or when one list is constant. Throws
 * `shape_mismatch`.
 */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const count = requireSameLength(x, y);
  // A constant list can have a variance of rounding errors, so constancy is checked by value.
  if (count < 2 || isConstant(x) || isConstant(y)) return NaN;
  const meanX = mean(x);
  const meanY = mean(y);
  let covariance = 0;
  let varianceX = 0;
  let varianceY = 0;
  for (let i = 0; i < count; i++) {
    const dx = x[i] - meanX;
    const dy = y[i] - meanY;
    covariance += dx * dy;
    varianceX += dx * dx;
    varianceY += dy * dy;
  }
  return Math.min(1, Math.max(-1, covariance / Math.sqrt(varianceX) / Math.sqrt(varianceY)));
}

/** Spearman's rank correlation, tied values sharing their mean rank; NaN as {@link pearson}, or if a value is NaN. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number {
  requireSameLength(x, y);
  return hasNaN(x) || hasNaN(y) ? NaN : pearson(ranks(x), ranks(y));
}

/** Ranks from 1, equal values sharing the mean of theirs. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = sortedIndices(values.length, (a, b) => compare(values[a], values[b]));
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) result[order[i]] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}

/**
 * Kendall's tau-b, which corrects for ties, in [-1, 1]; NaN as {@link spearman}. In `n log n` steps by counting the
 * exchanges of a merge sort (Knight 1966, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data").
 */
export function kendallTau(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const count = requireSameLength(x, y);
  if (count < 2 || hasNaN(x) || hasNaN(y)) return NaN;
  const order = sortedIndices(count, (a, b) => compare(x[a], x[b]) || compare(y[a], y[b]));
  const xs = Float64Array.from(order, (index) => x[index]);
  const ys = Float64Array.from(order, (index) => y[index]);
  const pairs = (count * (count - 1)) / 2;
  const tiedX = tiedPairs(count, (a, b) => xs[a] === xs[b]);
  const tiedBoth = tiedPairs(count, (a, b) => xs[a] === xs[b] && ys[a] === ys[b]);
  // Sorting by y afterwards exchanges exactly the discordant pairs.
  const discordant = sortCountingExchanges(ys);
  const tiedY = tiedPairs(count, (a, b) => ys[a] === ys[b]);
  const concordantMinusDiscordant = pairs - tiedX - tiedY + tiedBoth - 2 * discordant;
  if (tiedX === pairs || tiedY === pairs) return NaN;
  return Math.min(1, Math.max(-1, concordantMinusDiscordant / Math.sqrt(pairs - tiedX) / Math.sqrt(pairs - tiedY)));
}

/** Pairs within runs of equal neighbours. */
function tiedPairs(count: number, equal: (a: number, b: number) => boolean): number {
  let pairs = 0;
  let run = 1;
  for (let i = 1; i <= count; i++) {
    if (i < count && equal(i - 1, i)) run++;
    else {
      pairs += (run * (run - 1)) / 2;
      run = 1;
    }
  }
  return pairs;
}

/** Sorts in place (merge sort from the bottom up); returns how many pairs were in the wrong order. */
function sortCountingExchanges(values: Float64Array): number {
  let exchanges = 0;
  let from: Float64Array = values;
  let to: Float64Array = new Float64Array(values.length);
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(start + 2 * width, values.length);
      let left = start;
      let right = middle;
      for (let i = start; i < end; i++) {
        if (left < middle && (right >= end || from[left] <= from[right])) to[i] = from[left++];
        else {
          exchanges += middle - left;
          to[i] = from[right++];
        }
      }
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return exchanges;
}

function sortedIndices(count: number, order: (a: number, b: number) => number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index).sort(order);
}

/** Not a difference, because that of two infinities is no number. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

function hasNaN(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return true;
  return false;
}
