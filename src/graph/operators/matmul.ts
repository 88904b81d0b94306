import { broadcastShapes, formatShape, multiplyDims, requireSameDim, type Dim } from '../dims.ts';
import { graphOf, lastDim, type Tensor } from '../graph.ts';
import { rawMultiply } from './elementwise.ts';
import { columnSums, rawReshape, sumToShape } from './reduce.ts';
import { rawTranspose } from './shape.ts';
import { AlbertineError } from '../../core/errors.ts';

/** Options of {@link matmul}: which side is transposed in its last two axes, and a factor on the product. */
export interface MatMulOptions {
  /** Swaps the last two axes of the left operand first. Default false. */
  transposeA?: boolean;
  /** The same of the right operand. Default false. */
  transposeB?: boolean;
  /** Factor on the product. Default 1. */
  alpha?: number;
}

const swapLast = (x: Tensor): Tensor => {
  const axes = x.shape.map((_, axis) => axis);
  const last = axes.length - 1;
  [axes[last - 1], axes[last]] = [last, last - 1];
  return rawTranspose(x, axes);
};

/** Batched matrix product of `[..., m, k]` and `[..., k, n]`; appends nodes only. */
export function rawMatMul(a: Tensor, b: Tensor, options: MatMulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const graph = graphOf(a, b);
  const [m, k] = transposeA ? [lastDim(a), a.shape[a.shape.length - 2]] : [a.shape[a.shape.length - 2], lastDim(a)];
  const [kb, n] = transposeB ? [lastDim(b), b.shape[b.shape.length - 2]] : [b.shape[b.shape.length - 2], lastDim(b)];
  requireSameDim(`matmul of ${formatShape(a.shape)} and ${formatShape(b.shape)}`, k, kb);
  const shape = [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n];
  if (!transposeA && !transposeB && alpha === 1) return graph.apply('MatMul', [a, b], shape);
  if (graph.fused) {
    const attributes = { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } };
    return graph.apply('FusedMatMul', [a, b], shape, { domain: 'com.microsoft', attributes });
  }
  const product = graph.apply('MatMul', [transposeA ? swapLast(a) : a, transposeB ? swapLast(b) : b], shape);
  return alpha === 1 ? product : rawMultiply(product, graph.real(alpha));
}

/** Batched matrix product with optional transposes and factor. Differentiable in both arguments. */
export function matmul(a: Tensor, b: Tensor, options: MatMulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const y = rawMatMul(a, b, options);
  return a.graph.differentiable(y, [a, b], (dy, sink) => {
    if (a.differentiable) {
      const da = transposeA
        ? rawMatMul(b, dy, { transposeA: transposeB, transposeB: true, alpha })
        : rawMatMul(dy, b, { transposeB: !transposeB, alpha });
      sink.add(a, sumToShape(da, a.shape));
    }
    if (b.differentiable) {
      const db = transposeB
        ? rawMatMul(dy, a, { transposeA: true, transposeB: transposeA, alpha })
        : rawMatMul(a, dy, { transposeA: !transposeA, alpha });
      sink.add(b, sumToShape(db, b.shape));
    }
  });
}

/** `alpha op(a) op(b) + c` of matrices; appends a node only. */
export function rawGemm(
  a: Tensor,
  b: Tensor,
  c: Tensor | undefined,
  transposes: { a?: boolean; b?: boolean } = {},
): Tensor {
  const rows: Dim = transposes.a ? a.shape[1] : a.shape[0];
  const columns: Dim = transposes.b ? b.shape[0] : b.shape[1];
  const attributes = { transA: Number(transposes.a ?? false), transB: Number(transposes.b ?? false) };
  return a.graph.apply('Gemm', c ? [a, b, c] : [a, b], [rows, columns], { attributes });
}

/**
 * Fully connected layer `x · weightᵀ + bias` with `x: [..., inputs]`, `weight: [outputs, inputs]` (PyTorch's layout)
 * and `bias: [outputs]`. Gradients of the weight are accumulated inside the product's own kernel.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const inputs = lastDim(x);
  const [outputs, expected] = weight.shape;
  if (inputs !== expected) {
    throw new AlbertineError(
      'shape_mismatch',
      `linear: x ${formatShape(x.shape)} does not fit weight ${formatShape(weight.shape)}`,
      { value: x.shape },
    );
  }
  const rows = multiplyDims(x.shape.slice(0, -1));
  const matrix = rawReshape(x, [rows, inputs]); // [rows, inputs]
  const product = rawReshape(rawGemm(matrix, weight, bias, { b: true }), [...x.shape.slice(0, -1), outputs]);
  return x.graph.differentiable(product, [x, weight, bias], (dy, sink) => {
    const gradient = rawReshape(dy, [rows, outputs]); // [rows, outputs]
    sink.accumulate(weight, (total) => rawGemm(gradient, matrix, total, { a: true })); // [outputs, inputs]
    if (bias?.differentiable) sink.add(bias, columnSums(gradient));
    sink.accumulate(x, (total) =>
      rawReshape(rawGemm(gradient, weight, total && rawReshape(total, [rows, inputs])), x.shape),
    );
  });
}
