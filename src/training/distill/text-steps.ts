import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { bucketWithin } from '../../data/batches.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { BatchShape } from '../layerwise.ts';
import { rowOrder } from '../row-order.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from '../units.ts';

/** Texts that steps are made of, on disk or not. */
export interface StepTexts {
  config: AlbertConfig;
  texts: { lengthOf(text: number): number };
  train: ArrayLike<number>;
  evaluation: readonly number[];
  batchSize: number;
  microBatchTokens?: number;
  seed: number;
  shuffle?: boolean;
}

/** Which texts a step has, and what of them a task tells before the first one. */
export interface TextSteps {
  /** Number of the text at a position of the run. */
  textAt: (position: number) => number;
  batchShapes: () => BatchShape[];
  evaluationTokens: number;
}

/** Steps of texts that can be split. Throws `invalid_data` where there is no text. */
export function textSteps(options: StepTexts): TextSteps {
  const { config, texts, train, evaluation, batchSize, seed, shuffle = true } = options;
  requireInteger('batchSize', batchSize, { min: 1 });
  if (train.length === 0)
    throw new AlbertineError('invalid_data', 'there is no text to learn from', { value: train.length });
  const rowAt = rowOrder(train.length, { seed, shuffled: shuffle });
  let longest = 0;
  for (let row = 0; row < train.length; row++) longest = Math.max(longest, texts.lengthOf(train[row]));
  const sequenceLength = bucketWithin(config.maxPositionEmbeddings)(longest);
  const most = Math.max(1, Math.floor((options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS) / sequenceLength));
  return {
    textAt: (position) => train[rowAt(position)],
    batchShapes: () => [{ batchSize: Math.min(batchSize, most), sequenceLength }],
    evaluationTokens: evaluation.reduce((sum, text) => sum + texts.lengthOf(text), 0),
  };
}
