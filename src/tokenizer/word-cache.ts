import type { TokenBuffer } from './token-buffer.ts';

/** Longer words are rare and cheap enough to tokenise again. */
const MAX_WORD_UNITS = 32;
const FIELDS = 4;

/**
 * Tokenised words by their source text. Everything lives in typed arrays of fixed size, so a lookup allocates nothing
 * and memory is bounded (about 8 MB); when an array is full the cache starts afresh.
 */
export class WordCache {
  private readonly slots: Int32Array;
  private readonly hashes: Int32Array;
  private readonly wordStarts: Int32Array;
  private readonly tokenStarts: Int32Array;
  private readonly wordCounts: Int32Array;
  private readonly characters: Uint16Array;
  private readonly tokens: Int32Array;
  private entries = 0;

  constructor(capacity = 1 << 16) {
    this.slots = new Int32Array(capacity * 2).fill(-1);
    this.hashes = new Int32Array(capacity);
    this.wordStarts = new Int32Array(capacity + 1);
    this.tokenStarts = new Int32Array(capacity + 1);
    this.wordCounts = new Int32Array(capacity);
    this.characters = new Uint16Array(capacity * 12);
    this.tokens = new Int32Array(capacity * 4 * FIELDS);
  }

  /** The entry of `text[start, end)`, or -1. `hash` is the caller's own over the same units. */
  find(text: string, start: number, end: number, hash: number): number {
    const { slots, hashes, wordStarts, characters } = this;
    const mask = slots.length - 1;
    const length = end - start;
    for (let slot = spread(hash) & mask; slots[slot] >= 0; slot = (slot + 1) & mask) {
      const entry = slots[slot];
      if (hashes[entry] !== hash) continue;
      const from = wordStarts[entry];
      if (wordStarts[entry + 1] - from !== length) continue;
      let i = 0;
      while (i < length && characters[from + i] === text.charCodeAt(start + i)) i++;
      if (i === length) return entry;
    }
    return -1;
  }

  /** Stores the tokens of a word that is not there yet and returns its entry; -1 for words too long to be kept. */
  add(word: string, hash: number, buffer: TokenBuffer): number {
    if (word.length > MAX_WORD_UNITS || buffer.length > MAX_WORD_UNITS * 4) return -1;
    if (!this.hasRoom(word.length, buffer.length)) this.clear();
    const entry = this.entries++;
    this.hashes[entry] = hash;
    this.wordCounts[entry] = buffer.wordCount;
    const from = this.wordStarts[entry];
    for (let i = 0; i < word.length; i++) this.characters[from + i] = word.charCodeAt(i);
    this.wordStarts[entry + 1] = from + word.length;
    let position = this.tokenStarts[entry];
    for (let i = 0; i < buffer.length; i++) {
      this.tokens[position++] = buffer.ids[i];
      this.tokens[position++] = buffer.starts[i];
      this.tokens[position++] = buffer.ends[i];
      this.tokens[position++] = buffer.words[i];
    }
    this.tokenStarts[entry + 1] = position;
    const mask = this.slots.length - 1;
    let slot = spread(hash) & mask;
    while (this.slots[slot] >= 0) slot = (slot + 1) & mask;
    this.slots[slot] = entry;
    return entry;
  }

  /**
   * Copies an entry's ids to `target` at `position`, which must have room for them; returns the position after them.
   */
  copyIds(entry: number, target: Int32Array, position: number): number {
    const { tokens } = this;
    const end = this.tokenStarts[entry + 1];
    for (let i = this.tokenStarts[entry]; i < end; i += FIELDS) target[position++] = tokens[i];
    return position;
  }

  /** Tokens of an entry. */
  count(entry: number): number {
    return (this.tokenStarts[entry + 1] - this.tokenStarts[entry]) / FIELDS;
  }

  /** Appends an entry's tokens, moved to the word's place in the text. */
  appendTo(buffer: TokenBuffer, entry: number, start: number): void {
    const { tokens } = this;
    const end = this.tokenStarts[entry + 1];
    for (let i = this.tokenStarts[entry]; i < end; i += FIELDS) {
      buffer.push(tokens[i], tokens[i + 1] + start, tokens[i + 2] + start, tokens[i + 3] + buffer.wordCount);
    }
    buffer.wordCount += this.wordCounts[entry];
  }

  private hasRoom(units: number, tokens: number): boolean {
    const { entries } = this;
    return (
      entries < this.hashes.length &&
      this.wordStarts[entries] + units <= this.characters.length &&
      this.tokenStarts[entries] + tokens * FIELDS <= this.tokens.length
    );
  }

  private clear(): void {
    this.slots.fill(-1);
    this.entries = 0;
  }
}

/** One step of the hash that {@link WordCache.find} expects; start from 0. */
export function hashUnit(hash: number, unit: number): number {
  return (Math.imul(hash, 31) + unit) | 0;
}

function spread(hash: number): number {
  const mixed = Math.imul(hash, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
