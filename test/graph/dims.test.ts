import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  broadcastShapes,
  evaluateDim,
  formatShape,
  multiplyDims,
  requireSameDim,
  sameShape,
  type Dim,
} from '../../src/graph/dims.ts';
import { Graph } from '../../src/graph/graph.ts';

const NAMES = ['batch', 'sequence', 'rows'];
const BINDINGS = new Map([
  ['batch', 3],
  ['sequence', 5],
  ['rows', 7],
]);
const dim = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(...NAMES));

describe('multiplyDims', () => {
  it('sorts names and gathers factors in front', () => {
    expect(multiplyDims(['sequence', 2, 'batch'])).toBe('2*batch*sequence');
    expect(multiplyDims(['batch*sequence', 3, '2*batch'])).toBe('6*batch*batch*sequence');
    expect(multiplyDims(['batch', 1])).toBe('batch');
    expect(multiplyDims([2, 3])).toBe(6);
    expect(multiplyDims([])).toBe(1);
  });

  it('is associative, commutative, and agrees with the product of the sizes', () => {
    fc.assert(
      fc.property(fc.array(dim, { maxLength: 5 }), fc.array(dim, { maxLength: 5 }), (a: Dim[], b: Dim[]) => {
        expect(multiplyDims([multiplyDims(a), multiplyDims(b)])).toBe(multiplyDims([...b, ...a]));
        const product = [...a, ...b].reduce<number>((total, part) => total * evaluateDim(part, BINDINGS), 1);
        expect(evaluateDim(multiplyDims([...a, ...b]), BINDINGS)).toBe(product);
      }),
    );
  });
});

describe('evaluateDim', () => {
  it('multiplies bound names and factors', () => {
    expect(evaluateDim('2*batch*sequence', BINDINGS)).toBe(30);
    expect(evaluateDim(4, BINDINGS)).toBe(4);
  });

  it('names what has no value', () => {
    expect(() => evaluateDim('batch*heads', BINDINGS)).toThrow(/dimension heads has no value/);
  });
});

describe('broadcastShapes', () => {
  it('follows the rules of NumPy', () => {
    expect(broadcastShapes(['batch', 1, 4], ['sequence', 1])).toEqual(['batch', 'sequence', 4]);
    expect(broadcastShapes([], ['batch'])).toEqual(['batch']);
    expect(broadcastShapes([1], ['batch', 'sequence'])).toEqual(['batch', 'sequence']);
    expect(broadcastShapes([4], [4])).toEqual([4]);
  });

  it.each([
    [[4], [3]],
    [['batch'], ['sequence']],
    [['batch'], [4]],
    [
      ['batch*sequence', 4],
      ['batch', 4],
    ],
  ])('refuses %j and %j', (a: Dim[], b: Dim[]) => {
    expect(() => broadcastShapes(a, b)).toThrow(`shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
  });
});

it('sameShape and requireSameDim compare dimensions', () => {
  expect(sameShape(['batch', 4], ['batch', 4])).toBe(true);
  expect(sameShape(['batch', 4], ['batch', 4, 1])).toBe(false);
  expect(sameShape(['batch'], ['rows'])).toBe(false);
  expect(() => requireSameDim('width', 4, 'batch')).toThrow('width: 4 and batch differ');
});

describe('Graph', () => {
  it('keeps names unique', () => {
    const graph = new Graph();
    const x = graph.input('Neg_0', [2]);
    graph.constant(Float32Array.of(1), [1], { name: 'one' });
    expect(graph.apply('Neg', [x], [2]).name).not.toBe('Neg_0');
    expect(() => graph.input('Neg_0', [2])).toThrow(/input Neg_0: a tensor of this name exists/);
    expect(() => graph.input('one', [2])).toThrow(/input one/);
    expect(() => graph.constant(Float32Array.of(1), [1], { name: 'one' })).toThrow(/constant one/);
  });

  it('shares equal constants and checks their sizes', () => {
    const graph = new Graph();
    expect(graph.real(2)).toBe(graph.real(2));
    expect(graph.real(2, [3])).not.toBe(graph.real(2));
    expect(graph.integers([1, 2])).toBe(graph.integers([1, 2]));
    expect(() => graph.constant(Float32Array.of(1, 2), [3])).toThrow(/constant of shape \[3\] needs 3 values, got 2/);
  });
});
