import { AlignedText } from './aligned-text.ts';
import { PieceTrie } from './piece-trie.ts';
import { type Segmenter, separatorTable } from './segmenter.ts';
import type { TokenBuffer } from './token-buffer.ts';
import { codePointAt, isBertPunctuation, isChineseCharacter, isPythonWhitespace } from './unicode.ts';

/** Everything that decides how a WordPiece vocabulary segments. */
export interface WordPieceDescription {
  /** Id = position; duplicates keep the last, empty entries are holes. */
  vocabulary: string[];
  unkId: number;
  /** Marks pieces that continue a word. */
  continuingPrefix: string;
  /** Longer words, in characters, become one unknown token. */
  maxWordLength: number;
  lowerCase: boolean;
  stripAccents: boolean;
  /** Puts every Chinese character into a word of its own. */
  splitChinese: boolean;
  /** Drops control characters. */
  cleanText: boolean;
  /** `original`: Google's Python code; `hf-fast`: HF tokenizers, which also drops private-use characters. */
  variant: 'original' | 'hf-fast';
}

/** What one code point becomes before words are formed. */
interface Folded {
  text: string;
  kind: typeof TEXT | typeof SPACE | typeof ALONE | typeof DROPPED;
  chinese: boolean;
}

const TEXT = 0;
const SPACE = 1;
/** A word of its own: punctuation, Chinese characters. */
const ALONE = 2;
const DROPPED = 3;
const CAPITAL_SIGMA = '\u03a3';
const FOLD_CACHE_LIMIT = 1 << 16;

/**
 * BERT's tokenisation: clean, split at spaces, punctuation and Chinese characters, then greedy longest match within
 * words.
 */
export class WordPieceSegmenter implements Segmenter {
  readonly separators: Uint8Array = separatorTable(isBertSpace);
  private readonly initial: PieceTrie;
  private readonly continuing: PieceTrie;
  private readonly folded = new Map<number, Folded>();
  /** The current word, and where the next white-space word began. */
  private readonly word = new AlignedText();
  private readonly description: WordPieceDescription;

  constructor(description: WordPieceDescription) {
    this.description = description;
    const { vocabulary, continuingPrefix } = description;
    this.initial = new PieceTrie(vocabulary);
    const continuing = vocabulary.map((_, id) => id).filter((id) => vocabulary[id].startsWith(continuingPrefix));
    this.continuing = new PieceTrie(
      continuing.map((id) => vocabulary[id].slice(continuingPrefix.length)),
      continuing,
    );
  }

  canSplit(): boolean {
    return true;
  }

  segment(source: string, out: TokenBuffer): void {
    const { word } = this;
    const { lowerCase, variant } = this.description;
    // HF tokenizers lower-cases character by character and never writes a final sigma.
    const text = lowerCase && variant === 'original' && source.includes(CAPITAL_SIGMA) ? lowerSigmas(source) : source;
    out.clear();
    word.clear();
    // Words count white space and Chinese characters; punctuation splits tokens, not words.
    let fresh = true;
    for (let i = 0; i < text.length;) {
      const codePoint = codePointAt(text, i, text.length);
      const next = i + (codePoint > 0xffff ? 2 : 1);
      const folded = this.fold(codePoint);
      if (folded.kind === DROPPED) {
        if (
          word.length > 0 &&
          folded.text === '' &&
          word.ends[word.length - 1] === i &&
          /\p{M}/u.test(String.fromCodePoint(codePoint))
        ) {
          word.ends[word.length - 1] = next;
        }
      } else if (folded.kind === TEXT) word.pushString(folded.text, i, next);
      else {
        fresh = this.flush(out, fresh);
        if (folded.kind === SPACE) fresh = true;
        else {
          word.pushString(folded.text, i, next);
          fresh = this.flush(out, fresh || folded.chinese) || folded.chinese;
        }
      }
      i = next;
    }
    this.flush(out, fresh);
  }

  /** Emits the pieces of the pending word; returns whether the next one begins a new white-space word. */
  private flush(out: TokenBuffer, fresh: boolean): boolean {
    const { word } = this;
    if (word.length === 0) return fresh;
    if (fresh) out.wordCount++;
    this.matchPieces(out);
    word.clear();
    return false;
  }

  private matchPieces(out: TokenBuffer): void {
    const { word } = this;
    const { unkId, maxWordLength } = this.description;
    const wordIndex = out.wordCount - 1;
    const begin = out.length;
    if (word.length <= maxWordLength || countCodePoints(word) <= maxWordLength) {
      let start = 0;
      while (start < word.length) {
        const trie = start === 0 ? this.initial : this.continuing;
        let node = 0;
        let longest = start;
        let id = -1;
        for (let end = start; end < word.length;) {
          node = trie.child(node, word.units[end++]);
          if (node === 0) break;
          if (trie.values[node] >= 0) {
            id = trie.values[node];
            longest = end;
          }
        }
        if (id < 0) break;
        out.push(id, word.starts[start], word.ends[longest - 1], wordIndex);
        start = longest;
      }
      if (start === word.length) return;
      out.length = begin;
    }
    out.push(unkId, word.starts[0], word.ends[word.length - 1], wordIndex);
  }

  private fold(codePoint: number): Folded {
    let folded = this.folded.get(codePoint);
    if (folded === undefined) {
      folded = this.foldAnew(codePoint);
      if (this.folded.size >= FOLD_CACHE_LIMIT) this.folded.clear();
      this.folded.set(codePoint, folded);
    }
    return folded;
  }

  private foldAnew(codePoint: number): Folded {
    const { cleanText, splitChinese, lowerCase, stripAccents, variant } = this.description;
    const character = String.fromCodePoint(codePoint);
    if (isBertSpace(codePoint)) return { text: ' ', kind: SPACE, chinese: false };
    if (cleanText && isDropped(codePoint, character, variant)) return { text: '', kind: DROPPED, chinese: false };
    const chinese = splitChinese && isChineseCharacter(codePoint);
    let text = character;
    if (lowerCase) text = text.toLowerCase();
    if (stripAccents) text = text.normalize('NFD').replace(/\p{Mn}/gu, '');
    if (text === '') return { text, kind: DROPPED, chinese: false };
    return { text, kind: chinese || isBertPunctuation(text.codePointAt(0)!) ? ALONE : TEXT, chinese };
  }
}

/**
 * Spaces of `text.split()` after BERT's cleaning: category Zs, tab, line feed, carriage return, line and paragraph
 * separators.
 */
function isBertSpace(codePoint: number): boolean {
  if (codePoint < 0x20) return codePoint === 0x09 || codePoint === 0x0a || codePoint === 0x0d;
  return codePoint !== 0x85 && isPythonWhitespace(codePoint);
}

function isDropped(codePoint: number, character: string, variant: WordPieceDescription['variant']): boolean {
  if (codePoint === 0 || codePoint === 0xfffd) return true;
  return variant === 'original' ? /[\p{Cc}\p{Cf}]/u.test(character) : /[\p{Cc}\p{Cf}\p{Co}]/u.test(character);
}

function countCodePoints(word: AlignedText): number {
  let count = 0;
  for (let i = 0; i < word.length; i++) if ((word.units[i] & 0xfc00) !== 0xdc00) count++;
  return count;
}

/**
 * Σ becomes ς at the end of a word and σ elsewhere, which depends on its neighbours; the length stays. Characters that
 * BERT drops before it lower-cases are replaced by a joiner, which the rule overlooks too.
 */
function lowerSigmas(text: string): string {
  const lower = text
    .replaceAll('\u0130', 'i')
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]/g, '\u200d')
    .toLowerCase();
  return text.replaceAll(CAPITAL_SIGMA, (_, index: number) => lower[index]);
}
