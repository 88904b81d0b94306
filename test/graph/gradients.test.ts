import { describe, expect, it } from 'vitest';
import { grad } from '../../src/graph/autodiff.ts';
import { Graph } from '../../src/graph/graph.ts';
import { geluErf } from '../../src/graph/operators/activation.ts';
import { repeat } from '../../src/graph/operators/control.ts';
import { compare, relu, softplus, where } from '../../src/graph/operators/elementwise.ts';
import { crossEntropy } from '../../src/graph/operators/loss.ts';
import { linear, matmul } from '../../src/graph/operators/matmul.ts';
import { concat, gather, reshape, slice, sumAll } from '../../src/graph/operators/shape.ts';
import { compile } from '../../src/runtime/compile.ts';
import { float32, int64 } from '../../src/runtime/tensor.ts';
import { checkGradient, differentiate, gradientsOf, relativeError, type GradientCase } from './check-gradient.ts';
import { GRADIENT_CASES } from './gradient-cases.ts';

/** All optimisation levels of the fused graph, and the graphs of standard operators for export and WebGPU. */
const VARIANTS = [
  ['cpu', 'all'],
  ['cpu', 'extended'],
  ['cpu', 'basic'],
  ['cpu', 'disabled'],
  ['onnx', 'all'],
  ['webgpu', 'basic'],
] as const;

async function checkSinglePrecision(
  test: GradientCase,
  expected: ReadonlyMap<string, ArrayLike<number>>,
): Promise<void> {
  for (const [target, optimization] of VARIANTS) {
    using single = await differentiate(test, target, { optimization });
    for (const [name, gradient] of await gradientsOf(single))
      expect(relativeError(gradient, expected.get(name)!), `${target} ${optimization}, ${name}`).toBeLessThan(1e-5);
  }
}

describe('gradients: central differences in float64, and float32 on every target and optimisation level', () => {
  it.each(Object.entries(GRADIENT_CASES))('%s', async (_name, test) => {
    const expected = await checkGradient(test);
    using fixed = await differentiate(test, 'float64', { fixed: true });
    for (const [name, gradient] of await gradientsOf(fixed))
      expect(relativeError(gradient, expected.get(name)!), `fixed sizes, ${name}`).toBeLessThan(1e-13);
    await checkSinglePrecision(test, expected);
  });

  it('geluErf, against the derivative Phi(x) + x phi(x) with an error function from its series', async () => {
    const test: GradientCase = { inputs: { x: { shape: ['batch', 'sequence', 4] } }, build: ({ x }) => geluErf(x) };
    using single = await differentiate(test, 'cpu');
    const { feeds } = single;
    const seed = feeds['seed'].data as Float32Array;
    const slope = (x: number): number =>
      0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
    await checkSinglePrecision(
      test,
      new Map([['x', Array.from(feeds['x'].data as Float32Array, (x, i) => seed[i] * slope(x))]]),
    );
  });
});

/** Error function by its Taylor series: exact to double precision for |x| < 4. */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 100; n++) {
    term *= -(x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

describe('grad', () => {
  it('adds up many repeated ids exactly on several threads', async () => {
    const graph = new Graph();
    const table = graph.input('table', [4, 64], { differentiable: true });
    const ids = graph.input('ids', ['count'], { dtype: 'int64' });
    const [gradient] = grad(sumAll(gather(table, ids)), [table]);
    using compiled = await compile({ outputs: { gradient } }, { threads: 2 });
    const count = 20_000;
    const feeds = {
      table: float32([4, 64], new Float32Array(256)),
      ids: int64(
        [count],
        Array.from({ length: count }, (_, i) => i % 4),
      ),
    };
    for (let repetition = 0; repetition < 3; repetition++) {
      const { data } = (await compiled.run(feeds))['gradient'];
      expect(new Set(data as Float32Array)).toEqual(new Set([count / 4]));
    }
  });

  it('stays finite far from zero', async () => {
    const graph = new Graph();
    const x = graph.input('x', ['rows', 2], { differentiable: true });
    const labels = graph.input('labels', ['rows'], { dtype: 'int64' });
    const loss = crossEntropy(x, labels);
    const [dx] = grad(loss, [x]);
    const [ds] = grad(sumAll(softplus(x)), [x]);
    using compiled = await compile({ outputs: { loss, dx, ds, soft: softplus(x) } });
    const outputs = await compiled.run({
      x: float32([2, 2], Float32Array.of(1000, -1000, 80, -80)),
      labels: int64([2], [1, 0]),
    });
    expect([...(outputs['dx'].data as Float32Array)]).toEqual([0.5, -0.5, 0, 0]);
    expect([...(outputs['ds'].data as Float32Array)]).toEqual([1, 0, 1, expect.closeTo(0, 12)]);
    expect([...(outputs['soft'].data as Float32Array)]).toEqual([1000, 0, 80, expect.closeTo(0, 12)]);
    expect((outputs['loss'].data as Float32Array)[0]).toBeGreaterThan(40);
  });

  it('the derivative of relu at zero is zero', async () => {
    const graph = new Graph();
    const x = graph.input('x', [3], { differentiable: true });
    const [dx] = grad(sumAll(relu(x)), [x]);
    using compiled = await compile({ outputs: { dx } });
    expect([
      ...((await compiled.run({ x: float32([3], Float32Array.of(-1, 0, 1)) }))['dx'].data as Float32Array),
    ]).toEqual([0, 0, 1]);
  });

  it('refuses what has no gradient', () => {
    const graph = new Graph();
    const x = graph.input('x', ['rows', 4], { differentiable: true });
    const other = graph.input('other', [4], { differentiable: true });
    expect(() => grad(x, [x])).toThrow(/scalar loss, got shape \[rows, 4\]/);
    expect(() => grad(sumAll(x), [other])).toThrow(/does not depend on other/);
    expect(() => graph.input('ids', [2], { dtype: 'int64', differentiable: true })).toThrow(
      /int64 cannot be differentiable/,
    );
    expect(() => repeat(x, 2, (y) => y)).toThrow(/repeat has no gradient/);
    expect(() => geluErf(new Graph('float64').input('x', [2]))).toThrow(/gelu_erf has no float64 kernel/);
    expect(() => grad(sumAll(slice(x, 0, { start: 0, end: 1 })), [x])).toThrow(/symbolic axis has no gradient/);
    expect(() => grad(sumAll(concat([x, x], 0)), [x])).toThrow(/symbolic sizes has no gradient/);
    expect(() => slice(x, 0, { start: 0, end: 2 })).toThrow(/has no fixed size/);
  });

  it('refuses shapes that do not fit, and tensors of another graph', () => {
    const graph = new Graph();
    const x = graph.input('x', ['rows', 4]);
    const w = graph.input('w', [3, 5]);
    expect(() => matmul(x, w)).toThrow(/matmul of \[rows, 4\] and \[3, 5\]: 4 and 3 differ/);
    expect(() => linear(x, w)).toThrow(/linear: x \[rows, 4\] does not fit weight \[3, 5\]/);
    expect(() => reshape(x, ['rows', 3])).toThrow(/cannot reshape \[rows, 4\] to \[rows, 3\]/);
    expect(() => crossEntropy(graph.input('z', [4, 'classes']), graph.input('l', [4], { dtype: 'int64' }))).toThrow(
      /fixed number of classes/,
    );
    expect(() => matmul(x, new Graph().input('w', [4, 5]))).toThrow(/belongs to another graph/);
    expect(() => where(compare('Equal', x, x), x, new Graph().input('y', [4]))).toThrow(/belongs to another graph/);
  });

  it('is deterministic', async () => {
    const build = async (): Promise<Float32Array> => {
      using single = await differentiate(GRADIENT_CASES['attention, all'], 'cpu');
      return (await single.graph.run(single.feeds))['gradient(query)'].data as Float32Array;
    };
    expect(await build()).toEqual(await build());
  });
});
