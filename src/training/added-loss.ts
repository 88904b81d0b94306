import type { Graph, Tensor } from '../graph/graph.ts';
import type { HeadTensors } from './head.ts';
import type { TrainingBatch } from './layerwise.ts';
import type { HeadFeeds } from './units.ts';
import type { StepData, TrainingTask } from './trainer-options.ts';

/**
 * What a task learns besides its own loss: a teacher's answers (distillation), agreement of two views (consistency).
 */
export interface AddedLoss {
  /**
   * Scalar that is added to the loss of a micro-batch, from the head's results and inputs of its own; weighted so that
   * micro-batches add up.
   */
  loss(graph: Graph, head: HeadTensors): Tensor;
  /**
   * Feeds for those inputs, for a micro-batch of optimiser step `step`. The same for the same batch and step, or a
   * resumed run differs.
   */
  feeds(batch: TrainingBatch, step: number): Promise<HeadFeeds> | HeadFeeds;
}

/** The task with a further loss in training; evaluation, data and what is saved stay those of the task. */
export function withAddedLoss(task: TrainingTask, added: AddedLoss): TrainingTask {
  const extend = async (data: StepData, step: number): Promise<StepData> => ({
    ...data,
    microBatches: await Promise.all(
      data.microBatches.map(async (batch) => {
        const { feeds, sizes } = await added.feeds(batch, step);
        return { ...batch, headFeeds: { ...batch.headFeeds, ...feeds }, headSizes: { ...batch.headSizes, ...sizes } };
      }),
    ),
  });
  return {
    ...task,
    head: { ...task.head, addedLoss: added.loss },
    stepData: async (step: number) => extend(await task.stepData(step), step),
    ...(task.probeData && { probeData: async (step: number) => extend(await task.probeData!(step), step) }),
  };
}
