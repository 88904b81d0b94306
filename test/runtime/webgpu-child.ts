import type { AlbertineError } from '../../src/core/errors.ts';
import { createRandom } from '../../src/core/random.ts';
import { backward } from '../../src/graph/autodiff.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { add, multiply, tanh } from '../../src/graph/operators/elementwise.ts';
import { matmul } from '../../src/graph/operators/matmul.ts';
import { sum } from '../../src/graph/operators/reduce.ts';
import { DEFAULT_CONFIG, type Activation } from '../../src/model/config.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { encoderLayer } from '../../src/model/network.ts';
import { layerParameters } from '../../src/model/parameters.ts';
import { compile, requireDevice, type CompileOptions } from '../../src/runtime/compile.ts';
import { DeviceTransfer } from '../../src/runtime/device-transfer.ts';
import { DeviceTensor, float32, zeros, type HostTensor } from '../../src/runtime/tensor.ts';

/**
 * Run as a process of its own by webgpu.test.ts, since the Vulkan driver is chosen by the environment at start. `probe`
 * runs a product; `refuse` compiles what the device cannot run; `keep` keeps an output on the device; `embed`
 * asks the built-in model on both devices; `missing` asks
 * for a device; an activation's name compares a layer and its gradients on both devices and prints the largest
 * differences as JSON.
 */

const SIZES = { batch: 2, sequence: 9 };
const CONFIG = { ...DEFAULT_CONFIG, hiddenSize: 32, numAttentionHeads: 4, intermediateSize: 64, layerNormEps: 1e-6 };
/** Every node must run on the device. */
const ON_DEVICE: CompileOptions = { device: 'webgpu', cpuFallback: false };

async function probe(): Promise<void> {
  const graph = new Graph('webgpu');
  const a = graph.input('a', ['n', 2]);
  using compiled = await compile({ outputs: { y: tanh(matmul(a, a, { transposeB: true })) } }, ON_DEVICE);
  const { y } = await compiled.run({ a: float32([1, 2], Float32Array.of(0.3, 0.4)) });
  if (Math.abs((y.data as Float32Array)[0] - Math.tanh(0.25)) > 1e-5)
    throw new Error(`tanh(0.25) came out as ${(y.data as Float32Array)[0]}`);
}

/** One layer with dropout masks: its output, and the gradients of its input and of all weights. */
function layer(target: 'cpu' | 'webgpu', activation: Activation): Record<string, Tensor> {
  const config = { ...CONFIG, hiddenAct: activation };
  const graph = new Graph(target);
  const hidden = graph.input('hidden', ['batch*sequence', config.hiddenSize], { differentiable: true });
  const weights = new Map(
    layerParameters(config).map(({ name, shape }) => [name, graph.input(name, shape, { differentiable: true })]),
  );
  const mask = (name: string): Tensor => graph.input(name, ['batch*sequence', config.hiddenSize]);
  const output = encoderLayer(config, (name) => weights.get(name)!, hidden, {
    attentionBias: graph.input('attentionBias', ['batch', 1, 1, 'sequence']),
    dropout: {
      attention: graph.input('attentionMask', ['batch', config.numAttentionHeads, 'sequence', 'sequence']),
      attentionOutput: mask('attentionOutputMask'),
      feedForward: mask('feedForwardMask'),
    },
  }).hidden;
  const gradients = backward([[output, graph.input('outputGradient', output.shape)]]);
  return {
    output,
    ...Object.fromEntries(
      [['hidden', hidden] as const, ...weights].map(([name, tensor]) => [`gradient(${name})`, gradients.get(tensor)!]),
    ),
  };
}

function feeds(): Record<string, HostTensor> {
  const random = createRandom(3);
  const { batch, sequence } = SIZES;
  const tensor = (shape: number[], value: (index: number) => number): HostTensor =>
    float32(
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
    );
  const keep = (): number => (random.uniform() < 0.1 ? 0 : 1 / 0.9);
  const hidden = [batch * sequence, CONFIG.hiddenSize];
  return {
    ...Object.fromEntries(
      layerParameters(CONFIG).map(({ name, shape }) => [
        name,
        tensor(shape, () => (name.endsWith('orm.weight') ? 1 : 0) + 0.2 * random.normal()),
      ]),
    ),
    hidden: tensor(hidden, random.normal),
    outputGradient: tensor(hidden, random.normal),
    attentionBias: tensor([batch, 1, 1, sequence], (i) => (i >= 2 * sequence - 3 ? -1e4 : 0)),
    attentionMask: tensor([batch, CONFIG.numAttentionHeads, sequence, sequence], keep),
    attentionOutputMask: tensor(hidden, keep),
    feedForwardMask: tensor(hidden, keep),
  };
}

async function compare(activation: Activation): Promise<void> {
  const values = feeds();
  const differences: Record<string, number> = {};
  using onDevice = await compile({ outputs: layer('webgpu', activation) }, ON_DEVICE);
  using onCpu = await compile({ outputs: layer('cpu', activation) });
  const expected = await onCpu.run(values, { sizes: SIZES });
  // Twice: the second time, the device reuses its buffers.
  for (let run = 0; run < 2; run++) {
    for (const [name, { data }] of Object.entries(await onDevice.run(values, { sizes: SIZES }))) {
      const reference = expected[name].data as Float32Array;
      const largest = (data as Float32Array).reduce(
        (worst, value, i) => Math.max(worst, Math.abs(value - reference[i])),
        0,
      );
      differences[name] = Math.max(differences[name] ?? 0, largest);
    }
  }
  process.stdout.write(JSON.stringify(differences));
}

/** FusedMatMul has no kernel on WebGPU: with the fallback it runs on the CPU, without it compiling fails. */
async function refuse(): Promise<void> {
  const build = (): Record<string, Tensor> => {
    const graph = new Graph('cpu');
    const a = graph.input('a', ['n', 2]);
    return { y: matmul(a, a, { transposeB: true }) };
  };
  (await compile({ outputs: build() }, { device: 'webgpu' }))[Symbol.dispose]();
  process.stdout.write(
    await compile({ outputs: build() }, ON_DEVICE).then(
      () => 'compiled',
      (error: Error) => error.message,
    ),
  );
}

/** A sum that is the input and the output of one run, its host output beside it, and what is refused. */
async function keep(): Promise<void> {
  const graph = new Graph('webgpu');
  const [total, x] = [graph.input('total', [2]), graph.input('x', [2])];
  using compiled = await compile(
    { outputs: { sum: add(total, x), norm: sum(multiply(x, x), [0]) } },
    { ...ON_DEVICE, deviceOutputs: ['sum'] },
  );
  using transfer = new DeviceTransfer(ON_DEVICE);
  using place = new DeviceTensor('float32', [2]);
  const errors: string[] = [];
  const refused = async (run: Promise<unknown>): Promise<void> => {
    errors.push(
      await run.then(
        () => 'accepted',
        (error: Error) => error.message,
      ),
    );
  };
  const value = float32([2], Float32Array.of(1, 2));
  await refused(compiled.run({ total: place, x: value }, { into: { sum: place } }));
  await transfer.upload(float32([2], Float32Array.of(3, 4)), place);
  for (let run = 0; run < 2; run++) {
    const { norm, ...others } = await compiled.run({ total: place, x: value }, { into: { sum: place } });
    if ((norm.data as Float32Array)[0] !== 5 || Object.keys(others).length > 0)
      throw new Error('the outputs are not as they should be');
  }
  await refused(compiled.run({ total: place, x: value }));
  await refused(
    compiled.run({ total: place, x: value }, { into: { sum: place, norm: new DeviceTensor('float32', []) } }),
  );
  const result = zeros('float32', [2]);
  await transfer.download(place, result);
  place[Symbol.dispose]();
  await refused(transfer.download(place, result));
  process.stdout.write(JSON.stringify({ value: [...(result.data as Float32Array)], errors }));
}

/** Vectors and masked-token logits of the built-in model, every node on the device, beside the processor's. */
async function embed(): Promise<void> {
  const texts = ['A gripping film.', '这家酒店的房间太小。', 'many words '.repeat(20)];
  using onDevice = await loadModel(undefined, ON_DEVICE);
  using onCpu = await loadModel();
  const [vectors, expected] = [await onDevice.embed(texts), await onCpu.embed(texts)];
  const hidden = vectors.data.subarray(0, onCpu.config.hiddenSize);
  const [logits, same] = [
    await onDevice.encoder.logits('maskedLm', hidden),
    await onCpu.encoder.logits('maskedLm', hidden),
  ];
  const largest = (a: Float32Array, b: Float32Array): number =>
    a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
  process.stdout.write(JSON.stringify([largest(vectors.data, expected.data), largest(logits, same)]));
}

async function missing(): Promise<void> {
  process.stdout.write(
    await requireDevice('webgpu').then(
      () => 'found',
      (error: AlbertineError) => `${error.code} ${error.message}`,
    ),
  );
}

const [task] = process.argv.slice(2);
if (task === 'probe') await probe();
else if (task === 'refuse') await refuse();
else if (task === 'keep') await keep();
else if (task === 'embed') await embed();
else if (task === 'missing') await missing();
else await compare(task as Activation);
