import { AlbertineError, requireInteger } from '../core/errors.ts';
import { bucketWithin, MICRO_BATCH_COST, planBatches } from '../data/batches.ts';
import { padPieces } from '../model/batch.ts';
import type { AlbertConfig } from '../model/config.ts';
import { int64, type HostTensor } from '../runtime/tensor.ts';
import type { HeadDefinition, HeadResults } from './head.ts';
import type { BatchShape, LayerwiseNetwork, TrainingBatch } from './layerwise.ts';
import { rowOrder } from './row-order.ts';
import { MEMORY_SETTINGS } from './run/settings.ts';
import type { StepData, TrainingTask } from './trainer-options.ts';

/** Padded tokens of one forward and backward pass. */
export const DEFAULT_MICRO_BATCH_TOKENS = MEMORY_SETTINGS.microBatchTokens.default;

/** One row of a batch: a tokenised text, pair or window, special tokens included. */
export interface Piece {
  /** Token ids. */
  ids: Int32Array;
  /** 0 for the first text, 1 for the second; as long as `ids`. */
  typeIds: Int32Array;
}

/**
 * What the trainer draws: pieces that are computed together (a text, a window, the choices of a question) with their
 * target.
 */
export interface Unit<T = unknown> {
  /** At least one. */
  pieces: readonly Piece[];
  /** What is right, as {@link UnitsTaskOptions.feeds} takes it. */
  target: T;
  /**
   * Its part in the mean loss of a step, relative to the others: a class's weight, or the number of tokens that count.
   */
  weight: number;
}

/** Units that are computed at a time, for a task's targets. */
export interface UnitBatch<T> {
  /** In the order of their pieces. */
  units: readonly Unit<T>[];
  /** Of all units one after the other: the rows of the batch. */
  pieces: readonly Piece[];
  /** Tokens that every piece is padded to. */
  sequenceLength: number;
  /** Sum of the weights of all units of the step, or of the evaluation. */
  totalWeight: number;
}

/** Feeds for the inputs that a head declares besides `hidden`. */
export interface HeadFeeds {
  /** Values by the name of the input. */
  feeds: Record<string, HostTensor>;
  /** Sizes of dimensions that only these inputs have. */
  sizes?: Record<string, number>;
}

/** Options of {@link unitsTask}. */
export interface UnitsTaskOptions<T> {
  /** Shape of the network. */
  config: AlbertConfig;
  /** Has the output `logits`, a row a piece or a row a token. */
  head: HeadDefinition;
  /** Targets of a batch, weighted so that the losses of all batches of a step add up to the mean. */
  feeds(batch: UnitBatch<T>): HeadFeeds;
  /** Units to learn from. */
  train: readonly Unit<T>[];
  /** Held-out units. Default: none, so nothing is evaluated. */
  evaluation?: readonly Unit<T>[];
  /**
   * Figures of the evaluation from the logits of every piece of every unit: one row a piece, or one a token of it.
   * `results` are the head's of the last batch, for those that are the same in all: weights that decoding reads.
   */
  score?(logits: readonly (readonly Float32Array[])[], results: HeadResults): Record<string, number>;
  /**
   * Units of a step. Epochs follow each other without a gap: the step at an epoch's end is filled with the first units
   * of the next one, so that every step has exactly this many; only with `epochs` the very last one has the rest.
   */
  batchSize: number;
  /** Ends the data after this many passes (may be fractional). Default: it never ends. */
  epochs?: number;
  /**
   * Padded tokens of one forward and backward pass; a step of more is split, with the same result up to rounding.
   * Default {@link DEFAULT_MICRO_BATCH_TOKENS}.
   */
  microBatchTokens?: number;
  /** Order of the units is drawn anew each epoch from this seed. */
  seed: number;
  /** Default true. */
  shuffle?: boolean;
}

/** Steps that make one pass over the training rows, rounded up. */
export function stepsPerEpoch(rows: number, batchSize: number): number {
  return Math.ceil(rows / batchSize);
}

/** Steps of `epochs` passes that follow each other without a gap. */
export function stepsOfEpochs(rows: number, batchSize: number, epochs: number): number {
  return Math.max(1, Math.ceil(Math.round(epochs * rows) / batchSize));
}

/** Row numbers of the first tokens of a batch `[pieces, sequence]`, which the pooler reads. */
export function firstTokens({
  pieces,
  sequenceLength,
}: Pick<UnitBatch<unknown>, 'pieces' | 'sequenceLength'>): HostTensor {
  return int64(
    [pieces.length],
    pieces.map((_, row) => row * sequenceLength),
  );
}

/** Steps whose micro-batches are looked at for the largest one. */
const SURVEYED_STEPS = 1000;

/** Training of a head on units. A step's units are split by length, so little is padded. */
export function unitsTask<T>(options: UnitsTaskOptions<T>): TrainingTask {
  const { train, evaluation, batchSize, seed } = options;
  requireInteger('batchSize', batchSize, { min: 1 });
  if (train.length === 0) throw new AlbertineError('invalid_data', 'there is no training example', { value: 0 });
  const rowAt = rowOrder(train.length, { seed, shuffled: options.shuffle ?? true });
  const end = options.epochs === undefined ? Infinity : Math.round(options.epochs * train.length);
  const unitsOf = (step: number): Unit<T>[] => {
    const units: Unit<T>[] = [];
    for (let position = step * batchSize; position < Math.min(end, (step + 1) * batchSize); position++)
      units.push(train[rowAt(position)]);
    return units;
  };
  return {
    head: options.head,
    batchShapes: () =>
      Array.from({ length: Math.min(SURVEYED_STEPS, stepsPerEpoch(train.length, batchSize)) }, (_, step) =>
        shapesOf(unitsOf(step), options),
      ).flat(),
    stepData(step): StepData {
      const units = unitsOf(step);
      return { microBatches: collateUnits(units, options).map(({ batch }) => batch), tokens: tokensOf(units) };
    },
    ...(evaluation &&
      evaluation.length > 0 && {
        evaluationTokens: tokensOf(evaluation),
        evaluate: (network: LayerwiseNetwork) => evaluateUnits(network, evaluation, options),
      }),
  };
}

const tokensOf = (units: readonly Unit[]): number =>
  units.reduce((total, { pieces }) => total + pieces.reduce((sum, { ids }) => sum + ids.length, 0), 0);
const longestOf = ({ pieces }: Unit): number => pieces.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);

type CollateOptions<T> = Pick<UnitsTaskOptions<T>, 'config' | 'feeds' | 'microBatchTokens'>;

/** Which units go together. */
function planUnits(
  units: readonly Unit[],
  { config, microBatchTokens = DEFAULT_MICRO_BATCH_TOKENS }: Pick<CollateOptions<never>, 'config' | 'microBatchTokens'>,
): number[][] {
  const mostPieces = units.reduce((most, { pieces }) => Math.max(most, pieces.length), 1);
  return planBatches(units.map(longestOf), {
    tokenBudget: Math.max(1, Math.floor(microBatchTokens / mostPieces)),
    bucket: bucketWithin(config.maxPositionEmbeddings),
    batchCost: MICRO_BATCH_COST,
  });
}

const paddedLength = (units: readonly Unit[], { maxPositionEmbeddings }: AlbertConfig): number =>
  bucketWithin(maxPositionEmbeddings)(Math.max(...units.map(longestOf)));

function shapesOf<T>(units: readonly Unit<T>[], options: CollateOptions<T>): BatchShape[] {
  return planUnits(units, options).map((rows) => {
    const chosen = rows.map((row) => units[row]);
    return {
      batchSize: chosen.reduce((sum, { pieces }) => sum + pieces.length, 0),
      sequenceLength: paddedLength(chosen, options.config),
    };
  });
}

/**
 * Splits units into padded rectangles of similar length; losses over all of them add up to the mean. `rows` says which
 * units a batch has.
 */
export function collateUnits<T>(
  units: readonly Unit<T>[],
  options: CollateOptions<T>,
): { batch: TrainingBatch; rows: number[] }[] {
  const totalWeight = units.reduce((sum, { weight }) => sum + weight, 0);
  return planUnits(units, options).map((rows) => {
    const chosen = rows.map((row) => units[row]);
    const pieces = chosen.flatMap((unit) => unit.pieces);
    const sequenceLength = paddedLength(chosen, options.config);
    const { feeds, sizes } = options.feeds({ units: chosen, pieces, sequenceLength, totalWeight });
    return {
      rows,
      batch: {
        ...padPieces(pieces, { sequenceLength, padTokenId: options.config.padTokenId }),
        headFeeds: feeds,
        ...(sizes && { headSizes: sizes }),
      },
    };
  });
}

/** Loss and figures of held-out units with the network's current weights. */
async function evaluateUnits<T>(
  network: LayerwiseNetwork,
  units: readonly Unit<T>[],
  options: UnitsTaskOptions<T>,
): Promise<Record<string, number>> {
  const logits: Float32Array[][] = units.map(() => []);
  let loss = 0;
  let results: HeadResults = {};
  for (const { batch, rows } of collateUnits(units, options)) {
    results = await network.evaluate(batch);
    loss += (results['loss'].data as Float32Array)[0];
    const pieces = rows.flatMap((row) => units[row].pieces.map((piece) => ({ row, piece })));
    const split = splitLogits(
      results['logits'],
      pieces.map(({ piece }) => piece),
      batch,
    );
    pieces.forEach(({ row }, i) => logits[row].push(split[i]));
  }
  return { loss, ...options.score?.(logits, results) };
}

/** The logits of each piece of a batch: one row, or one for each of its tokens without padding. Copies. */
export function splitLogits(
  logits: HostTensor,
  pieces: readonly Piece[],
  { batchSize, sequenceLength }: BatchShape,
): Float32Array[] {
  const values = logits.data as Float32Array;
  const perToken = logits.shape[0] === batchSize * sequenceLength && logits.shape[0] !== batchSize;
  const width = values.length / (perToken ? batchSize * sequenceLength : batchSize);
  return pieces.map(({ ids }, row) =>
    perToken
      ? values.slice(row * sequenceLength * width, (row * sequenceLength + ids.length) * width)
      : values.slice(row * width, (row + 1) * width),
  );
}
