import { countOf } from '../../core/count.ts';
import { readRun } from '../../training/report/report-node.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import type { DistillResult } from './options.ts';

/**
 * Held-out figures before the first step, from the run's folder (a resumed run has not computed them itself), and those
 * of the weights that are kept.
 */
export async function startFigures(
  output: string,
  { best, evaluation }: TrainingOutcome,
): Promise<Pick<DistillResult, 'start' | 'end'>> {
  const end = best?.evaluation ?? evaluation;
  if (!end) return {};
  const { evaluations } = await readRun(output);
  const start = evaluations.find(({ step }) => step === 0)?.metrics;
  return { ...(start && { start }), end };
}

/** Figures as people call them. */
const NAMES: Readonly<Record<string, string>> = {
  cosine: 'cosine to the teacher',
  spearman: 'Spearman of similarities',
  agreement: 'agreement with the teacher',
  divergence: 'divergence',
  accuracy: 'accuracy on labels by people',
  mse: 'squared distance',
  mlmLoss: 'loss on the words that were there',
  mlmAccuracy: 'their share guessed',
};

/** One line on how near the student came to its teacher; nothing where nothing was held out. */
export function describeFigures(
  { start, end }: Pick<DistillResult, 'start' | 'end'>,
  { names, rows }: { names: readonly string[]; rows: number },
): string[] {
  if (!end) return [];
  const parts = names
    .filter((name) => end[name] !== undefined)
    .map(
      (name) =>
        `${NAMES[name] ?? name} ${start?.[name] === undefined ? '' : `${start[name].toFixed(4)} -> `}${end[name].toFixed(4)}`,
    );
  return [`${countOf(rows, 'held-out text')}: ${parts.join(', ')}`];
}
