import { wordSegments } from '../../core/word-segments.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** Where whole words begin: by the vocabulary's marks alone, or for Chinese and Japanese by a word segmenter on top. */
export type WordSegmentation = 'pieces' | 'intl';

/** Flags of a token id. */
const STARTS_WORD = 1;
const SPECIAL = 2;
const HAN_OR_KANA = 4;
const AFTER_SPACE = 8;

const HAN_OR_KANA_ONLY = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+$/u;
/** A piece of ASCII letters and punctuation continues a word, unless it is one punctuation mark. */
const ASCII_WORD_PART = /^[a-z!-/:-@[-`{-~]+$/i;
const ONE_MARK = /^[!-/:-@[-`{-~€£]$/;

/** Finds the words of token sequences. One instance serves one thread. */
export class WordBoundaries {
  /** Ids that stand for text: neither special nor unknown, in ascending order. */
  readonly ordinaryIds: Int32Array;
  private readonly flags: Uint8Array;
  private readonly texts: string[];
  private readonly usesDictionary: boolean;

  constructor(tokenizer: Tokenizer, segmentation: WordSegmentation) {
    const special = new Set<number | undefined>(Object.values(tokenizer.special));
    this.flags = new Uint8Array(tokenizer.vocabSize);
    this.texts = new Array<string>(tokenizer.vocabSize).fill('');
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      const token = tokenizer.idToToken(id);
      // A hole of the vocabulary stands for nothing, and about the unknown token there is nothing to be learnt.
      if (token === undefined || special.has(id)) this.flags[id] = SPECIAL | STARTS_WORD;
      else this.describe(id, token, tokenizer.kind);
    }
    this.ordinaryIds = Int32Array.from(this.flags.keys()).filter((id) => (this.flags[id] & SPECIAL) === 0);
    this.usesDictionary = segmentation === 'intl';
  }

  /** Whether an id is special or unknown, and must neither be masked nor stand in for a word. */
  isSpecial(id: number): boolean {
    return (this.flags[id] & SPECIAL) !== 0;
  }

  /** For every token of `ids`, 1 if a word begins with it, into `starts`. */
  mark(ids: ArrayLike<number>, starts: Uint8Array): void {
    for (let i = 0; i < ids.length; i++) starts[i] = this.flags[ids[i]] & STARTS_WORD;
    if (this.usesDictionary) this.joinCharacters(ids, starts);
  }

  private describe(id: number, token: string, kind: Tokenizer['kind']): void {
    const [starts, text] =
      kind === 'wordpiece'
        ? [!token.startsWith('##'), token.replace(/^##/, '')]
        : [startsWord(token), token.replace(/^\u2581/, '')];
    this.texts[id] = text;
    this.flags[id] =
      (starts ? STARTS_WORD : 0) |
      (HAN_OR_KANA_ONLY.test(text) ? HAN_OR_KANA : 0) |
      (token.startsWith('\u2581') ? AFTER_SPACE : 0);
  }

  /** In stretches of Chinese or Japanese characters, only tokens at the segmenter's boundaries begin words. */
  private joinCharacters(ids: ArrayLike<number>, starts: Uint8Array): void {
    let i = 0;
    while (i < ids.length) {
      if ((this.flags[ids[i]] & HAN_OR_KANA) === 0) {
        i++;
        continue;
      }
      const first = i;
      let text = '';
      do text += this.texts[ids[i++]];
      while (i < ids.length && (this.flags[ids[i]] & (HAN_OR_KANA | AFTER_SPACE)) === HAN_OR_KANA);
      if (i - first > 1) this.joinWords(text, { ids, starts, first, end: i });
    }
  }

  private joinWords(
    text: string,
    run: { ids: ArrayLike<number>; starts: Uint8Array; first: number; end: number },
  ): void {
    const { ids, starts, first, end } = run;
    let position = 0;
    let token = first;
    for (const { index } of wordSegments(text)) {
      while (token < end && position < index) {
        if (token > first) starts[token] = 0;
        position += this.texts[ids[token++]].length;
      }
      // A boundary inside a piece divides nothing; one at its start begins a word.
      if (token < end && position === index) {
        // The stretch's first token keeps its own mark: it may continue a word of other letters.
        if (token > first) starts[token] = 1;
        position += this.texts[ids[token++]].length;
      }
    }
    while (token < end) starts[token++] = 0;
  }
}

/**
 * As in ALBERT's data builder: a piece continues a word if it has no word-start mark and is made of ASCII letters and
 * marks; any other script stands alone.
 */
function startsWord(piece: string): boolean {
  return piece.startsWith('\u2581') || piece.startsWith('<') || ONE_MARK.test(piece) || !ASCII_WORD_PART.test(piece);
}
