import { describe, expect, it } from 'vitest';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { add, multiply } from '../../src/graph/operators/elementwise.ts';
import { matmul } from '../../src/graph/operators/matmul.ts';
import { reshape } from '../../src/graph/operators/shape.ts';
import { compile, type CompiledGraph } from '../../src/runtime/compile.ts';
import { float32, HostTensor, int64, zeros, type HostTensor as Host } from '../../src/runtime/tensor.ts';

const values = (tensor: Host): number[] => Array.from(tensor.data as Float32Array);
const ramp = (...shape: number[]): Host =>
  float32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
  );

/**
 * `sum = tokens + weights`, `product = tokens * weights` over `tokens: [batch*sequence, 2]` and `other: [batch, 3]`.
 */
function example(): Promise<CompiledGraph> {
  const graph = new Graph();
  const tokens = graph.input('tokens', ['batch*sequence', 2]);
  const weights = graph.input('weights', [2]);
  const other = graph.input('other', ['batch', 3]);
  return compile(
    { outputs: { sum: add(tokens, weights), product: multiply(tokens, weights), twice: add(other, other) } },
    { threads: 1 },
  );
}

const FEEDS = { tokens: ramp(6, 2), weights: ramp(2), other: ramp(2, 3) };
/** Splits `batch*sequence` rows, so its shape has to be known when it runs. */
function splitter(): Promise<CompiledGraph> {
  const graph = new Graph();
  const x = graph.input('x', ['batch*sequence', 2]);
  return compile({ outputs: { y: add(reshape(x, ['batch', 'sequence', 2]), graph.real(0)) } }, { threads: 1 });
}

describe('inputs', () => {
  it.each<[string, Record<string, Host>, RegExp]>([
    ['a missing one', { tokens: ramp(6, 2), weights: ramp(2) }, /^input other is missing$/],
    ['a wrong fixed size', { ...FEEDS, weights: ramp(3) }, /^input weights must be float32 \[2\], got float32 \[3\]$/],
    ['a wrong rank', { ...FEEDS, weights: ramp(1, 2) }, /^input weights must be float32 \[2\], got float32 \[1, 2\]$/],
    [
      'a wrong type',
      { ...FEEDS, weights: int64([2], [1, 2]) },
      /^input weights must be float32 \[2\], got int64 \[2\]$/,
    ],
  ])('%s is named', async (_name, feeds, message) => {
    using graph = await example();
    await expect(graph.run(feeds)).rejects.toThrow(message);
    await expect(graph.run(feeds)).rejects.toMatchObject({ code: 'shape_mismatch' });
  });

  it('must agree with each other and with sizes, products included', async () => {
    using graph = await example();
    await expect(graph.run(FEEDS, { sizes: { batch: 3 } })).rejects.toThrow(
      'input other must be float32 [batch, 3] where batch is 3, got float32 [2, 3]',
    );
    await expect(graph.run(FEEDS, { sizes: { batch: 2, sequence: 4 } })).rejects.toThrow(
      'input tokens must be float32 [batch*sequence, 2] where batch*sequence is 8, got float32 [6, 2]',
    );
    expect(values((await graph.run(FEEDS, { sizes: { batch: 2, sequence: 3 } }))['sum'])).toHaveLength(12);
  });

  it('may be more than the graph needs', async () => {
    using graph = await example();
    const { twice } = await graph.run({ ...FEEDS, another: ramp(5) });
    expect(values(twice)).toEqual([0, 2, 4, 6, 8, 10]);
  });

  it('take sizes that no input shows from the call', async () => {
    using graph = await splitter();
    await expect(graph.run({ x: ramp(6, 2) })).rejects.toThrow(
      /the size of dimension (batch|sequence) is unknown. Pass it in sizes./,
    );
    for (const batch of [1, 2, 3, 6]) {
      const { y } = await graph.run({ x: ramp(6, 2) }, { sizes: { batch, sequence: 6 / batch } });
      expect(y.shape).toEqual([batch, 6 / batch, 2]);
      expect(values(y)).toEqual(values(ramp(6, 2)));
    }
  });
});

describe('outputs', () => {
  it('go into given tensors, and the others into new ones', async () => {
    using graph = await example();
    const sum = zeros('float32', [6, 2]);
    const first = await graph.run(FEEDS, { into: { sum } });
    expect(first['sum']).toBe(sum);
    expect(values(sum)).toEqual([0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12]);
    const { product } = first;
    await graph.run({ ...FEEDS, weights: float32([2], Float32Array.of(5, 5)) }, { into: { sum } });
    expect(values(sum).slice(0, 2)).toEqual([5, 6]);
    expect(values(product).slice(0, 4)).toEqual([0, 1, 0, 3]); // an earlier result is not overwritten
  });

  it('may be a part of a larger buffer', async () => {
    using graph = await example();
    const buffer = new Float32Array(20).fill(-1);
    await graph.run(FEEDS, { into: { sum: float32([6, 2], buffer.subarray(4, 16)) } });
    expect([...buffer.subarray(0, 4), ...buffer.subarray(16)]).toEqual(new Array(8).fill(-1));
    expect(buffer[15]).toBe(12);
  });

  it('are refused where they do not fit or do not exist', async () => {
    using graph = await example();
    await expect(graph.run(FEEDS, { into: { twice: zeros('float32', [3, 3]) } })).rejects.toThrow(
      'output twice must be float32 [batch, 3] where batch is 2, got float32 [3, 3]',
    );
    await expect(graph.run(FEEDS, { into: { twice: zeros('int64', [2, 3]) } })).rejects.toThrow(
      /output twice must be float32/,
    );
    await expect(graph.run(FEEDS, { into: { thrice: zeros('float32', [2, 3]) } })).rejects.toThrow(
      'there is no output thrice, only sum, product, twice',
    );
  });

  it('of every element type', async () => {
    const graph = new Graph();
    const types = { float64: 11, int64: 7, int32: 6, int8: 3, uint8: 2, bool: 9, float16: 10 } as const;
    const x = graph.input('x', [2]);
    const outputs: Record<string, Tensor> = {};
    for (const [dtype, to] of Object.entries(types))
      outputs[dtype] = graph.apply('Cast', [x], [2], { dtype: dtype as keyof typeof types, attributes: { to } });
    using compiled = await compile({ outputs });
    const results = await compiled.run({ x: float32([2], Float32Array.of(0, 1)) });
    for (const dtype of Object.keys(types)) expect(results[dtype].dtype).toBe(dtype);
    expect(results['int64'].data).toEqual(BigInt64Array.of(0n, 1n));
    expect([...(results['float64'].data as Float64Array)]).toEqual([0, 1]);
    expect([...(results['bool'].data as Uint8Array)]).toEqual([0, 1]);
  });
});

describe('runs', () => {
  it('may overlap', async () => {
    using graph = await example();
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => graph.run({ ...FEEDS, weights: float32([2], Float32Array.of(i, -i)) })),
    );
    results.forEach(({ sum }, i) => expect(values(sum).slice(0, 4)).toEqual([i, 1 - i, 2 + i, 3 - i]));
  });

  it('that are under way finish when the graph is disposed; later ones are refused', async () => {
    const graph = await example();
    const running = [graph.run(FEEDS), graph.run(FEEDS)];
    graph[Symbol.dispose]();
    graph[Symbol.dispose]();
    for (const { twice } of await Promise.all(running)) expect(values(twice)).toEqual([0, 2, 4, 6, 8, 10]);
    await expect(graph.run(FEEDS)).rejects.toMatchObject({
      code: 'disposed',
      message: 'this compiled graph has been disposed',
    });
  });

  it('report errors of ONNX Runtime in one line, and the graph survives them', async () => {
    const graph = new Graph();
    const ids = graph.input('ids', ['n'], { dtype: 'int64' });
    const table = graph.constant(Float32Array.of(1, 2, 3), [3]);
    using compiled = await compile(
      { outputs: { y: graph.apply('Gather', [table, ids], ['n'], { attributes: { axis: 0 } }) } },
      { threads: 1 },
    );
    const failure = (await compiled.run({ ids: int64([1], [9]) }).catch((error: Error) => error)) as Error;
    expect(failure).toMatchObject({ code: 'runtime_failed' });
    expect(failure.message).toMatch(/^ONNX Runtime failed: [^\n]*Gather/);
    expect(values((await compiled.run({ ids: int64([1], [2]) }))['y'])).toEqual([3]);
  });

  it('of a graph that ONNX Runtime rejects never start', async () => {
    const graph = new Graph();
    const x = graph.input('x', [2]);
    await expect(compile({ outputs: { y: graph.apply('NoSuchOperator', [x], [2]) } })).rejects.toMatchObject({
      code: 'runtime_failed',
    });
  });

  it('give the same bits for one thread and two', async () => {
    const graph = new Graph();
    const a = graph.input('a', ['rows', 96]);
    const b = graph.input('b', [96, 64]);
    const source = { outputs: { y: matmul(a, b) } };
    using one = await compile(source, { threads: 1 });
    using two = await compile(source, { threads: 2 });
    const feeds = {
      a: float32(
        [200, 96],
        Float32Array.from({ length: 200 * 96 }, (_, i) => Math.sin(i)),
      ),
      b: float32(
        [96, 64],
        Float32Array.from({ length: 96 * 64 }, (_, i) => Math.cos(i)),
      ),
    };
    expect((await one.run(feeds))['y'].data).toEqual((await two.run(feeds))['y'].data);
  });
});

describe('HostTensor', () => {
  it('checks its size', () => {
    expect(() => new HostTensor('float32', [2, 3], new Float32Array(5))).toThrow(
      'a tensor of shape [2, 3] needs 6 values, got 5',
    );
    expect(() => zeros('float32', [2]).copyFrom(zeros('float32', [3]))).toThrow(
      'cannot copy float32 [3] into float32 [2]',
    );
  });
});
