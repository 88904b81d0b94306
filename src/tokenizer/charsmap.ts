import { AlbertineError } from '../core/errors.ts';

/** A character rule that matched: how many UTF-16 units it consumed and what replaces them. */
export interface CharsmapMatch {
  length: number;
  replacement: string;
}

/**
 * SentencePiece's precompiled character map: a Darts double array over UTF-8 bytes, whose values point at
 * NUL-terminated replacement strings. Rules apply by longest match, left to right.
 */
export class Charsmap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;
  private readonly decoded = new Map<number, string>();
  /** 1 for ASCII characters that no rule touches as long as their neighbours are ASCII too. */
  readonly plainAscii: Uint8Array;
  /** Whether some rule looks across a space, so that words cannot be normalised one by one. */
  readonly crossesSpaces: boolean;

  /**
   * Reads `NormalizerSpec.precompiled_charsmap`; empty bytes give the identity. Throws `invalid_file` when malformed.
   */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (bytes.length > 0 && (bytes.length <= 4 || trieBytes + 4 >= bytes.length || trieBytes % 4 !== 0)) {
      throw new AlbertineError('invalid_file', `malformed precompiled_charsmap of ${bytes.length} bytes`, {
        value: bytes.length,
      });
    }
    this.units = new Uint32Array(bytes.slice(4, 4 + trieBytes).buffer);
    this.replacements = bytes.subarray(Math.min(bytes.length, 4 + trieBytes));
    this.plainAscii = this.findPlainAscii();
    this.crossesSpaces = this.findSpaceRules();
  }

  /**
   * The longest rule that matches at `index`, written to `match`; false when none does.
   * `codePointAt(i)` gives the code point at unit `i`, or -1 at the end.
   */
  longestMatch(index: number, codePointAt: (index: number) => number, match: CharsmapMatch): boolean {
    if (this.units.length === 0) return false;
    let node = offsetOf(this.units[0]);
    let position = index;
    let best = -1;
    for (;;) {
      const codePoint = codePointAt(position);
      if (codePoint < 0) break;
      node = this.advance(node, codePoint);
      if (node < 0) break;
      position += codePoint > 0xffff ? 2 : 1;
      const value = this.valueAt(node);
      if (value >= 0) {
        best = value;
        match.length = position - index;
      }
    }
    if (best < 0) return false;
    match.replacement = this.replacementAt(best);
    return true;
  }

  /** Follows a code point's UTF-8 bytes; -1 when there is no such path. */
  private advance(node: number, codePoint: number): number {
    if (codePoint < 0x80) return this.step(node, codePoint);
    if (codePoint < 0x800) {
      node = this.step(node, 0xc0 | (codePoint >> 6));
    } else {
      if (codePoint < 0x10000) node = this.step(node, 0xe0 | (codePoint >> 12));
      else {
        node = this.step(node, 0xf0 | (codePoint >> 18));
        if (node >= 0) node = this.step(node, 0x80 | ((codePoint >> 12) & 0x3f));
      }
      if (node >= 0) node = this.step(node, 0x80 | ((codePoint >> 6) & 0x3f));
    }
    return node < 0 ? -1 : this.step(node, 0x80 | (codePoint & 0x3f));
  }

  /**
   * A position in the array stands for a node with its offset already applied. The byte's unit is at `position ^ byte`,
   * and its label must equal the byte (a leaf's label has bit 31 set and never does).
   */
  private step(position: number, byte: number): number {
    const at = (position & ~VALUE_FLAG) ^ byte;
    if (at >= this.units.length) return -1;
    const unit = this.units[at];
    if ((unit & 0x800000ff) !== byte) return -1;
    // Bit 8 says that a value follows; it is remembered in bit 30 of the position (arrays are far smaller).
    return (at ^ offsetOf(unit)) | 0 | ((unit & 0x100) !== 0 ? VALUE_FLAG : 0);
  }

  private valueAt(node: number): number {
    if ((node & VALUE_FLAG) === 0) return -1;
    return this.units[node & ~VALUE_FLAG] & 0x7fffffff;
  }

  private replacementAt(start: number): string {
    let text = this.decoded.get(start);
    if (text === undefined) {
      let end = start;
      while (end < this.replacements.length && this.replacements[end] !== 0) end++;
      text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.replacements.subarray(start, end));
      this.decoded.set(start, text);
    }
    return text;
  }

  private findPlainAscii(): Uint8Array {
    const plain = new Uint8Array(128);
    const rule: CharsmapMatch = { length: 0, replacement: '' };
    for (let first = 0; first < 128; first++) {
      const alone =
        this.longestMatch(0, (i) => (i === 0 ? first : -1), rule) && rule.replacement !== String.fromCharCode(first);
      let pair = false;
      if (this.units.length > 0) {
        const node = this.advance(offsetOf(this.units[0]), first);
        for (let second = 0; node >= 0 && second < 128 && !pair; second++) pair = this.advance(node, second) >= 0;
      }
      plain[first] = alone || pair ? 0 : 1;
    }
    return plain;
  }

  /** A rule with a space anywhere, except the one for the space alone, can see two words. */
  private findSpaceRules(): boolean {
    const { units } = this;
    if (units.length === 0) return false;
    const ownSpace = offsetOf(units[0]) ^ 0x20;
    const parents = parentsByPosition(units);
    for (let at = 1; at < units.length; at++) {
      if (at !== ownSpace && (units[at] & 0x800000ff) === 0x20 && isReachable(at, units, parents)) return true;
    }
    const space = this.step(offsetOf(units[0]), 0x20);
    for (let byte = 1; space >= 0 && byte < 256; byte++) if (this.step(space, byte) >= 0) return true;
    return false;
  }
}

/**
 * For every position (a unit's index with its offset applied), the units that lead there: heads and links of chains.
 * Positions beyond the array's last block of 256 belong to unused units and are left out.
 */
function parentsByPosition(units: Uint32Array): { heads: Int32Array; links: Int32Array } {
  const heads = new Int32Array(Math.ceil(units.length / 256) * 256).fill(-1);
  const links = new Int32Array(units.length).fill(-1);
  for (let at = 0; at < units.length; at++) {
    const position = at ^ offsetOf(units[at]);
    if (position < 0 || position >= heads.length) continue;
    links[at] = heads[position];
    heads[position] = at;
  }
  return { heads, links };
}

/** Whether a unit belongs to the trie: unused units carry arbitrary labels, but no path from the root. */
function isReachable(
  at: number,
  units: Uint32Array,
  parents: ReturnType<typeof parentsByPosition>,
  seen = new Set<number>(),
): boolean {
  if (at === 0) return true;
  if (seen.has(at) || (units[at] & 0x80000000) !== 0) return false;
  seen.add(at);
  const position = at ^ (units[at] & 0xff);
  for (let parent = parents.heads[position]; parent >= 0; parent = parents.links[parent]) {
    if (isReachable(parent, units, parents, seen)) return true;
  }
  return false;
}

const VALUE_FLAG = 1 << 30;

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
