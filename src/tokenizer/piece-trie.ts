/** Nodes with fewer children than this are scanned, others searched by halving. */
const SCAN_LIMIT = 8;
/** Shorter runs are sorted by insertion, longer ones by counting. */
const INSERTION_LIMIT = 48;
/** Stands for the next unit of a piece that has none: it comes before all others. */
const ENDED = -1;

/**
 * A trie over UTF-16 code units. The children of a node are a contiguous, sorted run: few bytes a node and good
 * locality, which is what the speed of segmentation depends on. A node's children are made when they are first asked
 * for, so that a trie of tens of thousands of pieces is there at once, and only what texts need of it is ever built.
 */
export class PieceTrie {
  /** The value at each node that {@link child} has returned, -1 where no piece ends. */
  readonly values: Int32Array;
  /** The unit that leads to each node. */
  private readonly labels: Uint16Array;
  /** The range of each node's children: start, end. Both are 0 until they are asked for. */
  private readonly children: Int32Array;
  /** Children of the root by unit, 0 where there is none. */
  private readonly root = new Int32Array(65536);
  private count = 1;
  /**
   * The pieces below each node are a run of `order`, which is sorted by their units up to the node's depth and, once
   * opened, one further.
   */
  private readonly from: Int32Array;
  private readonly to: Int32Array;
  private readonly depths: Int32Array;
  private readonly order: PieceOrder;
  private readonly valueOf: ArrayLike<number> | undefined;

  /**
   * `values[i]` (default: i) belongs to `pieces[i]`; both are kept. Of equal pieces the last wins, empty ones are
   * ignored.
   */
  constructor(pieces: readonly string[], values?: ArrayLike<number>) {
    // Room for every node: memory that is never written to costs nothing.
    const capacity = pieces.reduce((sum, piece) => sum + piece.length, 1);
    this.values = new Int32Array(capacity);
    this.labels = new Uint16Array(capacity);
    this.children = new Int32Array(capacity * 2);
    this.from = new Int32Array(capacity);
    this.to = new Int32Array(capacity);
    this.depths = new Int32Array(capacity);
    this.order = new PieceOrder(pieces);
    this.valueOf = values;
    this.to[0] = pieces.length;
    this.open(0);
    for (let node = 1; node < this.count; node++) this.root[this.labels[node]] = node;
  }

  /** The node after `unit`, or 0 when there is none (nothing leads back to the root). */
  child(node: number, unit: number): number {
    if (node === 0) return this.root[unit];
    const { labels } = this;
    let low = this.children[2 * node];
    let high = this.children[2 * node + 1];
    // Asked last of all, because nearly every node that texts lead to is open.
    const isOpen = high > 0;
    while (high - low > SCAN_LIMIT) {
      const middle = (low + high) >>> 1;
      if (labels[middle] <= unit) low = middle;
      else high = middle;
    }
    for (; low < high; low++) if (labels[low] === unit) return low;
    return isOpen ? 0 : this.openedChild(node, unit);
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

  /** Opens a node, and goes on as {@link child}. */
  private openedChild(node: number, unit: number): number {
    this.open(node);
    return this.child(node, unit);
  }

  /** Makes the children of a node. */
  private open(node: number): void {
    const { order, from, to, depths, valueOf } = this;
    const { pieces, indices, keys } = order;
    const depth = depths[node];
    const end = to[node];
    const first = this.count;
    order.sort(from[node], end, depth);
    for (let i = from[node]; i < end;) {
      const key = keys[i];
      const start = i;
      let piece = -1;
      for (; i < end && keys[i] === key; i++) if (pieces[indices[i]].length === depth + 1) piece = indices[i];
      if (key === ENDED) continue;
      const child = this.count++;
      from[child] = start;
      to[child] = i;
      depths[child] = depth + 1;
      this.labels[child] = key;
      this.values[child] = piece < 0 || !valueOf ? piece : valueOf[piece];
    }
    this.children[2 * node] = first;
    this.children[2 * node + 1] = this.count;
  }
}

/** Pieces in the order of their first units; `sort` takes one unit more into account. */
class PieceOrder {
  readonly pieces: readonly string[];
  /** Indices of pieces, and the unit that each was last sorted by. */
  readonly indices: Int32Array;
  readonly keys: Int32Array;
  private readonly counts = new Int32Array(65537);

  constructor(pieces: readonly string[]) {
    this.pieces = pieces;
    this.keys = new Int32Array(pieces.length);
    this.indices = new Int32Array(pieces.length);
    for (let i = 0; i < pieces.length; i++) this.indices[i] = i;
  }

  /** Sorts the run `[from, to)` by unit number `depth`. Stable, so equal pieces stay in their original order. */
  sort(from: number, to: number, depth: number): void {
    const { pieces, indices, keys } = this;
    for (let i = from; i < to; i++) {
      const piece = pieces[indices[i]];
      keys[i] = depth < piece.length ? piece.charCodeAt(depth) : ENDED;
    }
    if (to - from > INSERTION_LIMIT) this.sortByCounting(from, to);
    else if (to - from > 1) this.sortByInsertion(from, to);
  }

  private sortByInsertion(from: number, to: number): void {
    const { indices, keys } = this;
    for (let i = from + 1; i < to; i++) {
      const key = keys[i];
      const index = indices[i];
      let k = i;
      for (; k > from && keys[k - 1] > key; k--) {
        keys[k] = keys[k - 1];
        indices[k] = indices[k - 1];
      }
      keys[k] = key;
      indices[k] = index;
    }
  }

  private sortByCounting(from: number, to: number): void {
    const { indices, keys, counts } = this;
    const distinct: number[] = [];
    for (let i = from; i < to; i++) if (counts[keys[i] + 1]++ === 0) distinct.push(keys[i]);
    distinct.sort((a, b) => a - b);
    // From here on `counts` has the place of the next piece with a key.
    let place = from;
    for (const key of distinct) {
      place += counts[key + 1];
      counts[key + 1] = place - counts[key + 1];
    }
    const before = indices.slice(from, to);
    for (let i = from; i < to; i++) indices[counts[keys[i] + 1]++] = before[i - from];
    let first = from;
    for (const key of distinct) {
      keys.fill(key, first, counts[key + 1]);
      first = counts[key + 1];
      counts[key + 1] = 0;
    }
  }
}
