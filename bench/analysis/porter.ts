/** One rule of a step: an ending, what replaces it, and what the stem before it must be. */
type Rule = readonly [ending: string, replacement: string, holds?: (stem: string) => boolean];

const CONSONANT = '(?:[^aeiouy]|(?<![^aeiou])y)';
const VOWEL = '(?:[aeiou]|(?<=[^aeiou])y)';
const MEASURE = new RegExp(`${VOWEL}+${CONSONANT}+`, 'g');
const HAS_VOWEL = new RegExp(VOWEL);
const SHORT = new RegExp(`${CONSONANT}${VOWEL}(?!w|x|y)${CONSONANT}$`);

/** Sequences of vowels and consonants: "m" of the paper. */
const measure = (stem: string): number => stem.match(MEASURE)?.length ?? 0;
const hasVowel = (stem: string): boolean => HAS_VOWEL.test(stem);
const endsDouble = (stem: string): boolean => /([^aeiou])\1$/.test(stem);
const above =
  (least: number) =>
  (stem: string): boolean =>
    measure(stem) > least;

const PLURALS: readonly Rule[] = [
  ['sses', 'ss'],
  ['ies', 'i'],
  ['ss', 'ss'],
  ['s', ''],
];
const DERIVED: readonly Rule[] = (
  `ational ate,tional tion,enci ence,anci ance,izer ize,abli able,alli al,entli ent,eli e,ousli ous,ization ize,ation ate,
  ator ate,alism al,iveness ive,fulness ful,ousness ous,aliti al,iviti ive,biliti ble`.split(',') as string[]
).map((pair) => [...pair.trim().split(' '), above(0)] as unknown as Rule);
const SHORTER: readonly Rule[] = [
  ['icate', 'ic', above(0)],
  ['ative', '', above(0)],
  ['alize', 'al', above(0)],
  ['iciti', 'ic', above(0)],
  ['ical', 'ic', above(0)],
  ['ful', '', above(0)],
  ['ness', '', above(0)],
];
const ENDINGS: readonly Rule[] = [
  ...'al,ance,ence,er,ic,able,ible,ant,ement,ment,ent'.split(',').map((ending): Rule => [ending, '', above(1)]),
  ['ion', '', (stem) => measure(stem) > 1 && /[st]$/.test(stem)],
  ...'ou,ism,ate,iti,ous,ive,ize'.split(',').map((ending): Rule => [ending, '', above(1)]),
];

/** Applies the rule of the longest ending that a word has. */
function apply(word: string, rules: readonly Rule[]): string {
  const own = rules.filter(([ending]) => word.endsWith(ending)).sort((a, b) => b[0].length - a[0].length)[0];
  if (own === undefined) return word;
  const stem = word.slice(0, word.length - own[0].length);
  return own[2] === undefined || own[2](stem) ? stem + own[1] : word;
}

function pastForms(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const found = /^(.*)(?:ed|ing)$/.exec(word);
  if (!found || !hasVowel(found[1])) return word;
  const [, stem] = found;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsDouble(stem) && !/[lsz]$/.test(stem)) return stem.slice(0, -1);
  return measure(stem) === 1 && SHORT.test(stem) ? `${stem}e` : stem;
}

/** An English word's stem (Porter 1980), by which keyphrases are matched in the field. */
export function porterStem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word;
  let stem = pastForms(apply(word, PLURALS));
  if (stem.endsWith('y') && hasVowel(stem.slice(0, -1))) stem = `${stem.slice(0, -1)}i`;
  stem = apply(apply(apply(stem, DERIVED), SHORTER), ENDINGS);
  if (stem.endsWith('e')) {
    const base = stem.slice(0, -1);
    if (measure(base) > 1 || (measure(base) === 1 && !SHORT.test(base))) stem = base;
  }
  return endsDouble(stem) && stem.endsWith('l') && measure(stem) > 1 ? stem.slice(0, -1) : stem;
}
