import { readFileSync } from 'node:fs';
import {
  createUnigramTokenizer,
  createWordPieceTokenizer,
  parseSentencePieceModel,
  type SentencePieceModel,
  type Tokenizer,
  type TokenizerOptions,
} from '../../src/tokenizer/index.ts';

/** The tiny models that golden/make-golden.py trains. */
export function tinyModel(name: 'tiny-albert' | 'tiny-bytes'): SentencePieceModel {
  return parseSentencePieceModel(readFileSync(new URL(`golden/${name}.model`, import.meta.url)));
}

export function tinyAlbert(options: TokenizerOptions = {}): Tokenizer {
  return createUnigramTokenizer(tinyModel('tiny-albert'), options);
}

/** A WordPiece vocabulary with every lower-case letter, some words, punctuation and Chinese characters. */
export const VOCABULARY = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  ...'abcdefghijklmnopqrstuvwxyz0123456789',
  ...[...'abcdefghijklmnopqrstuvwxyz0123456789'].map((c) => `##${c}`),
  'the',
  'un',
  '##aff',
  '##able',
  'want',
  '##ed',
  'run',
  '##ning',
  'cafe',
  'don',
  '我',
  '爱',
  '北',
  '京',
  '天',
  '安',
  '门',
  '，',
  '。',
  '！',
  'σ',
  '##σ',
  '##ς',
  'ο',
  '##ο',
  'δ',
  '##δ',
  ...'!"#$%&\'()*+,-./:;<=>?@[]^_`{|}~',
];

export function smallWordPiece(options: TokenizerOptions = {}): Tokenizer {
  return createWordPieceTokenizer(VOCABULARY, options);
}
