import type { AddedToken } from './added-tokens.ts';
import type { SpecialTokens } from './tokenizer.ts';

/** The special tokens' texts, by role. */
export type SpecialTokenNames = Partial<Record<keyof SpecialTokens, string>>;

/** Choices that a tokeniser's files make and a caller may override. */
export interface TokenizerOptions {
  /** Default: `do_lower_case` of tokenizer_config.json, else true, as for every published ALBERT. */
  lowerCase?: boolean;
  /**
   * Keeps accents. Default: `keep_accents` (Unigram) or the opposite of `strip_accents` (WordPiece); else false for
   * Unigram, not `lowerCase` for WordPiece.
   */
  keepAccents?: boolean;
  /**
   * Which implementation to match where they disagree. `original` (default for spiece.model and vocab.txt): Google's
   * code and HF's "slow" tokenisers; `hf-fast` (the only one for tokenizer.json): HF tokenizers, which makes pieces
   * ending in a digit and a comma unattractive instead of splitting them, removes every mark, not only combining ones,
   * and in WordPiece drops private-use characters and writes no final sigma.
   */
  variant?: 'original' | 'hf-fast';
  /** Unigram only: `none` gives plain SentencePiece without ALBERT's preparation and digit rule. Default `albert`. */
  preparation?: 'albert' | 'none';
  /** WordPiece only: every Chinese character is a word. Default: `tokenize_chinese_chars`, else true. */
  splitChinese?: boolean;
  /** WordPiece only: words with more characters become unknown. Default 100. */
  maxWordLength?: number;
  /** Overrides names found in the files. */
  specialTokens?: SpecialTokenNames;
  /** Further tokens, beside those of the files. */
  addedTokens?: AddedToken[];
  /** Whether `[MASK]` and other added tokens written in a text become those tokens. Default true, as in HF. */
  parseSpecialTokens?: boolean;
}

/** What the JSON files beside a vocabulary say; see `readTokenizerConfig`. */
export interface TokenizerConfig {
  options: TokenizerOptions;
  /** `added_tokens_decoder`, `added_tokens.json`. */
  addedTokens: AddedToken[];
}

/**
 * What ALBERT's network takes, as `model_input_names` of tokenizer_config.json. transformers 5 leaves the token types
 * out of what an ALBERT tokeniser returns unless they are named, and both texts of a pair then look like the first.
 */
export const MODEL_INPUT_NAMES: readonly string[] = ['input_ids', 'token_type_ids', 'attention_mask'];

const DEFAULT_NAMES: Record<keyof SpecialTokens, string[]> = {
  pad: ['<pad>', '[PAD]'],
  unk: ['<unk>', '[UNK]'],
  cls: ['[CLS]', '<s>'],
  sep: ['[SEP]', '</s>'],
  mask: ['[MASK]', '<mask>'],
};

/**
 * Ids of the special tokens in a vocabulary: by the given names, else the customary ones. Absent ones are -1 (`mask`:
 * left out).
 */
export function resolveSpecialTokens(
  vocabulary: readonly (string | undefined)[],
  names: SpecialTokenNames,
): SpecialTokens {
  const resolve = (role: keyof SpecialTokens): number => {
    const candidates = names[role] === undefined ? DEFAULT_NAMES[role] : [names[role]];
    for (const candidate of candidates) {
      // A dozen searches are faster than a map of the whole vocabulary. Of equal tokens the last counts, as in
      // segmentation.
      const id = vocabulary.lastIndexOf(candidate);
      if (id >= 0) return id;
    }
    return -1;
  };
  const mask = resolve('mask');
  return {
    pad: resolve('pad'),
    unk: resolve('unk'),
    cls: resolve('cls'),
    sep: resolve('sep'),
    ...(mask >= 0 && { mask }),
  };
}

/**
 * The special tokens as added tokens (`[MASK]` swallows the space before it, as in HF), then `extra`; the last entry of
 * an id wins.
 */
export function specialAsAdded(
  special: SpecialTokens,
  nameOf: (id: number) => string | undefined,
  extra: AddedToken[],
): AddedToken[] {
  const tokens = new Map<number, AddedToken>();
  for (const [role, id] of Object.entries(special) as [keyof SpecialTokens, number | undefined][]) {
    const content = id === undefined || id < 0 ? undefined : nameOf(id);
    if (content !== undefined) tokens.set(id!, { content, id: id!, special: true, lstrip: role === 'mask' });
  }
  for (const token of extra) tokens.set(token.id, token);
  return [...tokens.values()];
}

/** The vocabulary with added tokens that lie beyond it (or fill its holes). */
export function extendVocabulary(vocabulary: (string | undefined)[], added: AddedToken[]): (string | undefined)[] {
  const extended = [...vocabulary];
  for (const { id, content } of added) {
    while (extended.length < id) extended.push(undefined);
    extended[id] ??= content;
  }
  return extended;
}
