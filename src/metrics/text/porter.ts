/** Which rules: Porter's paper, or those with the additions of nltk, which the package rouge_score stems with. */
export type PorterRules = 'original' | 'nltk';

/** Ends in `suffix`, becomes `replacement` where the rest meets the condition. */
type Rule = readonly [suffix: string, replacement: string, holds: (stem: string) => boolean];

/** Irregular forms of nltk. */
const IRREGULAR: ReadonlyMap<string, string> = new Map([
  ...['sky', 'news', 'inning', 'outing', 'canning', 'howe', 'proceed', 'exceed', 'succeed'].map(
    (word) => [word, word] as const,
  ),
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['innings', 'inning'],
  ['outings', 'outing'],
  ['cannings', 'canning'],
]);

/**
 * The stem of an English word by suffix stripping (Porter 1980, "An algorithm for suffix stripping"), lower case. `nltk`
 * (default) has nltk's irregular forms and changed rules (`flies` is `fli`, `dies` is `die`, `enjoy` keeps its y, words
 * of two letters stay); `original` is the paper's. Both are those of nltk's `PorterStemmer`.
 */
export function porterStem(word: string, rules: PorterRules = 'nltk'): string {
  const lower = word.toLowerCase();
  const extended = rules === 'nltk';
  if (extended && (IRREGULAR.has(lower) || word.length <= 2)) return IRREGULAR.get(lower) ?? lower;
  const plural = withoutPlural(lower, extended);
  const past = withoutPast(plural, extended);
  const long = withRules(past, extended ? Y_EXTENDED : Y_ORIGINAL);
  const simple = withRules(withoutDoubleSuffix(long, extended), STEP3);
  const short = withoutE(withRules(simple, STEP4), extended);
  return short.endsWith('ll') && measure(short.slice(0, -1)) > 1 ? short.slice(0, -1) : short;
}

/** Step 1a. */
function withoutPlural(word: string, extended: boolean): string {
  if (extended && word.length === 4 && word.endsWith('ies')) return word.slice(0, -1);
  return withRules(word, STEP1A);
}

/** Step 1b. */
function withoutPast(word: string, extended: boolean): string {
  if (extended && word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const suffix = ['ed', 'ing'].find((end) => word.endsWith(end) && hasVowel(word.slice(0, -end.length)));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsInShort(stem, extended) ? `${stem}e` : stem;
}

/** Step 2. */
function withoutDoubleSuffix(word: string, extended: boolean): string {
  if (!extended) return withRules(word, STEP2_ORIGINAL);
  // nltk takes -alli off first, and then what is before it.
  if (word.endsWith('alli') && measure(word.slice(0, -4)) > 0) return withoutDoubleSuffix(word.slice(0, -2), extended);
  return withRules(word, STEP2_EXTENDED);
}

/** Step 5a. */
function withoutE(word: string, extended: boolean): string {
  if (!word.endsWith('e')) return word;
  const stem = word.slice(0, -1);
  const count = measure(stem);
  return count > 1 || (count === 1 && !endsInShort(stem, extended)) ? stem : word;
}

/** The first rule whose suffix the word has, alone. */
function withRules(word: string, rules: readonly Rule[]): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const [suffix, replacement, holds] = rule;
  const stem = word.slice(0, word.length - suffix.length);
  return holds(stem) ? stem + replacement : word;
}

/** `c` for a consonant and `v` for a vowel, letter by letter; y is a vowel after a consonant. */
function shapeOf(text: string): string {
  let shape = '';
  for (let i = 0; i < text.length; i++)
    shape += 'aeiou'.includes(text[i]) || (text[i] === 'y' && shape[i - 1] === 'c') ? 'v' : 'c';
  return shape;
}

/** Porter's m: how often consonants follow vowels. */
const measure = (stem: string): number => shapeOf(stem).split('vc').length - 1;
const hasVowel = (stem: string): boolean => shapeOf(stem).includes('v');
const endsInDouble = (stem: string): boolean =>
  stem.length > 1 && stem.at(-1) === stem.at(-2) && /c$/.test(shapeOf(stem));
/** Porter's *o: consonant, vowel, consonant other than w, x, y; nltk adds stems that are vowel and consonant. */
const endsInShort = (stem: string, extended: boolean): boolean =>
  (/cvc$/.test(shapeOf(stem)) && !/[wxy]$/.test(stem)) || (extended && shapeOf(stem) === 'vc');

const always = (): boolean => true;
const positive = (stem: string): boolean => measure(stem) > 0;
const aboveOne = (stem: string): boolean => measure(stem) > 1;
/** Rules of a table `suffix:replacement`, all with one condition. */
const rulesOf = (table: string, holds: Rule[2]): Rule[] =>
  table.split(' ').map((entry) => {
    const [suffix, replacement] = entry.split(':');
    return [suffix, replacement, holds];
  });

const STEP1A = rulesOf('sses:ss ies:i ss:ss s:', always);
const Y_ORIGINAL: readonly Rule[] = [['y', 'i', hasVowel]];
const Y_EXTENDED: readonly Rule[] = [['y', 'i', (stem) => stem.length > 1 && /c$/.test(shapeOf(stem))]];
const STEP2 = (bli: string): Rule[] =>
  rulesOf(
    `ational:ate tional:tion enci:ence anci:ance izer:ize ${bli} alli:al entli:ent eli:e ousli:ous ization:ize ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive biliti:ble`,
    positive,
  );
const STEP2_ORIGINAL = STEP2('abli:able');
const STEP2_EXTENDED: readonly Rule[] = [
  ...STEP2('bli:ble'),
  ['fulli', 'ful', positive],
  // The l belongs to the stem, so that geo and theo are treated as archaeo and philo.
  ['logi', 'log', (stem) => measure(`${stem}l`) > 0],
];
const STEP3 = rulesOf('icate:ic ative: alize:al iciti:ic ical:ic ful: ness:', positive);
const STEP4: readonly Rule[] = [
  ...rulesOf('al: ance: ence: er: ic: able: ible: ant: ement: ment: ent:', aboveOne),
  ['ion', '', (stem) => aboveOne(stem) && /[st]$/.test(stem)],
  ...rulesOf('ou: ism: ate: iti: ous: ive: ize:', aboveOne),
];
