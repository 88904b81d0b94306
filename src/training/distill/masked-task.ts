import { mixSeed } from '../../core/random.ts';
import { bucketWithin, MICRO_BATCH_COST, planBatches } from '../../data/batches.ts';
import type { EncoderBatch } from '../../model/batch.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { float32, type HostTensor } from '../../runtime/tensor.ts';
import type { HeadResults } from '../head.ts';
import type { LayerwiseNetwork, TrainingBatch } from '../layerwise.ts';
import { collatePretraining, countTargets } from '../pretraining/collate.ts';
import type { PretrainingExample } from '../pretraining/example.ts';
import type { Masker } from '../pretraining/masking.ts';
import { textSteps } from './text-steps.ts';
import type { StepData, TrainingTask } from '../trainer-options.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from '../units.ts';
import { LABEL_TEMPERATURE } from './label-head.ts';
import { maskedDistillationHead, type MaskedHeadOptions } from './masked-head.ts';
import type { TaughtTexts } from './vector-task.ts';

/** What a teacher says of the masked tokens of a batch: logits `[positions, vocab]`; rows are those of `[batch*sequence]`. */
export type AskTeacher = (batch: EncoderBatch, positions: readonly number[]) => Promise<Float32Array>;

/** Options of {@link maskedDistillationTask}. */
export interface MaskedTaskOptions extends MaskedHeadOptions {
  /** Shape of the student. */
  config: AlbertConfig;
  /** What is learned from, and what is held out. */
  texts: Pick<TaughtTexts, 'length' | 'lengthOf' | 'tokens'>;
  /** Numbers of the texts that are learned from. */
  train: ArrayLike<number>;
  /** Numbers of those that are held out. */
  evaluation: readonly number[];
  /** Chooses what is masked: other tokens at each visit, the same ones of held-out texts. */
  masker: Masker;
  /** Of the same vocabulary. */
  ask: AskTeacher;
  /** Texts of a step. */
  batchSize: number;
  /** Padded tokens of one forward and backward pass; a step of more is split. Default 4096. */
  microBatchTokens?: number;
  /** Of the order of texts and of the masks. */
  seed: number;
  /** Default true. */
  shuffle?: boolean;
}

/**
 * Distillation of masked words; see {@link maskedDistillationHead} for the loss, whose mean is over the masked tokens of
 * a step. The teacher is asked at every step. Evaluation gives `divergence` from the teacher at the temperature,
 * `agreement` (the share of its best guesses that the student shares), and the loss and accuracy on the words that were
 * there (`mlmLoss`, `mlmAccuracy`).
 */
export function maskedDistillationTask(options: MaskedTaskOptions): TrainingTask {
  const { config, evaluation, batchSize, seed } = options;
  const { textAt, batchShapes, evaluationTokens } = textSteps(options);
  return {
    head: maskedDistillationHead(config, options),
    batchShapes,
    stepData: (step) =>
      collate(
        Array.from({ length: batchSize }, (_, i) => {
          const position = step * batchSize + i;
          return masked(textAt(position), mixSeed(seed, position), options);
        }),
        options,
      ),
    summarize: (results) => {
      const total = (name: string): number =>
        results.reduce((sum, result) => sum + (result[name].data as Float32Array)[0], 0);
      return { divergence: total('divergence'), mlmLoss: total('maskedLmLoss') };
    },
    ...(evaluation.length > 0 && {
      evaluationTokens,
      evaluate: (network: LayerwiseNetwork) => evaluate(network, options),
    }),
  };
}

/** A text with some tokens masked. */
function masked(
  text: number,
  seed: number,
  { texts, masker }: Pick<MaskedTaskOptions, 'texts' | 'masker'>,
): PretrainingExample {
  const inputIds = texts.tokens(text).slice();
  const { positions, labels } = masker.apply(inputIds, seed);
  return {
    source: '',
    inputIds,
    secondStart: inputIds.length,
    maskedPositions: positions,
    maskedLabels: labels,
    pairLabel: undefined,
    truncatedTokens: 0,
  };
}

/** A step in padded rectangles of similar length, with what the teacher says of each. */
async function collate(examples: readonly PretrainingExample[], options: MaskedTaskOptions): Promise<StepData> {
  const { config, microBatchTokens = DEFAULT_MICRO_BATCH_TOKENS } = options;
  const bucket = bucketWithin(config.maxPositionEmbeddings);
  const targets = { masked: Math.max(1, countTargets(examples).masked), pairs: 1 };
  const groups = planBatches(
    examples.map(({ inputIds }) => inputIds.length),
    { tokenBudget: microBatchTokens, bucket, batchCost: MICRO_BATCH_COST },
  );
  const microBatches: TrainingBatch[] = [];
  for (const group of groups) {
    const batch = collatePretraining(
      group.map((row) => examples[row]),
      { padId: config.padTokenId, targets, sentencePair: false, sequenceLength: bucket },
    );
    const positions = Array.from(batch.headFeeds['maskedPositions'].data as BigInt64Array, Number);
    const logits = await options.ask(batch, positions);
    microBatches.push({ ...batch, headFeeds: { ...batch.headFeeds, ...softFeeds(logits, positions.length, options) } });
  }
  return { microBatches, tokens: examples.reduce((sum, { inputIds }) => sum + inputIds.length, 0) };
}

/** Feeds of {@link maskedDistillationHead} that come of a teacher's logits `[rows, vocab]`. */
export function softFeeds(
  logits: Float32Array,
  rows: number,
  { temperature = LABEL_TEMPERATURE }: Pick<MaskedHeadOptions, 'temperature'>,
): Record<string, HostTensor> {
  const width = logits.length / rows;
  const probabilities = new Float32Array(logits.length);
  const entropies = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = logits.subarray(row * width, (row + 1) * width);
    const into = probabilities.subarray(row * width, (row + 1) * width);
    const largest = own.reduce((a, b) => Math.max(a, b), -Infinity);
    let total = 0;
    for (let i = 0; i < width; i++) total += into[i] = Math.exp((own[i] - largest) / temperature);
    const logTotal = Math.log(total);
    let entropy = 0;
    for (let i = 0; i < width; i++) {
      into[i] /= total;
      // p log p, without the logarithm of a share that rounds to 0.
      entropy += into[i] * ((own[i] - largest) / temperature - logTotal);
    }
    entropies[row] = entropy;
  }
  return {
    softTargets: float32([rows, width], probabilities),
    negativeEntropies: float32([rows], entropies),
  };
}

async function evaluate(network: LayerwiseNetwork, options: MaskedTaskOptions): Promise<Record<string, number>> {
  const { evaluation, batchSize, seed } = options;
  const score = { divergence: 0, mlmLoss: 0, agreed: 0, right: 0, masked: 0 };
  for (let start = 0; start < evaluation.length; start += batchSize) {
    const examples = evaluation
      .slice(start, start + batchSize)
      .map((text, i) => masked(text, mixSeed(seed, start + i, 1), options));
    const count = countTargets(examples).masked;
    score.masked += count;
    for (const batch of (await collate(examples, options)).microBatches) {
      const results = await network.evaluate(batch);
      // Losses of a batch are shares of the mean over the step.
      score.divergence += (results['divergence'].data as Float32Array)[0] * count;
      score.mlmLoss += (results['maskedLmLoss'].data as Float32Array)[0] * count;
      countGuesses(results, batch, score);
    }
  }
  const share = (value: number): number => value / Math.max(1, score.masked);
  return {
    divergence: share(score.divergence),
    agreement: share(score.agreed),
    mlmLoss: share(score.mlmLoss),
    mlmAccuracy: share(score.right),
  };
}

/** Counts guesses that are the teacher's best one, and those that were there. */
function countGuesses(
  results: HeadResults,
  { headFeeds }: TrainingBatch,
  score: { agreed: number; right: number },
): void {
  const guesses = results['guesses'].data as BigInt64Array;
  const labels = headFeeds['maskedLabels'].data as BigInt64Array;
  const weights = headFeeds['maskedWeights'].data as Float32Array;
  const probabilities = headFeeds['softTargets'].data as Float32Array;
  const width = probabilities.length / guesses.length;
  guesses.forEach((guess, row) => {
    if (weights[row] === 0) return;
    const own = probabilities.subarray(row * width, (row + 1) * width);
    const best = own.reduce((best, value, i) => (value > own[best] ? i : best), 0);
    if (Number(guess) === best) score.agreed++;
    if (guess === labels[row]) score.right++;
  });
}
