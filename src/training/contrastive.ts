import { AlbertineError, requireInteger, wrongOption } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import { bucketWithin, planBatches } from '../data/batches.ts';
import { pearson, spearman } from '../metrics/correlation.ts';
import { cosine } from '../metrics/similarity.ts';
import type { AlbertConfig } from '../model/config.ts';
import { float32, int64, type HostTensor } from '../runtime/tensor.ts';
import { embeddingHead, type EmbeddingHeadOptions, type EmbeddingPooling } from './contrastive-head.ts';
import { longestText, padSequences, rowCount, type SentenceRows } from './contrastive-rows.ts';
import type { HeadResults } from './head.ts';
import type { LayerwiseNetwork, TrainingBatch } from './layerwise.ts';
import { rowOrder } from './row-order.ts';
import type { StepData, TrainingTask } from './trainer-options.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from './units.ts';

/** Options of {@link embeddingTask}. */
export interface EmbeddingTaskOptions extends EmbeddingHeadOptions {
  /** `simcse` needs hidden or attention dropout in it. */
  config: AlbertConfig;
  /** Rows to learn from. */
  train: SentenceRows;
  /** Pairs with scores. */
  evaluation?: SentenceRows;
  /**
   * Rows of a step: every step has exactly this many, and the one at an epoch's end takes the first of the next epoch.
   * All texts of a step, two for each row, are one padded rectangle, because each is compared with all the others:
   * memory grows with `2 * batchSize * length`, and the step cannot be split.
   */
  batchSize: number;
  /** Of the order of rows, drawn anew each epoch. */
  seed: number;
  /** Default true. */
  shuffle?: boolean;
  /**
   * Puts rows of similar length into the same step, which pads less and so is faster; texts are then told from others
   * of their length. Default false.
   */
  groupByLength?: boolean;
  /**
   * Score of two texts that mean the same, for the loss `cosine`, which fits cosines to `score / maxScore`. Default:
   * the highest score of the training rows.
   */
  maxScore?: number;
}

/** Added to a score that must not count: far below any cosine over temperature, and finite. */
const BARRED = -1e30;

/**
 * Training of sentence embeddings on texts (`simcse`), pairs (`pairs`) or scored pairs (`scored`); see
 * {@link embeddingHead} for the losses.
 *
 * Texts that the network sees as equal (the same tokens after cutting) are never negatives of each other: the right
 * text of pair j is barred for the left text of pair i when either text of the pairs i and j agree, or right j is left
 * i itself. Evaluation gives `spearman` and `pearson` of cosines against scores. Throws `invalid_argument` for `simcse`
 * without dropout and for one row a step, which only the loss `cosine` can learn from; `invalid_data` for too few rows,
 * and where no score is above 0 to be the default of `maxScore`.
 */
export function embeddingTask(options: EmbeddingTaskOptions): TrainingTask {
  const { config, objective, train, evaluation, batchSize, seed, pooling = 'mean' } = options;
  requireTrainable(options);
  const rowAt = rowOrder(rowCount(train), {
    seed,
    shuffled: options.shuffle ?? true,
    ...(options.groupByLength && { grouping: { batchSize, lengthOf: (row: number) => longestText(train, row) } }),
  });
  const maxScore = options.maxScore ?? train.scores?.reduce((largest, score) => Math.max(largest, score), 0) ?? 1;
  return {
    head: embeddingHead(config, options),
    batchShapes: () => [
      {
        batchSize: 2 * batchSize,
        sequenceLength: bucketWithin(config.maxPositionEmbeddings)(train.sequences.maxLength),
      },
    ],
    stepData(step): StepData {
      const rows = Array.from({ length: batchSize }, (_, i) => rowAt(step * batchSize + i));
      const { batch, tokens } = collatePairs(train, rows, { ...options, pooling, maxScore });
      return { microBatches: [batch], tokens };
    },
    ...(objective !== 'scored' && { summarize: summarizeRanking }),
    ...(evaluation &&
      rowCount(evaluation) > 0 && {
        evaluationTokens: evaluation.sequences.tokenCount,
        evaluate: (network: LayerwiseNetwork) => evaluatePairs(network, evaluation, pooling),
      }),
  };
}

function requireTrainable({
  config,
  objective,
  train,
  batchSize,
  temperature,
  loss = 'cosent',
  maxScore,
  groupByLength,
  shuffle = true,
}: EmbeddingTaskOptions): void {
  const fitsScores = objective === 'scored' && loss === 'cosine';
  // Every other loss compares rows with each other, and is 0 for one alone.
  const fewest = fitsScores ? 1 : 2;
  requireInteger('batchSize', batchSize, { min: fewest });
  if (rowCount(train) < fewest)
    throw new AlbertineError('invalid_data', `there are too few training rows for ${objective}`, {
      value: rowCount(train),
    });
  for (const [name, value] of Object.entries({ temperature, maxScore })) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) throw wrongOption(name, 'positive', { value });
  }
  if (fitsScores && maxScore === undefined && !train.scores?.some((score) => score > 0)) {
    throw new AlbertineError(
      'invalid_data',
      'no training score is above 0, so the highest is not that of texts that mean the same',
      { hint: prose`Set ${option('maxScore')}, or use ${option('loss', 'cosent')}` },
    );
  }
  if (groupByLength && !shuffle) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('groupByLength')} changes the order of rows, and is not for ${option('shuffle', false)}`,
      { value: shuffle, option: 'groupByLength' },
    );
  }
  if (objective === 'simcse' && config.hiddenDropoutProb === 0 && config.attentionProbsDropoutProb === 0) {
    throw new AlbertineError(
      'invalid_argument',
      'simcse without dropout has nothing to learn from: the two copies of a text would be the same',
      { value: 0, hint: prose`Set ${option('dropout')}, for instance to 0.1` },
    );
  }
}

interface CollateOptions extends EmbeddingHeadOptions {
  config: AlbertConfig;
  pooling: EmbeddingPooling;
  maxScore: number;
}

/**
 * One rectangle `[2 * rows, length]`: first the left texts of all rows, then the right ones; for `simcse` the same
 * texts again.
 */
export function collatePairs(
  data: SentenceRows,
  rows: readonly number[],
  options: CollateOptions,
): { batch: TrainingBatch; tokens: number } {
  const { sequences, textsPerRow } = data;
  const pairs = rows.length;
  const left = rows.map((row) => sequences.sequence(row * textsPerRow));
  const right = options.objective === 'simcse' ? left : rows.map((row) => sequences.sequence(row * textsPerRow + 1));
  const batch = padSequences([...left, ...right], options.config, options.pooling);
  const numbers = Array.from({ length: pairs }, (_, i) => i);
  const headFeeds = {
    ...batch.headFeeds,
    left: int64([pairs], numbers),
    right: int64(
      [pairs],
      numbers.map((i) => pairs + i),
    ),
    ...lossFeeds(data, rows, { ...options, left, right }),
  };
  return {
    batch: { ...batch, headFeeds, headSizes: { pairs } },
    tokens: [...left, ...right].reduce((total, { length }) => total + length, 0),
  };
}

function lossFeeds(
  data: SentenceRows,
  rows: readonly number[],
  options: CollateOptions & { left: Int32Array[]; right: Int32Array[] },
): Record<string, HostTensor> {
  const pairs = rows.length;
  if (options.objective !== 'scored')
    return { candidateBias: float32([pairs, pairs], candidateBias(options.left, options.right)) };
  const scores = rows.map((row) => data.scores![row]);
  if (options.loss === 'cosine')
    return {
      targets: float32(
        [pairs],
        Float32Array.from(scores, (score) => score / options.maxScore),
      ),
    };
  return {
    orderBias: float32(
      [pairs, pairs],
      Float32Array.from({ length: pairs * pairs }, (_, at) =>
        scores[Math.floor(at / pairs)] < scores[at % pairs] ? 0 : BARRED,
      ),
    ),
  };
}

/**
 * Which right texts may count against which left ones, `[left, right]`: 0, or very negative where texts are equal. A
 * pair itself always counts.
 */
function candidateBias(left: readonly Int32Array[], right: readonly Int32Array[]): Float32Array {
  const pairs = left.length;
  const numbers = new Map<string, number>();
  const identify = (ids: Int32Array): number => {
    const key = ids.join();
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  };
  const a = left.map(identify);
  const b = right.map(identify);
  const bias = new Float32Array(pairs * pairs);
  for (let i = 0; i < pairs; i++) {
    for (let j = 0; j < pairs; j++)
      if (i !== j && (a[i] === a[j] || b[i] === b[j] || a[i] === b[j])) bias[i * pairs + j] = BARRED;
  }
  return bias;
}

/** Share of texts whose own partner is the most similar one in the batch. */
function summarizeRanking(results: readonly HeadResults[]): Record<string, number> {
  const nearest = results[0]['nearest'].data as BigInt64Array;
  return {
    batchAccuracy: nearest.reduce((found, right, left) => found + Number(Number(right) === left), 0) / nearest.length,
  };
}

/** Spearman and Pearson of cosines against scores. Every text is embedded in batches of its own length. */
async function evaluatePairs(
  network: LayerwiseNetwork,
  { sequences, textsPerRow, scores }: SentenceRows,
  pooling: EmbeddingPooling,
): Promise<Record<string, number>> {
  const { hiddenSize, maxPositionEmbeddings } = network.config;
  const vectors = new Float32Array(sequences.length * hiddenSize);
  const lengths = Array.from({ length: sequences.length }, (_, i) => sequences.sequence(i).length);
  for (const indices of planBatches(lengths, {
    tokenBudget: DEFAULT_MICRO_BATCH_TOKENS,
    bucket: bucketWithin(maxPositionEmbeddings),
  })) {
    const batch = padSequences(
      indices.map((index) => sequences.sequence(index)),
      network.config,
      pooling,
    );
    const results = await network.evaluate({
      ...batch,
      headFeeds: { ...batch.headFeeds, ...NO_LOSS },
      headSizes: { pairs: 1 },
    });
    const embeddings = results['embeddings'].data as Float32Array;
    indices.forEach((index, row) =>
      vectors.set(embeddings.subarray(row * hiddenSize, (row + 1) * hiddenSize), index * hiddenSize),
    );
  }
  const vector = (index: number): Float32Array => vectors.subarray(index * hiddenSize, (index + 1) * hiddenSize);
  const cosines = scores!.map((_, row) => cosine(vector(row * textsPerRow), vector(row * textsPerRow + 1)));
  return { spearman: spearman(cosines, scores!), pearson: pearson(cosines, scores!) };
}

/** What the head takes for its loss, when only the vectors are wanted: the first text paired with itself. */
const NO_LOSS: Readonly<Record<string, HostTensor>> = {
  left: int64([1], [0]),
  right: int64([1], [0]),
  candidateBias: float32([1, 1], new Float32Array(1)),
  orderBias: float32([1, 1], new Float32Array(1)),
  targets: float32([1], new Float32Array(1)),
};
