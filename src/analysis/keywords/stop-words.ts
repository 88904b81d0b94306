import { ENGLISH_GENERAL_WORDS, ENGLISH_VERB_FORMS, ENGLISH_VERBS } from './general-words-en.ts';
import { ENGLISH_FUNCTION_WORDS } from './stop-words-en.ts';
import { CHINESE_GENERAL_WORDS, CHINESE_STOP_WORDS } from './stop-words-zh.ts';

/** Languages that the package has stop words of. */
export const STOP_WORD_LANGUAGES = ['en', 'zh'] as const;
/** One of {@link STOP_WORD_LANGUAGES}. */
export type StopWordLanguage = (typeof STOP_WORD_LANGUAGES)[number];

/** Words that bound candidates. */
export interface StopWords {
  /** Whether a word, lower-cased, is in no candidate and ends the one before it. */
  isStop(word: string): boolean;
  /** Whether a word is taken off the beginning of a candidate, as "new" is; such words alone are none. */
  isWeakStart(word: string): boolean;
  /** Whether a word is taken off the end of a candidate, as a participle is. */
  isWeakEnd(word: string): boolean;
}

/** Words in -ly that are no adverbs. */
const LY_NOUNS = new Set(
  listed(`ally anomaly assembly belly bully butterfly daily dragonfly family firefly fly friendly user-friendly homily
  italy jelly july lily melancholy monopoly monthly oligopoly rally reassembly reply subassembly subfamily supply
  superfamily underbelly weekly yearly`),
);
const PARTICIPLE = /^[a-z-]{3,}ed$/;
const ADVERB = /^[a-z-]{3,}ly$/;

function listed(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** A regular verb with its forms in -s, -ed and -ing. */
function verbForms(verb: string): string[] {
  const third = /(?:s|x|z|ch|sh)$/.test(verb) ? `${verb}es` : `${verb}s`;
  if (/[^aeiou]y$/.test(verb)) return [verb, `${verb.slice(0, -1)}ies`, `${verb.slice(0, -1)}ied`, `${verb}ing`];
  if (verb.endsWith('ie')) return [verb, third, `${verb}d`, `${verb.slice(0, -2)}ying`];
  if (verb.endsWith('e')) return [verb, third, `${verb}d`, `${verb.slice(0, -1)}ing`];
  return [verb, third, `${verb}ed`, `${verb}ing`];
}

interface Lists {
  stop: ReadonlySet<string>;
  weakStart: ReadonlySet<string>;
  english: boolean;
}

const LISTS: Record<StopWordLanguage, () => Lists> = {
  en: () => ({
    stop: new Set([
      ...listed(ENGLISH_FUNCTION_WORDS),
      ...listed(ENGLISH_VERBS).flatMap(verbForms),
      ...listed(ENGLISH_VERB_FORMS),
    ]),
    weakStart: new Set(listed(ENGLISH_GENERAL_WORDS)),
    english: true,
  }),
  zh: () => ({
    stop: new Set([...listed(CHINESE_STOP_WORDS), ...listed(CHINESE_GENERAL_WORDS)]),
    weakStart: new Set(),
    english: false,
  }),
};
const built = new Map<StopWordLanguage, Lists>();

/**
 * The package's stop words of languages, and words of one's own. English has more than function words: verbs and
 * adverbs bound a candidate as well, and words of judgement ("new", "important") are taken off its beginning, which
 * stands in for a part-of-speech tagger.
 */
export function stopWordsOf(
  languages: readonly StopWordLanguage[],
  { more = [] }: { more?: Iterable<string> } = {},
): StopWords {
  const own = new Set([...more].map((word) => word.toLowerCase()));
  const lists = languages.map((language) => {
    const found = built.get(language) ?? LISTS[language]();
    built.set(language, found);
    return found;
  });
  const english = lists.some((list) => list.english);
  return {
    isStop: (word) =>
      own.has(word) ||
      lists.some(({ stop }) => stop.has(word)) ||
      (english && ADVERB.test(word) && !LY_NOUNS.has(word)),
    isWeakStart: (word) => lists.some(({ weakStart }) => weakStart.has(word)),
    isWeakEnd: (word) => english && PARTICIPLE.test(word),
  };
}
