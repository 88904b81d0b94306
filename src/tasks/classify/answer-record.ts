import { short } from '../../data/json.ts';
import type { ClassifierFacts, LabelAnswer } from './task.ts';

type Facts = Pick<ClassifierFacts, 'problem' | 'labels'>;

/** An answer as a line of JSON has it. */
export function answerRecord(
  { label, score, labels, assigned }: LabelAnswer,
  { problem }: Facts,
): Record<string, unknown> {
  if (problem === 'regression') return { value: short(score) };
  return {
    label,
    score: short(score),
    labels: labels.map((one) => ({ ...one, score: short(one.score) })),
    ...(assigned && { assigned }),
  };
}

/** One level deep, the same columns for every text. */
export function answerCells(
  { score, labels: scored, assigned }: LabelAnswer,
  { problem, labels }: Facts,
  topK: number,
): Record<string, unknown> {
  if (problem === 'regression') return { value: short(score) };
  const best = scored
    .slice(0, Math.min(topK, labels.length))
    .flatMap(({ label, score: own }, i): [string, unknown][] => {
      const suffix = i === 0 ? '' : `_${i + 1}`;
      return [
        [`label${suffix}`, label],
        [`score${suffix}`, short(own)],
      ];
    });
  return { ...Object.fromEntries(best), ...(assigned && { assigned: assigned.join(',') }) };
}
