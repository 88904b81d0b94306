import type { Tensor } from '../graph.ts';
import { rawAdd, rawMultiply, rawSubtract, rawUnary } from './elementwise.ts';
import { AlbertineError } from '../../core/errors.ts';

const TANH_A = 2 * Math.sqrt(2 / Math.PI);
const TANH_B = TANH_A * 0.044715;

/**
 * GELU in the tanh approximation, the one Google's ALBERT was trained with (Hendrycks & Gimpel 2016):
 * `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, computed as `x * sigmoid(2 * inner)`.
 */
export function geluTanh(x: Tensor): Tensor {
  const { graph } = x;
  const parts = (): { s: Tensor; linearPart: Tensor; cubicPart: Tensor } => {
    const cubicPart = rawMultiply(x, rawMultiply(rawMultiply(x, x), graph.real(TANH_B)));
    const linearPart = rawMultiply(x, graph.real(TANH_A));
    return { s: rawUnary('Sigmoid', rawAdd(linearPart, cubicPart)), linearPart, cubicPart };
  };
  const y = graph.fused
    ? graph.apply('FastGelu', [x], x.shape, { domain: 'com.microsoft' })
    : rawMultiply(x, parts().s);
  return graph.differentiable(y, [x], (dy, sink) => {
    // y = x s(w), w = a x + b x^3  =>  dy/dx = s + s (1 - s) (a x + 3 b x^3); recomputing s is cheaper than saving it.
    const { s, linearPart, cubicPart } = parts();
    const slope = rawAdd(linearPart, rawMultiply(cubicPart, graph.real(3)));
    sink.add(x, rawMultiply(dy, rawAdd(s, rawMultiply(rawMultiply(slope, s), rawSubtract(graph.real(1), s)))));
  });
}

/**
 * Exact GELU, `x * Phi(x)` with the error function: what Hugging Face means by `"gelu"`. Not available for `float64`.
 */
export function geluErf(x: Tensor): Tensor {
  const { graph } = x;
  if (graph.target === 'float64')
    throw new AlbertineError(
      'unsupported',
      'gelu_erf has no float64 kernel; use gelu_tanh for double-precision checks',
      { value: graph.target },
    );
  const phi = (): Tensor =>
    rawMultiply(graph.real(0.5), rawAdd(graph.real(1), rawUnary('Erf', rawMultiply(x, graph.real(Math.SQRT1_2)))));
  const y = graph.fused ? graph.apply('Gelu', [x], x.shape, { domain: 'com.microsoft' }) : rawMultiply(x, phi());
  return graph.differentiable(y, [x], (dy, sink) => {
    const density = rawMultiply(
      graph.real(1 / Math.sqrt(2 * Math.PI)),
      rawUnary('Exp', rawMultiply(rawMultiply(x, x), graph.real(-0.5))),
    );
    sink.add(x, rawMultiply(dy, rawAdd(phi(), rawMultiply(x, density))));
  });
}

/** SiLU (swish): `x * sigmoid(x)`. */
export function silu(x: Tensor): Tensor {
  const { graph } = x;
  const s = rawUnary('Sigmoid', x);
  return graph.differentiable(rawMultiply(x, s), [x], (dy, sink) => {
    sink.add(x, rawMultiply(dy, rawMultiply(s, rawAdd(graph.real(1), rawMultiply(x, rawSubtract(graph.real(1), s))))));
  });
}
