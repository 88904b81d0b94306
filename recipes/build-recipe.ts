import type { BuildContext } from './context.ts';
import { shardsStage, vocabularyStage } from './corpus-stages.ts';
import { pretrainStage } from './pretrain-stage.ts';
import { releaseStage } from './release-stage.ts';
import { sentenceSteps } from './sentence-steps.ts';
import { sentencesStage } from './sentences-stage.ts';
import { runStages, type RunStagesOptions, type Stage, type StageOutcome } from './stages.ts';

/** Options of {@link buildRecipe}. */
export interface BuildOptions extends Omit<BuildContext, 'onNote'>, Pick<RunStagesOptions, 'only' | 'from' | 'use'> {
  /** Receives a folder per stage and `stages.json`. */
  output: string;
  /** Told of stages that begin or are skipped, and of what the library has to say. */
  onNote?: (text: string) => void;
}

/** The stages of a recipe, in order. */
export function stagesOf(context: BuildContext): Stage[] {
  const { sentences } = context.recipe;
  const steps = sentenceSteps(context.recipe);
  return [
    vocabularyStage(context),
    shardsStage(context),
    pretrainStage(context),
    ...(sentences ? [sentencesStage(context, sentences)] : []),
    ...steps.map(({ stage }, i) => stage(context, i === 0 ? 'pretrain' : steps[i - 1].name)),
    releaseStage(context),
  ];
}

/**
 * Builds a model from a recipe and a corpus, or what is not finished of it; see {@link runStages}. Returns what was
 * done with every stage.
 */
export async function buildRecipe({
  output,
  only,
  from,
  use,
  onNote = () => undefined,
  ...rest
}: BuildOptions): Promise<Record<string, StageOutcome>> {
  const context: BuildContext = { ...rest, onNote };
  return runStages(stagesOf(context), output, {
    onNote,
    ...(only && { only }),
    ...(from !== undefined && { from }),
    ...(use && { use }),
    ...(rest.signal && { signal: rest.signal }),
  });
}
