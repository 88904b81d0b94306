import { broadcastShapes, sameShape, type Shape } from '../dims.ts';
import { graphOf, type Tensor } from '../graph.ts';
import { sumToShape } from './reduce.ts';

/* `raw*` functions only append a node: gradient rules are written with them so that they are not differentiated again. */

function raw(operator: string, a: Tensor, b: Tensor): Tensor {
  return graphOf(a, b).apply(operator, [a, b], broadcastShapes(a.shape, b.shape));
}
export const rawAdd = (a: Tensor, b: Tensor): Tensor => raw('Add', a, b);
export const rawSubtract = (a: Tensor, b: Tensor): Tensor => raw('Sub', a, b);
export const rawMultiply = (a: Tensor, b: Tensor): Tensor => raw('Mul', a, b);
export const rawDivide = (a: Tensor, b: Tensor): Tensor => raw('Div', a, b);
/** A one-input operation that keeps the shape. */
export const rawUnary = (operator: string, x: Tensor): Tensor => x.graph.apply(operator, [x], x.shape);

/** Element-wise `a + b` with broadcasting. */
export function add(a: Tensor, b: Tensor): Tensor {
  return a.graph.differentiable(rawAdd(a, b), [a, b], (dy, sink) => {
    if (a.differentiable) sink.add(a, sumToShape(dy, a.shape));
    if (b.differentiable) sink.add(b, sumToShape(dy, b.shape));
  });
}

/** Element-wise `a - b` with broadcasting. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  return a.graph.differentiable(rawSubtract(a, b), [a, b], (dy, sink) => {
    if (a.differentiable) sink.add(a, sumToShape(dy, a.shape));
    if (b.differentiable) sink.add(b, sumToShape(rawUnary('Neg', dy), b.shape));
  });
}

/** Element-wise `a * b` with broadcasting. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return a.graph.differentiable(rawMultiply(a, b), [a, b], (dy, sink) => {
    if (a.differentiable) sink.add(a, sumToShape(rawMultiply(dy, b), a.shape));
    if (b.differentiable) sink.add(b, sumToShape(rawMultiply(dy, a), b.shape));
  });
}

/** Element-wise `a / b` with broadcasting. */
export function divide(a: Tensor, b: Tensor): Tensor {
  const y = rawDivide(a, b);
  return a.graph.differentiable(y, [a, b], (dy, sink) => {
    const scaled = rawDivide(dy, b);
    if (a.differentiable) sink.add(a, sumToShape(scaled, a.shape));
    if (b.differentiable) sink.add(b, sumToShape(rawUnary('Neg', rawMultiply(scaled, y)), b.shape));
  });
}

/** `x * factor` for a plain number. */
export function scale(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : multiply(x, x.graph.real(factor));
}

/** A one-input operator whose gradient is `dy * derivative(x, y)`. */
function unary(operator: string, x: Tensor, derivative: (x: Tensor, y: Tensor) => Tensor): Tensor {
  const y = rawUnary(operator, x);
  return x.graph.differentiable(y, [x], (dy, sink) => sink.add(x, rawMultiply(dy, derivative(x, y))));
}

/** Element-wise negation. */
export function negate(x: Tensor): Tensor {
  const y = rawUnary('Neg', x);
  return x.graph.differentiable(y, [x], (dy, sink) => sink.add(x, rawUnary('Neg', dy)));
}
/** Element-wise exponential. */
export const exp = (x: Tensor): Tensor => unary('Exp', x, (_x, y) => y);
/** Element-wise natural logarithm. */
export const log = (x: Tensor): Tensor => unary('Log', x, (input) => rawUnary('Reciprocal', input));
/** Element-wise square root. */
export const sqrt = (x: Tensor): Tensor => unary('Sqrt', x, (_x, y) => rawDivide(x.graph.real(0.5), y));
/** Element-wise hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => unary('Tanh', x, (_x, y) => rawSubtract(x.graph.real(1), rawMultiply(y, y)));
/** Element-wise logistic function. */
export const sigmoid = (x: Tensor): Tensor =>
  unary('Sigmoid', x, (_x, y) => rawMultiply(y, rawSubtract(x.graph.real(1), y)));
/** Element-wise `max(x, 0)`; the derivative at 0 is 0. */
export const relu = (x: Tensor): Tensor =>
  unary('Relu', x, (input) => toReal(compare('Greater', input, x.graph.real(0))));

/** `log(1 + exp(x))`, stable for large `|x|`: `relu(x) - log(sigmoid(|x|))`. */
export function softplus(x: Tensor): Tensor {
  const y = rawSubtract(rawUnary('Relu', x), rawUnary('Log', rawUnary('Sigmoid', rawUnary('Abs', x))));
  return x.graph.differentiable(y, [x], (dy, sink) => sink.add(x, rawMultiply(dy, rawUnary('Sigmoid', x))));
}

/** Element-wise comparison; the result is boolean and never differentiable. */
export function compare(operator: 'Equal' | 'Greater' | 'Less', a: Tensor, b: Tensor): Tensor {
  return graphOf(a, b).apply(operator, [a, b], broadcastShapes(a.shape, b.shape), { dtype: 'bool' });
}

/** `condition ? a : b`, element-wise with broadcasting; not differentiable (used on integer and mask tensors). */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShapes(broadcastShapes(condition.shape, a.shape), b.shape);
  return graphOf(condition, a, b).apply('Where', [condition, a, b], shape, { dtype: a.dtype });
}

/** Converts an integer or boolean tensor to the graph's real type; not differentiable. */
export function toReal(x: Tensor): Tensor {
  return x.graph.apply('Cast', [x], x.shape, { attributes: { to: x.graph.floatType === 'float64' ? 11 : 1 } });
}

/** Multiplies by a mask that carries no gradient: dropout with a mask made on the host (0 or `1 / (1 - p)`). */
export function applyMask(x: Tensor, mask: Tensor | undefined): Tensor {
  if (!mask) return x;
  const y = rawMultiply(x, mask);
  return x.graph.differentiable(y, [x], (dy, sink) => sink.add(x, sumIfNeeded(rawMultiply(dy, mask), x.shape)));
}

function sumIfNeeded(gradient: Tensor, shape: Shape): Tensor {
  return sameShape(gradient.shape, shape) ? gradient : sumToShape(gradient, shape);
}
