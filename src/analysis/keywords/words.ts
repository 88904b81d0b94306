import { wordSegments } from '../../core/word-segments.ts';

/** A word of a document, as candidates are made of them. */
export interface Word {
  /** UTF-16 position in the document. */
  start: number;
  /** Exclusive. */
  end: number;
  /** Lower-cased, with straight apostrophes. */
  text: string;
  /** Whether no candidate may go from the word before into this one: punctuation or a new paragraph is between them. */
  afterBreak: boolean;
}

/** What joins two parts into one word, without space around it: `co-operative`, `C/C++` stays two, `AT&T` is one. */
const JOINER = /^[-\u2010\u2011&'\u2019.+_]$/u;
/** A new paragraph, or a line that begins as a sentence or a list item does. */
const NEW_BLOCK = /\n\s*\n|\n\s*[\p{Lu}\p{Lo}\d*\u2022-]/u;
const HAN = /\p{Script=Han}/u;

/**
 * The words of a text in any script, by Unicode's rules and dictionaries (UAX 29 and ICU, through `Intl.Segmenter`);
 * parts with a hyphen between them are one word.
 */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  let end = 0;
  let between = '';
  for (const { segment, index, isWordLike } of wordSegments(text)) {
    if (!isWordLike) {
      between += segment;
      continue;
    }
    const last = words[words.length - 1];
    const next = index + segment.length;
    if (last && JOINER.test(between) && !HAN.test(segment) && !HAN.test(last.text)) {
      last.end = next;
      last.text = plain(text.slice(last.start, next));
    } else {
      const afterBreak = words.length === 0 || between.trim() !== '' || isNewBlock(text, end, next);
      words.push({ start: index, end: next, text: plain(segment), afterBreak });
    }
    end = next;
    between = '';
  }
  return words;
}

const plain = (word: string): string => word.toLowerCase().replaceAll('\u2019', "'");

/** Chinese is often wrapped within a sentence and has no capitals: only an empty line ends a paragraph there. */
function isNewBlock(text: string, from: number, to: number): boolean {
  const found = NEW_BLOCK.exec(text.slice(from, to));
  return found !== null && (/\n\s*\n/.test(found[0]) || !HAN.test(found[0]));
}
