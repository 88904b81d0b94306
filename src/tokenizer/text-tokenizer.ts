import { AlbertineError, describeValue } from '../core/errors.ts';
import { type AddedToken, AddedTokenMatcher } from './added-tokens.ts';
import {
  assemble,
  type AssemblyContext,
  assembleWindows,
  BERT_PAIR,
  type PairForm,
  type TextTokens,
} from './assemble.ts';
import { ContentHash } from './fingerprint.ts';
import type { Segmenter } from './segmenter.ts';
import { TokenBuffer } from './token-buffer.ts';
import type { EncodeOptions, Encoding, SpecialTokens, Tokenizer, WindowOptions } from './tokenizer.ts';
import { hashUnit, WordCache } from './word-cache.ts';

/** What {@link TextTokenizer} is put together from. */
export interface TextTokenizerParts {
  kind: Tokenizer['kind'];
  segmenter: Segmenter;
  /** Id = position, added tokens included; undefined where an id is unused. */
  vocabulary: (string | undefined)[];
  special: SpecialTokens;
  addedTokens: AddedToken[];
  lowerCase: boolean;
  /** Whether added and special tokens written in a text count as such. */
  parseSpecialTokens: boolean;
  /** Default {@link BERT_PAIR}. */
  pair?: PairForm | undefined;
  /** Joins the tokens of text; special tokens arrive as text too. */
  decodeTokens: (tokens: string[]) => string;
  /** Adds everything that the fingerprint covers. */
  identity: (hash: ContentHash) => void;
  files: () => Record<string, Uint8Array | string>;
}

/** The algorithm-independent half of a tokeniser: words and their cache, added tokens, pairs, windows, decoding. */
export class TextTokenizer implements Tokenizer {
  readonly kind: Tokenizer['kind'];
  readonly special: SpecialTokens;
  private readonly parts: TextTokenizerParts;
  private readonly added: AddedTokenMatcher;
  private readonly specialIds: Set<number>;
  private readonly context: AssemblyContext;
  private readonly cache = new WordCache();
  private readonly word = new TokenBuffer();
  private readonly tokens = new TokenBuffer();
  private ids = new Int32Array(1024);
  // Filled when first asked for: embedding needs neither the map nor always the hash.
  private idsByToken: Map<string, number> | undefined;
  private cachedFingerprint: string | undefined;

  constructor(parts: TextTokenizerParts) {
    this.parts = parts;
    this.kind = parts.kind;
    this.special = parts.special;
    this.added = new AddedTokenMatcher(parts.parseSpecialTokens ? parts.addedTokens : [], parts.lowerCase);
    const { pad, cls, sep, mask } = parts.special;
    this.specialIds = new Set([
      pad,
      cls,
      sep,
      ...(mask === undefined ? [] : [mask]),
      ...parts.addedTokens.filter((token) => token.special).map(({ id }) => id),
    ]);
    // The unknown token stands for text that was there; leaving it out of `decode` would hide a loss.
    this.specialIds.delete(parts.special.unk);
    this.context = {
      special: parts.special,
      tokenOf: (id) => parts.vocabulary[id] ?? '',
      pair: parts.pair ?? BERT_PAIR,
    };
  }

  get vocabSize(): number {
    return this.parts.vocabulary.length;
  }

  get fingerprint(): string {
    if (this.cachedFingerprint === undefined) {
      const hash = new ContentHash();
      this.parts.identity(hash);
      // Only where it is unusual: fingerprints of before stay.
      if (
        this.parts.pair &&
        (this.parts.pair.separators !== BERT_PAIR.separators || this.parts.pair.secondType !== BERT_PAIR.secondType)
      )
        hash.text(JSON.stringify(this.parts.pair));
      this.cachedFingerprint = hash.digest();
    }
    return this.cachedFingerprint;
  }

  encode(text: string, options: EncodeOptions = {}): Encoding {
    const second = options.pair === undefined ? undefined : this.tokenize(options.pair);
    return assemble(this.context, this.tokenize(text), second, options);
  }

  encodeWindows(text: string, options: WindowOptions): Encoding[] {
    const second = options.pair === undefined ? undefined : this.tokenize(options.pair);
    return assembleWindows(this.context, this.tokenize(text), second, options);
  }

  encodeIds(text: string): Int32Array {
    requireText(text);
    // `this.ids` may be replaced while writing, so it is read afterwards.
    let length = this.added.test(text) ? 0 : this.writeIds(text, 0);
    if (length > 0) return this.ids.slice(0, length);
    for (const { start, end, token } of this.added.split(text)) {
      if (!token) length = this.writeIds(text.slice(start, end), length);
      else {
        this.reserve(length + 1);
        this.ids[length++] = token.id;
      }
    }
    return this.ids.slice(0, length);
  }

  decode(ids: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): string {
    const { skipSpecialTokens = true } = options;
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.parts.vocabulary[ids[i]];
      if (token === undefined) {
        throw new AlbertineError(
          'invalid_argument',
          `token id at position ${i} must be in [0, ${this.vocabSize}), got ${describeValue(ids[i])}`,
          { value: ids[i] },
        );
      }
      if (!skipSpecialTokens || !this.specialIds.has(ids[i])) tokens.push(token);
    }
    return this.parts.decodeTokens(tokens);
  }

  tokenToId(token: string): number | undefined {
    this.idsByToken ??= indexTokens(this.parts.vocabulary);
    return this.idsByToken.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.parts.vocabulary[id];
  }

  files(): Record<string, Uint8Array | string> {
    return this.parts.files();
  }

  /** Tokens of one text with offsets and words. */
  private tokenize(text: string): TextTokens {
    requireText(text);
    const { tokens } = this;
    tokens.clear();
    const special = new Set<number>();
    if (!this.added.test(text)) this.appendTokens(text, 0);
    else {
      for (const { start, end, token } of this.added.split(text)) {
        if (!token) this.appendTokens(text.slice(start, end), start);
        else if (token.special) {
          special.add(tokens.length);
          tokens.push(token.id, start, end, -1);
        } else tokens.push(token.id, start, end, tokens.wordCount++);
      }
    }
    const { length } = tokens;
    return {
      ids: tokens.ids.slice(0, length),
      starts: tokens.starts.slice(0, length),
      ends: tokens.ends.slice(0, length),
      words: tokens.words.slice(0, length),
      special: Uint8Array.from({ length }, (_, i) => Number(special.has(i))),
    };
  }

  /** Appends the tokens of `text`, which begins at `offset` of the whole. */
  private appendTokens(text: string, offset: number): void {
    const { word, tokens, cache } = this;
    this.forEachWord(text, (start, end, hash) => {
      let entry = cache.find(text, start, end, hash);
      if (entry < 0) entry = this.segmentWord(text.slice(start, end), hash);
      if (entry >= 0) cache.appendTo(tokens, entry, start + offset);
      else {
        for (let i = 0; i < word.length; i++) {
          tokens.push(
            word.ids[i],
            word.starts[i] + start + offset,
            word.ends[i] + start + offset,
            word.words[i] + tokens.wordCount,
          );
        }
        tokens.wordCount += word.wordCount;
      }
    });
  }

  /** Segments a word into `this.word`; returns its new cache entry, or -1 when it is not kept. */
  private segmentWord(word: string, hash: number): number {
    this.parts.segmenter.segment(word, this.word);
    return this.cache.add(word, hash, this.word);
  }

  /** Writes the ids of `text` at `position` of `this.ids`; returns the position after them. */
  private writeIds(text: string, position: number): number {
    const { cache, word } = this;
    this.forEachWord(text, (start, end, hash) => {
      let entry = cache.find(text, start, end, hash);
      if (entry < 0) entry = this.segmentWord(text.slice(start, end), hash);
      if (entry >= 0) {
        this.reserve(position + cache.count(entry));
        position = cache.copyIds(entry, this.ids, position);
      } else {
        this.reserve(position + word.length);
        this.ids.set(word.ids.subarray(0, word.length), position);
        position += word.length;
      }
    });
    return position;
  }

  /** Calls back for every stretch between separators, with its hash; for the whole text when it cannot be split. */
  private forEachWord(text: string, visit: (start: number, end: number, hash: number) => void): void {
    const { segmenter } = this.parts;
    const { separators } = segmenter;
    const { length } = text;
    if (!segmenter.canSplit(text)) {
      visit(0, length, hashOf(text));
      return;
    }
    let start = 0;
    let hash = 0;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (separators[unit] === 0) hash = hashUnit(hash, unit);
      else {
        if (i > start) visit(start, i, hash);
        start = i + 1;
        hash = 0;
      }
    }
    if (length > start) visit(start, length, hash);
  }

  private reserve(length: number): void {
    if (length <= this.ids.length) return;
    const larger = new Int32Array(Math.max(length, this.ids.length * 2));
    larger.set(this.ids);
    this.ids = larger;
  }
}

/** Ids by token; of equal tokens the last wins. */
function indexTokens(vocabulary: readonly (string | undefined)[]): Map<string, number> {
  const ids = new Map<string, number>();
  vocabulary.forEach((token, id) => {
    if (token !== undefined) ids.set(token, id);
  });
  return ids;
}

function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = hashUnit(hash, text.charCodeAt(i));
  return hash;
}

function requireText(text: unknown): void {
  if (typeof text !== 'string')
    throw new AlbertineError('invalid_argument', `text must be a string, got ${describeValue(text)}`, { value: text });
}
