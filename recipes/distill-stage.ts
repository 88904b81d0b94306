import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { distill } from '../src/index.ts';
import { contentsOf, dataPath, stepFile, type BuildContext } from './context.ts';
import { describeRun } from './pretrain-stage.ts';
import type { DistillStep } from './recipe.ts';
import { interruptedIn, type Stage } from './stages.ts';

/** Name of a distillation step's stage. */
export const distillName = (step: Pick<DistillStep, 'name'>): string => `distill/${step.name}`;

/** One distillation step, whose student is the model of the step before it. Goes on from its last checkpoint. */
export function distillStage(context: BuildContext, step: DistillStep, before: string): Stage {
  const { threads, signal, onProgress, onNote } = context;
  const { name, input, teacher, teacherVectors = [], ...options } = step;
  const stage = distillName(step);
  const files = [...input, ...teacherVectors];
  const data = files.filter((file) => file.startsWith('data:'));
  const isFolder = teacher?.startsWith('data:') ?? false;
  // The folder of a teacher counts by its weights.
  const weights = isFolder ? [`${teacher!}/model.safetensors`] : [];
  return {
    name: stage,
    needs: [before, ...(files.some((file) => file.startsWith('sentences:')) ? ['sentences'] : [])],
    settings: async () => ({
      step: { name, input, teacher, teacherVectors, ...options },
      data: await contentsOf(
        [...data, ...weights].map((file) => dataPath(context, file)),
        [...data, ...weights],
      ),
    }),
    run: async (job) => {
      const { outcome, steps } = await distill({
        ...options,
        student: job.input(before).folder,
        output: job.folder,
        resume: existsSync(join(job.folder, 'run.json')),
        input: input.map((file) => stepFile(context, file, job)),
        ...(teacherVectors.length > 0 && {
          teacherVectors: teacherVectors.map((file) => stepFile(context, file, job)),
        }),
        ...(teacher !== undefined && { teacher: isFolder ? dataPath(context, teacher) : teacher }),
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
