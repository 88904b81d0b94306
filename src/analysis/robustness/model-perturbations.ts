import { described } from '../../perturbation/manual.ts';
import type { Random } from '../../core/random.ts';
import { perturbation, type Perturbation, type ProposedEdit } from '../../perturbation/perturbation.ts';
import { allWords, type WordPlace } from '../../perturbation/words.ts';
import type { NearWord } from './word-vectors.ts';

/** Finds words near a word; in its own language or in the other one. */
export type FindWords = (word: string, where: 'own' | 'other') => readonly NearWord[];

/** A word in the form that another one has: a capital, capitals. */
export function inFormOf(model: string, word: string): string {
  if (model.length > 1 && model === model.toUpperCase() && model !== model.toLowerCase()) return word.toUpperCase();
  return model[0] === model[0].toLowerCase() ? word : word[0].toUpperCase() + word.slice(1);
}

/** Synonyms and words of the other language, by word vectors that are given. */
export function modelPerturbations(find: FindWords): Perturbation[] {
  const replaced =
    (where: 'own' | 'other') =>
    (text: string, random: Random): ProposedEdit[] =>
      allWords(text).flatMap((place): ProposedEdit[] => {
        const near = find(place.word, where);
        // The nearer the likelier: of the nearest three.
        const drawn = random.integer(3);
        if (near.length === 0) return [];
        return [editOf(text, place, near[Math.min(drawn, near.length - 1)].word, where)];
      });
  return [
    perturbation({
      ...described('synonyms'),
      withinWords: true,
      propose: replaced('own'),
    }),
    perturbation({
      ...described('code-mixing'),
      withinWords: true,
      propose: replaced('other'),
    }),
  ];
}

/** A word in place of another; between Chinese and English words a space. */
export function editOf(
  text: string,
  { word, start, end }: WordPlace,
  near: string,
  where: 'own' | 'other',
): ProposedEdit {
  if (where === 'own') return { start, end, replacement: inFormOf(word, near) };
  const before = /\p{L}$/u.test(text.slice(Math.max(0, start - 2), start)) && /^\p{ASCII}/u.test(near) ? ' ' : '';
  const after = /^\p{L}/u.test(text.slice(end, end + 2)) && /^\p{ASCII}/u.test(near) ? ' ' : '';
  return { start, end, replacement: before + near + after };
}
