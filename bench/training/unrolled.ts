/**
 * What running layer by layer costs: forward and backward pass of all depths as the trainer runs them (two graphs per
 * layer, see src/training/stage.ts) beside one graph that contains all depths and both passes.
 *
 *     npx tsx bench/training/unrolled.ts [--preset small] [--batch 32] [--sequence 64] [--depths 6] [--rounds 20] [--threads 2]
 *
 * Embeddings, head and optimiser are the same in both and left out. Totals of gradients must be equal bit for bit. In a
 * round each runs twice, first and last by turns; the ratio is that of a round, then the median.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { backward } from '../../src/graph/autodiff.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { layerInputs } from '../../src/model/layer-graphs.ts';
import { encoderLayer } from '../../src/model/network.ts';
import { layerParameters } from '../../src/model/parameters.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { compile } from '../../src/runtime/compile.ts';
import { defaultThreads } from '../../src/runtime/threads.ts';
import { float32, zeros, type HostTensor, type RunTensor } from '../../src/runtime/tensor.ts';
import { BufferPool } from '../../src/training/buffers.ts';
import { Stage, type StageTensors } from '../../src/training/stage.ts';
import { median } from '../inference/harness.ts';

const { values: flags } = parseArgs({
  options: {
    preset: { type: 'string', default: 'small' },
    batch: { type: 'string', default: '32' },
    sequence: { type: 'string', default: '64' },
    depths: { type: 'string' },
    rounds: { type: 'string', default: '20' },
    threads: { type: 'string', default: String(defaultThreads()) },
  },
});
const { preset } = flags;
const config = { ...presetConfig(preset), hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
const [batch, sequence, depths, rounds, threads] = [
  flags.batch,
  flags.sequence,
  flags.depths ?? config.numHiddenLayers,
  flags.rounds,
  flags.threads,
].map(Number);
const sizes = { batch, sequence };
const specs = layerParameters(config);

function build(graph: Graph, layers: number): StageTensors {
  const input = graph.input('hidden', ['batch*sequence', config.hiddenSize], { differentiable: true });
  const parameters = new Map(
    specs.map(({ name, shape }) => [name, graph.input(name, shape, { differentiable: true })]),
  );
  const inputs = layerInputs(graph, config, {});
  let output: Tensor = input;
  for (let i = 0; i < layers; i++)
    output = encoderLayer(config, (name) => parameters.get(name)!, output, inputs).hidden;
  return { input, parameters, output };
}

let state = 1;
/** Values between -scale / 2 and scale / 2. */
function random(shape: readonly number[], scale: number): HostTensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) * scale;
  }
  return float32(shape, data);
}

const rows = [batch * sequence, config.hiddenSize];
const values = Object.fromEntries(specs.map(({ name, shape }) => [name, random(shape, 0.07)]));
const newTotals = (): Record<string, HostTensor> =>
  Object.fromEntries(specs.map(({ name, shape }) => [name, zeros('float32', shape)]));
const feeds = { hidden: random(rows, 2), attentionBias: zeros('float32', [batch, 1, 1, sequence]) };
const outputGradient = random(rows, 1);

/** One forward and backward pass, which adds to the totals of the gradients. */
type Contender = () => Promise<unknown>;

function layerwise(gradients: Record<string, HostTensor>): Contender {
  const stage = new Stage({ build: (graph) => build(graph, 1) }, { threads });
  const pool = new BufferPool();
  const hidden = (layer: number): HostTensor => (layer === 0 ? feeds.hidden : pool.tensor(`hidden ${layer}`, rows));
  const parameters = { values, gradients };
  return async () => {
    const kept = [];
    for (let layer = 0; layer < depths; layer++)
      kept.push(
        await stage.forwardKeeping(
          { ...feeds, hidden: hidden(layer) },
          { parameters, output: hidden(layer + 1), sizes, pool, slot: `layer ${layer}` },
        ),
      );
    let gradient = outputGradient;
    for (let layer = depths - 1; layer >= 0; layer--) {
      const inputGradient = pool.tensor(`gradient ${layer % 2}`, rows);
      await stage.backward(
        { ...feeds, hidden: hidden(layer) },
        { parameters, saved: kept[layer], outputGradient: gradient, inputGradient, sizes },
      );
      gradient = inputGradient;
    }
  };
}

async function unrolled(gradients: Record<string, HostTensor>): Promise<Contender> {
  const graph = new Graph();
  const { input, parameters, output } = build(graph, depths);
  const seed = graph.input('outputGradient', output.shape);
  const totals = new Map([...parameters].map(([name, tensor]) => [tensor, graph.input(`total ${name}`, tensor.shape)]));
  const found = backward([[output, seed]], totals);
  const sums = [...parameters].map(([name, tensor]): [string, Tensor] => [`sum ${name}`, found.get(tensor)!]);
  const compiled = await compile(
    { outputs: { inputGradient: found.get(input)!, ...Object.fromEntries(sums) } },
    { threads },
  );
  const all: Record<string, RunTensor> = { ...feeds, ...values, outputGradient };
  const into: Record<string, RunTensor> = { inputGradient: zeros('float32', rows) };
  for (const [name, total] of Object.entries(gradients)) {
    all[`total ${name}`] = total;
    into[`sum ${name}`] = total;
  }
  return () => compiled.run(all, { into, sizes });
}

async function milliseconds(contender: Contender): Promise<number> {
  const start = performance.now();
  await contender();
  return performance.now() - start;
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${threads} threads, Node ${process.version}; ${preset} (${batch},${sequence}), ${depths} depths, ${rounds} rounds`,
);
const [ours, theirs] = [newTotals(), newTotals()];
const [first, second] = [layerwise(ours), await unrolled(theirs)];
await first();
await second();
for (const { name } of specs)
  if (Buffer.compare(Buffer.from(ours[name].data.buffer), Buffer.from(theirs[name].data.buffer)) !== 0)
    throw new Error(`the gradients of ${name} differ`);
console.log('gradients are equal bit for bit');
const times = { layerwise: [] as number[], unrolled: [] as number[] };
for (let round = 0; round < rounds; round++) {
  const [a, b, c, d] = [
    await milliseconds(first),
    await milliseconds(second),
    await milliseconds(second),
    await milliseconds(first),
  ];
  times.layerwise.push((a + d) / 2);
  times.unrolled.push((b + c) / 2);
}
const ratios = times.layerwise.map((time, round) => time / times.unrolled[round]).sort((a, b) => a - b);
const quarter = (part: number): string => ratios[Math.floor((part * (ratios.length - 1)) / 4)].toFixed(2);
console.log(
  `layer by layer ${median(times.layerwise).toFixed(0)} ms, one graph ${median(times.unrolled).toFixed(0)} ms, ratio ${median(ratios).toFixed(3)} (quartiles ${quarter(1)} and ${quarter(3)})`,
);
