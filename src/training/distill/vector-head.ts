import type { Tensor } from '../../graph/graph.ts';
import { add, exp, multiply, scale, subtract } from '../../graph/operators/elementwise.ts';
import { meanSquaredError } from '../../graph/operators/loss.ts';
import { linear, matmul } from '../../graph/operators/matmul.ts';
import { logSumExp, mean, sum } from '../../graph/operators/reduce.ts';
import { gather } from '../../graph/operators/shape.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { ParameterSpec } from '../../model/parameters.ts';
import { meanOfTokens, toUnitLength, type EmbeddingPooling } from '../contrastive-head.ts';
import type { HeadDefinition, HeadTensors } from '../head.ts';

/** What a student's vectors are compared with their targets by. */
export const VECTOR_LOSSES = ['cosine', 'mse'] as const;
/** One of {@link VECTOR_LOSSES}. */
export type VectorLoss = (typeof VECTOR_LOSSES)[number];

/** Options of {@link vectorDistillationHead}. */
export interface VectorHeadOptions {
  /** Numbers of a target. */
  width: number;
  /** How a text's vector is made of its tokens' vectors. Default `mean`. */
  pooling?: EmbeddingPooling;
  /** `cosine` (default): 1 - cosine; `mse`: mean squared difference of the numbers. */
  loss?: VectorLoss;
  /**
   * A linear layer between the student's vectors and the targets, without bias. Needed where widths differ. Default
   * false.
   */
  projection?: boolean;
  /** Factor on the loss over similarities within a batch; 0 leaves it out. Default 0.5. */
  similarityWeight?: number;
  /**
   * Divides those similarities. Default 0.2: at 0.05 a small student came less near to its teacher in the same steps.
   */
  temperature?: number;
}

/** Defaults of {@link VectorHeadOptions}. */
export const VECTOR_HEAD_DEFAULTS = { similarityWeight: 0.5, temperature: 0.2 } as const;

/** The layer between student and targets: `[width, hiddenSize]`. */
export const projectionParameter = ({ hiddenSize }: AlbertConfig, width: number): ParameterSpec => ({
  name: 'distillation.projection.weight',
  shape: [width, hiddenSize],
});

/**
 * Distance of a student's sentence vectors from given ones (Reimers and Gurevych 2020), plus how far its similarities
 * within the batch are from theirs: the mean over rows of the Kullback-Leibler divergence of
 * `softmax(cosines / temperature)` over the other rows (relational distillation, Park et al. 2019; Fang et al. 2021,
 * "SEED").
 *
 * Inputs: `poolingWeights` `[batch, 1, sequence]` (mean) or `firstTokens` int64 `[batch]` (cls); `targets`
 * `[batch, width]`; `rowBias` `[batch, batch]`, 0, or very negative for a row itself and for texts that are equal.
 * Outputs: `embeddings` `[batch, hidden]`, `cosines` `[batch]` to the targets, `vectorLoss`, and `similarityLoss` where
 * there is one.
 */
export function vectorDistillationHead(config: AlbertConfig, options: VectorHeadOptions): HeadDefinition {
  const { width, pooling = 'mean', loss = 'cosine', projection = false } = options;
  const { similarityWeight, temperature } = { ...VECTOR_HEAD_DEFAULTS, ...options };
  const layer = projectionParameter(config, width);
  return {
    parameters: projection ? [layer] : [],
    build(graph, hidden, parameter): HeadTensors {
      const embeddings =
        pooling === 'mean'
          ? meanOfTokens(graph, hidden, config.hiddenSize)
          : gather(hidden, graph.input('firstTokens', ['batch'], { dtype: 'int64' })); // [batch, hidden]
      const vectors = projection ? linear(embeddings, parameter(layer.name)) : embeddings; // [batch, width]
      const targets = graph.input('targets', ['batch', width]);
      const [unit, right] = [toUnitLength(vectors), toUnitLength(targets)];
      const cosines = sum(multiply(unit, right), [1]); // [batch]
      const vectorLoss =
        loss === 'cosine' ? subtract(graph.real(1), mean(cosines, [0])) : meanSquaredError(vectors, targets);
      if (similarityWeight === 0) return { loss: vectorLoss, outputs: { embeddings, cosines, vectorLoss } };
      const similarityLoss = similarityDivergence(unit, right, {
        temperature,
        bias: graph.input('rowBias', ['batch', 'batch']),
      });
      return {
        loss: add(vectorLoss, scale(similarityLoss, similarityWeight)),
        outputs: { embeddings, cosines, vectorLoss, similarityLoss },
      };
    },
  };
}

/** Mean over rows of the divergence of the student's distribution over the other rows from the teacher's. */
function similarityDivergence(
  student: Tensor,
  teacher: Tensor,
  { temperature, bias }: { temperature: number; bias: Tensor },
): Tensor {
  const logShares = (unit: Tensor): Tensor => {
    const scores = add(matmul(unit, unit, { transposeB: true, alpha: 1 / temperature }), bias); // [batch, batch]
    return subtract(scores, logSumExp(scores, [1], { keepDims: true }));
  };
  const right = logShares(teacher);
  // A barred row has share 0 and the same very negative logarithm on both sides, so that it adds 0.
  return mean(sum(multiply(exp(right), subtract(right, logShares(student))), [1]), [0]);
}
