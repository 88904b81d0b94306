/** How a text that exceeds `maxLength` is cut. `false` never cuts. */
export type Truncation = 'longest_first' | 'only_first' | 'only_second' | false;

/** Ids and texts of the special tokens, as the checkpoint's files define them. */
export interface SpecialTokens {
  /** Id that fills up batches. */
  pad: number;
  /** Id of what the vocabulary does not have. */
  unk: number;
  /** Id before every text. */
  cls: number;
  /** Id after every text. */
  sep: number;
  /** Absent in vocabularies without masking. */
  mask?: number;
}

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Second text of a pair. */
  pair?: string;
  /**
   * Adds `[CLS] … [SEP]` (and `… [SEP]` for a pair), or `<s> … </s>` (and `</s> … </s>`) in XLM-R's vocabularies.
   * Default true.
   */
  addSpecialTokens?: boolean;
  /** Limit in tokens, special tokens included. Default: no limit. */
  maxLength?: number;
  /** Default `longest_first`; only matters with `maxLength`. */
  truncation?: Truncation;
  /** Pads at the end to this many tokens. Default: none. */
  padTo?: number;
}

/** Options of {@link Tokenizer.encodeWindows}. */
export interface WindowOptions extends Omit<EncodeOptions, 'truncation' | 'padTo'> {
  maxLength: number;
  /** Tokens that two consecutive windows share. Default 0. */
  stride?: number;
}

/** A tokenised text. All arrays have one entry a token. */
export interface Encoding {
  /** Token ids, special ones included. */
  ids: Int32Array;
  /** Their strings in the vocabulary. */
  tokens: string[];
  /** 0 for the first text, 1 for the second; 0 for both in XLM-R's vocabularies. */
  typeIds: Int32Array;
  /** 1 for text, 0 for padding. */
  attentionMask: Int32Array;
  /** 1 for tokens that are not part of the text. */
  specialTokensMask: Int32Array;
  /** Index of the white-space or CJK word within its text; null for special tokens. */
  wordIds: (number | null)[];
  /** UTF-16 half-open ranges in the original string; `[-1, -1]` for special tokens. */
  offsets: [start: number, end: number][];
  /** Tokens of the text that did not fit. */
  truncatedTokens: number;
}

/** Text to ids and back. Implementations are immutable and browser-safe. */
export interface Tokenizer {
  /** SentencePiece Unigram or WordPiece. */
  readonly kind: 'unigram' | 'wordpiece';
  /** Number of ids, added tokens included. */
  readonly vocabSize: number;
  /** Ids and strings of the special tokens. */
  readonly special: SpecialTokens;
  /** Short hash of vocabulary and options; two tokenisers with equal fingerprints encode alike. */
  readonly fingerprint: string;
  /** Tokens of a text, or of a pair, with their offsets. */
  encode(text: string, options?: EncodeOptions): Encoding;
  /** All windows of a long text, in order; at least one. With a pair, windows run over the second text. */
  encodeWindows(text: string, options: WindowOptions): Encoding[];
  /** Fast path: the ids of one text without special tokens, offsets or strings. */
  encodeIds(text: string): Int32Array;
  /** Ids back to text. Special tokens are left out unless `skipSpecialTokens` is false. */
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string;
  /** Undefined where the vocabulary does not have it. */
  tokenToId(token: string): number | undefined;
  /** Undefined where there is no such id. */
  idToToken(id: number): string | undefined;
  /** The files that describe this tokeniser, to be written next to a checkpoint: name to content. */
  files(): Record<string, Uint8Array | string>;
}

/** Tokens that a pair has besides those of its texts. */
export function pairTokens(tokenizer: Pick<Tokenizer, 'encode'>): number {
  return tokenizer.encode('', { pair: '' }).ids.length;
}

/** How many of the tokens are the unknown one: what they stand for is lost to the model. */
export function countUnknown({ special: { unk } }: Pick<Tokenizer, 'special'>, ids: Int32Array): number {
  let count = 0;
  for (const id of ids) if (id === unk) count++;
  return count;
}
