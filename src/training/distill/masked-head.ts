import type { Graph, Tensor } from '../../graph/graph.ts';
import { add, multiply, scale, subtract } from '../../graph/operators/elementwise.ts';
import { weightedCrossEntropy } from '../../graph/operators/loss.ts';
import { logSumExp, sum } from '../../graph/operators/reduce.ts';
import { gather } from '../../graph/operators/shape.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { HEADS, headParameters } from '../../model/heads.ts';
import { embeddingParameters } from '../../model/parameters.ts';
import type { HeadDefinition, HeadTensors } from '../head.ts';
import { LABEL_TEMPERATURE } from './label-head.ts';

/** Options of {@link maskedDistillationHead}. */
export interface MaskedHeadOptions {
  /** Divides the logits of both before they are compared. Default 2. */
  temperature?: number;
  /** Part of the loss on the words that were there. Default 0. */
  hardWeight?: number;
}

/**
 * Masked words as a teacher guesses them (Hinton et al. 2015; Sanh et al. 2019): divergence of
 * `softmax(logits / temperature)` from the teacher's at every masked token, times the square of the temperature, mixed
 * with the usual loss on the words that were there.
 *
 * Inputs: `maskedPositions`, `maskedLabels` int64 and `maskedWeights`, all `[masked]`; `softTargets` `[masked, vocab]`,
 * the teacher's probabilities; `negativeEntropies` `[masked]`, what a perfect student's loss would be short of 0.
 * Outputs: `divergence`, `maskedLmLoss`, and `guesses` (int64 `[masked]`).
 */
export function maskedDistillationHead(config: AlbertConfig, options: MaskedHeadOptions = {}): HeadDefinition {
  const { temperature = LABEL_TEMPERATURE, hardWeight = 0 } = options;
  return {
    parameters: [...headParameters(config, 'maskedLm'), embeddingParameters(config)[0]],
    build(graph, hidden, parameter): HeadTensors {
      const selected = gather(hidden, graph.input('maskedPositions', ['masked'], { dtype: 'int64' })); // [masked, hidden]
      const logits = HEADS.maskedLm.logits(config, parameter, selected); // [masked, vocab]
      const weights = graph.input('maskedWeights', ['masked']);
      const divergence = softDivergence(graph, scale(logits, 1 / temperature), weights);
      const maskedLmLoss = weightedCrossEntropy(
        logits,
        graph.input('maskedLabels', ['masked'], { dtype: 'int64' }),
        weights,
      );
      const guesses = graph.apply('ArgMax', [logits], ['masked'], {
        dtype: 'int64',
        attributes: { axis: 1, keepdims: 0 },
      });
      const soft = scale(divergence, (1 - hardWeight) * temperature * temperature);
      return {
        loss: hardWeight === 0 ? soft : add(soft, scale(maskedLmLoss, hardWeight)),
        outputs: { divergence, maskedLmLoss, guesses },
      };
    },
  };
}

/** Weighted sum of the divergences of `softmax(cooled)` from `softTargets`. */
function softDivergence(graph: Graph, cooled: Tensor, weights: Tensor): Tensor {
  const targets = graph.input('softTargets', cooled.shape);
  const entropies = graph.input('negativeEntropies', ['masked']);
  const crossEntropies = subtract(logSumExp(cooled, [1]), sum(multiply(cooled, targets), [1])); // [masked]
  return sum(multiply(add(crossEntropies, entropies), weights), [0]);
}
