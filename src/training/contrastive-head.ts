import type { Graph, Tensor } from '../graph/graph.ts';
import { add, divide, multiply, scale, softplus, sqrt, subtract } from '../graph/operators/elementwise.ts';
import { meanSquaredError } from '../graph/operators/loss.ts';
import { matmul } from '../graph/operators/matmul.ts';
import { logSumExp, mean, sum } from '../graph/operators/reduce.ts';
import { gather, reshape } from '../graph/operators/shape.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { HeadDefinition, HeadTensors } from './head.ts';

/**
 * What sentence embeddings are trained on: texts alone, pairs that belong together, or pairs with a score of how
 * similar they are.
 */
export const EMBEDDING_OBJECTIVES = ['simcse', 'pairs', 'scored'] as const;
/** One of {@link EMBEDDING_OBJECTIVES}. */
export type EmbeddingObjective = (typeof EMBEDDING_OBJECTIVES)[number];

/** How a sentence's vector is made of its token vectors in training; `poolRow` computes the same afterwards. */
export const EMBEDDING_POOLINGS = ['mean', 'cls'] as const;
/** One of {@link EMBEDDING_POOLINGS}. */
export type EmbeddingPooling = (typeof EMBEDDING_POOLINGS)[number];

/** Loss on scored pairs: the order of their cosines, or the cosines themselves. */
export const SCORED_LOSSES = ['cosent', 'cosine'] as const;
/** One of {@link SCORED_LOSSES}. */
export type ScoredLoss = (typeof SCORED_LOSSES)[number];

/** Options of {@link embeddingHead}. */
export interface EmbeddingHeadOptions {
  /** What is learned from: `simcse`, `pairs` or `scored`. */
  objective: EmbeddingObjective;
  /** Default `mean`: over all tokens of the text, special ones included. */
  pooling?: EmbeddingPooling;
  /** Divides cosines in `simcse` and `pairs`. Default 0.05 (Gao et al. 2021). */
  temperature?: number;
  /** `pairs`: also looks for the text of each pair, and takes the mean of both directions. Default true. */
  symmetric?: boolean;
  /** `scored`. Default `cosent`. */
  loss?: ScoredLoss;
}

/** What cosines are divided by unless told otherwise: the value of SimCSE (Gao et al. 2021). */
export const DEFAULT_TEMPERATURE = 0.05;
/** Factor on cosines in the CoSENT loss: that of its author and of sentence-transformers. */
const COSENT_SCALE = 20;
/** Keeps the length of a zero vector away from 0, whose gradient is infinite. */
const SMALLEST_SQUARE = 1e-24;

/**
 * Losses on cosines of sentence vectors. All rows of an optimiser step are in one batch; pair i has its texts in rows
 * `left[i]` and `right[i]`.
 *
 * - `simcse` (Gao et al. 2021, "SimCSE") and `pairs` (multiple negatives ranking, Henderson et al. 2017): cross-entropy
 *   of finding `right[i]` for `left[i]` among all of `right`, by cosine over temperature.
 * - `scored`, `cosent` (Su 2022, as sentence-transformers' `CoSENTLoss`): `log(1 + sum exp(20 (cos_i - cos_j)))` over
 *   pairs i that have a lower score than j.
 * - `scored`, `cosine`: mean squared difference of cosine and target.
 *
 * Inputs: `left`, `right` int64 `[pairs]`; `poolingWeights` `[batch, 1, sequence]` (mean) or `firstTokens` int64
 * `[batch]` (cls); `candidateBias` `[pairs, pairs]` (ranking: 0, or very negative where `right[j]` must not count
 * against `left[i]`), `orderBias` `[pairs, pairs]` (cosent: 0 where the score of i is lower than that of j, else very
 * negative), or `targets` `[pairs]` (cosine). Outputs: `embeddings` `[batch, hidden]` before scaling to length 1,
 * `cosines` `[pairs]`, and for rankings `nearest` int64 `[pairs]`.
 */
export function embeddingHead(config: AlbertConfig, options: EmbeddingHeadOptions): HeadDefinition {
  const { objective, pooling = 'mean', temperature = DEFAULT_TEMPERATURE, symmetric = true, loss = 'cosent' } = options;
  return {
    parameters: [],
    build(graph, hidden): HeadTensors {
      const embeddings =
        pooling === 'mean'
          ? meanOfTokens(graph, hidden, config.hiddenSize)
          : gather(hidden, graph.input('firstTokens', ['batch'], { dtype: 'int64' })); // [batch, hidden]
      const unit = toUnitLength(embeddings);
      const left = gather(unit, graph.input('left', ['pairs'], { dtype: 'int64' })); // [pairs, hidden]
      const right = gather(unit, graph.input('right', ['pairs'], { dtype: 'int64' })); // [pairs, hidden]
      const cosines = sum(multiply(left, right), [1]); // [pairs]
      const outputs = { embeddings, cosines };
      if (objective !== 'scored') {
        const ranking = rankingLoss(
          { left, right, cosines },
          { temperature, symmetric: objective === 'pairs' && symmetric },
        );
        return { loss: ranking.loss, outputs: { ...outputs, nearest: ranking.nearest } };
      }
      return {
        loss: loss === 'cosent' ? cosentLoss(cosines) : meanSquaredError(cosines, graph.input('targets', ['pairs'])),
        outputs,
      };
    },
  };
}

/** Averages of rows' real tokens; the weights hold 1 / length for those and 0 for padding. */
function meanOfTokens(graph: Graph, hidden: Tensor, width: number): Tensor {
  const tokens = reshape(hidden, ['batch', 'sequence', width]); // [batch, sequence, hidden]
  const averages = matmul(graph.input('poolingWeights', ['batch', 1, 'sequence']), tokens); // [batch, 1, hidden]
  return reshape(averages, ['batch', width]); // [batch, hidden]
}

function toUnitLength(x: Tensor): Tensor {
  const squares = sum(multiply(x, x), [1], { keepDims: true }); // [batch, 1]
  return divide(x, sqrt(add(squares, x.graph.real(SMALLEST_SQUARE))));
}

function rankingLoss(
  pairs: { left: Tensor; right: Tensor; cosines: Tensor },
  options: { temperature: number; symmetric: boolean },
): { loss: Tensor; nearest: Tensor } {
  const { left, right, cosines } = pairs;
  const { graph } = left;
  const alpha = 1 / options.temperature;
  const scores = add(
    matmul(left, right, { transposeB: true, alpha }),
    graph.input('candidateBias', ['pairs', 'pairs']),
  ); // [pairs, pairs]
  const own = scale(cosines, alpha); // [pairs]
  // The bias is symmetric in the sense that right[j] is barred for left[i] exactly when left[i] is barred for right[j].
  const directions = (options.symmetric ? [1, 0] : [1]).map((axis) =>
    mean(subtract(logSumExp(scores, [axis]), own), [0]),
  );
  const nearest = graph.apply('ArgMax', [scores], ['pairs'], { dtype: 'int64', attributes: { axis: 1, keepdims: 0 } });
  return { loss: directions.length === 2 ? scale(add(directions[0], directions[1]), 0.5) : directions[0], nearest };
}

function cosentLoss(cosines: Tensor): Tensor {
  const scaled = scale(cosines, COSENT_SCALE);
  const differences = subtract(reshape(scaled, ['pairs', 1]), reshape(scaled, [1, 'pairs'])); // [pairs, pairs]
  const counted = add(differences, cosines.graph.input('orderBias', ['pairs', 'pairs']));
  return softplus(logSumExp(counted, [0, 1])); // log(1 + sum of exponentials)
}
