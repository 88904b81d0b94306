import { hash32 } from '../core/random.ts';

/** A running hash of texts and numbers; not cryptographic. The order of the parts matters, and where one ends. */
export class ContentHash {
  private first = 0x243f6a88;
  private second = 0x85a308d3 | 0;
  private readonly words = new DataView(new ArrayBuffer(8));

  /** Adds a text. */
  text(text: string): void {
    let { first, second } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      first = Math.imul(first ^ unit, 0x01000193);
      second = Math.imul(second, 31) + unit | 0;
    }
    // Ends each part, so that ["ab"] and ["a", "b"] differ.
    this.first = Math.imul(first ^ 0x10000, 0x01000193);
    this.second = hash32(second, text.length) | 0;
  }

  /** Adds a number, by its exact bits. */
  number(value: number): void {
    this.words.setFloat64(0, value);
    this.word(this.words.getUint32(0));
    this.word(this.words.getUint32(4));
  }

  /** Adds bytes. */
  bytes(bytes: Uint8Array): void {
    let { first, second } = this;
    for (let i = 0; i < bytes.length; i++) {
      first = Math.imul(first ^ bytes[i], 0x01000193);
      second = Math.imul(second, 31) + bytes[i] | 0;
    }
    this.first = first;
    this.second = second;
    this.word(bytes.length);
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hexadecimal(hash32(this.first, 1)) + hexadecimal(hash32(this.second, 2));
  }

  private word(word: number): void {
    this.first = Math.imul(this.first ^ word ^ (this.first >>> 15), 0x01000193);
    this.second = Math.imul(this.second ^ (this.second >>> 17), 0x2c1b3c6d) + word | 0;
  }
}

/** A 16-digit hexadecimal hash of strings and numbers (as JavaScript writes them); not cryptographic. */
export function fingerprintOf(parts: Iterable<string | number>): string {
  const hash = new ContentHash();
  for (const part of parts) hash.text(String(part));
  return hash.digest();
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
