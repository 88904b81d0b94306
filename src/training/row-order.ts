import { createRandom, mixSeed, shuffle, type Random } from '../core/random.ts';

/** Options of {@link rowOrder}. */
export interface RowOrderOptions {
  seed: number;
  shuffled: boolean;
  /** Puts rows of similar length into the same batch; only for shuffled rows. */
  grouping?: { batchSize: number; lengthOf: (row: number) => number };
}

/**
 * Batches that are sorted by length together: many give little padding, few keep the rows of a batch as random as can
 * be.
 */
const GROUPED_BATCHES = 50;

/** Which row is at a position of the endless sequence of epochs; every epoch is shuffled on its own. */
export function rowOrder(rows: number, options: RowOrderOptions): (position: number) => number {
  if (!options.shuffled) return (position) => position % rows;
  let current: { epoch: number; order: number[] } | undefined;
  return (position) => {
    const epoch = Math.floor(position / rows);
    if (current?.epoch !== epoch) current = { epoch, order: epochOrder(rows, epoch, options) };
    return current.order[position % rows];
  };
}

function epochOrder(rows: number, epoch: number, { seed, grouping }: RowOrderOptions): number[] {
  const random = createRandom(mixSeed(seed, epoch));
  const order = shuffle(
    Array.from({ length: rows }, (_, row) => row),
    random,
  );
  return grouping ? groupByLength(order, random, { ...grouping, begun: (epoch * rows) % grouping.batchSize }) : order;
}

/**
 * Sorts stretches of shuffled rows by length, cuts them into batches, and shuffles those. `begun` rows of the first
 * batch belong to the epoch before.
 */
function groupByLength(
  order: readonly number[],
  random: Random,
  group: { batchSize: number; lengthOf: (row: number) => number; begun: number },
): number[] {
  const { batchSize, lengthOf, begun } = group;
  const first = begun === 0 ? 0 : Math.min(order.length, batchSize - begun);
  const batches: number[][] = [];
  for (let start = first; start < order.length; start += GROUPED_BATCHES * batchSize) {
    const stretch = order.slice(start, start + GROUPED_BATCHES * batchSize).sort((a, b) => lengthOf(a) - lengthOf(b));
    for (let i = 0; i < stretch.length; i += batchSize) batches.push(stretch.slice(i, i + batchSize));
  }
  // A last batch that the next epoch fills up has to stay where it is.
  const rest = batches.length > 0 && batches[batches.length - 1].length < batchSize ? batches.pop()! : [];
  return [...order.slice(0, first), ...shuffle(batches, random).flat(), ...rest];
}
