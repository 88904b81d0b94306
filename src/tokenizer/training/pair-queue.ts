/** Two neighbouring symbols. */
export interface SymbolPair {
  left: number;
  right: number;
}

interface PairEntry extends SymbolPair {
  count: number;
  /** Words in which the pair has occurred; it may be gone from some of them. */
  words: Set<number>;
  /** Order of first appearance, for ties. */
  order: number;
  /** Whether the pair waits in `risen`. */
  waiting: boolean;
}

interface QueuedPair {
  entry: PairEntry;
  /** The pair's count when it was queued; an entry whose count has fallen since is queued again. */
  count: number;
}

/** Counts of symbol pairs with fast access to the most frequent one (a binary heap with lazy updates). */
export class PairQueue {
  private readonly pairs = new Map<number, PairEntry>();
  private readonly heap: QueuedPair[] = [];
  /** Pairs whose count has risen since they were last queued. */
  private risen: PairEntry[] = [];

  /** Changes a pair's count; `word` is where it now also occurs. */
  add(pair: SymbolPair, change: number, word?: number): void {
    const key = pair.left * 0x4000000 + pair.right; // symbols number far fewer than 2^26
    let entry = this.pairs.get(key);
    if (!entry)
      this.pairs.set(key, (entry = { ...pair, count: 0, words: new Set(), order: this.pairs.size, waiting: false }));
    entry.count += change;
    if (word !== undefined) entry.words.add(word);
    // A falling count is noticed when the pair reaches the top.
    if (change > 0 && !entry.waiting) {
      entry.waiting = true;
      this.risen.push(entry);
    }
  }

  /** Removes and returns the most frequent pair, or undefined when none reaches `minCount`. */
  takeBest(minCount: number): (SymbolPair & { count: number; words: number[] }) | undefined {
    for (const entry of this.risen) {
      entry.waiting = false;
      if (entry.count > 0) this.push({ entry, count: entry.count });
    }
    this.risen = [];
    for (let top = this.pop(); top; top = this.pop()) {
      const { entry } = top;
      if (top.count > entry.count) {
        if (entry.count > 0) this.push({ entry, count: entry.count });
        continue;
      }
      if (top.count < entry.count || entry.count === 0) continue; // a newer item for it is queued, or it was taken
      if (entry.count < minCount) return undefined;
      const { left, right, count } = entry;
      const words = [...entry.words];
      entry.count = 0;
      entry.words.clear();
      return { left, right, count, words };
    }
    return undefined;
  }

  private push(item: QueuedPair): void {
    const { heap } = this;
    heap.push(item);
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at], heap[parent])) break;
      [heap[at], heap[parent]] = [heap[parent], heap[at]];
      at = parent;
    }
  }

  private pop(): QueuedPair | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    heap[0] = last;
    for (let at = 0; ;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && isBefore(heap[child], heap[first])) first = child;
      if (first === at) return top;
      [heap[at], heap[first]] = [heap[first], heap[at]];
      at = first;
    }
  }
}

function isBefore(a: QueuedPair, b: QueuedPair): boolean {
  return a.count > b.count || (a.count === b.count && a.entry.order < b.entry.order);
}
