import { isBertPunctuation, isChineseCharacter, isPythonWhitespace } from '../unicode.ts';

/** Options of {@link bertWords}. */
export interface BertWordOptions {
  /** Default true. */
  lowerCase?: boolean;
  /** Removes accents (NFD, category Mn). Default: as `lowerCase`, like BERT. */
  stripAccents?: boolean;
}

/** The words of BERT's basic tokeniser: white-space words, with punctuation and Chinese characters on their own. */
export function bertWords(text: string, options: BertWordOptions = {}): string[] {
  const { lowerCase = true, stripAccents = lowerCase } = options;
  let folded = lowerCase ? text.toLowerCase() : text;
  if (stripAccents) folded = folded.normalize('NFD').replace(/\p{Mn}/gu, '');
  const words: string[] = [];
  let word = '';
  const flush = () => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (const character of folded) {
    const code = character.codePointAt(0)!;
    if (isPythonWhitespace(code)) flush();
    else if (code === 0 || code === 0xfffd || /^[\p{Cc}\p{Cf}\p{Cs}]$/u.test(character)) continue;
    else if (isChineseCharacter(code) || isBertPunctuation(code)) {
      flush();
      words.push(character);
    } else word += character;
  }
  flush();
  return words;
}
