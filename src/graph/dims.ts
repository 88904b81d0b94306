import { AlbertineError } from '../core/errors.ts';

/**
 * One dimension of a shape: a fixed size, or a product of named sizes known only when the graph runs, such as `'batch'`
 * or `'batch*sequence'`. Products are kept in canonical (sorted) order so that they compare as strings.
 */
export type Dim = number | string;
/** Dimensions from outermost to innermost; `[]` is a scalar. */
export type Shape = readonly Dim[];

/** The product of dimensions, in canonical form: `multiplyDims(['sequence', 2, 'batch'])` is `'2*batch*sequence'`. */
export function multiplyDims(dims: Shape): Dim {
  let factor = 1;
  const names: string[] = [];
  for (const dim of dims) {
    for (const part of typeof dim === 'number' ? [dim] : dim.split('*')) {
      const size = Number(part);
      if (Number.isNaN(size)) names.push(String(part));
      else factor *= size;
    }
  }
  if (names.length === 0) return factor;
  names.sort();
  return (factor === 1 ? names : [String(factor), ...names]).join('*');
}

/** The value of a dimension once the names are bound. Throws `shape_mismatch` for an unbound name. */
export function evaluateDim(dim: Dim, bindings: ReadonlyMap<string, number>): number {
  if (typeof dim === 'number') return dim;
  return dim.split('*').reduce((product, part) => {
    const size = bindings.get(part) ?? Number(part);
    if (Number.isNaN(size))
      throw new AlbertineError('shape_mismatch', `dimension ${part} has no value`, { value: dim });
    return product * size;
  }, 1);
}

/** Shape of an element-wise operation under NumPy's broadcasting rules. */
export function broadcastShapes(a: Shape, b: Shape): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new AlbertineError('shape_mismatch', `shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`, {
      value: [a, b],
    });
  });
}

/** `true` when both shapes have the same dimensions in the same order. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** A shape as text for messages: `[batch, sequence, 768]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Throws `shape_mismatch` unless the two dimensions are the same. */
export function requireSameDim(subject: string, a: Dim, b: Dim): void {
  if (a !== b) throw new AlbertineError('shape_mismatch', `${subject}: ${a} and ${b} differ`, { value: [a, b] });
}
