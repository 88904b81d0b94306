/** Nodes with fewer children than this are scanned, others searched by halving. */
const SCAN_LIMIT = 8;

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

  /** Builds the trie; of equal pieces the last wins, empty ones are ignored. */
  constructor(pieces: Iterable<readonly [piece: string, value: number]>) {
    const valueOf = new Map(pieces);
    valueOf.delete('');
    // Without a comparator strings sort by code unit, and much faster.
    const sorted = [...valueOf.keys()].sort();
    const capacity = sorted.reduce((sum, piece) => sum + piece.length, 2);
    const values = new Int32Array(capacity).fill(-1);
    const labels = new Uint16Array(capacity);
    const firstChild = new Int32Array(capacity);
    // The range of `sorted` below each node, and the node's depth.
    const from = new Int32Array(capacity);
    const to = new Int32Array(capacity);
    const depths = new Int32Array(capacity);
    to[0] = sorted.length;
    let count = 1;
    for (let node = 0; node < count; node++) {
      const depth = depths[node];
      firstChild[node] = count;
      let i = from[node];
      if (i < to[node] && sorted[i].length === depth) values[node] = valueOf.get(sorted[i++])!;
      while (i < to[node]) {
        const unit = sorted[i].charCodeAt(depth);
        from[count] = i;
        while (i < to[node] && sorted[i].charCodeAt(depth) === unit) i++;
        to[count] = i;
        depths[count] = depth + 1;
        labels[count] = unit;
        if (node === 0) this.root[unit] = count;
        count++;
      }
    }
    firstChild[count] = count;
    this.values = values.slice(0, count);
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
