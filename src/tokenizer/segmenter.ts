import type { TokenBuffer } from './token-buffer.ts';

/** The part of a tokeniser that knows its algorithm: a stretch of text to ids, without special tokens. */
export interface Segmenter {
  /** 1 for the UTF-16 units at which {@link segment} may be called on the parts separately. */
  readonly separators: Uint8Array;
  /** Whether the parts of this text between separators can be segmented (and cached) one by one. */
  canSplit(text: string): boolean;
  /** Writes the tokens of `text` to `out` (cleared first), offsets and words relative to `text`. */
  segment(text: string, out: TokenBuffer): void;
}

/** {@link Segmenter.separators} of every unit for which `isSeparator` holds. */
export function separatorTable(isSeparator: (unit: number) => boolean): Uint8Array {
  const table = new Uint8Array(65536);
  for (let unit = 0; unit < table.length; unit++) if (isSeparator(unit)) table[unit] = 1;
  return table;
}
