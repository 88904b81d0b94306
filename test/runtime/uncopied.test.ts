import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { rawUnary } from '../../src/graph/operators/elementwise.ts';
import { compile } from '../../src/runtime/compile.ts';
import { loadOrt } from '../../src/runtime/ort.ts';
import { float32, int64, zeros } from '../../src/runtime/tensor.ts';
import { stopMessage } from '../../src/runtime/uncopied.ts';

const { ort, engine } = await loadOrt();
const SIZE = 2_000_000;

describe.skipIf(engine !== 'native')('results that have their place', () => {
  it('are not copied by the installed binding', async () => {
    expect(await stopMessage(ort)).toBe('Non tensor type is temporarily not supported.');
    const graph = new Graph();
    using compiled = await compile({ outputs: { y: rawUnary('Neg', graph.input('x', ['n'])) } }, { threads: 1 });
    const feeds = { x: float32([SIZE], new Float32Array(SIZE).fill(3)) };
    const into = { y: zeros('float32', [SIZE]) };
    const growth = async (run: () => Promise<unknown>): Promise<number> => {
      const before = process.memoryUsage().arrayBuffers;
      await run();
      return process.memoryUsage().arrayBuffers - before;
    };
    for (let i = 0; i < 5; i++) expect(await growth(() => compiled.run(feeds, { into }))).toBeLessThan(SIZE);
    expect(into.y.data[SIZE - 1]).toBe(-3);
    const fresh: number[] = []; // the measure sees a result that is new
    for (let i = 0; i < 5; i++) fresh.push(await growth(() => compiled.run(feeds)));
    expect(Math.max(...fresh)).toBeGreaterThanOrEqual(4 * SIZE);
  });

  it('come with others, of known and of unknown size', async () => {
    const graph = new Graph();
    const x = graph.input('x', ['n']);
    const known = {
      y: rawUnary('Neg', x),
      size: graph.apply('Shape', [x], [1], { dtype: 'int64' }),
      sum: graph.apply('ReduceSum', [x], [], { attributes: { keepdims: 0 } }),
    };
    const unknown = { positive: graph.apply('NonZero', [x], [1, 'found'], { dtype: 'int64' }) };
    const data = new Float32Array(50_000);
    data.set([5, 0, 2]);
    const into = { y: zeros('float32', [50_000]) };
    for (const outputs of [known, { ...known, ...unknown }]) {
      using compiled = await compile({ outputs }, { threads: 1 });
      into.y.data.fill(0 as never);
      const results = await compiled.run({ x: float32([50_000], data) }, { into });
      expect(results['y']).toBe(into.y);
      expect([...(into.y.data as Float32Array).subarray(0, 3)]).toEqual([-5, -0, -2]);
      expect(results['size'].data).toEqual(BigInt64Array.of(50_000n));
      expect(results['sum'].data).toEqual(Float32Array.of(7));
      if ('positive' in outputs) expect(results['positive'].data).toEqual(BigInt64Array.of(0n, 2n));
    }
  });

  it('do not hide an error of the run', async () => {
    const graph = new Graph();
    const ids = graph.input('ids', ['n'], { dtype: 'int64' });
    const table = graph.input('table', ['rows', 20_000]);
    using compiled = await compile(
      { outputs: { y: graph.apply('Gather', [table, ids], ['n', 20_000], { attributes: { axis: 0 } }) } },
      { threads: 1 },
    );
    const run = (id: number): Promise<unknown> =>
      compiled.run(
        { ids: int64([1], [id]), table: zeros('float32', [2, 20_000]) },
        { into: { y: zeros('float32', [1, 20_000]) } },
      );
    await expect(run(9)).rejects.toMatchObject({
      code: 'runtime_failed',
      message: expect.stringContaining('Gather') as string,
    });
  });
});
