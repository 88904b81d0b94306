import { mixSeed } from '../../core/random.ts';
import { Permutation } from './permutation.ts';

/** A source as the order of blocks sees it. */
export interface ScheduledSource {
  blocks: number;
  /** Passes over the source in an epoch, not necessarily whole. */
  passes: number;
}

/** One visit of a block. */
export interface Visit {
  source: number;
  /** Number of the block in its source. */
  block: number;
  /** How often the source had been gone through before; with the block it names this visit. */
  pass: number;
}

/**
 * The order of blocks in an epoch: a permutation over the visits of all sources, known by seed and epoch, evaluated at
 * any position at once. Every source is gone through in passes, each a permutation of its own; an epoch takes the next
 * `passes` of them, so that a source with 0.3 gives other blocks in the next epoch and none twice before all have come.
 */
export class EpochSchedule {
  /** Visits in the epoch. */
  readonly size: number;
  private readonly sources: readonly ScheduledSource[];
  private readonly seed: number;
  private readonly shuffle: boolean;
  /** First visit of each source in this epoch, counted from the beginning of training. */
  private readonly firstVisits: number[] = [];
  /** First slot of each source, and the size. */
  private readonly slots: number[] = [0];
  private readonly order: Permutation;
  private readonly passes = new Map<string, Permutation>();

  /** With `shuffle: false` every block comes once, in order, whatever its source's `passes`. */
  constructor(sources: readonly ScheduledSource[], options: { seed: number; epoch: number; shuffle: boolean }) {
    const { seed, epoch, shuffle } = options;
    this.sources = sources;
    this.seed = seed;
    this.shuffle = shuffle;
    for (const { blocks, passes } of sources) {
      const perEpoch = blocks * (shuffle ? passes : 1);
      const first = Math.floor(epoch * perEpoch + 1e-6);
      this.firstVisits.push(first);
      this.slots.push(this.slots.at(-1)! + Math.floor((epoch + 1) * perEpoch + 1e-6) - first);
    }
    this.size = this.slots.at(-1)!;
    this.order = new Permutation(this.size, mixSeed(seed, 1, epoch));
  }

  /** What comes at a position in `[0, size)`. */
  visit(position: number): Visit {
    const slot = this.shuffle ? this.order.at(position) : position;
    const source = upperBound(this.slots, slot) - 1;
    const visit = this.firstVisits[source] + slot - this.slots[source];
    const { blocks } = this.sources[source];
    const pass = Math.floor(visit / blocks);
    const block = visit % blocks;
    return { source, pass, block: this.shuffle ? this.passOrder(source, pass).at(block) : block };
  }

  private passOrder(source: number, pass: number): Permutation {
    const key = `${source} ${pass}`;
    let order = this.passes.get(key);
    if (!order)
      this.passes.set(key, (order = new Permutation(this.sources[source].blocks, mixSeed(this.seed, 2, source, pass))));
    return order;
  }
}

/** Index of the first entry above `value` in an ascending list. */
export function upperBound(values: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
