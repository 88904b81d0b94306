import type { Candidate } from './candidates.ts';

/**
 * Weights of what says something besides the cosine, in spreads (standard deviations) of the document's cosines, so
 * that they suit models of wider or narrower cosines. Chosen on half of Inspec and of SemEval2017
 * (bench/analysis/keywords.ts).
 */
const [FIRST, COUNT, SINGLE] = [0.4, 0.3, 1.5];

/**
 * Cosines with what says something besides: titles and first sentences name the topic, what comes again matters, and
 * single words are seldom what people choose.
 */
export function combinedScores(candidates: readonly Candidate[], similarities: readonly number[]): number[] {
  const mean = similarities.reduce((sum, value) => sum + value, 0) / similarities.length;
  const spread = Math.sqrt(similarities.reduce((sum, value) => sum + (value - mean) ** 2, 0) / similarities.length);
  return candidates.map(
    ({ words, wordsBefore, offsets }, i) =>
      similarities[i] +
      spread * (COUNT * Math.log(offsets.length) - FIRST * Math.log(1 + wordsBefore) - (words === 1 ? SINGLE : 0)),
  );
}
