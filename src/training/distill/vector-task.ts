import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { bucketWithin, planBatches } from '../../data/batches.ts';
import { spearman } from '../../metrics/correlation.ts';
import { cosine } from '../../metrics/similarity.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { float32, type HostTensor } from '../../runtime/tensor.ts';
import { padSequences } from '../contrastive-rows.ts';
import type { HeadResults } from '../head.ts';
import type { LayerwiseNetwork } from '../layerwise.ts';
import { rowOrder } from '../row-order.ts';
import type { StepData, TrainingTask } from '../trainer-options.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from '../units.ts';
import { mapVector, type TargetMap } from './target-map.ts';
import { vectorDistillationHead, type VectorHeadOptions } from './vector-head.ts';

/** Tokenised texts with a teacher's vector each, wherever they lie: read one at a time. */
export interface TaughtTexts {
  /** Texts. */
  readonly length: number;
  /** Tokens of a text, special ones included. */
  lengthOf(text: number): number;
  /** Its token ids. */
  tokens(text: number): Int32Array;
  /** Writes the teacher's vector. */
  vector(text: number, into: Float32Array): void;
}

/** Options of {@link vectorDistillationTask}. */
export interface VectorTaskOptions extends Omit<VectorHeadOptions, 'width'> {
  /** Shape of the student. */
  config: AlbertConfig;
  /** What is learned from, and what is held out. */
  texts: TaughtTexts;
  /** Numbers of the texts that are learned from. */
  train: ArrayLike<number>;
  /** Numbers of those that are held out. */
  evaluation: readonly number[];
  /** How a teacher's vector becomes a target. */
  targets: TargetMap;
  /** Texts of a step, all computed at once, because each is compared with the others. */
  batchSize: number;
  /** Of the order of texts, drawn anew each epoch. */
  seed: number;
  /** Default true. */
  shuffle?: boolean;
  /**
   * Puts texts of similar length into the same step: less padding, so faster; texts of different lengths are then not
   * compared with each other. Default false.
   */
  groupByLength?: boolean;
}

/** Held-out texts whose similarities are compared pair by pair. */
const COMPARED = 500;
/** Added to the similarity of a text to itself, and to equal ones. */
const BARRED = -1e30;

/**
 * Distillation of sentence vectors; see {@link vectorDistillationHead} for the loss. Evaluation gives `cosine`, the
 * mean cosine to the targets, and `spearman`, the rank correlation of the student's similarities with the teacher's own
 * over all pairs of up to 500 held-out texts. Tokens and vectors are read when a step needs them.
 */
export function vectorDistillationTask(options: VectorTaskOptions): TrainingTask {
  const { config, texts, train, evaluation, batchSize, seed, shuffle = true, groupByLength = false } = options;
  requireInteger('batchSize', batchSize, { min: 2 });
  if (train.length < 2)
    throw new AlbertineError('invalid_data', 'there are too few texts to learn from', { value: train.length });
  const rowAt = rowOrder(train.length, {
    seed,
    shuffled: shuffle,
    ...(shuffle && groupByLength && { grouping: { batchSize, lengthOf: (row: number) => texts.lengthOf(train[row]) } }),
  });
  let longest = 0;
  for (let row = 0; row < train.length; row++) longest = Math.max(longest, texts.lengthOf(train[row]));
  let tokens = 0;
  for (const text of evaluation) tokens += texts.lengthOf(text);
  return {
    head: vectorDistillationHead(config, { ...options, width: options.targets.width }),
    batchShapes: () => [{ batchSize, sequenceLength: bucketWithin(config.maxPositionEmbeddings)(longest) }],
    stepData: (step) =>
      collate(
        Array.from({ length: batchSize }, (_, i) => train[rowAt(step * batchSize + i)]),
        options,
      ),
    summarize: summarizeLosses,
    ...(evaluation.length > 0 && { evaluationTokens: tokens, evaluate: evaluator(options) }),
  };
}

function collate(numbers: readonly number[], options: VectorTaskOptions): StepData {
  const { config, texts, targets: map, pooling = 'mean' } = options;
  const sequences = numbers.map((text) => texts.tokens(text));
  const targets = new Float32Array(numbers.length * map.width);
  const vector = new Float32Array(map.teacherWidth);
  numbers.forEach((text, row) => {
    texts.vector(text, vector);
    mapVector(map, vector, targets.subarray(row * map.width, (row + 1) * map.width));
  });
  const batch = padSequences(sequences, config, pooling);
  return {
    microBatches: [{ ...batch, headFeeds: { ...batch.headFeeds, ...vectorFeeds(sequences, targets, options) } }],
    tokens: sequences.reduce((sum, { length }) => sum + length, 0),
  };
}

/**
 * Feeds of {@link vectorDistillationHead} besides those of pooling: targets `[rows, width]`, and which rows are the
 * same text.
 */
export function vectorFeeds(
  sequences: readonly Int32Array[],
  targets: Float32Array,
  { similarityWeight }: Pick<VectorHeadOptions, 'similarityWeight'>,
): Record<string, HostTensor> {
  const rows = sequences.length;
  const feeds = { targets: float32([rows, targets.length / rows], targets) };
  if (similarityWeight === 0) return feeds;
  const keys = sequences.map((ids) => ids.join());
  const bias = new Float32Array(rows * rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < rows; j++) if (keys[i] === keys[j]) bias[i * rows + j] = BARRED;
  return { ...feeds, rowBias: float32([rows, rows], bias) };
}

/** Parts of the loss, and the mean cosine of the step's texts to their targets. */
function summarizeLosses([results]: readonly HeadResults[]): Record<string, number> {
  const first = (name: string): number => (results[name].data as Float32Array)[0];
  const cosines = results['cosines'].data as Float32Array;
  const cosineToTeacher = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  return {
    cosine: cosineToTeacher,
    ...(results['similarityLoss'] && { vectorLoss: first('vectorLoss'), similarityLoss: first('similarityLoss') }),
  };
}

function evaluator(options: VectorTaskOptions): NonNullable<TrainingTask['evaluate']> {
  const { evaluation, texts, config } = options;
  const compared = Math.min(COMPARED, evaluation.length);
  let teacher: Float64Array | undefined;
  return async (network: LayerwiseNetwork) => {
    const vectors = new Float32Array(evaluation.length * config.hiddenSize);
    let total = 0;
    for (const rows of planBatches(
      evaluation.map((text) => texts.lengthOf(text)),
      { tokenBudget: DEFAULT_MICRO_BATCH_TOKENS, bucket: bucketWithin(config.maxPositionEmbeddings) },
    )) {
      const {
        microBatches: [batch],
      } = collate(
        rows.map((row) => evaluation[row]),
        options,
      );
      const results = await network.evaluate(batch);
      const embeddings = results['embeddings'].data as Float32Array;
      for (const value of results['cosines'].data as Float32Array) total += value;
      rows.forEach((row, i) =>
        vectors.set(embeddings.subarray(i * config.hiddenSize, (i + 1) * config.hiddenSize), row * config.hiddenSize),
      );
    }
    teacher ??= pairCosines(teacherVectors(options, compared), { rows: compared, width: options.targets.teacherWidth });
    return {
      cosine: total / evaluation.length,
      spearman: spearman(pairCosines(vectors, { rows: compared, width: config.hiddenSize }), teacher),
    };
  };
}

/**
 * Spearman correlation of the targets' similarities with those of the vectors they are made of, over the pairs that an
 * evaluation compares: what a perfect student would have. NaN for fewer than three texts.
 */
export function targetAgreement(options: Pick<VectorTaskOptions, 'evaluation' | 'texts' | 'targets'>): number {
  const { targets: map, evaluation } = options;
  const rows = Math.min(COMPARED, evaluation.length);
  const vectors = teacherVectors(options, rows);
  const targets = new Float32Array(rows * map.width);
  for (let row = 0; row < rows; row++)
    mapVector(
      map,
      vectors.subarray(row * map.teacherWidth, (row + 1) * map.teacherWidth),
      targets.subarray(row * map.width, (row + 1) * map.width),
    );
  return spearman(
    pairCosines(targets, { rows, width: map.width }),
    pairCosines(vectors, { rows, width: map.teacherWidth }),
  );
}

function teacherVectors(
  { evaluation, texts, targets: { teacherWidth } }: Pick<VectorTaskOptions, 'evaluation' | 'texts' | 'targets'>,
  rows: number,
): Float32Array {
  const vectors = new Float32Array(rows * teacherWidth);
  for (let row = 0; row < rows; row++)
    texts.vector(evaluation[row], vectors.subarray(row * teacherWidth, (row + 1) * teacherWidth));
  return vectors;
}

/** Cosines of all pairs of the first rows. */
function pairCosines(vectors: Float32Array, { rows, width }: { rows: number; width: number }): Float64Array {
  const row = (i: number): Float32Array => vectors.subarray(i * width, (i + 1) * width);
  const cosines = new Float64Array((rows * (rows - 1)) / 2);
  for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < i; j++) cosines[at++] = cosine(row(i), row(j));
  return cosines;
}
