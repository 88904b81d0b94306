import { add, multiply, scale, softplus, subtract } from '../../graph/operators/elementwise.ts';
import { binaryCrossEntropy, meanSquaredError, weightedCrossEntropy } from '../../graph/operators/loss.ts';
import { logSumExp, sum } from '../../graph/operators/reduce.ts';
import { gather } from '../../graph/operators/shape.ts';
import type { Graph, Tensor } from '../../graph/graph.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { HEADS, headParameters } from '../../model/heads.ts';
import { pooler } from '../../model/network.ts';
import { poolerParameters } from '../../model/parameters.ts';
import { float32, int64 } from '../../runtime/tensor.ts';
import type { HeadDefinition, HeadTensors } from '../head.ts';
import type { ProblemType } from '../heads.ts';
import { firstTokens, type HeadFeeds, type UnitBatch } from '../units.ts';

/** What is right for a text of task distillation. */
export interface SoftTarget {
  /** The teacher's logits, one a label; for regression its number. */
  logits: readonly number[];
  /** What people say, where they said something: index of the label, indices (several labels), or the number. */
  gold?: number | number[];
}

/** Options of {@link labelDistillationHead}. */
export interface LabelHeadOptions {
  /** What an answer is: one label, any number of labels, or a number. */
  problem: ProblemType;
  /** Width of the logits. */
  numLabels: number;
  /** Divides the logits of both before they are compared. Default 2. */
  temperature?: number;
  /** Part of the loss on what people say, for rows that have it. Default 0. */
  hardWeight?: number;
}

/** Default of {@link LabelHeadOptions.temperature}. */
export const LABEL_TEMPERATURE = 2;

/**
 * A classifier that learns a teacher's answers (Hinton, Vinyals and Dean 2015): divergence of
 * `softmax(logits / temperature)` from the teacher's (`singleLabel`), of a sigmoid a label (`multiLabel`), both times
 * the square of the temperature, or squared error of the number (`regression`); mixed with the usual loss on labels.
 *
 * Inputs: `firstTokens`; `softTargets` `[batch, labels]`, the teacher's probabilities (or number); `softWeights`
 * `[batch]`; `negativeEntropies` `[batch]`, what a perfect student's loss would be short of 0; with `hardWeight` also
 * `labels` int64 and `hardWeights` `[batch]`, or `hardTargets` and `hardElementWeights` `[batch, labels]`. Output:
 * `logits`.
 */
export function labelDistillationHead(config: AlbertConfig, options: LabelHeadOptions): HeadDefinition {
  const { problem, numLabels, temperature = LABEL_TEMPERATURE, hardWeight = 0 } = options;
  return {
    parameters: [...poolerParameters(config), ...headParameters(config, 'sequenceClassification', numLabels)],
    build(graph, hidden, parameter, { dropout }): HeadTensors {
      const pooled = pooler(parameter, gather(hidden, graph.input('firstTokens', ['batch'], { dtype: 'int64' }))); // [batch, hidden]
      const mask = dropout ? graph.input('classifierMask', ['batch', config.hiddenSize]) : undefined;
      const logits = HEADS.sequenceClassification.logits(config, parameter, pooled, mask); // [batch, labels]
      const soft = softLoss(graph, logits, { problem, numLabels, temperature });
      if (hardWeight === 0) return { loss: soft, outputs: { logits } };
      return { loss: add(soft, hardLoss(graph, logits, { problem, numLabels })), outputs: { logits } };
    },
  };
}

function softLoss(
  graph: Graph,
  logits: Tensor,
  { problem, numLabels, temperature }: Pick<LabelHeadOptions, 'problem' | 'numLabels'> & { temperature: number },
): Tensor {
  const targets = graph.input('softTargets', ['batch', numLabels]);
  const weights = graph.input('softWeights', ['batch']);
  if (problem === 'regression') {
    const difference = sum(subtract(logits, targets), [1]); // [batch]
    return sum(multiply(multiply(difference, difference), weights), [0]);
  }
  const cooled = scale(logits, 1 / temperature);
  const entropies = graph.input('negativeEntropies', ['batch']);
  const losses =
    problem === 'singleLabel'
      ? subtract(logSumExp(cooled, [1]), sum(multiply(cooled, targets), [1]))
      : subtract(sum(softplus(cooled), [1]), sum(multiply(cooled, targets), [1])); // [batch]
  return scale(sum(multiply(add(losses, entropies), weights), [0]), temperature * temperature);
}

function hardLoss(
  graph: Graph,
  logits: Tensor,
  { problem, numLabels }: Pick<LabelHeadOptions, 'problem' | 'numLabels'>,
): Tensor {
  if (problem === 'singleLabel')
    return weightedCrossEntropy(
      logits,
      graph.input('labels', ['batch'], { dtype: 'int64' }),
      graph.input('hardWeights', ['batch']),
    );
  const targets = graph.input('hardTargets', ['batch', numLabels]);
  const weights = graph.input('hardElementWeights', ['batch', numLabels]);
  return (problem === 'multiLabel' ? binaryCrossEntropy : meanSquaredError)(logits, targets, weights);
}

/** A teacher's probabilities at a temperature: softmax, one by one (`multiLabel`), or the number as it is. */
export function softTargets(
  logits: readonly number[],
  { problem, temperature = LABEL_TEMPERATURE }: Pick<LabelHeadOptions, 'problem' | 'temperature'>,
): Float64Array {
  if (problem === 'regression') return Float64Array.from(logits);
  const cooled = Float64Array.from(logits, (value) => value / temperature);
  if (problem === 'multiLabel') return cooled.map((value) => 1 / (1 + Math.exp(-value)));
  const largest = cooled.reduce((a, b) => Math.max(a, b));
  const shares = cooled.map((value) => Math.exp(value - largest));
  const total = shares.reduce((a, b) => a + b);
  return shares.map((share) => share / total);
}

/** The same numbers as logarithms times probabilities, summed: 0 at most. */
function negativeEntropy(probabilities: Float64Array, problem: ProblemType): number {
  const part = (p: number): number => (p > 0 ? p * Math.log(p) : 0);
  return probabilities.reduce((sum, p) => sum + part(p) + (problem === 'multiLabel' ? part(1 - p) : 0), 0);
}

/**
 * Feeds of {@link labelDistillationHead}; the losses of all batches of a step add up to the mean over its rows (and
 * labels, for `multiLabel`).
 */
export function labelDistillationFeeds(batch: UnitBatch<SoftTarget>, options: LabelHeadOptions): HeadFeeds {
  const { problem, numLabels, hardWeight = 0 } = options;
  const { units, totalWeight } = batch;
  const rows = units.length;
  const soft = new Float32Array(rows * numLabels);
  const [softWeights, entropies, hardWeights] = [
    new Float32Array(rows),
    new Float32Array(rows),
    new Float32Array(rows),
  ];
  const hardTargets = new Float32Array(rows * numLabels);
  units.forEach(({ target: { logits, gold }, weight }, row) => {
    const probabilities = softTargets(logits, options);
    soft.set(probabilities, row * numLabels);
    entropies[row] = negativeEntropy(probabilities, problem);
    const share = weight / totalWeight / (problem === 'multiLabel' ? numLabels : 1);
    // A row that people said nothing of learns from the teacher alone.
    hardWeights[row] = gold === undefined ? 0 : share * hardWeight;
    softWeights[row] = share - hardWeights[row];
    if (Array.isArray(gold)) for (const label of gold) hardTargets[row * numLabels + label] = 1;
    else if (problem === 'regression') hardTargets[row] = gold ?? 0;
  });
  const perLabel = (): Float32Array =>
    Float32Array.from({ length: rows * numLabels }, (_, i) => hardWeights[Math.floor(i / numLabels)]);
  return {
    feeds: {
      firstTokens: firstTokens(batch),
      softTargets: float32([rows, numLabels], soft),
      softWeights: float32([rows], softWeights),
      ...(problem !== 'regression' && { negativeEntropies: float32([rows], entropies) }),
      ...(hardWeight > 0 &&
        (problem === 'singleLabel'
          ? {
              labels: int64(
                [rows],
                units.map(({ target: { gold } }) => (gold as number | undefined) ?? 0),
              ),
              hardWeights: float32([rows], hardWeights),
            }
          : {
              hardTargets: float32([rows, numLabels], hardTargets),
              hardElementWeights: float32([rows, numLabels], perLabel()),
            })),
    },
  };
}
