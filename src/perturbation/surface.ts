import { described } from './manual.ts';
import type { Random } from '../core/random.ts';
import { perturbation, type Perturbation, type ProposedEdit } from './perturbation.ts';
import { allWords, hanCharacters, letterWords } from './words.ts';

const CASES: readonly ((word: string) => string)[] = [
  (word) => word.toUpperCase(),
  (word) => word.toLowerCase(),
  (word) => word[0].toUpperCase() + word.slice(1).toLowerCase(),
];

/** Words in upper case, lower case or with a capital. */
function proposeCase(text: string, random: Random): ProposedEdit[] {
  return letterWords(text).flatMap(({ word, start, end }) => {
    const others = CASES.map((change) => change(word)).filter((other) => other !== word);
    const replacement = others[random.integer(Math.max(1, others.length))];
    return replacement === undefined ? [] : [{ start, end, replacement }];
  });
}

/** Marks that end or divide a sentence; not what belongs to a number or a word (3.5, U.S., it's). */
const MARKS = /(?<![\p{L}\p{N}](?=[.,:][\p{L}\p{N}]))[.,;:!?。，；：！？、…]+/gu;
const ENGLISH_MARKS = ['.', ',', ';', '!', '...', ''];
const CHINESE_MARKS = ['。', '，', '；', '！', '……', ''];
/** A question stays one, where its mark stays. */
const isQuestion = (mark: string): boolean => /[?？]/.test(mark);

/** Marks left out, doubled, or in place of others; and marks where a sentence ends without one. */
function proposePunctuation(text: string, random: Random): ProposedEdit[] {
  const edits = Array.from(text.matchAll(MARKS), ({ 0: mark, index: start }): ProposedEdit => {
    const others = /[。，；：！？、…]/.test(mark) ? CHINESE_MARKS : ENGLISH_MARKS;
    const drawn = others[random.integer(others.length)];
    const replacement = isQuestion(mark) || drawn === mark ? mark + mark : drawn;
    return { start, end: start + mark.length, replacement };
  });
  const end = text.trimEnd().length;
  if (end > 0 && /[\p{L}\p{N}]$/u.test(text.slice(0, end))) {
    const isHan = hanCharacters(text.slice(0, end)).at(-1)?.end === end;
    edits.push({ start: end, end, replacement: (isHan ? ['。', '！', '……'] : ['.', '!', '...'])[random.integer(3)] });
  }
  return edits;
}

/** Spaces left out or doubled between words of letters; put between Chinese characters. */
function proposeSpacing(text: string, random: Random): ProposedEdit[] {
  const spaces = Array.from(text.matchAll(/(?<=\S)[ \t]+(?=\S)/g), ({ 0: run, index: start }): ProposedEdit => ({
    start,
    end: start + run.length,
    // Words that run together are rarer than spaces too many.
    replacement: random.uniform() < 0.3 ? '' : run + ' '.repeat(1 + random.integer(2)),
  }));
  const between = Array.from(text.matchAll(/(?<=\p{Script=Han})(?=\p{Script=Han})/gu), ({ index }): ProposedEdit => ({
    start: index,
    end: index,
    replacement: ' ',
  }));
  return [...spaces, ...between];
}

/** Full-width forms stand this far behind the printable ASCII characters. */
const TO_FULL_WIDTH = 0xff01 - 0x21;

/** Letters, digits and marks of ASCII as full-width forms, and the other way round: a word or a mark at a time. */
function proposeWidth(text: string): ProposedEdit[] {
  return Array.from(
    text.matchAll(/[A-Za-z]+|[0-9]+|[!-/:-@[-`{-~]|[\uff01-\uff5e]+/g),
    ({ 0: run, index: start }): ProposedEdit => ({
      start,
      end: start + run.length,
      replacement: Array.from(run, (character) => {
        const code = character.charCodeAt(0);
        return String.fromCharCode(code < 0x80 ? code + TO_FULL_WIDTH : code - TO_FULL_WIDTH);
      }).join(''),
    }),
  );
}

/** Letters of other scripts that look the same (from Unicode's confusables, TR 39; Cyrillic, Greek). */
const HOMOGLYPHS: Readonly<Record<string, string>> = {
  a: 'а',
  c: 'сϲ',
  e: 'е',
  h: 'һ',
  i: 'іι',
  j: 'јϳ',
  o: 'оο',
  p: 'рρ',
  s: 'ѕ',
  u: 'υ',
  v: 'ν',
  x: 'х',
  y: 'у',
  A: 'АΑ',
  B: 'ВΒ',
  C: 'СϹ',
  E: 'ЕΕ',
  H: 'НΗ',
  I: 'ІΙ',
  J: 'Ј',
  K: 'КΚ',
  M: 'МΜ',
  N: 'Ν',
  O: 'ОΟ',
  P: 'РΡ',
  S: 'Ѕ',
  T: 'ТΤ',
  X: 'ХΧ',
  Y: 'ҮΥ',
  Z: 'Ζ',
};

/** One letter of a word becomes one of another script that looks the same. */
function proposeHomoglyphs(text: string, random: Random): ProposedEdit[] {
  return letterWords(text).flatMap(({ word, start }) => {
    const places = [...word].flatMap((_, at) => (HOMOGLYPHS[word[at]] === undefined ? [] : [at]));
    if (places.length === 0) return [];
    const at = places[random.integer(places.length)];
    const alike = HOMOGLYPHS[word[at]];
    return [{ start: start + at, end: start + at + 1, replacement: alike[random.integer(alike.length)] }];
  });
}

/** Zero-width space, non-joiner and joiner, word joiner, soft hyphen. */
const INVISIBLE = ['\u200b', '\u200c', '\u200d', '\u2060', '\u00ad'];

/** A character that is not seen, inside a word. */
function proposeInvisible(text: string, random: Random): ProposedEdit[] {
  return allWords(text).flatMap(({ word, start }) => {
    const characters = [...word];
    if (characters.length < 2) return [];
    const at = start + characters.slice(0, 1 + random.integer(characters.length - 1)).join('').length;
    return [{ start: at, end: at, replacement: INVISIBLE[random.integer(INVISIBLE.length)] }];
  });
}

/** How a text is written: case, marks, spaces, forms of characters. */
export const SURFACE: readonly Perturbation[] = [
  perturbation({
    ...described('case'),
    withinWords: true,
    propose: proposeCase,
  }),
  perturbation({
    ...described('punctuation'),
    withinWords: true,
    propose: proposePunctuation,
  }),
  perturbation({
    ...described('spacing'),
    withinWords: true,
    propose: proposeSpacing,
  }),
  perturbation({
    ...described('width'),
    withinWords: true,
    propose: proposeWidth,
  }),
  perturbation({
    ...described('homoglyphs'),
    withinWords: true,
    propose: proposeHomoglyphs,
  }),
  perturbation({
    ...described('invisible'),
    withinWords: true,
    propose: proposeInvisible,
  }),
];
