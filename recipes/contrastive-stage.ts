import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fineTuneEmbedding } from '../src/index.ts';
import { contentsOf, dataPath, stepFile, type BuildContext } from './context.ts';
import { describeRun } from './pretrain-stage.ts';
import type { ContrastiveStep } from './recipe.ts';
import { interruptedIn, type Stage } from './stages.ts';

/** Name of a contrastive step's stage. */
export const contrastiveName = (step: Pick<ContrastiveStep, 'name'>): string => `contrastive/${step.name}`;

/** One contrastive step, from the model of the step before it. Goes on from its last checkpoint. */
export function contrastiveStage(context: BuildContext, step: ContrastiveStep, before: string): Stage {
  const { threads, signal, onProgress, onNote } = context;
  const { name, train, evaluation = [], ...options } = step;
  const data = [...train, ...evaluation].filter((file) => file.startsWith('data:'));
  const drawn = [...train, ...evaluation].some((file) => file.startsWith('sentences:'));
  const stage = contrastiveName(step);
  return {
    name: stage,
    needs: [before, ...(drawn ? ['sentences'] : [])],
    settings: async () => ({
      step: { name, train, evaluation, ...options },
      data: await contentsOf(
        data.map((file) => dataPath(context, file)),
        data,
      ),
    }),
    run: async (job) => {
      const { outcome, steps } = await fineTuneEmbedding({
        ...options,
        model: job.input(before).folder,
        output: job.folder,
        resume: existsSync(join(job.folder, 'run.json')),
        train: train.map((file) => stepFile(context, file, job)),
        ...(evaluation.length > 0 && { evaluation: evaluation.map((file) => stepFile(context, file, job)) }),
        onEvent: (kind, message) => onNote(`${stage}: ${kind}: ${message}`),
        ...(threads !== undefined && { threads }),
        ...(signal && { signal }),
        ...(onProgress && { onProgress }),
      });
      if (outcome === 'interrupted') throw interruptedIn(stage, ` after step ${steps}`);
    },
    describe: describeRun,
  };
}
