import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { quantizeModel } from '../../src/loaded/quantize-model.ts';
import { Graph } from '../../src/graph/graph.ts';
import { rawUnary } from '../../src/graph/operators/elementwise.ts';
import { compile } from '../../src/runtime/compile.ts';
import { SessionThread } from '../../src/runtime/session-thread-node.ts';
import { float32 } from '../../src/runtime/tensor.ts';

const TEXTS = ['A short text.', '短文', 'A text of some more words, which is padded beside the others.'];

describe('SessionThread', () => {
  let thread: SessionThread;
  let here: NodeAlbert;

  beforeAll(async () => {
    thread = await SessionThread.open();
    here = await loadModel();
  });
  afterAll(async () => {
    here[Symbol.dispose]();
    await thread[Symbol.asyncDispose]();
  });

  it('computes the bits that this thread computes', async () => {
    using there = await loadModel(undefined, { sessions: thread });
    expect((await there.embed(TEXTS)).data).toEqual((await here.embed(TEXTS)).data);
    const [ids] = [here.tokenizer.encodeIds(TEXTS[2])];
    const batch = { batchSize: 1, sequenceLength: ids.length, inputIds: Int32Array.from(ids) };
    const request = { layers: 'all', attentions: true } as const;
    expect(await there.encoder.forward(batch, request)).toEqual(await here.encoder.forward(batch, request));
  });

  it('computes int8 too', async () => {
    const { int8 } = await quantizeModel(here);
    using there = await loadModel(undefined, { sessions: thread, int8 });
    using same = await loadModel(undefined, { int8 });
    expect((await there.embed(TEXTS)).data).toEqual((await same.embed(TEXTS)).data);
  });

  it('leaves this thread free meanwhile', async () => {
    using there = await loadModel(undefined, { sessions: thread });
    let turns = 0;
    let working = true;
    const turn = (): void => {
      turns++;
      if (working) setImmediate(turn);
    };
    turn();
    await there.embed(Array.from({ length: 8 }, () => 'many words '.repeat(100)));
    working = false;
    // A pass on this thread leaves a handful of turns between its layers.
    expect(turns).toBeGreaterThan(200);
  });

  it('fails where the graph fails, and goes on', async () => {
    const x = new Graph().input('x', ['n']);
    const outputs = { y: rawUnary('Neg', x) };
    using graph = await compile({ outputs }, { sessions: thread });
    const runs = [1, 2].map((n) => graph.run({ x: float32([1], Float32Array.of(n)) }));
    expect((await Promise.all(runs)).map(({ y }) => y.data)).toEqual([Float32Array.of(-1), Float32Array.of(-2)]);
    const broken = { outputs: { y: x.graph.apply('NoSuchOperator', [x], x.shape) } };
    await expect(compile(broken, { sessions: thread })).rejects.toThrow(
      /ONNX Runtime rejected the graph.*NoSuchOperator/s,
    );
    const into = float32([1], Float32Array.of(0));
    await graph.run({ x: float32([1], Float32Array.of(3)) }, { into: { y: into } });
    expect(into.data).toEqual(Float32Array.of(-3));
  });

  it('keeps nothing on a device', async () => {
    const outputs = { y: rawUnary('Neg', new Graph().input('x', ['n'])) };
    await expect(compile({ outputs }, { sessions: thread, deviceOutputs: ['y'] })).rejects.toMatchObject({
      code: 'invalid_argument',
      option: 'sessions',
    });
  });

  it('rejects what comes after its end', async () => {
    const other = await SessionThread.open();
    using graph = await compile(
      { outputs: { y: rawUnary('Neg', new Graph().input('x', ['n'])) } },
      { sessions: other },
    );
    await other[Symbol.asyncDispose]();
    await expect(graph.run({ x: float32([1], Float32Array.of(1)) })).rejects.toThrow(/has been closed/);
  });

  it.each(['dispose', 'exit'])('ends in the middle of runs without ending the process: %s', (end) => {
    const child = spawnSync(process.execPath, ['--import', 'tsx', 'test/runtime/end-in-runs-child.ts', end], {
      cwd: resolve(import.meta.dirname, '../..'),
      encoding: 'utf8',
    });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe(end === 'dispose' ? '1 of 3 answered, 2 rejected with disposed\n'.repeat(5) : '');
    expect(child.status).toBe(end === 'dispose' ? 0 : 3);
  });
});
