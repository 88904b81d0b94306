import { softmaxRow } from '../core/softmax.ts';
import type { Example } from '../data/dataset.ts';
import { classificationReport, multiLabelReport } from '../metrics/classification.ts';
import { regressionReport } from '../metrics/regression.ts';
import { float32, int64, type HostTensor } from '../runtime/tensor.ts';
import { countUnknown, type Tokenizer } from '../tokenizer/tokenizer.ts';
import { classificationHead, type ProblemType } from './heads.ts';
import type { TrainingTask } from './trainer-options.ts';
import {
  firstTokens,
  unitsTask,
  type HeadFeeds,
  type Piece,
  type Unit,
  type UnitBatch,
  type UnitsTaskOptions,
} from './units.ts';

/** A tokenised example; special tokens included. */
export interface EncodedExample extends Piece {
  /** Index of the label; 0 or 1 for each label (`multiLabel`); or the number (`regression`). */
  target: number | number[];
}

/** Options of {@link classificationTask}. */
export interface ClassificationTaskOptions extends Pick<
  UnitsTaskOptions<never>,
  'config' | 'batchSize' | 'epochs' | 'microBatchTokens' | 'seed' | 'shuffle'
> {
  /** One label, any number of labels, or a number. */
  problem: ProblemType;
  /** Names of the classes, in the order of the logits. */
  labels: readonly string[];
  /** Examples to learn from. */
  train: readonly EncodedExample[];
  /** Held-out examples. Default: none, so nothing is evaluated. */
  evaluation?: readonly EncodedExample[];
  /** Share of the target spread over all classes; single-label only. Default 0. */
  labelSmoothing?: number;
  /** One weight per class in the loss; single-label only. */
  classWeights?: readonly number[];
}

/**
 * Tokenises examples, cutting the longer text of a pair first; `truncatedTokens` counts what was lost over all,
 * `unknownTokens` what the vocabulary lacks.
 */
export function encodeExamples(
  tokenizer: Tokenizer,
  examples: readonly Example[],
  maxLength: number,
): { encoded: EncodedExample[]; truncatedTexts: number; truncatedTokens: number; unknownTokens: number } {
  let truncatedTexts = 0;
  let unknownTokens = 0;
  let truncatedTokens = 0;
  const encoded = examples.map(({ text, pair, target }) => {
    const {
      ids,
      typeIds,
      truncatedTokens: lost,
    } = tokenizer.encode(text, { maxLength, ...(pair !== undefined && { pair }) });
    if (lost > 0) truncatedTexts++;
    truncatedTokens += lost;
    unknownTokens += countUnknown(tokenizer, ids);
    return { ids, typeIds, target };
  });
  return { encoded, truncatedTexts, truncatedTokens, unknownTokens };
}

/**
 * Fine-tuning of `AlbertForSequenceClassification` on texts or pairs: single-label, multi-label or regression.
 * A step's rows are split by length, so little is padded, and weighted so that the loss is the mean over the step.
 */
export function classificationTask(options: ClassificationTaskOptions): TrainingTask {
  const { problem, labels, labelSmoothing, classWeights, train, evaluation, ...rest } = options;
  const numLabels = problem === 'regression' ? 1 : labels.length;
  const toUnit = ({ ids, typeIds, target }: EncodedExample): Unit<number | number[]> => ({
    pieces: [{ ids, typeIds }],
    target,
    weight: problem === 'singleLabel' ? (classWeights?.[target as number] ?? 1) : numLabels,
  });
  return unitsTask<number | number[]>({
    ...rest,
    head: classificationHead(options.config, {
      numLabels,
      problemType: problem,
      ...(labelSmoothing !== undefined && { labelSmoothing }),
    }),
    feeds: (batch) => classificationFeeds(batch, { problem, numLabels }),
    train: train.map(toUnit),
    ...(evaluation && {
      evaluation: evaluation.map(toUnit),
      score: (logits) =>
        scoreLogits(
          joinRows(logits.map(([row]) => row)),
          evaluation.map(({ target }) => target),
          { problem, labels },
        ),
    }),
  });
}

/** Targets and weights of the inputs that `classificationHead` declares. */
export function classificationFeeds(
  batch: UnitBatch<number | number[]>,
  { problem, numLabels }: { problem: ProblemType; numLabels: number },
): HeadFeeds {
  return { feeds: { firstTokens: firstTokens(batch), ...targetFeeds(batch, { problem, numLabels }) } };
}

function targetFeeds(
  { units, totalWeight }: UnitBatch<number | number[]>,
  { problem, numLabels }: { problem: ProblemType; numLabels: number },
): Record<string, HostTensor> {
  const rows = units.length;
  if (problem === 'singleLabel') {
    return {
      labels: int64(
        [rows],
        units.map(({ target }) => target as number),
      ),
      rowWeights: float32(
        [rows],
        Float32Array.from(units, ({ weight }) => weight / totalWeight),
      ),
    };
  }
  const targets = new Float32Array(rows * numLabels);
  units.forEach(({ target }, row) => {
    if (typeof target === 'number') targets[row] = target;
    else for (const label of target) targets[row * numLabels + label] = 1;
  });
  return {
    targets: float32([rows, numLabels], targets),
    elementWeights: float32([rows, numLabels], new Float32Array(rows * numLabels).fill(1 / totalWeight)),
  };
}

function joinRows(rows: readonly Float32Array[]): Float32Array {
  const width = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => all.set(row, i * width));
  return all;
}

/**
 * Metrics of logits `[rows, labels]` against targets; the numbers that best-checkpoint keeping can choose from. Logits
 * that are not finite answer nothing: all metrics are NaN then.
 */
export function scoreLogits(
  logits: Float32Array,
  targets: readonly (number | number[])[],
  options: { problem: ProblemType; labels: readonly string[] },
): Record<string, number> {
  if (logits.every(Number.isFinite)) return scoreFinite(logits, targets, options);
  return Object.fromEntries(
    Object.keys(scoreFinite(new Float32Array(logits.length), targets, options)).map((name) => [name, NaN]),
  );
}

function scoreFinite(
  logits: Float32Array,
  targets: readonly (number | number[])[],
  { problem, labels }: { problem: ProblemType; labels: readonly string[] },
): Record<string, number> {
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
  return numbersOnly(
    classificationReport(targets as number[], predicted, {
      labels,
      probabilities: rows.map((row) => Array.from(softmaxRow(row))),
    }),
  );
}

function numbersOnly(report: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(report).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[0] !== 'count',
    ),
  );
}
