import type { OutputFile } from '../../core/output-node.ts';
import type { PreparedScores } from '../../analysis/score/prepare-node.ts';
import { keepScoredBlocks, scoredBefore } from '../../analysis/score/resume-node.ts';
import type { ScoredBefore } from '../../analysis/score/score-node.ts';
import { Journal, type Origin } from './journal.ts';

/** What was chosen before the first pair; weights of tokens are counted again. */
type Chosen = Omit<PreparedScores, 'idf'>;

/** The file of scores, and what an interrupted run left of each system. */
export interface ScoreJournal {
  journal: Journal<Chosen>;
  /** Pairs of a system that are there already. */
  done(system: number): ScoredBefore | undefined;
}

/** Opens the file that scores are written to; one that is continued is cut off after its last whole block. */
export async function openScoreJournal(
  output: OutputFile,
  given: { path: string; resume: boolean; origin: Origin },
): Promise<ScoreJournal> {
  let systems: readonly number[] = [];
  const journal = await Journal.open<Chosen>(output, {
    ...given,
    kind: 'albertine scores',
    noun: 'score',
    keep: async (partial) => {
      systems = await keepScoredBlocks(partial);
      return systems.reduce((sum, pairs) => sum + pairs, 0);
    },
  });
  return { journal, done: (system) => scoredBefore(output.partial, systems, system) };
}

/** What is noted of what was chosen. */
export function chosenOf({ layer, layers, direction, baseline }: PreparedScores): Chosen {
  return Object.fromEntries(
    Object.entries({ layer, layers, direction, baseline }).filter(([, value]) => value !== undefined),
  );
}
