import { sameShape, formatShape } from './dims.ts';
import type { GradientSink, Tensor } from './graph.ts';
import { AlbertineError } from '../core/errors.ts';
import { rawAdd } from './operators/elementwise.ts';

/** A tensor and the gradient of the loss with respect to it: where differentiation starts. */
export type Seed = readonly [tensor: Tensor, gradient: Tensor];

/**
 * Reverse-mode differentiation: walks the graph's tape backwards from `seeds` and appends the nodes that compute
 * gradients. `accumulators` gives the value to which the gradients of a tensor are added (such as the total of earlier
 * micro-batches). Returns the gradient of every differentiable tensor that was reached; shared tensors receive the sum
 * over their uses.
 */
export function backward(
  seeds: readonly Seed[],
  accumulators: ReadonlyMap<Tensor, Tensor> = new Map(),
): Map<Tensor, Tensor> {
  const { graph } = seeds[0][0];
  const totals = new Map<Tensor, Tensor>(accumulators);
  const sink: GradientSink = {
    add(tensor, gradient) {
      if (!tensor.differentiable) return;
      if (!sameShape(tensor.shape, gradient.shape)) {
        throw new AlbertineError(
          'shape_mismatch',
          `gradient of ${tensor.name} has shape ${formatShape(gradient.shape)} instead of ${formatShape(tensor.shape)}`,
          { value: gradient.shape },
        );
      }
      const total = totals.get(tensor);
      totals.set(tensor, total ? rawAdd(total, gradient) : gradient);
    },
    accumulate(tensor, next) {
      if (tensor.differentiable) totals.set(tensor, next(totals.get(tensor)));
    },
  };
  for (const [tensor, gradient] of seeds) sink.add(tensor, gradient);
  for (const { output, rule } of [...graph.tape].reverse()) {
    const gradient = totals.get(output);
    if (gradient) rule(gradient, sink);
  }
  return totals;
}

/**
 * Gradients of a scalar `loss` with respect to `parameters`, in their order. Works for any graph built from this
 * package's operators. Throws `invalid_argument` when the loss does not depend on a parameter.
 *
 * @example
 * const graph = new Graph();
 * const x = graph.input('x', ['batch', 4]);
 * const y = graph.input('y', ['batch'], { dtype: 'int64' });
 * const w = graph.input('w', [3, 4], { differentiable: true });
 * const loss = crossEntropy(linear(x, w), y);
 * const [dw] = grad(loss, [w]);
 */
export function grad(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0)
    throw new AlbertineError('shape_mismatch', `grad needs a scalar loss, got shape ${formatShape(loss.shape)}`, {
      value: loss.shape,
    });
  const totals = backward([[loss, loss.graph.real(1)]]);
  return parameters.map((parameter) => {
    const gradient = totals.get(parameter);
    if (!gradient)
      throw new AlbertineError('invalid_argument', `the loss does not depend on ${parameter.name}`, {
        value: parameter.name,
        hint: 'Declare it with { differentiable: true } and use it on the way to the loss.',
      });
    return gradient;
  });
}
