import type { Tokenizer } from './tokenizer.ts';

/** A piece of a vocabulary that can be a word by itself. */
export interface VocabularyWord {
  id: number;
  text: string;
  /** Whether it consists of Chinese characters. */
  isHan: boolean;
}

const HAN = /^\p{Script=Han}+$/u;
const LETTERS = /^\p{L}[\p{L}\p{M}'’-]+$/u;

/**
 * Pieces that begin a word (`▁word`, or `word` in WordPiece) and consist of letters, and those of Chinese characters, in
 * the order of the vocabulary: the commonest come first.
 */
export function vocabularyWords(tokenizer: Tokenizer): VocabularyWord[] {
  const special = new Set<number | undefined>(Object.values(tokenizer.special));
  const words = new Map<string, VocabularyWord>();
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = tokenizer.idToToken(id);
    if (token === undefined || special.has(id)) continue;
    const text = token.replace(/^▁/, '');
    const begins = tokenizer.kind === 'unigram' ? token.startsWith('▁') : !token.startsWith('##');
    if (HAN.test(text)) words.set(text, words.get(text) ?? { id, text, isHan: true });
    else if (begins && LETTERS.test(text)) words.set(text, { id, text, isHan: false });
  }
  return [...words.values()];
}
