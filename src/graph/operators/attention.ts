import type { Tensor } from '../graph.ts';
import { rawAdd, rawMultiply, rawSubtract } from './elementwise.ts';
import { rawMatMul } from './matmul.ts';
import { rawSum, sumToShape } from './reduce.ts';

/** Inputs of {@link attention} besides query, key and value. */
export interface AttentionOptions {
  /** Factor on the scores, normally `1 / sqrt(head size)`. */
  scale: number;
  /** Added to the scores, e.g. 0 for visible keys and a large negative number for hidden ones: `[batch, 1, 1, key]`. */
  bias?: Tensor | undefined;
  /** Added to the scaled scores and differentiable (relative positions): `[batch, heads, query, key]`. */
  relativeScores?: Tensor | undefined;
  /** Dropout mask on the probabilities: `[batch, heads, query, key]`, entries 0 or `1 / (1 - p)`. */
  dropoutMask?: Tensor | undefined;
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017) of `[batch, heads, sequence, width]` tensors.
 * Returns the context, shaped like `query`, and the probabilities `[batch, heads, query, key]` before dropout.
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions,
): { context: Tensor; probabilities: Tensor } {
  const { graph } = query;
  const { scale, bias, relativeScores, dropoutMask } = options;
  let scores = rawMatMul(query, key, { transposeB: true, alpha: scale }); // [batch, heads, query, key]
  if (relativeScores) scores = rawAdd(scores, relativeScores);
  if (bias) scores = rawAdd(scores, bias);
  const probabilities = graph.apply('Softmax', [scores], scores.shape, { attributes: { axis: -1 } });
  const weights = dropoutMask ? rawMultiply(probabilities, dropoutMask) : probabilities;
  const context = rawMatMul(weights, value); // [batch, heads, query, width]
  const output = graph.differentiable(context, [query, key, value, relativeScores], (dContext, sink) => {
    if (value.differentiable) sink.add(value, rawMatMul(weights, dContext, { transposeA: true }));
    let dProbabilities = rawMatMul(dContext, value, { transposeB: true });
    if (dropoutMask) dProbabilities = rawMultiply(dProbabilities, dropoutMask);
    // sum_j dP_ij P_ij = sum_d dO_id O_id: a reduction over the head width instead of over all keys.
    const inner = rawSum(rawMultiply(dContext, context), [3], true); // [batch, heads, query, 1]
    const dScores = rawMultiply(probabilities, rawSubtract(dProbabilities, inner));
    if (query.differentiable) sink.add(query, rawMatMul(dScores, key, { alpha: scale }));
    if (key.differentiable) sink.add(key, rawMatMul(dScores, query, { transposeA: true, alpha: scale }));
    if (relativeScores?.differentiable) sink.add(relativeScores, sumToShape(dScores, relativeScores.shape));
  });
  return { context: output, probabilities };
}
