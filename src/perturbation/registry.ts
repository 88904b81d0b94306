import { AlbertineError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { CHINESE } from './chinese.ts';
import { CONTENTS } from './contents.ts';
import { INVARIANCE } from './invariance.ts';
import type { PerturbedLanguage, Perturbation } from './perturbation.ts';
import { SURFACE } from './surface.ts';
import { TYPOS } from './typos.ts';
import { isChinese } from './words.ts';

/** Every perturbation that needs nothing but the text. */
export const PERTURBATIONS: readonly Perturbation[] = [...TYPOS, ...SURFACE, ...CHINESE, ...CONTENTS, ...INVARIANCE];

/** Texts that are looked at, and the share of a language from which it counts. */
const [SAMPLE, SHARE] = [500, 0.1];

/** The languages of texts: those that a tenth of the first 500 are in. English where there is none. */
export function languagesOf(texts: readonly string[]): PerturbedLanguage[] {
  const sample = texts.slice(0, SAMPLE);
  const chinese = sample.filter(isChinese).length / Math.max(1, sample.length);
  return [...(chinese <= 1 - SHARE ? ['en' as const] : []), ...(chinese >= SHARE ? ['zh' as const] : [])];
}

/**
 * Perturbations by name among `known`; `all`, or by default the usual ones, of those that find something to change in
 * the languages. Throws `invalid_argument` for a name that there is none of.
 */
export function perturbationsNamed(
  names: readonly string[] | undefined,
  languages: readonly PerturbedLanguage[],
  known: readonly Perturbation[] = PERTURBATIONS,
): Perturbation[] {
  if (names === undefined || (names.length === 1 && names[0] === 'all')) {
    const fitting = known.filter((row) => row.languages.some((language) => languages.includes(language)));
    return names === undefined ? fitting.filter(({ usual }) => usual) : fitting;
  }
  return names.map((name) => {
    const row = known.find((one) => one.name === name);
    if (row) return row;
    const all = known.map((one) => one.name);
    const nearest = nearestName(name, all);
    throw new AlbertineError('invalid_argument', `there is no perturbation ${JSON.stringify(name)}`, {
      value: name,
      option: 'perturbations',
      hint: nearest === undefined ? `There are ${all.join(', ')}` : `Did you mean ${nearest}?`,
    });
  });
}
