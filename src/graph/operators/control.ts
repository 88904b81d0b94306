import type { Tensor } from '../graph.ts';
import { AlbertineError } from '../../core/errors.ts';

/**
 * Applies `body` to `x` `times` times inside the graph (ONNX Loop): the body is stored once, whatever the count. `body`
 * must keep shape and type, and may read tensors from outside. Not differentiable; unroll in TypeScript where gradients
 * are needed.
 */
export function repeat(x: Tensor, times: number, body: (x: Tensor) => Tensor): Tensor {
  const { graph } = x;
  if (x.differentiable)
    throw new AlbertineError('unsupported', 'repeat has no gradient', {
      value: x.name,
      hint: 'Apply the body in a TypeScript loop.',
    });
  const same = (value: Tensor): Tensor => graph.apply('Identity', [value], value.shape, { dtype: value.dtype });
  const inputs = [
    { shape: [], dtype: 'int64' },
    { shape: [], dtype: 'bool' },
    { shape: x.shape, dtype: x.dtype },
  ] as const;
  const loop = graph.subGraph('loop', inputs, ([, proceed, value]) => [same(proceed), same(body(value))]);
  return graph.apply('Loop', [graph.integer(times), undefined, x], x.shape, {
    dtype: x.dtype,
    attributes: { body: { graph: loop } },
  });
}
