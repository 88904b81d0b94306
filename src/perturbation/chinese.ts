import { described } from './manual.ts';
import { perturbation, type Perturbation, type ProposedEdit } from './perturbation.ts';
import type { Random } from '../core/random.ts';
import { LOOK_ALIKES } from './tables/look-alikes.ts';
import { SOUND_ALIKES } from './tables/sound-alikes.ts';
import { TRADITIONAL } from './tables/traditional.ts';
import { hanCharacters, isNegation } from './words.ts';

/** For each character the others of its groups, the nearest first. */
type Alike = ReadonlyMap<string, readonly string[]>;

function onceBuilt<T>(build: () => T): () => T {
  let built: { value: T } | undefined;
  return () => (built ??= { value: build() }).value;
}

/** Of the same tone where there are any, else of the same syllable: what an input method offers. */
const soundAlikes = onceBuilt((): Alike => {
  const alike = new Map<string, string[]>();
  for (const line of SOUND_ALIKES.trim().split('\n')) {
    const tones = line.split(' ').map((group) => [...group]);
    for (const tone of tones)
      for (const character of tone) {
        const same = tone.filter((other) => other !== character);
        alike.set(character, same.length > 0 ? same : tones.flat().filter((other) => other !== character));
      }
  }
  return alike;
});

const lookAlikes = onceBuilt((): Alike => {
  const alike = new Map<string, string[]>();
  for (const group of LOOK_ALIKES.trim().split(/\s+/)) {
    const characters = [...group];
    for (const character of characters) {
      const others = alike.get(character) ?? [];
      for (const other of characters) if (other !== character && !others.includes(other)) others.push(other);
      alike.set(character, others);
    }
  }
  return alike;
});

const otherScript = onceBuilt((): ReadonlyMap<string, string> => {
  const characters = [...TRADITIONAL.replaceAll('\n', '')];
  return new Map(
    characters.flatMap((character, i): [string, string][] =>
      i % 2 === 0
        ? [
            [character, characters[i + 1]],
            [characters[i + 1], character],
          ]
        : [],
    ),
  );
});

/** Characters that an alike one stands for; those that turn the meaning around (不, 没) stay. */
const replaceFrom =
  (table: () => Alike) =>
  (text: string, random: Random): ProposedEdit[] =>
    hanCharacters(text).flatMap(({ word, start, end }) => {
      const others = table().get(word);
      if (others === undefined || others.length === 0 || isNegation(word)) return [];
      return [{ start, end, replacement: others[random.integer(others.length)] }];
    });

/** Characters of Chinese. */
export const CHINESE: readonly Perturbation[] = [
  perturbation({
    ...described('sound-alikes'),
    withinWords: true,
    propose: replaceFrom(soundAlikes),
  }),
  perturbation({
    ...described('look-alikes'),
    withinWords: true,
    propose: replaceFrom(lookAlikes),
  }),
  perturbation({
    ...described('script'),
    withinWords: true,
    propose: (text) =>
      hanCharacters(text).flatMap(({ word, start, end }) => {
        const replacement = otherScript().get(word);
        return replacement === undefined ? [] : [{ start, end, replacement }];
      }),
  }),
];
