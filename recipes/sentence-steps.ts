import type { BuildContext } from './context.ts';
import { contrastiveName, contrastiveStage } from './contrastive-stage.ts';
import { distillName, distillStage } from './distill-stage.ts';
import type { Recipe } from './recipe.ts';
import type { Stage } from './stages.ts';

/** A step after pretraining, each from the model of the one before it. */
export interface SentenceStep {
  /** Of its stage. */
  name: string;
  /** For the card. */
  title: string;
  description: string;
  stage: (context: BuildContext, before: string) => Stage;
}

/** What follows pretraining: distillation, then contrastive training. */
export function sentenceSteps({ distill = [], contrastive = [] }: Recipe): SentenceStep[] {
  return [
    ...distill.map((step) => ({
      name: distillName(step),
      title: step.name,
      description: `distillation (${step.task ?? 'embedding'}) of ${step.teacher ?? step.teacherVectors!.join(', ')} on ${step.input.join(', ')}`,
      stage: (context: BuildContext, before: string) => distillStage(context, step, before),
    })),
    ...contrastive.map((step) => ({
      name: contrastiveName(step),
      title: step.name,
      description: `${step.objective} on ${step.train.join(', ')}`,
      stage: (context: BuildContext, before: string) => contrastiveStage(context, step, before),
    })),
  ];
}
