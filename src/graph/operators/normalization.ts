import type { Tensor } from '../graph.ts';
import { lastDim } from '../graph.ts';
import { rawAdd, rawDivide, rawMultiply, rawSubtract, rawUnary } from './elementwise.ts';
import { columnSums, rawSum } from './reduce.ts';
import { AlbertineError } from '../../core/errors.ts';

/** Means over the last axis, kept with size 1. */
function rowMeans(x: Tensor): Tensor {
  return x.graph.apply('ReduceMean', [x, x.graph.integers([x.shape.length - 1])], [...x.shape.slice(0, -1), 1], {
    attributes: { keepdims: 1 },
  });
}

interface Moments {
  centred: Tensor;
  inverseDeviation: Tensor;
}

/** `x - mean` and `1 / sqrt(variance + epsilon)` over the last axis, from elementary operators. */
function moments(x: Tensor, epsilon: number): Moments {
  const { graph } = x;
  const centred = rawSubtract(x, rowMeans(x));
  const deviation = rawUnary('Sqrt', rawAdd(rowMeans(rawMultiply(centred, centred)), graph.real(epsilon)));
  return { centred, inverseDeviation: rawDivide(graph.real(1), deviation) };
}

/** Layer normalisation over the last axis (Ba et al. 2016): `(x - mean) / sqrt(var + epsilon) * weight + bias`. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  const { graph } = x;
  const width = lastDim(x);
  if (typeof width !== 'number')
    throw new AlbertineError('shape_mismatch', 'layerNorm needs a fixed last dimension', { value: width });
  const attributes = { axis: -1, epsilon: { float: epsilon } };
  const kept = [...x.shape.slice(0, -1), 1];
  let y: Tensor;
  let inverse: () => Tensor;
  let normalised: () => Tensor;
  if (graph.target === 'float64') {
    const { centred, inverseDeviation } = moments(x, epsilon);
    const unit = rawMultiply(centred, inverseDeviation);
    y = rawAdd(rawMultiply(unit, weight), bias);
    inverse = () => inverseDeviation;
    normalised = () => unit;
  } else {
    const outputs = graph.node(
      'LayerNormalization',
      [x, weight, bias],
      [{ shape: x.shape }, { shape: kept }, { shape: kept }],
      { attributes },
    );
    y = outputs[0];
    // WebGPU's kernel has one output only, so the deviation is recomputed there.
    inverse = () => (graph.target === 'cpu' ? outputs[2] : moments(x, epsilon).inverseDeviation);
    // Recomputing the normalised input costs less than keeping it between the passes.
    normalised = () => graph.apply('LayerNormalization', [x, graph.real(1, [width])], x.shape, { attributes });
  }
  return graph.differentiable(y, [x, weight, bias], (dy, sink) => {
    const unit = normalised();
    if (bias.differentiable) sink.add(bias, columnSums(dy));
    if (weight.differentiable) sink.add(weight, columnSums(rawMultiply(dy, unit)));
    if (!x.differentiable) return;
    // dx = inv (w dy - mean(w dy) - unit mean(w dy unit)). ReduceMean, not a product with a column of ones: that one's
    // last bits depend on the threads.
    const scaled = rawMultiply(dy, weight);
    const inner = rawSubtract(scaled, rawMultiply(unit, rowMeans(rawMultiply(scaled, unit))));
    sink.add(x, rawMultiply(rawSubtract(inner, rowMeans(scaled)), inverse()));
  });
}

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  const y = x.graph.apply('Softmax', [x], x.shape, { attributes: { axis: -1 } });
  return x.graph.differentiable(y, [x], (dy, sink) => {
    const inner = rawSum(rawMultiply(dy, y), [x.shape.length - 1], true);
    sink.add(x, rawMultiply(y, rawSubtract(dy, inner)));
  });
}
