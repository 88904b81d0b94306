import { pick } from '../../core/pick.ts';
import { bucketWithin, MICRO_BATCH_COST, planBatches } from '../../data/batches.ts';
import { padPieces } from '../../model/batch.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { float32, int64 } from '../../runtime/tensor.ts';
import { scalar, type HeadResults } from '../head.ts';
import type { LayerwiseNetwork, TrainingBatch } from '../layerwise.ts';
import { textSteps } from './text-steps.ts';
import type { StepData, TrainingTask } from '../trainer-options.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from '../units.ts';
import type { TargetMap } from './target-map.ts';
import { tokenDistillationHead, type TokenHeadOptions } from './token-head.ts';

/** Tokenised texts with a teacher's states, wherever they lie: read one at a time. */
export interface TaughtTokens {
  /** Texts. */
  readonly length: number;
  /** Tokens of a text, special ones included. */
  lengthOf(text: number): number;
  /** Its token ids. */
  tokens(text: number): Int32Array;
  /**
   * Numbers of those of its tokens that a teacher's tokens overlap, at least one, and the mean of their states
   * `[positions, teacherWidth]`.
   */
  states(text: number): { positions: Int32Array; states: Float32Array };
}

/** Options of {@link tokenDistillationTask}. */
export interface TokenTaskOptions extends Omit<TokenHeadOptions, 'width' | 'teacherWidth'> {
  /** Shape of the student. */
  config: AlbertConfig;
  /** What is learned from, and what is held out. */
  texts: TaughtTokens;
  /** Numbers of the texts that are learned from. */
  train: ArrayLike<number>;
  /** Numbers of those that are held out. */
  evaluation: readonly number[];
  /** How a teacher's state becomes a target. */
  targets: TargetMap;
  /** Texts of a step. */
  batchSize: number;
  /** Padded tokens of one forward and backward pass; a step of more is split. Default 4096. */
  microBatchTokens?: number;
  /** Of the order of texts, drawn anew each epoch. */
  seed: number;
  /** Default true. */
  shuffle?: boolean;
}

/**
 * Distillation of token states; see {@link tokenDistillationHead} for the loss, whose mean is over the tokens of a step.
 * Evaluation gives `cosine`, the mean over all held-out tokens. Tokens and states are read when a step needs them.
 */
export function tokenDistillationTask(options: TokenTaskOptions): TrainingTask {
  const { config, evaluation, batchSize } = options;
  const { textAt, batchShapes, evaluationTokens } = textSteps(options);
  return {
    head: tokenDistillationHead(config, { ...options, ...pick(options.targets, ['width', 'teacherWidth']) }),
    batchShapes,
    stepData: (step) =>
      collate(
        Array.from({ length: batchSize }, (_, i) => textAt(step * batchSize + i)),
        options,
      ),
    summarize: (results) => ({ cosine: meanCosine(results) }),
    ...(evaluation.length > 0 && {
      evaluationTokens,
      evaluate: async (network: LayerwiseNetwork) => {
        const results: HeadResults[] = [];
        // A step at a time, so that the states of all texts need not be in memory.
        for (let start = 0; start < evaluation.length; start += batchSize) {
          const { microBatches } = collate(evaluation.slice(start, start + batchSize), options);
          for (const batch of microBatches) results.push(await network.evaluate(batch));
        }
        return { cosine: meanCosine(results) };
      },
    }),
  };
}

/** A step in padded rectangles of similar length. */
function collate(numbers: readonly number[], options: TokenTaskOptions): StepData {
  const { config, texts, microBatchTokens = DEFAULT_MICRO_BATCH_TOKENS } = options;
  const rows = numbers.map((text) => ({ ids: texts.tokens(text), ...texts.states(text) }));
  const taught = rows.reduce((sum, { positions }) => sum + positions.length, 0);
  const groups = planBatches(
    rows.map(({ ids }) => ids.length),
    {
      tokenBudget: microBatchTokens,
      bucket: bucketWithin(config.maxPositionEmbeddings),
      batchCost: MICRO_BATCH_COST,
    },
  );
  return {
    microBatches: groups.map((group) =>
      tokenBatch(
        group.map((row) => rows[row]),
        { ...options, taught },
      ),
    ),
    tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0),
  };
}

/** A text with the states of its tokens. */
interface TaughtRow {
  ids: Int32Array;
  positions: Int32Array;
  states: Float32Array;
}

/** A padded batch with the feeds of {@link tokenDistillationHead}; `taught` are the tokens of the whole step. */
export function tokenBatch(
  rows: readonly TaughtRow[],
  { config, targets: map, taught }: { config: AlbertConfig; targets: TargetMap; taught: number },
): TrainingBatch {
  const sequenceLength = bucketWithin(config.maxPositionEmbeddings)(Math.max(...rows.map(({ ids }) => ids.length)));
  const count = rows.reduce((sum, { positions }) => sum + positions.length, 0);
  const given = new Float32Array(count * map.teacherWidth);
  const positions: number[] = [];
  rows.forEach(({ positions: own, states }, row) => {
    given.set(states, positions.length * map.teacherWidth);
    for (const position of own) positions.push(row * sequenceLength + position);
  });
  return {
    ...padPieces(rows, { sequenceLength, padTokenId: config.padTokenId }),
    headFeeds: {
      positions: int64([count], positions),
      states: float32([count, map.teacherWidth], given),
      targetMean: float32([map.teacherWidth], map.mean),
      targetDirections: float32([map.width, map.teacherWidth], map.directions ?? firstNumbers(map)),
      targetScale: scalar(map.scale),
      tokenWeights: float32([count], new Float32Array(count).fill(1 / taught)),
    },
    headSizes: { taught: count },
  };
}

/** The directions of targets that are the teacher's numbers, and zeros behind them. */
function firstNumbers({ width, teacherWidth }: TargetMap): Float32Array {
  const directions = new Float32Array(width * teacherWidth);
  for (let i = 0; i < Math.min(width, teacherWidth); i++) directions[i * teacherWidth + i] = 1;
  return directions;
}

function meanCosine(results: readonly HeadResults[]): number {
  let [total, count] = [0, 0];
  for (const { cosines } of results) {
    for (const value of cosines.data as Float32Array) total += value;
    count += cosines.data.length;
  }
  return total / count;
}
