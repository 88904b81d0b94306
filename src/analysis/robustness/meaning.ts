import type { Albert } from '../../loaded/albert.ts';
import { isChinese } from '../../perturbation/words.ts';
import { AlbertScorer } from '../score/scorer.ts';
import type { MeaningCheck } from './measure.ts';
import type { FindWords } from './model-perturbations.ts';
import type { WordVectors } from './word-vectors.ts';

/** ALBERTScore F1 that a text must have beside the original one, unless told otherwise. */
export const DEFAULT_MEANING = 0.9;
/** Words of another language are less near than those of the same; an attack looks farther, and compares every text. */
const [OWN_COSINE, OTHER_COSINE] = [0.7, 0.6];
/** Cosine that words of an attack must have. */
export const ATTACK_COSINE = 0.55;

/** Compares texts by ALBERTScore: those whose F1 reaches the threshold say the same. */
export function meaningCheck(model: Albert, threshold = DEFAULT_MEANING): MeaningCheck {
  const scorer = AlbertScorer.from(model);
  return async (pairs) => {
    if (pairs.length === 0) return [];
    const { scores } = await scorer.score({
      candidates: pairs.map(({ after }) => after),
      references: pairs.map(({ before }) => before),
    });
    return scores.map(({ f1 }) => f1 >= threshold);
  };
}

/** Near words of the vocabulary: of a word's own language (from a cosine, default 0.7), or the nearest of the other. */
export function findNear(vectors: WordVectors, minCosine = OWN_COSINE): FindWords {
  return (word, where) => {
    const [own, other] = isChinese(word) ? (['zh', 'en'] as const) : (['en', 'zh'] as const);
    return where === 'own'
      ? vectors.near(word, { language: own, minCosine, count: 20 })
      : vectors.near(word, { language: other, count: 1, minCosine: OTHER_COSINE });
  };
}
