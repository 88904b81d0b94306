import { AlbertineError } from '../../core/errors.ts';
import { COMMON_SCRIPT, INHERITED_SCRIPT, scriptOf } from './unicode-script.ts';

/** SentencePiece's visible space, U+2581. */
export const SPACE_MARK = '\u2581';
const SPACE_MARK_CODE = 0x2581;
const COMMA_CODE = 0x2c;

/** Which strings may become one piece; the names are SentencePiece's. */
export interface SplitRules {
  /** A piece holds at most one word; the space is its prefix. Default true. */
  splitByWhitespace: boolean;
  /** A piece holds one Unicode script (Han and kana count as one). Default true. */
  splitByUnicodeScript: boolean;
  /** Digits do not join letters; without it they join anything. Default true. */
  splitByNumber: boolean;
  /** Every digit is a piece of its own. Default false. */
  splitDigits: boolean;
  /**
   * Every Han character is a piece of its own, as in BERT's Chinese vocabularies. SentencePiece has no such rule.
   * Default false.
   */
  splitHan: boolean;
  /**
   * No piece ends in a digit and a comma. SentencePiece has no such rule, but ALBERT's tokeniser splits these pieces
   * again, so that they would be dead entries of the vocabulary. Default false.
   */
  splitDigitComma: boolean;
}

/** SentencePiece's defaults. */
export const DEFAULT_SPLIT_RULES: SplitRules = {
  splitByWhitespace: true,
  splitByUnicodeScript: true,
  splitByNumber: true,
  splitDigits: false,
  splitHan: false,
  splitDigitComma: false,
};

const HAN = /^\p{Script=Han}$/u;

/** Script number for "joins anything". */
const ANY = -1;

/** Both ASCII and full-width digits, as SentencePiece's trainer has it. */
function isNumber(codePoint: number): boolean {
  return (codePoint >= 0x30 && codePoint <= 0x39) || (codePoint >= 0xff10 && codePoint <= 0xff19);
}

/**
 * Cuts normalised text (spaces already {@link SPACE_MARK}s) wherever no piece may cross, and calls `visit` with the
 * range of every segment. Because no allowed piece crosses a cut, the Unigram likelihood of a text is the product of
 * its segments': counting distinct segments instead of sentences loses nothing and shrinks Chinese text several times.
 */
export function forEachSegment(text: string, rules: SplitRules, visit: (start: number, end: number) => void): void {
  let start = 0;
  let previous = ANY;
  let previousIsAlone = false;
  let previousIsNumber = false;
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at)!;
    const isMark = code === SPACE_MARK_CODE;
    const number = isNumber(code);
    const alone = (number && rules.splitDigits) || (rules.splitHan && HAN.test(String.fromCodePoint(code)));
    let script = isMark ? previous : scriptForJoining(code, previous, rules);
    let cut = alone || previousIsAlone || (rules.splitDigitComma && previousIsNumber && code === COMMA_CODE);
    if (isMark) {
      cut ||= rules.splitByWhitespace;
      if (cut) script = ANY;
    } else if (rules.splitByUnicodeScript && script !== ANY && previous !== ANY && script !== previous) cut = true;
    if (cut && at > start) {
      visit(start, at);
      start = at;
    }
    previous = script;
    previousIsAlone = alone;
    previousIsNumber = number;
    at += code > 0xffff ? 2 : 1;
  }
  if (text.length > start) visit(start, text.length);
}

function scriptForJoining(code: number, previous: number, rules: SplitRules): number {
  if (isNumber(code)) return rules.splitByNumber ? COMMON_SCRIPT : ANY;
  const script = scriptOf(code);
  return script === INHERITED_SCRIPT ? previous : script;
}

/** Distinct segments of a text. */
export interface SegmentCounts {
  /** Segment to weighted count. */
  counts: ReadonlyMap<string, number>;
  /** Weighted characters that were dropped to stay within bounds; 0 when everything fitted. */
  prunedCharacters: number;
}

/** Counts distinct segments of many texts in bounded memory. */
export class SegmentCounter implements SegmentCounts {
  readonly counts = new Map<string, number>();
  prunedCharacters = 0;
  private floor = 0;
  private readonly rules: SplitRules;
  private readonly maxSegments: number;

  /**
   * Above `maxSegments` distinct segments the rarest are dropped and counted in `prunedCharacters` (Manku and Motwani
   * 2002).
   */
  constructor(rules: SplitRules, maxSegments = 12_000_000) {
    if (!(maxSegments >= 1))
      throw new AlbertineError('invalid_argument', `maxSegments must be at least 1, got ${maxSegments}`, {
        value: maxSegments,
      });
    this.rules = rules;
    this.maxSegments = Math.min(maxSegments, 16_000_000); // V8's Map holds 2^24 entries
  }

  /** Adds one normalised text `weight` times. */
  add(text: string, weight = 1): void {
    forEachSegment(text, this.rules, (start, end) => {
      const segment = text.slice(start, end);
      const count = this.counts.get(segment);
      if (count !== undefined) this.counts.set(segment, count + weight);
      else this.insert(segment, weight);
    });
  }

  private insert(segment: string, weight: number): void {
    if (this.counts.size >= this.maxSegments) this.prune();
    // V8 implements a long slice as a pointer into its parent; copying lets the line be collected.
    this.counts.set(segment.length >= 13 ? segment.split('').join('') : segment, weight);
  }

  private prune(): void {
    while (this.counts.size > this.maxSegments * 0.75) {
      this.floor++;
      for (const [segment, count] of this.counts) {
        if (count > this.floor) continue;
        this.prunedCharacters += count * segment.length;
        this.counts.delete(segment);
      }
    }
  }
}
