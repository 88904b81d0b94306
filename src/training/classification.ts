import { AlbertineError, requireInteger } from '../core/errors.ts';
import { softmaxRow } from '../core/softmax.ts';
import { bucketWithin, MICRO_BATCH_COST, planBatches } from '../data/batches.ts';
import type { Example } from '../data/dataset.ts';
import { classificationReport, multiLabelReport } from '../metrics/classification.ts';
import { regressionReport } from '../metrics/regression.ts';
import type { AlbertConfig } from '../model/config.ts';
import { float32, int64, type HostTensor } from '../runtime/tensor.ts';
import { countUnknown, type Tokenizer } from '../tokenizer/tokenizer.ts';
import { classificationHead, type ProblemType } from './heads.ts';
import type { BatchShape, LayerwiseNetwork, TrainingBatch } from './layerwise.ts';
import { rowOrder } from './row-order.ts';
import type { StepData, TrainingTask } from './trainer.ts';

/** Padded tokens of one forward and backward pass. */
export const DEFAULT_MICRO_BATCH_TOKENS = 4096;

/** A tokenised example; special tokens included. */
export interface EncodedExample {
  ids: Int32Array;
  typeIds: Int32Array;
  target: number | number[];
}

/** Options of {@link classificationTask}. */
export interface ClassificationTaskOptions {
  config: AlbertConfig;
  problem: ProblemType;
  labels: readonly string[];
  train: readonly EncodedExample[];
  evaluation?: readonly EncodedExample[];
  /**
   * Rows of a step. Epochs follow each other without a gap: the step at an epoch's end is filled with the first rows of the next
   * one, so that every step has exactly this many rows; only with `epochs` the very last one has the rest.
   */
  batchSize: number;
  /** Ends the data after this many passes (may be fractional). Default: it never ends. */
  epochs?: number;
  /** Padded tokens of one forward and backward pass; a step of more is split, with the same result up to rounding. Default {@link DEFAULT_MICRO_BATCH_TOKENS}. */
  microBatchTokens?: number;
  /** Order of the rows is drawn anew each epoch from this seed. */
  seed: number;
  /** Default true. */
  shuffle?: boolean;
  labelSmoothing?: number;
  /** One weight per class in the loss; single-label only. */
  classWeights?: readonly number[];
}

/** Tokenises examples, cutting the longer text of a pair first; `truncatedTokens` counts what was lost over all, `unknownTokens` what the vocabulary lacks. */
export function encodeExamples(tokenizer: Tokenizer, examples: readonly Example[], maxLength: number): { encoded: EncodedExample[]; truncatedTexts: number; truncatedTokens: number; unknownTokens: number } {
  let truncatedTexts = 0;
  let unknownTokens = 0;
  let truncatedTokens = 0;
  const encoded = examples.map(({ text, pair, target }) => {
    const { ids, typeIds, truncatedTokens: lost } = tokenizer.encode(text, { maxLength, ...(pair !== undefined && { pair }) });
    if (lost > 0) truncatedTexts++;
    truncatedTokens += lost;
    unknownTokens += countUnknown(tokenizer, ids);
    return { ids, typeIds, target };
  });
  return { encoded, truncatedTexts, truncatedTokens, unknownTokens };
}

/** Steps that make one pass over the training rows, rounded up. */
export function stepsPerEpoch(rows: number, batchSize: number): number {
  return Math.ceil(rows / batchSize);
}

/** Steps of `epochs` passes that follow each other without a gap. */
export function stepsOfEpochs(rows: number, batchSize: number, epochs: number): number {
  return Math.max(1, Math.ceil(Math.round(epochs * rows) / batchSize));
}

/**
 * Fine-tuning of `AlbertForSequenceClassification` on texts or pairs: single-label, multi-label or regression.
 * A step's rows are split by length, so little is padded, and weighted so that the loss is the mean over the step.
 */
export function classificationTask(options: ClassificationTaskOptions): TrainingTask {
  const { config, problem, labels, train, batchSize, seed, labelSmoothing } = options;
  requireInteger('batchSize', batchSize, { min: 1 });
  if (train.length === 0) throw new AlbertineError('invalid_data', 'there is no training example', { value: 0 });
  const numLabels = problem === 'regression' ? 1 : labels.length;
  const rowAt = rowOrder(train.length, { seed, shuffled: options.shuffle ?? true });
  const end = options.epochs === undefined ? Infinity : Math.round(options.epochs * train.length);
  const collate = { config, problem, numLabels, classWeights: options.classWeights, microBatchTokens: options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS };
  const { evaluation } = options;
  const rowsOf = (step: number): EncodedExample[] => {
    const rows: EncodedExample[] = [];
    for (let position = step * batchSize; position < Math.min(end, (step + 1) * batchSize); position++) rows.push(train[rowAt(position)]);
    return rows;
  };
  return {
    head: classificationHead(config, { numLabels, problemType: problem, ...(labelSmoothing !== undefined && { labelSmoothing }) }),
    batchShapes: () => Array.from({ length: Math.min(SURVEYED_STEPS, stepsPerEpoch(train.length, batchSize)) }, (_, step) => shapesOf(rowsOf(step), collate)).flat(),
    stepData(step): StepData {
      const { batches, tokens } = collateExamples(rowsOf(step), collate);
      return { microBatches: batches.map(({ batch }) => batch), tokens };
    },
    ...(evaluation && evaluation.length > 0 && {
      evaluationTokens: evaluation.reduce((total, { ids }) => total + ids.length, 0),
      evaluate: (network: LayerwiseNetwork) => evaluateClassifier(network, evaluation, { ...collate, labels }),
    }),
  };
}

/** Steps whose micro-batches are looked at for the largest one. */
const SURVEYED_STEPS = 1000;

interface CollateOptions {
  config: AlbertConfig;
  problem: ProblemType;
  numLabels: number;
  classWeights?: readonly number[] | undefined;
  microBatchTokens: number;
}

/** Splits rows into padded rectangles of similar length; losses over all of them add up to the mean. */
export function collateExamples(examples: readonly EncodedExample[], options: CollateOptions): { batches: { batch: TrainingBatch; rows: number[] }[]; tokens: number } {
  const weights = rowWeights(examples, options);
  const batches = planRows(examples, options).map((rows) => ({ rows, batch: padExamples(rows.map((row) => examples[row]), rows.map((row) => weights[row]), options) }));
  return { batches, tokens: examples.reduce((total, { ids }) => total + ids.length, 0) };
}

/** Which rows go together. */
function planRows(examples: readonly EncodedExample[], { config, microBatchTokens }: CollateOptions): number[][] {
  return planBatches(examples.map(({ ids }) => ids.length), { tokenBudget: microBatchTokens, bucket: bucketWithin(config.maxPositionEmbeddings), batchCost: MICRO_BATCH_COST });
}

function shapesOf(examples: readonly EncodedExample[], options: CollateOptions): BatchShape[] {
  return planRows(examples, options).map((rows) => ({ batchSize: rows.length, sequenceLength: paddedLength(rows.map((row) => examples[row]), options) }));
}

function paddedLength(examples: readonly EncodedExample[], { config }: CollateOptions): number {
  return bucketWithin(config.maxPositionEmbeddings)(Math.max(...examples.map(({ ids }) => ids.length)));
}

/** Share of each row in the mean loss; with class weights a weighted mean, as in PyTorch. */
function rowWeights(examples: readonly EncodedExample[], { problem, classWeights, numLabels }: CollateOptions): number[] {
  if (problem !== 'singleLabel') return examples.map(() => 1 / (examples.length * numLabels));
  const raw = examples.map(({ target }) => classWeights?.[target as number] ?? 1);
  const total = raw.reduce((a, b) => a + b, 0);
  return raw.map((weight) => weight / total);
}

function padExamples(examples: readonly EncodedExample[], weights: readonly number[], options: CollateOptions): TrainingBatch {
  const { config } = options;
  const batchSize = examples.length;
  const sequenceLength = paddedLength(examples, options);
  const inputIds = new Int32Array(batchSize * sequenceLength).fill(config.padTokenId);
  const tokenTypeIds = new Int32Array(batchSize * sequenceLength);
  const attentionMask = new Uint8Array(batchSize * sequenceLength);
  examples.forEach(({ ids, typeIds }, row) => {
    inputIds.set(ids, row * sequenceLength);
    tokenTypeIds.set(typeIds, row * sequenceLength);
    attentionMask.fill(1, row * sequenceLength, row * sequenceLength + ids.length);
  });
  const firstTokens = int64([batchSize], Array.from({ length: batchSize }, (_, row) => row * sequenceLength));
  return { batchSize, sequenceLength, inputIds, tokenTypeIds, attentionMask, headFeeds: { firstTokens, ...targetFeeds(examples, weights, options) } };
}

function targetFeeds(examples: readonly EncodedExample[], weights: readonly number[], { problem, numLabels }: CollateOptions): Record<string, HostTensor> {
  const rows = examples.length;
  if (problem === 'singleLabel') return { labels: int64([rows], examples.map(({ target }) => target as number)), rowWeights: float32([rows], Float32Array.from(weights)) };
  const targets = new Float32Array(rows * numLabels);
  const elementWeights = new Float32Array(rows * numLabels);
  examples.forEach(({ target }, row) => {
    elementWeights.fill(weights[row], row * numLabels, (row + 1) * numLabels);
    if (typeof target === 'number') targets[row] = target;
    else for (const label of target) targets[row * numLabels + label] = 1;
  });
  return { targets: float32([rows, numLabels], targets), elementWeights: float32([rows, numLabels], elementWeights) };
}

/** Loss and metrics on held-out examples with the network's current weights. */
async function evaluateClassifier(network: LayerwiseNetwork, examples: readonly EncodedExample[], options: CollateOptions & { labels: readonly string[] }): Promise<Record<string, number>> {
  const { batches } = collateExamples(examples, options);
  const logits = new Float32Array(examples.length * options.numLabels);
  let loss = 0;
  for (const { batch, rows } of batches) {
    const results = await network.evaluate(batch);
    loss += (results['loss'].data as Float32Array)[0];
    const values = results['logits'].data as Float32Array;
    rows.forEach((row, i) => logits.set(values.subarray(i * options.numLabels, (i + 1) * options.numLabels), row * options.numLabels));
  }
  return { loss, ...scoreLogits(logits, examples.map(({ target }) => target), options) };
}

/**
 * Metrics of logits `[rows, labels]` against targets; the numbers that best-checkpoint keeping can choose from. Logits that are not
 * finite answer nothing: all metrics are NaN then.
 */
export function scoreLogits(logits: Float32Array, targets: readonly (number | number[])[], options: { problem: ProblemType; labels: readonly string[] }): Record<string, number> {
  if (logits.every(Number.isFinite)) return scoreFinite(logits, targets, options);
  return Object.fromEntries(Object.keys(scoreFinite(new Float32Array(logits.length), targets, options)).map((name) => [name, NaN]));
}

function scoreFinite(logits: Float32Array, targets: readonly (number | number[])[], { problem, labels }: { problem: ProblemType; labels: readonly string[] }): Record<string, number> {
  if (problem === 'regression') {
    const gold = targets as number[];
    return numbersOnly(regressionReport(gold, logits));
  }
  const rows = targets.map((_, row) => logits.subarray(row * labels.length, (row + 1) * labels.length));
  if (problem === 'multiLabel') {
    const predicted = rows.map((row) => Array.from(row.keys()).filter((label) => row[label] > 0));
    return numbersOnly(multiLabelReport(targets as number[][], predicted, { labels }));
  }
  const predicted = rows.map((row) => row.indexOf(Math.max(...row)));
  return numbersOnly(classificationReport(targets as number[], predicted, { labels, probabilities: rows.map((row) => Array.from(softmaxRow(row))) }));
}

function numbersOnly(report: object): Record<string, number> {
  return Object.fromEntries(Object.entries(report).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[0] !== 'count'));
}
