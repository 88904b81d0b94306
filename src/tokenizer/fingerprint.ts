import { hashLanes, wordsOf } from '../core/hash.ts';
import { hash32 } from '../core/random.ts';

/**
 * A running hash of texts, numbers and bytes; not cryptographic. The order of the parts matters, and where one ends.
 */
export class ContentHash {
  private first = 0x243f6a88;
  private second = 0x85a308d3;

  /** Adds a text. */
  text(text: string): void {
    this.bytes(new TextEncoder().encode(text));
  }

  /** Adds numbers, by their exact bits. */
  numbers(values: Float64Array): void {
    this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** Adds bytes. */
  bytes(bytes: Uint8Array): void {
    for (const lane of [bytes.length, ...hashLanes(wordsOf(bytes))]) {
      this.first = hash32(this.first, lane);
      this.second = hash32(this.second ^ 0x13198a2e, lane ^ this.first);
    }
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hexadecimal(this.first) + hexadecimal(this.second);
  }
}

/** A 16-digit hexadecimal hash of strings and numbers; not cryptographic. */
export function fingerprintOf(parts: Iterable<string | number>): string {
  let first = 0x243f6a88;
  let second = 0x85a308d3;
  for (const part of parts) {
    const text = String(part);
    for (let i = 0; i < text.length; i++) {
      first = Math.imul(first ^ text.charCodeAt(i), 0x01000193);
      second = (Math.imul(second, 31) + text.charCodeAt(i)) | 0;
    }
    // Ends each part, so that ["ab"] and ["a", "b"] differ.
    first = Math.imul(first ^ 0x10000, 0x01000193);
    second = hash32(second, text.length) | 0;
  }
  return hexadecimal(hash32(first, 1)) + hexadecimal(hash32(second, 2));
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
