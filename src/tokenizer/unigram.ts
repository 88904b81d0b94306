import { AlignedText } from './aligned-text.ts';
import { Charsmap } from './charsmap.ts';
import { PieceTrie } from './piece-trie.ts';
import { type Segmenter, separatorTable } from './segmenter.ts';
import type { NormalizerSpec, SentencePiece } from './sentencepiece-model.ts';
import type { TokenBuffer } from './token-buffer.ts';
import { codePointAt, isChineseCharacter, isPythonWhitespace } from './unicode.ts';
import { type AlbertPreparation, AlbertPreparer, SentencePieceNormalizer, SPACE_SYMBOL } from './unigram-normalizer.ts';

/** Everything that decides how a Unigram model segments. */
export interface UnigramDescription {
  /** Id = position. */
  pieces: SentencePiece[];
  unkId: number;
  normalizer: Pick<
    NormalizerSpec,
    'precompiledCharsmap' | 'addDummyPrefix' | 'removeExtraWhitespaces' | 'escapeWhitespaces'
  >;
  whitespaceAsSuffix: boolean;
  byteFallback: boolean;
  preparation: AlbertPreparation;
  /**
   * Pieces that end in a digit and a comma: split again (original ALBERT), made unattractive (HF fast), or left
   * (`keep`).
   */
  digitComma: 'split' | 'penalise' | 'keep';
  /** Scores add up in single precision, as in SentencePiece, or in double, as in HF tokenizers. */
  singlePrecision: boolean;
}

/** SentencePiece's penalty of an unknown character below the worst piece. */
const UNKNOWN_PENALTY = 10;
/** HF's penalty of pieces that end in a digit and a comma. */
const DIGIT_COMMA_PENALTY = 100;
/** `FLT_MIN`: where SentencePiece starts its search for the greatest score, which therefore is never below it. */
const SMALLEST_FLOAT = 1.1754943508222875e-38;
/** Python's `isdigit`: decimal digits and the compatibility digits (superscripts, circled). */
const DIGIT_COMMA = /[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490],$/u;

const COMMA = 0x2c;

/** A piece that is replaced by others, with the number of normalised units that each covers. */
interface Replacement {
  ids: number[];
  lengths: number[];
}

/**
 * Viterbi segmentation with a unigram language model (Kudo 2018, arXiv:1804.10959), bug-compatible with SentencePiece:
 * same scores, same tie-breaking, same unknown handling. Linear in the text, bounded by the longest piece.
 */
export class UnigramSegmenter implements Segmenter {
  readonly separators: Uint8Array;
  private readonly trie: PieceTrie;
  private readonly scores: Float64Array;
  private readonly unkScore: number;
  private readonly splittable: boolean;
  private readonly byteIds: Int32Array | undefined;
  private readonly replacements = new Map<number, Replacement>();
  private readonly preparer: AlbertPreparer;
  private readonly normalizer: SentencePieceNormalizer;
  private readonly prepared = new AlignedText();
  private readonly normalized = new AlignedText();
  private readonly description: UnigramDescription;
  // Viterbi state by end position: best score, start and id of the last piece.
  private bestScores = new Float64Array(256);
  private bestStarts = new Int32Array(256);
  private bestIds = new Int32Array(256);
  private path = new Int32Array(256);

  constructor(description: UnigramDescription) {
    this.description = description;
    const { pieces, normalizer, byteFallback, preparation } = description;
    const charsmap = new Charsmap(normalizer.precompiledCharsmap);
    this.preparer = new AlbertPreparer(preparation);
    this.normalizer = new SentencePieceNormalizer(charsmap, {
      addDummyPrefix: normalizer.addDummyPrefix,
      removeExtraWhitespaces: normalizer.removeExtraWhitespaces,
      escapeWhitespaces: normalizer.escapeWhitespaces,
      whitespaceAsSuffix: description.whitespaceAsSuffix,
      protectedSymbols: protectedSymbols(pieces),
    });
    const text = readPieces(description);
    this.scores = text.scores;
    this.unkScore = text.worstScore - UNKNOWN_PENALTY;
    this.trie = new PieceTrie(text.pieces, text.ids);
    this.byteIds = byteFallback ? byteIds(pieces) : undefined;
    this.splittable = !charsmap.crossesSpaces && text.stayInWords && this.spacesStartPieces();
    this.separators = separatorTable(preparation.collapseSpaces ? isPythonWhitespace : (unit) => unit === 0x20);
    if (description.digitComma === 'split') this.prepareDigitCommas(text.digitCommas);
  }

  canSplit(text: string): boolean {
    // A literal U+2581 at the end is trimmed like a space, so its place in the text matters.
    return this.splittable && !text.includes('\u2581');
  }

  segment(text: string, out: TokenBuffer): void {
    out.clear();
    this.preparer.prepare(text, this.prepared);
    this.normalizer.normalize(this.prepared, this.normalized);
    const { normalized } = this;
    const count = this.viterbi(normalized);
    let start = 0;
    for (let i = count - 1; i >= 0; i--) {
      const end = this.path[i];
      const id = this.bestIds[end];
      const replacement = this.replacements.get(id);
      if (replacement) {
        replacement.ids.forEach((part, k) => {
          this.emit(out, { id: part, start, end: start + replacement.lengths[k] });
          start += replacement.lengths[k];
        });
      } else if (id === this.description.unkId && this.byteIds) this.emitBytes(out, start, end);
      else this.emit(out, { id, start, end });
      start = end;
    }
    if (out.length > 0) out.wordCount = out.words[out.length - 1] + 1;
  }

  /**
   * Fills `path` with the end positions of the best pieces, last first, and returns how many; unknown runs are one
   * piece.
   */
  private viterbi(text: AlignedText): number {
    const { units, length } = text;
    const { trie, scores, unkScore } = this;
    const { unkId, singlePrecision } = this.description;
    this.reserve(length + 1);
    const { bestScores, bestStarts, bestIds, path } = this;
    const { values } = trie;
    bestStarts.fill(-1, 0, length + 1);
    bestScores[0] = 0;
    for (let start = 0; start < length;) {
      const before = bestScores[start];
      const unit = units[start];
      const width = (unit & 0xfc00) === 0xd800 && start + 1 < length && (units[start + 1] & 0xfc00) === 0xdc00 ? 2 : 1;
      let single = false;
      let node = 0;
      for (let end = start; end < length;) {
        node = trie.child(node, units[end++]);
        if (node === 0) break;
        const id = values[node];
        if (id < 0) continue;
        if (end - start === width) single = true;
        const score = scores[id] + before;
        // SentencePiece compares the exact sum with the rounded one it stored.
        if (bestStarts[end] < 0 || score > bestScores[end]) {
          bestScores[end] = singlePrecision ? Math.fround(score) : score;
          bestStarts[end] = start;
          bestIds[end] = id;
        }
      }
      const next = start + width;
      if (!single) {
        const score = unkScore + before;
        if (bestStarts[next] < 0 || score > bestScores[next]) {
          bestScores[next] = singlePrecision ? Math.fround(score) : score;
          bestStarts[next] = start;
          bestIds[next] = unkId;
        }
      }
      start = next;
    }
    const merge = this.byteIds === undefined;
    let count = 0;
    for (let end = length; end > 0; end = bestStarts[end]) {
      if (!merge || count === 0 || bestIds[end] !== unkId || bestIds[path[count - 1]] !== unkId) path[count++] = end;
    }
    return count;
  }

  /** Appends a token that covers normalised units `[start, end)`. */
  private emit(out: TokenBuffer, token: { id: number; start: number; end: number }): void {
    const { units, starts, ends, length } = this.normalized;
    const { id, start, end } = token;
    const word = this.wordAt(out, start);
    let first = start;
    while (first < end && units[first] === SPACE_SYMBOL) first++;
    if (first < end) out.push(id, starts[first], ends[end - 1], word);
    else {
      // Only spaces: an empty range where the next word starts.
      const at = end < length ? starts[end] : ends[length - 1];
      out.push(id, at, at, word);
    }
  }

  private emitBytes(out: TokenBuffer, start: number, end: number): void {
    const { starts, ends } = this.normalized;
    const word = this.wordAt(out, start);
    for (const byte of new TextEncoder().encode(this.normalized.toString(start, end))) {
      out.push(this.byteIds![byte], starts[start], ends[end - 1], word);
    }
  }

  /** The word that a token at normalised unit `start` belongs to: spaces and Chinese characters begin words. */
  private wordAt(out: TokenBuffer, start: number): number {
    if (out.length === 0) return 0;
    const { units, length } = this.normalized;
    const previous = out.words[out.length - 1];
    if (units[start] === SPACE_SYMBOL) return previous + 1;
    const last = units[start - 1];
    if (last === SPACE_SYMBOL) return previous;
    const lastCodePoint = (last & 0xfc00) === 0xdc00 && start > 1 ? codePointAt(units, start - 2, start) : last;
    return isChineseCharacter(lastCodePoint) || isChineseCharacter(codePointAt(units, start, length))
      ? previous + 1
      : previous;
  }

  /** Whether every space starts a piece of its own accord and spaces are trimmed and marked. */
  private spacesStartPieces(): boolean {
    const { normalizer, whitespaceAsSuffix } = this.description;
    return (
      normalizer.addDummyPrefix &&
      normalizer.removeExtraWhitespaces &&
      normalizer.escapeWhitespaces &&
      !whitespaceAsSuffix &&
      this.trie.find('\u2581') >= 0
    );
  }

  /**
   * The original ALBERT code splits pieces such as `▁2000,` again: the digits are encoded as a text of their own, and
   * the comma stands alone. That depends on the piece only, so it is done here once.
   */
  private prepareDigitCommas(ids: readonly number[]): void {
    const { pieces, unkId } = this.description;
    const comma = this.idOf(',');
    for (const id of ids) {
      const { piece } = pieces[id];
      const digits = piece.slice(0, -1).replaceAll('\u2581', '');
      this.prepared.clear();
      this.prepared.pushString(digits, 0, 0);
      this.normalizer.normalize(this.prepared, this.normalized);
      const count = this.viterbi(this.normalized);
      const replacement: Replacement = { ids: [], lengths: [] };
      let start = 0;
      for (let i = count - 1; i >= 0; i--) {
        const end = this.path[i];
        let text = this.normalized.toString(start, end);
        let part = this.bestIds[end];
        // In the middle of a word the space that the digits got as a text of their own goes again.
        if (start === 0 && piece[0] !== '\u2581' && text[0] === '\u2581') {
          text = text.slice(1);
          part = text === '' ? -1 : this.idOf(text);
        }
        if (part >= 0) {
          replacement.ids.push(part);
          replacement.lengths.push(text.length);
        }
        start = end;
      }
      replacement.ids.push(comma >= 0 ? comma : unkId);
      replacement.lengths.push(1);
      this.replacements.set(id, replacement);
    }
  }

  private idOf(piece: string): number {
    const id = this.trie.find(piece);
    return id >= 0 ? id : this.description.unkId;
  }

  private reserve(size: number): void {
    const capacity = this.bestScores.length;
    if (size <= capacity && !(capacity > 1 << 20 && size < 1 << 16)) return;
    const larger = Math.max(256, size * 2);
    this.bestScores = new Float64Array(larger);
    this.bestStarts = new Int32Array(larger);
    this.bestIds = new Int32Array(larger);
    this.path = new Int32Array(larger);
  }
}

/** The pieces that stand for text, and what segmentation must know of them. */
interface TextPieces {
  ids: number[];
  pieces: string[];
  /** By id, of all pieces. */
  scores: Float64Array;
  /** Of normal pieces. */
  worstScore: number;
  /** Whether no piece reaches into the next word. */
  stayInWords: boolean;
  /** Ids of pieces that end in a digit and a comma. */
  digitCommas: number[];
}

/** One pass over the pieces: there are tens of thousands, and this runs whenever a model is loaded. */
function readPieces(description: UnigramDescription): TextPieces {
  const { pieces, digitComma, singlePrecision } = description;
  const found: TextPieces = {
    ids: [],
    pieces: [],
    scores: new Float64Array(pieces.length),
    worstScore: Infinity,
    stayInWords: true,
    digitCommas: [],
  };
  const userDefined: number[] = [];
  let best = SMALLEST_FLOAT;
  for (let id = 0; id < pieces.length; id++) {
    const { piece, score, type } = pieces[id];
    found.scores[id] = score;
    if (type !== 'normal' && type !== 'userDefined') continue;
    found.ids.push(id);
    found.pieces.push(piece);
    const hasDigitComma = piece.length > 1 && piece.charCodeAt(piece.length - 1) === COMMA && DIGIT_COMMA.test(piece);
    if (hasDigitComma) found.digitCommas.push(id);
    if (type === 'userDefined') {
      userDefined.push(id);
      if (/[\u2581\s]/.test(piece)) found.stayInWords = false;
      continue;
    }
    if (hasDigitComma && digitComma === 'penalise') found.scores[id] -= DIGIT_COMMA_PENALTY;
    if (score > best) best = score;
    if (found.scores[id] < found.worstScore) found.worstScore = found.scores[id];
    if (piece.includes('\u2581', 1)) found.stayInWords = false;
  }
  // The bonus that SentencePiece gives user-defined symbols so that they win.
  if (singlePrecision)
    for (const id of userDefined)
      found.scores[id] = Math.fround(new TextEncoder().encode(pieces[id].piece).length * best) - 0.1;
  return found;
}

function protectedSymbols(pieces: SentencePiece[]): Map<number, string[]> {
  const symbols = new Map<number, string[]>();
  for (const { piece, type } of pieces) {
    if (type === 'userDefined') symbols.set(piece.charCodeAt(0), [...(symbols.get(piece.charCodeAt(0)) ?? []), piece]);
  }
  for (const list of symbols.values()) list.sort((a, b) => b.length - a.length);
  return symbols;
}

function byteIds(pieces: SentencePiece[]): Int32Array | undefined {
  const ids = new Int32Array(256).fill(-1);
  pieces.forEach(({ piece, type }, id) => {
    const byte = type === 'byte' ? /^<0x([0-9A-F]{2})>$/.exec(piece) : null;
    if (byte) ids[parseInt(byte[1], 16)] = id;
  });
  return ids.includes(-1) ? undefined : ids;
}
