import type { PerturbationRow } from './perturbation.ts';

/** What is said of a perturbation without its code. */
export type PerturbationAbout = Pick<PerturbationRow, 'languages' | 'summary' | 'usual'>;

/** Every perturbation that ships: manuals are printed from here, so that no table is loaded for them. */
export const PERTURBATION_MANUAL = {
  typos: {
    languages: ['en'],
    summary: 'a typing error in a word: a neighbouring key, letters swapped, left out or doubled',
  },
  keyboard: { languages: ['en'], summary: 'a neighbouring key in place of a letter', usual: false },
  swaps: { languages: ['en'], summary: 'two letters of a word in the wrong order', usual: false },
  drops: { languages: ['en'], summary: 'a letter of a word left out', usual: false },
  case: { languages: ['en'], summary: 'words in upper case, in lower case, or with a capital' },
  punctuation: {
    languages: ['en', 'zh'],
    summary: 'marks left out, doubled or in place of others; a mark at an end without one',
  },
  spacing: { languages: ['en', 'zh'], summary: 'spaces left out or doubled; spaces between Chinese characters' },
  width: {
    languages: ['en', 'zh'],
    summary: 'full-width letters, digits and marks in place of half-width ones, and the other way round',
  },
  homoglyphs: {
    languages: ['en'],
    summary: 'a letter of a word replaced by one of another script that looks the same',
  },
  invisible: { languages: ['en', 'zh'], summary: 'a character that is not seen inside a word' },
  'sound-alikes': {
    languages: ['zh'],
    summary: 'a Chinese character replaced by another of the same pinyin, as input methods offer it',
  },
  'look-alikes': { languages: ['zh'], summary: 'a Chinese character replaced by one that looks like it' },
  script: {
    languages: ['zh'],
    summary: 'traditional characters in place of simplified ones, and the other way round, where they are one to one',
  },
  deletion: { languages: ['en', 'zh'], summary: 'words left out; negations stay' },
  order: { languages: ['en', 'zh'], summary: 'neighbouring words change places; negations stay where they are' },
  distractors: { languages: ['en', 'zh'], summary: 'sentences about something else before and after the text' },
  length: { languages: ['en', 'zh'], summary: 'phrases that say nothing before sentences and their parts' },
  numbers: { languages: ['en', 'zh'], summary: 'numbers become others of as many digits; not years, nor 0 and 1' },
  dates: { languages: ['en', 'zh'], summary: 'years, months and days become others' },
  names: {
    languages: ['en', 'zh'],
    summary: 'given names (Chinese: frequent names, surnames before a title) become others',
  },
  places: { languages: ['en', 'zh'], summary: 'well-known cities become others' },
  synonyms: {
    languages: ['en', 'zh'],
    summary: 'words replaced by near ones of the vocabulary; texts that say something else then are left as they were',
  },
  'code-mixing': {
    languages: ['en', 'zh'],
    summary: 'words replaced by the nearest of the other language, English or Chinese',
    usual: false,
  },
} as const satisfies Readonly<Record<string, PerturbationAbout>>;

/** Name of one of {@link PERTURBATION_MANUAL}. */
export type PerturbationName = keyof typeof PERTURBATION_MANUAL;

/** A perturbation's name with what is said of it. */
export const described = (name: PerturbationName): PerturbationAbout & { name: string } => ({
  name,
  ...PERTURBATION_MANUAL[name],
});
