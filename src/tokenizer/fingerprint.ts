import { hash32 } from '../core/random.ts';

/** A 16-digit hexadecimal hash of strings and numbers; not cryptographic. */
export function fingerprintOf(parts: Iterable<string | number>): string {
  let first = 0x243f6a88;
  let second = 0x85a308d3;
  for (const part of parts) {
    const text = String(part);
    for (let i = 0; i < text.length; i++) {
      first = Math.imul(first ^ text.charCodeAt(i), 0x01000193);
      second = Math.imul(second, 31) + text.charCodeAt(i) | 0;
    }
    // Ends each part, so that ["ab"] and ["a", "b"] differ.
    first = Math.imul(first ^ 0x10000, 0x01000193);
    second = hash32(second, text.length) | 0;
  }
  const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
  return hex(hash32(first, 1)) + hex(hash32(second, 2));
}
