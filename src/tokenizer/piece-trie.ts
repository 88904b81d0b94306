/** Nodes with fewer children than this are scanned, others searched by halving. */
const SCAN_LIMIT = 8;
/** Shorter runs are sorted by insertion, longer ones by counting. */
const INSERTION_LIMIT = 48;
/** Stands for the next unit of a piece that has none: it comes before all others. */
const ENDED = -1;

/**
 * An immutable trie over UTF-16 code units. Nodes are numbered breadth first, so the children of a node are a contiguous, sorted run:
 * few bytes a node and good locality, which is what the speed of segmentation depends on.
 */
export class PieceTrie {
  /** The value at each node, -1 where no piece ends. */
  readonly values: Int32Array;
  /** The unit that leads to each node, and each node's first child (its last is before the next node's first). */
  private readonly labels: Uint16Array;
  private readonly firstChild: Int32Array;
  /** Children of the root by unit, 0 where there is none. */
  private readonly root = new Int32Array(65536);

  /** Builds the trie; `values[i]` (default: i) belongs to `pieces[i]`. Of equal pieces the last wins, empty ones are ignored. */
  constructor(pieces: readonly string[], values?: ArrayLike<number>) {
    const list = new PieceList(pieces);
    const capacity = list.units.length + 2;
    const nodeValues = new Int32Array(capacity).fill(-1);
    const labels = new Uint16Array(capacity);
    const firstChild = new Int32Array(capacity);
    // The pieces below each node are a run of the list, which is sorted one unit further with each level of the trie.
    const from = new Int32Array(capacity);
    const to = new Int32Array(capacity);
    to[0] = list.order.length;
    let count = 1;
    let levelEnd = 1;
    for (let node = 0, depth = 0; node < count; node++) {
      if (node === levelEnd) {
        depth++;
        levelEnd = count;
      }
      firstChild[node] = count;
      const end = to[node];
      list.sort(from[node], end, depth);
      for (let i = from[node]; i < end;) {
        const key = list.keys[i];
        const first = i;
        while (i < end && list.keys[i] === key) i++;
        if (key === ENDED) {
          const piece = list.order[i - 1];
          if (node > 0) nodeValues[node] = values ? values[piece] : piece;
          continue;
        }
        from[count] = first;
        to[count] = i;
        labels[count] = key;
        if (node === 0) this.root[key] = count;
        count++;
      }
    }
    firstChild[count] = count;
    this.values = nodeValues.slice(0, count);
    this.labels = labels.slice(0, count);
    this.firstChild = firstChild.slice(0, count + 1);
  }

  /** The node after `unit`, or 0 when there is none (nothing leads back to the root). */
  child(node: number, unit: number): number {
    if (node === 0) return this.root[unit];
    const { labels } = this;
    let low = this.firstChild[node];
    let high = this.firstChild[node + 1];
    while (high - low > SCAN_LIMIT) {
      const middle = (low + high) >>> 1;
      if (labels[middle] <= unit) low = middle;
      else high = middle;
    }
    for (; low < high; low++) if (labels[low] === unit) return low;
    return 0;
  }

  /** The value of exactly this piece, or -1. */
  find(piece: string): number {
    let node = 0;
    for (let i = 0; i < piece.length; i++) {
      node = this.child(node, piece.charCodeAt(i));
      if (node === 0) return -1;
    }
    return node === 0 ? -1 : this.values[node];
  }
}

/** Pieces in the order of their first units; `sort` takes one unit more into account. All arrays are allocated once. */
class PieceList {
  /** The units of all pieces, one after the other. */
  readonly units: Uint16Array;
  /** Indices of pieces, and the unit that each was last sorted by. */
  readonly order: Int32Array;
  readonly keys: Int32Array;
  private readonly starts: Int32Array;
  private readonly counts = new Int32Array(65537);
  private readonly sortedOrder: Int32Array;

  constructor(pieces: readonly string[]) {
    const { length } = pieces;
    this.starts = new Int32Array(length + 1);
    this.order = new Int32Array(length);
    this.keys = new Int32Array(length);
    this.sortedOrder = new Int32Array(length);
    for (let i = 0; i < length; i++) {
      this.starts[i + 1] = this.starts[i] + pieces[i].length;
      this.order[i] = i;
    }
    this.units = new Uint16Array(this.starts[length]);
    let position = 0;
    for (let i = 0; i < length; i++) {
      const piece = pieces[i];
      for (let k = 0; k < piece.length; k++) this.units[position++] = piece.charCodeAt(k);
    }
  }

  /** Sorts the run `[from, to)` by unit number `depth`. Stable, so equal pieces stay in their original order. */
  sort(from: number, to: number, depth: number): void {
    const { units, order, keys, starts } = this;
    for (let i = from; i < to; i++) {
      const at = starts[order[i]] + depth;
      keys[i] = at < starts[order[i] + 1] ? units[at] : ENDED;
    }
    if (to - from > INSERTION_LIMIT) this.sortByCounting(from, to);
    else if (to - from > 1) this.sortByInsertion(from, to);
  }

  private sortByInsertion(from: number, to: number): void {
    const { order, keys } = this;
    for (let i = from + 1; i < to; i++) {
      const key = keys[i];
      const piece = order[i];
      let k = i;
      for (; k > from && keys[k - 1] > key; k--) {
        keys[k] = keys[k - 1];
        order[k] = order[k - 1];
      }
      keys[k] = key;
      order[k] = piece;
    }
  }

  private sortByCounting(from: number, to: number): void {
    const { order, keys, counts, sortedOrder } = this;
    const distinct: number[] = [];
    for (let i = from; i < to; i++) if (counts[keys[i] + 1]++ === 0) distinct.push(keys[i]);
    distinct.sort((a, b) => a - b);
    // From here on `counts` has the place of the next piece with a key.
    let place = from;
    for (const key of distinct) {
      place += counts[key + 1];
      counts[key + 1] = place - counts[key + 1];
    }
    for (let i = from; i < to; i++) sortedOrder[counts[keys[i] + 1]++] = order[i];
    order.set(sortedOrder.subarray(from, to), from);
    let first = from;
    for (const key of distinct) {
      keys.fill(key, first, counts[key + 1]);
      first = counts[key + 1];
      counts[key + 1] = 0;
    }
  }
}
