/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Tokenisers: ALBERT's Unigram and WordPiece, with offsets, pairs, windows and decoding. Runs in Node and in browsers.
 *
 * @packageDocumentation
 */
export type { AddedToken } from './added-tokens.ts';
export { loadTokenizer } from './load.ts';
export type { SpecialTokenNames, TokenizerOptions } from './options.ts';
export {
  type NormalizerSpec,
  normalizerSpec,
  parseSentencePieceModel,
  type PieceType,
  type SentencePiece,
  type SentencePieceAlgorithm,
  type SentencePieceModel,
  type TrainerSpec,
  trainerSpec,
  writeSentencePieceModel,
} from './sentencepiece-model.ts';
export type { EncodeOptions, Encoding, SpecialTokens, Tokenizer, Truncation, WindowOptions } from './tokenizer.ts';
export { parseTokenizerJson } from './tokenizer-json.ts';
export { createUnigramTokenizer, type TokenizerSource } from './unigram-tokenizer.ts';
export { createWordPieceTokenizer, parseVocabulary } from './wordpiece-tokenizer.ts';
