import type { Tensor } from '../graph.ts';
import { AlbertineError } from '../../core/errors.ts';

/**
 * Applies `body` to `x` `times` times (a number, or an int64 scalar of the graph) inside the graph (ONNX Loop): the body
 * is stored once, whatever the count. `body` gets the value and the number of rounds before, an int64 scalar; it must
 * keep shape and type, and may read tensors from outside. Not differentiable; unroll in TypeScript where gradients are
 * needed.
 */
export function repeat(x: Tensor, times: number | Tensor, body: (x: Tensor, round: Tensor) => Tensor): Tensor {
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
  const loop = graph.subGraph('loop', inputs, ([round, proceed, value]) => [same(proceed), same(body(value, round))]);
  return graph.apply('Loop', [typeof times === 'number' ? graph.integer(times) : times, undefined, x], x.shape, {
    dtype: x.dtype,
    attributes: { body: { graph: loop } },
  });
}
