/**
 * A trie over UTF-16 code units. Transitions out of the root are a direct table, the others an open-addressing
 * hash table, all in typed arrays.
 */
export class PieceTrie {
  /** The value at each node, -1 where no piece ends. */
  values = new Int32Array(1024).fill(-1);
  private readonly root = new Int32Array(65536);
  private nodeCount = 1;
  /** `node * 65536 + unit`, or -1. */
  private keys = new Float64Array(4096).fill(-1);
  private children = new Int32Array(4096);
  private used = 0;

  /** Adds a piece; a later value for the same piece wins. The empty piece is ignored. */
  add(piece: string, value: number): void {
    if (piece.length === 0) return;
    let node = 0;
    for (let i = 0; i < piece.length; i++) node = this.child(node, piece.charCodeAt(i)) || this.addChild(node, piece.charCodeAt(i));
    this.values[node] = value;
  }

  /** The node after `unit`, or 0 when there is none (nothing leads back to the root). */
  child(node: number, unit: number): number {
    if (node === 0) return this.root[unit];
    const { keys } = this;
    const mask = keys.length - 1;
    const key = node * 65536 + unit;
    let slot = hashOf(node, unit) & mask;
    for (;;) {
      const found = keys[slot];
      if (found === key) return this.children[slot];
      if (found === -1) return 0;
      slot = (slot + 1) & mask;
    }
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

  private addChild(node: number, unit: number): number {
    const child = this.nodeCount++;
    if (child === this.values.length) {
      const larger = new Int32Array(child * 2).fill(-1);
      larger.set(this.values);
      this.values = larger;
    }
    if (node === 0) this.root[unit] = child;
    else {
      if (++this.used * 3 > this.keys.length) this.grow();
      this.insert(node * 65536 + unit, hashOf(node, unit), child);
    }
    return child;
  }

  private insert(key: number, hash: number, child: number): void {
    const mask = this.keys.length - 1;
    let slot = hash & mask;
    while (this.keys[slot] !== -1) slot = (slot + 1) & mask;
    this.keys[slot] = key;
    this.children[slot] = child;
  }

  private grow(): void {
    const { keys, children } = this;
    this.keys = new Float64Array(keys.length * 2).fill(-1);
    this.children = new Int32Array(keys.length * 2);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] !== -1) this.insert(keys[i], hashOf(Math.floor(keys[i] / 65536), keys[i] % 65536), children[i]);
    }
  }
}

function hashOf(node: number, unit: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
