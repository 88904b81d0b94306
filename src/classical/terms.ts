/** The terms of a text, repeated as often as they occur. */
export type Terms = (text: string) => string[];

/** What the terms of a text are. */
export interface TermOptions {
  /**
   * Longest sequence of neighbouring words. A run of Chinese characters gives sequences of up to one character more.
   * Default 1; 0: no words.
   */
  wordNgrams?: number;
  /** Shortest and longest sequence of characters inside a word, with a space at its ends. Default: none. */
  characterNgrams?: readonly [number, number];
}

/** English: lower-cased words; letters and digits of any script make a word. */
export const words: Terms = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** A run of Chinese characters, or what is between two. */
const RUNS = /\p{Script=Han}+|[^\p{Script=Han}]+/gu;
const HAN = /^\p{Script=Han}/u;

/** Terms of a text. Sequences of words go over punctuation, those of Chinese characters do not. */
export function termsOf(text: string, { wordNgrams = 1, characterNgrams }: TermOptions = {}): string[] {
  const terms: string[] = [];
  const plain: string[] = [];
  const found = words(text);
  for (const run of found.flatMap((word) => word.match(RUNS)!)) {
    if (HAN.test(run)) sequences([...run], { shortest: 1, longest: wordNgrams === 0 ? 0 : wordNgrams + 1 }, terms);
    else {
      plain.push(run);
      if (wordNgrams > 0) terms.push(run);
    }
  }
  sequences(plain, { shortest: 2, longest: wordNgrams, joint: ' ' }, terms);
  if (characterNgrams) for (const word of found) terms.push(...characterSequences(word, characterNgrams));
  return terms;
}

/** Chinese: characters and pairs of neighbouring characters, across no punctuation or white space. */
export const characterBigrams: Terms = (text) =>
  words(text).flatMap((run) => {
    const terms: string[] = [];
    sequences([...run], { shortest: 1, longest: 2 }, terms);
    return terms;
  });

/** Any mix of both: Chinese runs as {@link characterBigrams}, everything else as {@link words}. */
export const mixedTerms: Terms = (text) => termsOf(text);

function sequences(
  units: readonly string[],
  { shortest, longest, joint = '' }: { shortest: number; longest: number; joint?: string },
  terms: string[],
): void {
  for (let n = shortest; n <= longest; n++)
    for (let i = 0; i + n <= units.length; i++) terms.push(units.slice(i, i + n).join(joint));
}

/** As scikit-learn's `char_wb`; marked, so that they are no words. */
function characterSequences(word: string, [shortest, longest]: readonly [number, number]): string[] {
  const characters = [' ', ...word, ' '];
  const terms: string[] = [];
  for (let n = shortest; n <= longest; n++)
    for (let i = 0; i + n <= characters.length; i++) terms.push(`#${characters.slice(i, i + n).join('')}`);
  return terms;
}
