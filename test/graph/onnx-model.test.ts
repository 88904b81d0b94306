import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { writeOnnx, type OnnxModel, type OnnxOptions } from '../../src/graph/onnx/model.ts';
import { ProtobufWriter } from '../../src/core/protobuf.ts';
import { repeat } from '../../src/graph/operators/control.ts';
import { add, multiply, rawUnary, tanh } from '../../src/graph/operators/elementwise.ts';
import { linear, matmul } from '../../src/graph/operators/matmul.ts';
import { decodeModel, decodeGraph, fields, text, type DecodedGraph } from './decode-onnx.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (model: OnnxModel): Uint8Array => Buffer.concat(model.chunks);
const write = (outputs: Record<string, Tensor>, options?: OnnxOptions): OnnxModel =>
  writeOnnx(Object.values(outputs)[0].graph, { outputs }, options);
const structure = (outputs: Record<string, Tensor>): DecodedGraph => decodeModel(bytesOf(write(outputs))).graph;

/** Runs a model in ONNX Runtime by itself; inputs are vectors of three. */
async function execute(model: Uint8Array | string, feeds: Record<string, number[]>): Promise<Record<string, number[]>> {
  const session = await (typeof model === 'string' ? InferenceSession.create(model) : InferenceSession.create(model));
  const native = Object.fromEntries(
    Object.entries(feeds).map(([name, values]) => [
      name,
      new OrtTensor('float32', Float32Array.from(values), [values.length]),
    ]),
  );
  const results = await session.run(native);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  );
}

describe('what is written', () => {
  it('leaves out nodes, inputs and constants that no output needs', () => {
    const graph = new Graph();
    const x = graph.input('x', [3]);
    const unusedInput = graph.input('unused', [3]);
    const used = graph.constant(Float32Array.of(1, 2, 3), [3], { name: 'used' });
    const dead = multiply(unusedInput, graph.constant(Float32Array.of(4, 5, 6), [3], { name: 'dead' }));
    tanh(add(dead, x));
    const model = write({ y: add(x, used) });
    const { graph: decoded } = decodeModel(bytesOf(model));
    expect(decoded.nodes.map(({ operator }) => operator)).toEqual(['Add']);
    expect(decoded.initializers).toEqual(['used']);
    expect(decoded.inputs).toEqual([{ name: 'x', elementType: 1, shape: [3] }]);
    expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  it('writes symbolic dimensions, element types and the byte length', () => {
    const graph = new Graph();
    const x = graph.input('x', ['batch', 4]);
    const y = graph.apply('Cast', [x], ['batch', 4], { dtype: 'int64', attributes: { to: 7 } });
    const model = write({ y });
    const decoded = decodeModel(bytesOf(model));
    expect(decoded.graph.inputs).toEqual([{ name: 'x', elementType: 1, shape: ['batch', 4] }]);
    expect(decoded.graph.outputs).toEqual([{ name: 'y', elementType: 7, shape: ['batch', 4] }]);
    expect(model.byteLength).toBe(bytesOf(model).byteLength);
  });

  it('declares the operator set, the producer, and com.microsoft only where it is used', () => {
    const build = (target: 'cpu' | 'onnx', transposeB: boolean): Record<string, Tensor> => {
      const graph = new Graph(target);
      const x = graph.input('x', [3, 3]);
      return { y: matmul(x, x, { transposeB }) };
    };
    expect(decodeModel(bytesOf(write(build('cpu', true)))).opsets).toEqual({ '': 18, 'com.microsoft': 1 });
    expect(decodeModel(bytesOf(write(build('cpu', false)))).opsets).toEqual({ '': 18 });
    expect(decodeModel(bytesOf(write(build('onnx', true)))).opsets).toEqual({ '': 18 });
    const decoded = decodeModel(bytesOf(write(build('onnx', true), { opset: 17, producer: 'someone' })));
    expect(decoded).toMatchObject({ opsets: { '': 17 }, producer: 'someone', irVersion: 8 });
  });

  it('leaves unused optional outputs of a node unnamed or out', () => {
    const graph = new Graph('onnx');
    const x = graph.input('x', [3]);
    const topK = (outputs: (made: Tensor[]) => Tensor): DecodedGraph =>
      structure({
        y: outputs(
          graph.node('Split', [x], [{ shape: [1] }, { shape: [1] }, { shape: [1] }], {
            attributes: { num_outputs: 3 },
          }),
        ),
      });
    expect(topK(([first]) => first).nodes[0].outputs).toEqual(['y']);
    expect(topK(([, , third]) => third).nodes[0].outputs).toEqual([expect.stringMatching(/^Split/), '', 'y']);
  });

  it('takes a part of a graph whose inputs are tensors made by the rest', async () => {
    const graph = new Graph();
    const x = graph.input('x', [3]);
    const middle = add(x, x);
    const first = graph.nodes.length;
    const y = multiply(middle, x);
    const model = writeOnnx(graph, {
      outputs: { y },
      nodes: graph.nodes.slice(first),
      inputs: [...graph.inputs, middle],
    });
    expect(model.inputs).toEqual([x, middle]);
    expect(await execute(bytesOf(model), { x: [1, 2, 3], [middle.name]: [10, 20, 30] })).toEqual({ y: [10, 40, 90] });
  });
});

describe('output names', () => {
  it('are given to the tensors themselves; inputs, constants and second names go through Identity', async () => {
    const graph = new Graph();
    const x = graph.input('x', [3]);
    const constant = graph.constant(Float32Array.of(7, 8, 9), [3]);
    const sum = add(x, constant);
    const outputs = { sum, again: sum, input: x, constant, twice: multiply(sum, sum) };
    expect(
      structure(outputs)
        .nodes.map(({ operator, outputs: [name] }) => `${operator} ${name}`)
        .sort(),
    ).toEqual(['Add sum', 'Identity again', 'Identity constant', 'Identity input', 'Mul twice']);
    expect(await execute(bytesOf(write(outputs)), { x: [1, 2, 3] })).toEqual({
      sum: [8, 10, 12],
      again: [8, 10, 12],
      input: [1, 2, 3],
      constant: [7, 8, 9],
      twice: [64, 100, 144],
    });
  });

  it('may exchange the names of two tensors', async () => {
    const graph = new Graph();
    const x = graph.input('x', [1]);
    const [a, b] = [add(x, x), multiply(x, x)];
    expect(await execute(bytesOf(write({ [a.name]: b, [b.name]: a })), { x: [3] })).toEqual({
      [a.name]: [9],
      [b.name]: [6],
    });
  });

  it('must not be those of other tensors', () => {
    const graph = new Graph();
    const x = graph.input('x', [3]);
    const inner = add(x, x);
    expect(() => write({ x: inner })).toThrow(/output x has the name of another tensor/);
    expect(() => write({ x })).toThrow(/output x has the name of another tensor/);
    expect(() => write({ [inner.name]: tanh(inner) })).toThrow(/has the name of another tensor/);
  });
});

describe('attributes', () => {
  it('of every kind survive', () => {
    const graph = new Graph();
    const x = graph.input('x', [3]);
    const tensor = { name: 'value', dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } as const;
    const y = graph.apply('Anything', [x, undefined, x], [3], {
      domain: 'com.microsoft',
      attributes: { i: -3, is: [1, -2, 300], s: 'text', f: { float: 0.5 }, t: { tensor } },
    });
    const [node] = structure({ y }).nodes;
    expect(node).toMatchObject({ inputs: ['x', '', 'x'], domain: 'com.microsoft' });
    expect(node.attributes['i']).toMatchObject({ type: 2, integer: -3n });
    expect(node.attributes['is']).toMatchObject({ type: 7, integers: [1n, -2n, 300n] });
    expect(node.attributes['s']).toMatchObject({ type: 3, string: 'text' });
    expect(node.attributes['f']).toMatchObject({ type: 1, float: 0.5 });
    expect(node.attributes['t']).toMatchObject({ type: 4, tensor: 'value' });
  });

  it('that are graphs: a loop over a body with its dead nodes left out and its outer tensors kept', async () => {
    const graph = new Graph('onnx');
    const x = graph.input('x', ['n']);
    const step = graph.constant(Float32Array.of(0.5), [1], { name: 'step' });
    const outside = multiply(x, graph.real(2));
    const y = repeat(x, 3, (value) => {
      rawUnary('Exp', value);
      return add(add(value, step), multiply(outside, graph.real(0)));
    });
    const outputs = { y, doubled: outside };
    const decoded = structure(outputs);
    const loop = decoded.nodes.find(({ operator }) => operator === 'Loop')!;
    const body = decodeGraph(loop.attributes['body'].graph!);
    expect(body.nodes.map(({ operator }) => operator)).not.toContain('Exp');
    expect(body.initializers).toEqual([]);
    expect(decoded.initializers).toContain('step');
    expect(await execute(bytesOf(write(outputs)), { x: [1, 2, 3] })).toEqual({
      y: [2.5, 3.5, 4.5],
      doubled: [2, 4, 6],
    });
  });
});

describe('weights', () => {
  const values = Float32Array.from({ length: 3 * 400 }, (_, i) => Math.sin(i));
  const layer = (): Record<string, Tensor> => {
    const graph = new Graph('onnx');
    const weight = graph.constant(values, [400, 3], { name: 'weight' });
    return {
      y: linear(graph.input('x', ['rows', 3]), weight, graph.constant(new Float32Array(400).fill(0.25), [400])),
    };
  };

  it('are referenced, not copied', () => {
    const inside = write(layer());
    expect(
      inside.chunks.some((chunk) => chunk.buffer === values.buffer && chunk.byteLength === values.byteLength),
    ).toBe(true);
    const { externalChunks, chunks } = write(layer(), { externalDataFile: 'weights.bin' });
    expect(externalChunks[0].buffer).toBe(values.buffer);
    expect(chunks.reduce((total, { byteLength }) => total + byteLength, 0)).toBeLessThan(1000);
  });

  it('may be part of a larger buffer', async () => {
    const graph = new Graph();
    const whole = Float32Array.of(9, 1, 2, 3, 9);
    const y = add(graph.input('x', [3]), graph.constant(whole.subarray(1, 4), [3]));
    expect(await execute(bytesOf(write({ y })), { x: [0, 0, 0] })).toEqual({ y: [1, 2, 3] });
  });

  it('go to a second file that ONNX Runtime finds beside the model', async () => {
    const external = write(layer(), { externalDataFile: 'layer.onnx.data' });
    writeFileSync(join(folder, 'layer.onnx'), bytesOf(external));
    writeFileSync(join(folder, 'layer.onnx.data'), Buffer.concat(external.externalChunks));
    const run = async (model: string | Uint8Array): Promise<Float32Array> => {
      const session = await (typeof model === 'string'
        ? InferenceSession.create(model)
        : InferenceSession.create(model));
      const { y } = await session.run({ x: new OrtTensor('float32', Float32Array.of(1, 2, 3, -1, 0, 4), [2, 3]) });
      await session.release();
      return y.data as Float32Array;
    };
    const result = await run(join(folder, 'layer.onnx'));
    expect(result).toEqual(await run(bytesOf(write(layer()))));
    expect(result[0]).toBeCloseTo(values[0] + 2 * values[1] + 3 * values[2] + 0.25, 6);
  });

  it('start at page boundaries of that file, as memory mapping wants', () => {
    const external = write(layer(), { externalDataFile: 'w' });
    let position = 0;
    const starts = external.externalChunks.map((chunk) => (position += chunk.byteLength) - chunk.byteLength);
    expect(starts).toEqual([0, 4800, 8192]); // weight, padding, bias
  });

  it('beyond 2 GiB need the second file', () => {
    // 33 constants over the same 64 MiB, which is never touched.
    const block = new Float32Array(2 ** 24);
    const graph = new Graph();
    const sum = Array.from({ length: 33 }, () => graph.constant(block, [2 ** 24])).reduce((a, b) => add(a, b));
    expect(() => write({ sum })).toThrow(/limited to 2 GiB, this one needs 22\d{8} bytes. Pass externalDataFile/);
    const external = write({ sum }, { externalDataFile: 'w' });
    expect(external.byteLength).toBeLessThan(10_000);
    expect(external.externalChunks.reduce((total, { byteLength }) => total + byteLength, 0)).toBe(33 * 2 ** 26);
  });
});

describe('ProtobufWriter', () => {
  it('writes varints of every size, negative ones as int64', () => {
    const values = [0, 1, 127, 128, 300, 2 ** 31, Number.MAX_SAFE_INTEGER, -1, -300];
    const writer = new ProtobufWriter();
    for (const value of values) writer.integer(1, value);
    expect(fields(Buffer.concat(writer.chunks())).map(({ value }) => BigInt.asIntN(64, value as bigint))).toEqual(
      values.map(BigInt),
    );
  });

  it('keeps order and length over many fields, long strings and nesting', () => {
    const writer = new ProtobufWriter();
    const expected = Array.from({ length: 200 }, (_, i) => 'ä'.repeat(i * 7));
    for (const value of expected) writer.message(1, new ProtobufWriter().string(2, value));
    const bytes = Buffer.concat(writer.chunks());
    expect(bytes.byteLength).toBe(writer.length);
    expect(fields(bytes).map(({ value }) => text(fields(value as Uint8Array)[0].value))).toEqual(expected);
  });
});
