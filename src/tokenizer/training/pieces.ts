/** Candidate pieces of the Unigram trainer. A piece is a stretch of `characters` (ids of a corpus' alphabet). */
export interface PieceSet {
  characters: Int32Array;
  starts: Int32Array;
  lengths: Int32Array;
  /** Natural logarithm of each piece's probability; `-Infinity` for a piece that the last M step dropped. */
  logProbabilities: Float64Array;
}

/** Number of pieces that have a probability. */
export function countAlive(pieces: PieceSet): number {
  let alive = 0;
  for (const value of pieces.logProbabilities) if (value !== -Infinity) alive++;
  return alive;
}

/** Lowest log-probability of a living piece. */
export function lowestLogProbability(pieces: PieceSet): number {
  let lowest = Infinity;
  for (const value of pieces.logProbabilities) if (value !== -Infinity && value < lowest) lowest = value;
  return lowest;
}

/** The pieces at `indices`, in that order. */
export function selectPieces(pieces: PieceSet, indices: ArrayLike<number>): PieceSet {
  const pick = <T extends Int32Array | Float64Array>(source: T, target: T): T => {
    for (let i = 0; i < indices.length; i++) target[i] = source[indices[i]];
    return target;
  };
  return {
    characters: pieces.characters,
    starts: pick(pieces.starts, new Int32Array(indices.length)),
    lengths: pick(pieces.lengths, new Int32Array(indices.length)),
    logProbabilities: pick(pieces.logProbabilities, new Float64Array(indices.length)),
  };
}

/** The text of piece `index`. */
export function pieceText(pieces: PieceSet, index: number, alphabet: readonly string[]): string {
  let text = '';
  const end = pieces.starts[index] + pieces.lengths[index];
  for (let at = pieces.starts[index]; at < end; at++) text += alphabet[pieces.characters[at]];
  return text;
}

/** Builds a set from texts; used to continue an interrupted training. Every character must be in `alphabet`. */
export function piecesFromTexts(
  entries: readonly (readonly [text: string, logProbability: number])[],
  alphabet: readonly string[],
): PieceSet {
  const idOf = new Map(alphabet.map((character, id) => [character, id]));
  const characters: number[] = [];
  const starts = new Int32Array(entries.length);
  const lengths = new Int32Array(entries.length);
  const logProbabilities = new Float64Array(entries.length);
  for (const [index, [text, logProbability]] of entries.entries()) {
    starts[index] = characters.length;
    for (const character of text) characters.push(idOf.get(character)!);
    lengths[index] = characters.length - starts[index];
    logProbabilities[index] = logProbability;
  }
  return { characters: Int32Array.from(characters), starts, lengths, logProbabilities };
}

/** Words of an entry of the hash table: parent node, character, child node, unused. */
const STRIDE = 4;

/**
 * All pieces, read from their last character to their first, so that the pieces *ending* at a position are found in one
 * walk.
 */
export class ReversedTrie {
  /** Node reached from the root by each character id; 0 when none. */
  readonly roots: Int32Array;
  /** Piece index that ends (begins, in the text) at each node; -1 when none. */
  readonly pieceAt: Int32Array;
  /** Longest piece in characters. */
  readonly maxLength: number;
  private readonly table: Int32Array;
  private readonly mask: number;

  constructor(pieces: PieceSet, alphabetSize: number) {
    let nodeLimit = 1;
    let maxLength = 1;
    for (const length of pieces.lengths) {
      nodeLimit += length;
      if (length > maxLength) maxLength = length;
    }
    this.maxLength = maxLength;
    this.roots = new Int32Array(alphabetSize);
    const nodes = new Int32Array(nodeLimit).fill(-1);
    // Most pieces share suffixes: grow instead of reserving for the worst case.
    let table = new Int32Array(STRIDE * 1024);
    let nodeCount = 1;
    for (let index = 0; index < pieces.lengths.length; index++) {
      const { node, created } = insert(pieces, index, { table, roots: this.roots, nodeCount });
      nodes[node] = index;
      nodeCount += created;
      if (nodeCount * 2 + maxLength * 2 > table.length / STRIDE) table = grown(table);
    }
    this.table = table;
    this.mask = table.length / STRIDE - 1;
    this.pieceAt = nodes.slice(0, nodeCount);
  }

  /** The node one character further to the left, or 0. */
  child(node: number, character: number): number {
    const { table, mask } = this;
    for (let slot = hash(node, character) & mask; ; slot = (slot + 1) & mask) {
      const base = slot * STRIDE;
      const child = table[base + 2];
      if (child === 0 || (table[base] === node && table[base + 1] === character)) return child;
    }
  }
}

function hash(node: number, character: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(character, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

function insert(
  pieces: PieceSet,
  index: number,
  trie: { table: Int32Array; roots: Int32Array; nodeCount: number },
): { node: number; created: number } {
  const { table, roots, nodeCount } = trie;
  const mask = table.length / STRIDE - 1;
  let created = 0;
  let at = pieces.starts[index] + pieces.lengths[index] - 1;
  let node = roots[pieces.characters[at]];
  if (node === 0) node = roots[pieces.characters[at]] = nodeCount + created++;
  while (--at >= pieces.starts[index]) {
    const character = pieces.characters[at];
    let base = (hash(node, character) & mask) * STRIDE;
    while (table[base + 2] !== 0 && (table[base] !== node || table[base + 1] !== character))
      base = (base + STRIDE) % table.length;
    if (table[base + 2] === 0) {
      table[base] = node;
      table[base + 1] = character;
      table[base + 2] = nodeCount + created++;
    }
    node = table[base + 2];
  }
  return { node, created };
}

function grown(table: Int32Array): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(table.length * 2);
  const mask = bigger.length / STRIDE - 1;
  for (let base = 0; base < table.length; base += STRIDE) {
    if (table[base + 2] === 0) continue;
    let slot = hash(table[base], table[base + 1]) & mask;
    while (bigger[slot * STRIDE + 2] !== 0) slot = (slot + 1) & mask;
    bigger.set(table.subarray(base, base + 3), slot * STRIDE);
  }
  return bigger;
}
