import { AlbertineError } from '../../core/errors.ts';

/** Rewriting rules of a normaliser: source string to replacement (which may be empty). The longest match wins. */
export type CharacterRules = ReadonlyMap<string, string>;

/**
 * Rules that make text fit for encoding whatever its source: control, zero-width and formatting characters and
 * variation selectors vanish; line breaks, exotic spaces, SentencePiece's own U+2581 and U+FFFD become a space.
 */
export function cleaningRules(): CharacterRules {
  const rules = new Map<string, string>();
  const range = (from: number, to: number, replacement: string) => {
    for (let code = from; code <= to; code++) rules.set(String.fromCodePoint(code), replacement);
  };
  range(0x01, 0x1f, '');
  range(0x7f, 0x9f, '');
  for (const space of [
    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x2581, 0x3000, 0xfffd,
  ])
    range(space, space, ' ');
  range(0x2000, 0x200a, ' ');
  range(0xad, 0xad, ''); // soft hyphen
  range(0x200b, 0x200f, ''); // zero-width space and joiners, direction marks
  range(0x202a, 0x202e, '');
  range(0x2060, 0x2064, '');
  range(0xfe00, 0xfe0f, ''); // variation selectors
  range(0xfeff, 0xfeff, '');
  return rules;
}

interface TrieNode {
  children: Map<number, TrieNode>;
  value: number;
}

const HAS_LEAF = 1 << 8;
const LEAF = 1 << 31;
/** SentencePiece wants whole blocks of this many units. */
const BLOCK = 256;
const MAX_UNITS = 1 << 21;

/**
 * Compiles rules to SentencePiece's `precompiled_charsmap`: the size of a Darts-clone double array, the array over
 * UTF-8 bytes, then the NUL-terminated replacements that its values point at. Meant for up to a few thousand rules.
 * Throws `invalid_argument` for an empty source or a NUL.
 */
export function compileCharsmap(rules: CharacterRules): Uint8Array {
  if (rules.size === 0) return new Uint8Array(0);
  const encoder = new TextEncoder();
  const root: TrieNode = { children: new Map(), value: -1 };
  const replacements: number[] = [];
  const offsetOf = new Map<string, number>();
  for (const [source, replacement] of rules) {
    if (source === '' || (source + replacement).includes('\0')) {
      throw new AlbertineError(
        'invalid_argument',
        `a character rule needs a source and no NUL, got ${JSON.stringify(source)}`,
        { value: source },
      );
    }
    let offset = offsetOf.get(replacement);
    if (offset === undefined) {
      offsetOf.set(replacement, (offset = replacements.length));
      replacements.push(...encoder.encode(replacement), 0);
    }
    insertKey(root, encoder.encode(source), offset);
  }
  const units = buildDoubleArray(root);
  const bytes = new Uint8Array(4 + units.length * 4 + replacements.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, units.length * 4, true);
  for (const [index, unit] of units.entries()) view.setUint32(4 + index * 4, unit, true);
  bytes.set(replacements, 4 + units.length * 4);
  return bytes;
}

function insertKey(root: TrieNode, key: Uint8Array, value: number): void {
  let node = root;
  for (const byte of key) {
    let child = node.children.get(byte);
    if (!child) node.children.set(byte, (child = { children: new Map(), value: -1 }));
    node = child;
  }
  node.value = value;
}

/**
 * A node at index i with base b keeps `i ^ b`; its child for byte c is at `b ^ c`, its value at `b`. A unit's label
 * tells which byte leads to it, so two nodes must never have the same base.
 */
function buildDoubleArray(root: TrieNode): Uint32Array {
  const units: number[] = [];
  const taken = new Set([0]);
  const bases = new Set<number>([0]);
  const pending: { node: TrieNode; index: number }[] = [{ node: root, index: 0 }];
  for (let item = pending.shift(); item; item = pending.shift()) {
    const { node, index } = item;
    const slots = [...node.children.keys()];
    if (node.value >= 0) slots.unshift(0);
    let base = 1;
    while (bases.has(base) || slots.some((byte) => taken.has(base ^ byte))) base++;
    if (base >= MAX_UNITS)
      throw new AlbertineError('unsupported', `too many character rules for one table, over ${MAX_UNITS} units`, {
        value: base,
      });
    bases.add(base);
    for (const byte of slots) taken.add(base ^ byte);
    units[index] = ((units[index] ?? 0) | ((index ^ base) << 10) | (node.value >= 0 ? HAS_LEAF : 0)) >>> 0;
    if (node.value >= 0) units[base] = (node.value | LEAF) >>> 0;
    for (const [byte, child] of node.children) {
      units[base ^ byte] = byte;
      pending.push({ node: child, index: base ^ byte });
    }
  }
  const highest = Math.max(...taken);
  const array = new Uint32Array(Math.ceil((highest + 1) / BLOCK) * BLOCK);
  for (const index of taken) array[index] = units[index] ?? 0;
  return array;
}
