import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { bucketWithin, MICRO_BATCH_COST, planBatches } from '../../data/batches.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { pretrainingHead } from '../heads.ts';
import type { HeadResults } from '../head.ts';
import type { LayerwiseNetwork } from '../layerwise.ts';
import type { StepData, TrainingTask } from '../trainer-options.ts';
import { collatePretraining, countTargets } from './collate.ts';
import type { PretrainingExample } from './example.ts';
import type { PairObjective } from './segments.ts';
import type { PretrainingStream, StreamState } from './stream.ts';

/** A stretch of a run with one sequence length; short sequences first cost less and learn as much at the beginning. */
export interface PretrainingPhase {
  /** First step of the phase; the first phase starts at 0. */
  fromStep: number;
  stream: PretrainingStream;
}

/** Options of {@link pretrainingTask}. */
export interface PretrainingTaskOptions {
  config: AlbertConfig;
  objective: PairObjective;
  /** In ascending order of `fromStep`. */
  phases: readonly PretrainingPhase[];
  /** Sequences per step. */
  batchSize: number;
  /** Padded tokens of one forward and backward pass; a step of more is split. Default 4096. */
  microBatchTokens?: number;
  /** Held-out examples by name (a language, a source); each is scored on its own and all together. */
  heldOut?: ReadonlyMap<string, readonly PretrainingExample[]>;
}

/** Position in a checkpoint. */
interface DataState {
  /** Names the phase. */
  fromStep: number;
  stream: StreamState;
}

/**
 * Pretraining (Lan et al. 2020) on masked tokens and sentence pairs; the loss is the sum of both means over the step.
 */
export function pretrainingTask(options: PretrainingTaskOptions): TrainingTask {
  const { config, objective, phases, batchSize, microBatchTokens = 4096, heldOut } = options;
  requireInteger('batchSize', batchSize, { min: 1 });
  if (
    phases.length === 0 ||
    phases[0].fromStep !== 0 ||
    phases.some(({ fromStep }, i) => i > 0 && fromStep <= phases[i - 1].fromStep)
  ) {
    throw new AlbertineError('invalid_argument', 'phases must begin at step 0 and ascend', {
      value: phases.map(({ fromStep }) => fromStep),
    });
  }
  const sentencePair = objective !== 'none';
  const collate: CollateSettings = { config, sentencePair, microBatchTokens };
  let active = phases[0];
  const streamFor = (step: number): PretrainingStream => {
    const phase = phases.findLast(({ fromStep }) => fromStep <= step)!;
    if (phase !== active) {
      phase.stream.resume(active.stream.state());
      active = phase;
    }
    return phase.stream;
  };
  return {
    head: pretrainingHead(config, { maskedLm: true, sentencePair }),
    // Nearly all sequences of a phase are as long as it allows.
    batchShapes: () =>
      phases.map(({ stream: { maxLength } }) => ({
        batchSize: Math.min(batchSize, Math.max(1, Math.floor(microBatchTokens / maxLength))),
        sequenceLength: maxLength,
      })),
    async stepData(step): Promise<StepData> {
      return collateStep(await streamFor(step).take(batchSize), collate);
    },
    async probeData(step): Promise<StepData> {
      const examples: PretrainingExample[] = [];
      for await (const example of phases.findLast(({ fromStep }) => fromStep <= step)!.stream.epoch())
        if (examples.push(example) === batchSize) break;
      return collateStep(examples, collate);
    },
    summarize: (results) => sumLosses(results, sentencePair),
    ...(heldOut && { evaluate: (network) => evaluateHeldOut(network, heldOut, collate) }),
    state: (): DataState => ({ fromStep: active.fromStep, stream: active.stream.state() }),
    restore(state) {
      const { fromStep, stream } = state as DataState;
      const phase = phases.find((candidate) => candidate.fromStep === fromStep);
      if (!phase)
        throw new AlbertineError(
          'invalid_argument',
          `the checkpoint is in a phase from step ${fromStep}, which this run does not have`,
          { value: fromStep },
        );
      active = phase;
      active.stream.resume(stream);
    },
  };
}

interface CollateSettings {
  config: AlbertConfig;
  sentencePair: boolean;
  microBatchTokens: number;
}

/** Splits examples into padded rectangles of similar length. */
function collateStep(
  examples: readonly PretrainingExample[],
  settings: CollateSettings,
): StepData & { groups: number[][] } {
  const { config, sentencePair, microBatchTokens } = settings;
  const targets = countTargets(examples);
  const bucket = bucketWithin(config.maxPositionEmbeddings);
  const groups = planBatches(
    examples.map(({ inputIds }) => inputIds.length),
    { tokenBudget: microBatchTokens, bucket, batchCost: MICRO_BATCH_COST },
  );
  const counts = { masked: Math.max(1, targets.masked), pairs: Math.max(1, targets.pairs) };
  const microBatches = groups.map((rows) =>
    collatePretraining(
      rows.map((row) => examples[row]),
      { padId: config.padTokenId, targets: counts, sentencePair, sequenceLength: bucket },
    ),
  );
  return { microBatches, tokens: examples.reduce((total, { inputIds }) => total + inputIds.length, 0), groups };
}

function sumLosses(results: readonly HeadResults[], sentencePair: boolean): Record<string, number> {
  const total = (name: string): number =>
    results.reduce((sum, result) => sum + (result[name].data as Float32Array)[0], 0);
  return { mlmLoss: total('maskedLmLoss'), ...(sentencePair && { pairLoss: total('pairLoss') }) };
}

interface Score {
  mlmLoss: number;
  mlmRight: number;
  masked: number;
  pairLoss: number;
  pairRight: number;
  pairs: number;
}

/**
 * Masked-LM loss, perplexity and accuracy and pair accuracy, over all and (with a suffix) by group of held-out
 * examples.
 */
async function evaluateHeldOut(
  network: LayerwiseNetwork,
  heldOut: ReadonlyMap<string, readonly PretrainingExample[]>,
  settings: CollateSettings,
): Promise<Record<string, number>> {
  const metrics: Record<string, number> = {};
  const all = emptyScore();
  for (const [name, examples] of heldOut) {
    const score = await scoreExamples(network, examples, settings);
    for (const key of Object.keys(all) as (keyof Score)[]) all[key] += score[key];
    if (heldOut.size > 1) Object.assign(metrics, describe(score, `_${name}`));
  }
  return { ...describe(all, ''), ...metrics };
}

const emptyScore = (): Score => ({ mlmLoss: 0, mlmRight: 0, masked: 0, pairLoss: 0, pairRight: 0, pairs: 0 });

function describe(score: Score, suffix: string): Record<string, number> {
  const { mlmLoss, mlmRight, masked, pairLoss, pairRight, pairs } = score;
  return {
    [`loss${suffix}`]: mlmLoss / masked + (pairs > 0 ? pairLoss / pairs : 0),
    [`mlmLoss${suffix}`]: mlmLoss / masked,
    [`mlmPerplexity${suffix}`]: Math.exp(mlmLoss / masked),
    [`mlmAccuracy${suffix}`]: mlmRight / masked,
    ...(pairs > 0 && { [`pairLoss${suffix}`]: pairLoss / pairs, [`pairAccuracy${suffix}`]: pairRight / pairs }),
  };
}

async function scoreExamples(
  network: LayerwiseNetwork,
  examples: readonly PretrainingExample[],
  settings: CollateSettings,
): Promise<Score> {
  const score = emptyScore();
  const targets = countTargets(examples);
  const { microBatches, groups } = collateStep(examples, settings);
  score.masked = targets.masked;
  score.pairs = targets.pairs;
  for (const [i, batch] of microBatches.entries()) {
    const results = await network.evaluate(batch);
    // The batch's losses are shares of the mean over all examples.
    score.mlmLoss += (results['maskedLmLoss'].data as Float32Array)[0] * targets.masked;
    const labels = batch.headFeeds['maskedLabels'].data as BigInt64Array;
    const weights = batch.headFeeds['maskedWeights'].data as Float32Array;
    const predictions = results['maskedLmPredictions'].data as BigInt64Array;
    for (let k = 0; k < labels.length; k++) if (weights[k] > 0 && labels[k] === predictions[k]) score.mlmRight++;
    if (settings.sentencePair) {
      score.pairLoss += (results['pairLoss'].data as Float32Array)[0] * targets.pairs;
      const logits = results['pairLogits'].data as Float32Array;
      groups[i].forEach((row, k) => {
        const label = examples[row].pairLabel;
        if (label !== undefined && Number(logits[2 * k + 1] > logits[2 * k]) === label) score.pairRight++;
      });
    }
  }
  return score;
}
