import { described, type PerturbationName } from './manual.ts';
import type { Random } from '../core/random.ts';
import { perturbation, type Perturbation, type ProposedEdit } from './perturbation.ts';
import { letterWords, type WordPlace } from './words.ts';

/** Neighbours on a QWERTY keyboard, on the same row and those above and below. */
const NEIGHBOURS: Readonly<Record<string, string>> = {
  q: 'wa',
  w: 'qeas',
  e: 'wrsd',
  r: 'etdf',
  t: 'ryfg',
  y: 'tugh',
  u: 'yihj',
  i: 'uojk',
  o: 'ipkl',
  p: 'ol',
  a: 'qwsz',
  s: 'awedzx',
  d: 'serfxc',
  f: 'drtgcv',
  g: 'ftyhvb',
  h: 'gyujbn',
  j: 'huiknm',
  k: 'jiolm',
  l: 'kop',
  z: 'asx',
  x: 'zsdc',
  c: 'xdfv',
  v: 'cfgb',
  b: 'vghn',
  n: 'bhjm',
  m: 'njk',
};

/** One typing error in a word of several characters; undefined where the word has no place for it. */
type TypingError = (characters: readonly string[], at: number, random: Random) => Slip | undefined;

/** Characters `from` to `to` become others. */
interface Slip {
  from: number;
  to: number;
  replacement: string;
}

const ERRORS = {
  /** A neighbouring key in place of a letter. */
  keyboard: (characters, at, random) => {
    const keys = NEIGHBOURS[characters[at].toLowerCase()];
    if (keys === undefined) return undefined;
    const key = keys[random.integer(keys.length)];
    const isUpper = characters[at] !== characters[at].toLowerCase();
    return { from: at, to: at + 1, replacement: isUpper ? key.toUpperCase() : key };
  },
  /** Two letters in the wrong order. */
  swap: (characters, at) => {
    if (at + 1 >= characters.length) at--;
    return { from: at, to: at + 2, replacement: characters[at + 1] + characters[at] };
  },
  /** A letter left out. */
  drop: (_, at) => ({ from: at, to: at + 1, replacement: '' }),
  /** A letter twice. */
  double: (characters, at) => ({ from: at, to: at + 1, replacement: characters[at] + characters[at] }),
} satisfies Record<string, TypingError>;

/** Shorter words would become other words. */
const SHORTEST = 3;

function propose(kinds: readonly (keyof typeof ERRORS)[]): (text: string, random: Random) => ProposedEdit[] {
  return (text, random) =>
    letterWords(text).flatMap(({ word, start }: WordPlace): ProposedEdit[] => {
      const characters = [...word];
      if (characters.length < SHORTEST || !/^\p{L}/u.test(word)) return [];
      // The first letter is rarely wrong, and readers need it most (Pruthi et al. 2019).
      const at = 1 + random.integer(characters.length - 1);
      const slip = ERRORS[kinds[random.integer(kinds.length)]](characters, at, random);
      if (slip === undefined) return [];
      const place = (index: number): number => start + characters.slice(0, index).join('').length;
      return [{ start: place(slip.from), end: place(slip.to), replacement: slip.replacement }];
    });
}

const typingErrors = (name: PerturbationName, kinds: readonly (keyof typeof ERRORS)[]): Perturbation =>
  perturbation({ ...described(name), withinWords: true, propose: propose(kinds) });

/** Typing errors: one in each word that is chosen, of three letters or more, behind its first letter. */
export const TYPOS: readonly Perturbation[] = [
  typingErrors('typos', ['keyboard', 'swap', 'drop', 'double']),
  typingErrors('keyboard', ['keyboard']),
  typingErrors('swaps', ['swap']),
  typingErrors('drops', ['drop']),
];
