import type { AlignedText } from './aligned-text.ts';
import type { Charsmap, CharsmapMatch } from './charsmap.ts';
import { codePointAt, isCombining, isPythonWhitespace } from './unicode.ts';

/** ALBERT's own preparation of a text, before SentencePiece's. Order: spaces, quotes, NFKD and marks, lower case. */
export interface AlbertPreparation {
  /** Collapses runs of white space (Python's definition) to one space and trims. */
  collapseSpaces: boolean;
  /** Turns `` and '' into ". */
  straightenQuotes: boolean;
  /** NFKD, then removes these characters: those with a combining class (original) or all of category M (HF fast). */
  stripMarks: 'combining' | 'category' | false;
  lowerCase: boolean;
}

/** SentencePiece's normaliser settings, with the symbols that it must not touch. */
export interface SpacingRules {
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
  escapeWhitespaces: boolean;
  whitespaceAsSuffix: boolean;
  /** User-defined symbols, longest first within a first code unit. */
  protectedSymbols: Map<number, string[]>;
}

/** U+2581, SentencePiece's visible space. */
export const SPACE_SYMBOL = 0x2581;
const SPACE = 0x20;
const CAPITAL_SIGMA = 0x3a3;
const FOLD_CACHE_LIMIT = 1 << 16;

/** {@link AlbertPreparation} with alignment. Holds scratch state: one per tokeniser. */
export class AlbertPreparer {
  private readonly folded = new Map<number, string>();
  private readonly options: AlbertPreparation;

  constructor(options: AlbertPreparation) {
    this.options = options;
  }

  /** Writes the prepared `text` to `out` (cleared first). */
  prepare(text: string, out: AlignedText): void {
    const { collapseSpaces, straightenQuotes } = this.options;
    out.clear();
    let sigma = false;
    for (let i = 0; i < text.length;) {
      const codePoint = codePointAt(text, i, text.length);
      const next = i + (codePoint > 0xffff ? 2 : 1);
      if (collapseSpaces && isPythonWhitespace(codePoint)) {
        let end = next;
        while (end < text.length && isPythonWhitespace(text.charCodeAt(end))) end++;
        if (i > 0 && end < text.length) out.push(SPACE, i, end);
        i = end;
      } else if (
        straightenQuotes &&
        (codePoint === 0x27 || codePoint === 0x60) &&
        text.charCodeAt(next) === codePoint
      ) {
        out.push(0x22, i, next + 1);
        i = next + 1;
      } else {
        sigma ||= codePoint === CAPITAL_SIGMA;
        this.pushFolded(codePoint, out, i, next);
        i = next;
      }
    }
    if (sigma && this.options.lowerCase) lowerSigmas(out);
  }

  private pushFolded(codePoint: number, out: AlignedText, start: number, end: number): void {
    const { stripMarks, lowerCase } = this.options;
    if (codePoint < 0x80) {
      out.push(lowerCase && codePoint >= 0x41 && codePoint <= 0x5a ? codePoint + 0x20 : codePoint, start, end);
      return;
    }
    if (!stripMarks && !lowerCase) {
      out.pushCodePoint(codePoint, start, end);
      return;
    }
    const folded = this.fold(codePoint);
    if (folded !== '') out.pushString(folded, start, end);
    // A removed accent belongs to its letter, so that an offset never cuts the two apart.
    else if (out.length > 0 && out.ends[out.length - 1] === start) extendBack(out, end);
  }

  /**
   * NFKD without marks, lower-cased, of one code point. Taking code points one by one is exact: canonical ordering only
   * moves characters that are removed here, and the one lower-case rule that looks at neighbours (final sigma) is
   * applied later.
   */
  private fold(codePoint: number): string {
    let folded = this.folded.get(codePoint);
    if (folded !== undefined) return folded;
    folded = String.fromCodePoint(codePoint);
    const { stripMarks, lowerCase } = this.options;
    if (stripMarks) {
      const removed = stripMarks === 'combining' ? isCombining : (character: string) => /^\p{M}$/u.test(character);
      folded = [...folded.normalize('NFKD')].filter((character) => !removed(character)).join('');
    }
    if (lowerCase && folded !== '\u03a3') folded = folded.toLowerCase();
    if (this.folded.size >= FOLD_CACHE_LIMIT) this.folded.clear();
    this.folded.set(codePoint, folded);
    return folded;
  }
}

function extendBack(out: AlignedText, end: number): void {
  const start = out.starts[out.length - 1];
  for (let i = out.length - 1; i >= 0 && out.starts[i] === start; i--) out.ends[i] = end;
}

/** Σ becomes ς at the end of a word and σ elsewhere; everything else is lower case already, so lengths agree. */
function lowerSigmas(out: AlignedText): void {
  const lower = out.toString().toLowerCase();
  for (let i = 0; i < out.length; i++) if (out.units[i] === CAPITAL_SIGMA) out.units[i] = lower.charCodeAt(i);
}

/** SentencePiece's own normaliser (character map, spaces) with alignment. */
export class SentencePieceNormalizer {
  private readonly charsmap: Charsmap;
  private readonly rules: SpacingRules;
  private readonly match: CharsmapMatch = { length: 0, replacement: '' };
  private input!: AlignedText;
  private readonly inputAt = (index: number): number =>
    index < this.input.length ? codePointAt(this.input.units, index, this.input.length) : -1;

  constructor(charsmap: Charsmap, rules: SpacingRules) {
    this.charsmap = charsmap;
    this.rules = rules;
  }

  /** Writes the normalised `input` to `out` (cleared first); spaces become U+2581 when the rules say so. */
  normalize(input: AlignedText, out: AlignedText): void {
    const { removeExtraWhitespaces, addDummyPrefix, whitespaceAsSuffix, escapeWhitespaces } = this.rules;
    const { match } = this;
    const space = escapeWhitespaces ? SPACE_SYMBOL : SPACE;
    this.input = input;
    out.clear();
    let position = 0;
    while (removeExtraWhitespaces && position < input.length) {
      this.nextMatch(position);
      if (match.replacement !== ' ') break;
      position += match.length;
    }
    if (position >= input.length) return;
    if (addDummyPrefix && !whitespaceAsSuffix) out.push(space, input.starts[position], input.starts[position]);
    let afterSpace = removeExtraWhitespaces;
    while (position < input.length) {
      const start = input.starts[position];
      const unit = input.units[position];
      if (unit < 0x80 && unit !== SPACE && this.isPlain(position, unit)) {
        out.push(unit, start, input.ends[position++]);
        afterSpace = false;
        continue;
      }
      this.nextMatch(position);
      position += match.length;
      afterSpace = this.append(out, { start, end: input.ends[position - 1] }, afterSpace) && removeExtraWhitespaces;
    }
    if (removeExtraWhitespaces) while (out.length > 0 && out.units[out.length - 1] === space) out.length--;
    const end = input.ends[input.length - 1];
    if (addDummyPrefix && whitespaceAsSuffix) out.push(space, end, end);
  }

  /** Appends the match's replacement; returns whether the output now ends with a space. */
  private append(out: AlignedText, source: { start: number; end: number }, afterSpace: boolean): boolean {
    const { replacement } = this.match;
    const space = this.rules.escapeWhitespaces ? SPACE_SYMBOL : SPACE;
    let from = 0;
    if (afterSpace) while (replacement.charCodeAt(from) === SPACE) from++;
    if (from === replacement.length) return afterSpace;
    for (let i = from; i < replacement.length; i++) {
      const unit = replacement.charCodeAt(i);
      out.push(unit === SPACE ? space : unit, source.start, source.end);
    }
    return replacement.charCodeAt(replacement.length - 1) === SPACE;
  }

  /** ASCII that neither the map nor a user-defined symbol can touch here. */
  private isPlain(position: number, unit: number): boolean {
    if (this.charsmap.plainAscii[unit] === 0 || this.rules.protectedSymbols.has(unit)) return false;
    return position + 1 >= this.input.length || this.input.units[position + 1] < 0x80;
  }

  /** The longest user-defined symbol, else the longest rule, else the character itself. */
  private nextMatch(position: number): void {
    const { match, input } = this;
    for (const symbol of this.rules.protectedSymbols.get(input.units[position]) ?? []) {
      if (startsWith(input, position, symbol)) {
        match.length = symbol.length;
        match.replacement = symbol;
        return;
      }
    }
    if (this.charsmap.longestMatch(position, this.inputAt, match)) return;
    const codePoint = this.inputAt(position);
    match.length = codePoint > 0xffff ? 2 : 1;
    match.replacement = String.fromCodePoint(codePoint);
  }
}

function startsWith(text: AlignedText, position: number, symbol: string): boolean {
  if (position + symbol.length > text.length) return false;
  for (let i = 0; i < symbol.length; i++) if (text.units[position + i] !== symbol.charCodeAt(i)) return false;
  return true;
}
