import { formatShape, multiplyDims, type Dim, type Shape } from '../dims.ts';
import { graphOf, type Tensor } from '../graph.ts';
import { rawExpand, rawOnes, rawReshape, rawSum } from './reduce.ts';
import { AlbertineError } from '../../core/errors.ts';

/** Permutes axes; appends a node only. */
export function rawTranspose(x: Tensor, axes: readonly number[]): Tensor {
  return x.graph.apply(
    'Transpose',
    [x],
    axes.map((axis) => x.shape[axis]),
    { dtype: x.dtype, attributes: { perm: axes } },
  );
}

/** Permutes axes: `transpose(x, [0, 2, 1, 3])`. */
export function transpose(x: Tensor, axes: readonly number[]): Tensor {
  const inverse = axes.map((_, position) => axes.indexOf(position));
  return x.graph.differentiable(rawTranspose(x, axes), [x], (dy, sink) => sink.add(x, rawTranspose(dy, inverse)));
}

/** Changes the shape; the number of elements must stay. Symbolic dimensions are allowed. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (multiplyDims(x.shape) !== multiplyDims(shape)) {
    throw new AlbertineError('shape_mismatch', `cannot reshape ${formatShape(x.shape)} to ${formatShape(shape)}`, {
      value: shape,
    });
  }
  return x.graph.differentiable(rawReshape(x, shape), [x], (dy, sink) => sink.add(x, rawReshape(dy, x.shape)));
}

/**
 * Rows of a table by index: `table: [rows, width]`, `ids: [...]` int64 -> `[..., width]`. The gradient of the table is
 * a scatter-add of the incoming rows. Also selects rows of activations, whose gradient goes back to them.
 */
export function gather(table: Tensor, ids: Tensor): Tensor {
  const width = table.shape[1];
  const y = rawGather(table, ids);
  return table.graph.differentiable(y, [table], (dy, sink) => {
    const count = multiplyDims(ids.shape);
    sink.accumulate(table, (total) =>
      scatterAdd(total ?? rawZeros(table), rawReshape(ids, [count, 1]), rawReshape(dy, [count, width])),
    );
  });
}

/**
 * {@link gather} without a gradient for the table: the trainer scatters the row gradients on the host, which costs
 * less.
 */
export function rawGather(table: Tensor, ids: Tensor): Tensor {
  return graphOf(table, ids).apply('Gather', [table, ids], [...ids.shape, ...table.shape.slice(1)], {
    dtype: table.dtype,
    attributes: { axis: 0 },
  });
}

/**
 * Adds `updates[i]` to row `indices[i]` of `target`; repeated indices add up. `indices: [count, 1]`. Appends nodes
 * only. Not ScatterND: ONNX Runtime 1.30 spreads its updates over threads without locking, and repeated indices then
 * lose some (seen: 4,484 of 5,000). ScatterElements runs on one thread.
 */
export function scatterAdd(target: Tensor, indices: Tensor, updates: Tensor): Tensor {
  return target.graph.apply('ScatterElements', [target, rawExpand(indices, updates.shape), updates], target.shape, {
    attributes: { axis: 0, reduction: 'add' },
  });
}

function rawZeros(like: Tensor): Tensor {
  const { graph, shape } = like;
  return graph.apply('Sub', [rawOnes(graph, shape), graph.real(1)], shape);
}

/** Elements `[start, end)` of one axis with a fixed size. */
export function slice(x: Tensor, axis: number, range: { start: number; end: number }): Tensor {
  const { graph } = x;
  const { start, end } = range;
  const size = x.shape[axis];
  if (typeof size !== 'number' && end !== start + 1)
    throw new AlbertineError('shape_mismatch', `axis ${axis} of ${formatShape(x.shape)} has no fixed size`, {
      value: size,
    });
  const shape: Dim[] = x.shape.map((dim, i) => (i === axis ? end - start : dim));
  const y = graph.apply('Slice', [x, graph.integers([start]), graph.integers([end]), graph.integers([axis])], shape, {
    dtype: x.dtype,
  });
  return graph.differentiable(y, [x], (dy, sink) => {
    if (typeof size !== 'number')
      throw new AlbertineError('unsupported', `slice of a symbolic axis has no gradient`, { value: size });
    const before = x.shape.map((_, i) => (i === axis ? start : 0));
    const after = x.shape.map((_, i) => (i === axis ? size - end : 0));
    sink.add(x, graph.apply('Pad', [dy, graph.integers([...before, ...after])], x.shape));
  });
}

/** Joins tensors along `axis`; all other dimensions must agree. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const graph = graphOf(...parts);
  const sizes = parts.map((part) => part.shape[axis]);
  const total = sizes.every((size) => typeof size === 'number')
    ? sizes.reduce((a, b) => Number(a) + Number(b), 0)
    : sizes.join('+');
  const shape = parts[0].shape.map((dim, i) => (i === axis ? total : dim));
  const y = graph.apply('Concat', parts, shape, { dtype: parts[0].dtype, attributes: { axis } });
  return graph.differentiable(y, parts, (dy, sink) => {
    if (typeof total !== 'number')
      throw new AlbertineError('unsupported', `concat of symbolic sizes has no gradient`, { value: sizes });
    const outputs = parts.map((part) => ({ shape: part.shape }));
    const pieces = graph.node('Split', [dy, graph.integers(sizes.map(Number))], outputs, { attributes: { axis } });
    parts.forEach((part, i) => sink.add(part, pieces[i]));
  });
}

/**
 * Puts `first` `[a, n, b]` before every row of `x` `[batch, a, m, b]`, along the third axis, whose new size n + m the
 * graph knows as `dim`.
 */
export function prepend(first: Tensor, x: Tensor, dim: string): Tensor {
  const graph = graphOf(first, x);
  const [batch, outer, , inner] = x.shape;
  const length = Number(first.shape[1]);
  const repeated = rawExpand(rawReshape(first, [1, ...first.shape]), [batch, ...first.shape]);
  const shape = [batch, outer, dim, inner];
  const y = graph.apply('Concat', [repeated, x], shape, { dtype: x.dtype, attributes: { axis: 2 } });
  return graph.differentiable(y, [first, x], (dy, sink) => {
    const part = (start: number, end: number, partShape: Shape): Tensor =>
      graph.apply('Slice', [dy, graph.integers([start]), graph.integers([end]), graph.integers([2])], partShape);
    if (first.differentiable) sink.add(first, rawSum(part(0, length, repeated.shape), [0], false));
    if (x.differentiable) sink.add(x, part(length, 0x7fffffff, x.shape));
  });
}

/** Puts `count` times `value` before an axis, whose new size the graph knows as `dim`. Appends a node only. */
export function padBefore(
  x: Tensor,
  { axis, count, value, dim }: { axis: number; count: number; value: number; dim: string },
): Tensor {
  const { graph, shape } = x;
  const before = shape.map((_, i) => (i === axis ? count : 0));
  return graph.apply(
    'Pad',
    [x, graph.integers([...before, ...shape.map(() => 0)]), graph.real(value)],
    shape.map((size, i) => (i === axis ? dim : size)),
  );
}

/** Sum of all elements as a scalar; used to turn a tensor into a loss in checks. */
export function sumAll(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  const y = rawSum(x, axes, false);
  return x.graph.differentiable(y, [x], (dy, sink) =>
    sink.add(x, x.graph.apply('Mul', [rawOnes(x.graph, x.shape), dy], x.shape)),
  );
}
