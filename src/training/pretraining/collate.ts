import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { bucketLength } from '../../data/batches.ts';
import { float32, int64, type HostTensor } from '../../runtime/tensor.ts';
import type { TrainingBatch } from '../layerwise.ts';
import type { PretrainingExample } from './example.ts';

/** What the losses of a step are divided by. */
export interface TargetCounts {
  /** Tokens to be predicted. */
  masked: number;
  /** Examples with a pair label. */
  pairs: number;
}

/** Counts the targets of all examples of a step, over its micro-batches. */
export function countTargets(examples: readonly PretrainingExample[]): TargetCounts {
  let masked = 0;
  let pairs = 0;
  for (const { maskedPositions, pairLabel } of examples) {
    masked += maskedPositions.length;
    pairs += Number(pairLabel !== undefined);
  }
  return { masked, pairs };
}

/** Options of {@link collatePretraining}. */
export interface CollateOptions {
  padId: number;
  /** Targets of the whole step ({@link countTargets}), so that the micro-batches' losses add up to the step's mean. */
  targets: TargetCounts;
  /** Whether the head has a pair classifier (`sop` or `nsp`). */
  sentencePair: boolean;
  /** Padded length, or a rule from the longest example. Default {@link bucketLength}. */
  sequenceLength?: number | ((longest: number) => number);
  /** Padded number of predictions, likewise: extra ones have weight 0. Default {@link bucketLength}. */
  maskedLength?: number | ((masked: number) => number);
}

/**
 * A micro-batch for the pretraining head: `maskedPositions` are rows of `[batch*sequence]`; `maskedWeights` are 1 /
 * targets.masked and `pairWeights` 1 / targets.pairs, 0 for padding and for examples without a pair label. Throws
 * `invalid_argument` without examples, or when an example or the number of predictions exceeds a fixed length.
 */
export function collatePretraining(examples: readonly PretrainingExample[], options: CollateOptions): TrainingBatch {
  const {
    padId,
    targets,
    sentencePair,
    sequenceLength: lengthRule = bucketLength,
    maskedLength: maskedRule = bucketLength,
  } = options;
  const batchSize = examples.length;
  if (batchSize === 0) throw new AlbertineError('invalid_argument', 'a batch needs at least one example');
  const longest = Math.max(...examples.map(({ inputIds }) => inputIds.length));
  const sequenceLength = applyRule('sequenceLength', lengthRule, longest);
  const own = countTargets(examples);
  const masked = applyRule('maskedLength', maskedRule, Math.max(1, own.masked));
  const inputIds = new Int32Array(batchSize * sequenceLength).fill(padId);
  const attentionMask = new Uint8Array(inputIds.length);
  const tokenTypeIds = new Uint8Array(inputIds.length);
  const positions = new BigInt64Array(masked);
  const labels = new BigInt64Array(masked);
  const maskedWeights = new Float32Array(masked).fill(1 / targets.masked, 0, own.masked);
  let target = 0;
  examples.forEach((example, row) => {
    const start = row * sequenceLength;
    const end = start + example.inputIds.length;
    inputIds.set(example.inputIds, start);
    attentionMask.fill(1, start, end);
    tokenTypeIds.fill(1, start + example.secondStart, end);
    for (let i = 0; i < example.maskedPositions.length; i++) {
      positions[target] = BigInt(start + example.maskedPositions[i]);
      labels[target++] = BigInt(example.maskedLabels[i]);
    }
  });
  const headFeeds: Record<string, HostTensor> = {
    maskedPositions: int64([masked], positions),
    maskedLabels: int64([masked], labels),
    maskedWeights: float32([masked], maskedWeights),
    ...(sentencePair && pairFeeds(examples, sequenceLength, targets)),
  };
  return { batchSize, sequenceLength, inputIds, attentionMask, tokenTypeIds, headFeeds, headSizes: { masked } };
}

function pairFeeds(
  examples: readonly PretrainingExample[],
  sequenceLength: number,
  targets: TargetCounts,
): Record<string, HostTensor> {
  const rows = [examples.length];
  return {
    firstTokens: int64(
      rows,
      examples.map((_, row) => row * sequenceLength),
    ),
    pairLabels: int64(
      rows,
      examples.map(({ pairLabel }) => pairLabel ?? 0),
    ),
    pairWeights: float32(
      rows,
      Float32Array.from(examples, ({ pairLabel }) => (pairLabel === undefined ? 0 : 1 / targets.pairs)),
    ),
  };
}

function applyRule(name: string, rule: number | ((size: number) => number), needed: number): number {
  const length = typeof rule === 'number' ? rule : rule(needed);
  requireInteger(name, length, { min: 1 });
  if (length < needed)
    throw new AlbertineError(
      'invalid_argument',
      `${name} must be at least the ${needed} of this batch, got ${length}`,
      { value: length },
    );
  return length;
}
