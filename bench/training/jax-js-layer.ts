/**
 * One contender of jax-js.ts in a process of its own: `tsx jax-js-layer.ts '<job as JSON>'` runs one transformer layer
 * forwards and backwards, ours or the same in jax-js, and prints one JSON object.
 */
import { createRandom } from '../../src/core/random.ts';
import { maskTensors } from '../../src/model/batch.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { layerInputs } from '../../src/model/layer-graphs.ts';
import { encoderLayer } from '../../src/model/network.ts';
import { layerParameters } from '../../src/model/parameters.ts';
import { float32 } from '../../src/runtime/tensor.ts';
import { BufferPool } from '../../src/training/buffers.ts';
import { Stage } from '../../src/training/stage.ts';
import { openPeer, type Jax, type JaxArray, type JaxTree } from './jax-js-peer.ts';

/** Sizes of the layer and its input. */
export interface LayerShape {
  batch: number;
  sequence: number;
  hidden: number;
  heads: number;
  intermediate: number;
}

/** What to run. */
export interface LayerJob {
  shape: LayerShape;
  contender: 'albertine' | 'jax-js';
  threads: number;
  seconds: number;
  /** Folder with `@jax-js/jax`. */
  peer?: string;
  /** Runs both once and compares the gradients instead of measuring. */
  check?: boolean;
}

/** Of one contender. */
export interface LayerMeasurement {
  /** Median over the runs. */
  milliseconds: number;
  runs: number;
  peakBytes: number;
}

/**
 * How far jax-js's gradients are from ours, worst first; differences are relative to each tensor's largest gradient.
 */
export interface LayerCheck {
  largest: number;
  tensors: { name: string; difference: number }[];
}

type Gradients = Map<string, Float32Array>;

/** A layer with its weights and inputs; a run computes the gradients of all of them. */
interface Contender {
  run(): Promise<void>;
  gradients(): Promise<Gradients>;
}

/**
 * Weights, input and output gradient: the same in every process. Weights are larger than fresh ones, so that attention
 * is not uniform.
 */
interface LayerData {
  config: AlbertConfig;
  shape: LayerShape;
  parameters: Map<string, { shape: number[]; data: Float32Array }>;
  hidden: Float32Array;
  outputGradient: Float32Array;
}

function layerData(shape: LayerShape): LayerData {
  const random = createRandom(1);
  const normal = (size: number, scale: number, mean = 0): Float32Array =>
    Float32Array.from({ length: size }, () => mean + scale * random.normal());
  const config: AlbertConfig = {
    ...DEFAULT_CONFIG,
    hiddenSize: shape.hidden,
    numAttentionHeads: shape.heads,
    intermediateSize: shape.intermediate,
    hiddenAct: 'gelu_tanh',
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
  };
  const tokens = shape.batch * shape.sequence;
  return {
    config,
    shape,
    parameters: new Map(
      layerParameters(config).map((spec) => {
        const isNormWeight = /norm\.weight$/i.test(spec.name);
        const dimensions = spec.shape.map(Number);
        return [
          spec.name,
          {
            shape: dimensions,
            data: normal(
              dimensions.reduce((a, b) => a * b, 1),
              isNormWeight ? 0.1 : 1 / Math.sqrt(shape.hidden),
              isNormWeight ? 1 : 0,
            ),
          },
        ];
      }),
    ),
    hidden: normal(tokens * shape.hidden, 1),
    outputGradient: normal(tokens * shape.hidden, 1),
  };
}

/** Our layer as the trainer runs it: intermediate values are kept, gradients are added to their totals. */
function ourLayer({ config, shape, parameters, hidden, outputGradient }: LayerData, threads: number): Contender {
  const { batch, sequence } = shape;
  const size = [batch * sequence, config.hiddenSize];
  const stage = new Stage(
    {
      build: (graph) => {
        const input = graph.input('hidden', ['batch*sequence', config.hiddenSize], { differentiable: true });
        const declared = new Map(
          layerParameters(config).map((spec) => [
            spec.name,
            graph.input(spec.name, spec.shape, { differentiable: true }),
          ]),
        );
        const { hidden: output } = encoderLayer(
          config,
          (name) => declared.get(name)!,
          input,
          layerInputs(graph, config, {}),
        );
        return { input, output, parameters: declared };
      },
    },
    { threads },
  );
  const pool = new BufferPool();
  const totals: Gradients = new Map([...parameters].map(([name, { data }]) => [name, new Float32Array(data.length)]));
  const tensors = {
    values: Object.fromEntries(
      [...parameters].map(([name, parameter]) => [name, float32(parameter.shape, parameter.data)]),
    ),
    gradients: Object.fromEntries(
      [...parameters].map(([name, parameter]) => [name, float32(parameter.shape, totals.get(name)!)]),
    ),
  };
  const { attentionBias } = maskTensors({
    batchSize: batch,
    sequenceLength: sequence,
    inputIds: new Int32Array(batch * sequence),
  });
  const feeds = { hidden: float32(size, hidden), attentionBias };
  const output = pool.tensor('output', size);
  const inputGradient = pool.tensor('input gradient', size);
  return {
    run: async () => {
      for (const total of totals.values()) total.fill(0);
      const sizes = { batch, sequence };
      const saved = await stage.forwardKeeping(feeds, { parameters: tensors, output, sizes, pool, slot: 'layer' });
      await stage.backward(feeds, {
        parameters: tensors,
        saved,
        outputGradient: float32(size, outputGradient),
        inputGradient,
        sizes,
      });
    },
    gradients: async () => new Map([...totals, ['hidden', inputGradient.data as Float32Array]]),
  };
}

/**
 * The layer in jax-js; `parameters` are consumed. Weights are `[out, in]` as ours: its products of this layout are no
 * slower than of JAX's `[in, out]`.
 */
function jaxLayer(jax: Jax, { config, shape }: LayerData, parameters: JaxTree, hidden: JaxArray): JaxArray {
  const { numpy: np, nn } = jax;
  const { batch, sequence, heads } = shape;
  const { hiddenSize, layerNormEps } = config;
  const split = [batch, sequence, heads, hiddenSize / heads];
  const dense = (x: JaxArray, name: string): JaxArray =>
    np.matmul(x, np.transpose(parameters[`${name}.weight`])).add(parameters[`${name}.bias`]);
  const norm = (x: JaxArray, name: string): JaxArray => {
    const centred = x.ref.sub(x.mean(-1, { keepdims: true }));
    const variance = np.square(centred.ref).mean(-1, { keepdims: true });
    return centred
      .div(np.sqrt(variance.add(layerNormEps)))
      .mul(parameters[`${name}.weight`])
      .add(parameters[`${name}.bias`]);
  };
  const [query, key, value] = ['query', 'key', 'value'].map((name) =>
    dense(hidden.ref, `attention.${name}`).reshape(split),
  ); // [batch, sequence, heads, width]
  // The steps of its nn.dotProductAttention, which needs a newer Node than 20 for its reading of "BLNH,BSNH->BNLS".
  const [b, q, n, w, k] = [0, 1, 2, 3, 4];
  const scores = np.einsum(query, [b, q, n, w], key, [b, k, n, w], [b, n, q, k]).mul(1 / Math.sqrt(hiddenSize / heads));
  const context = np
    .einsum(nn.softmax(scores), [b, n, q, k], value, [b, k, n, w], [b, q, n, w])
    .reshape([batch * sequence, hiddenSize]);
  const attended = norm(hidden.add(dense(context, 'attention.dense')), 'attention.LayerNorm');
  const inner = nn.gelu(dense(attended.ref, 'ffn')); // [tokens, intermediate], GELU by tanh
  return norm(attended.add(dense(inner, 'ffn_output')), 'full_layer_layer_norm');
}

async function peerLayer(data: LayerData, { peer, threads }: { peer: string; threads: number }): Promise<Contender> {
  const jax = await openPeer(peer, threads);
  const { numpy: np } = jax;
  const tokens = data.shape.batch * data.shape.sequence;
  const matrix = (values: Float32Array): JaxArray => np.array(values).reshape([tokens, data.shape.hidden]);
  const parameters: JaxTree = Object.fromEntries(
    [...data.parameters].map(([name, { shape, data: values }]) => [name, np.array(values).reshape(shape)]),
  );
  const [hidden, outputGradient] = [matrix(data.hidden), matrix(data.outputGradient)];
  const gradient = jax.jit(
    jax.grad((trees, cotangent) => jaxLayer(jax, data, trees.parameters, trees.hidden).mul(cotangent).sum()),
  );
  let last: { parameters: JaxTree; hidden: JaxArray } | undefined;
  const leaves = (): [string, JaxArray][] =>
    last ? [...Object.entries(last.parameters), ['hidden', last.hidden]] : [];
  return {
    run: async () => {
      for (const [, array] of leaves()) array.dispose();
      const kept = Object.fromEntries(Object.entries(parameters).map(([name, array]) => [name, array.ref]));
      last = gradient({ parameters: kept, hidden: hidden.ref }, outputGradient.ref);
      await jax.blockUntilReady(last);
    },
    gradients: async () =>
      new Map(await Promise.all(leaves().map(async ([name, array]) => [name, await array.ref.data()] as const))),
  };
}

const WARM_UP = 2;
const LEAST_RUNS = 3;

/**
 * Runs for some seconds, at least three times. Where one run alone takes longer than that, one is warm-up enough and
 * one is measured.
 */
async function measure(contender: Contender, seconds: number): Promise<LayerMeasurement> {
  const timed = async (): Promise<number> => {
    const started = performance.now();
    await contender.run();
    return performance.now() - started;
  };
  let isSlow = false;
  for (let run = 0; run < WARM_UP && !isSlow; run++) isSlow = (await timed()) > 1000 * seconds; // compilation and first allocations
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < (isSlow ? 1 : LEAST_RUNS) || performance.now() < end) times.push(await timed());
  times.sort((a, b) => a - b);
  return {
    milliseconds: times[times.length >> 1],
    runs: times.length,
    peakBytes: 1024 * process.resourceUsage().maxRSS,
  };
}

/**
 * The key's bias has no gradient in exact arithmetic (softmax does not see it), so what is computed for it is rounding:
 * measured by the query's.
 */
const SCALE_OF: Readonly<Record<string, string>> = { 'attention.key.bias': 'attention.query.bias' };

async function compare(data: LayerData, job: LayerJob): Promise<LayerCheck> {
  const contenders = [ourLayer(data, job.threads), await peerLayer(data, { peer: job.peer!, threads: job.threads })];
  for (const contender of contenders) for (let run = 0; run < 2; run++) await contender.run(); // the second run must not depend on the first
  const [ours, theirs] = await Promise.all(contenders.map((contender) => contender.gradients()));
  const tensors = [...ours].map(([name, gradient]) => {
    const other = theirs.get(name)!;
    const scale = ours.get(SCALE_OF[name] ?? name)!.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    return {
      name,
      difference: gradient.reduce((largest, value, i) => Math.max(largest, Math.abs(value - other[i])), 0) / scale,
    };
  });
  tensors.sort((a, b) => b.difference - a.difference);
  return { largest: Math.max(...tensors.map(({ difference }) => difference)), tensors }; // NaN if any is
}

const job = JSON.parse(process.argv[2]) as LayerJob;
const data = layerData(job.shape);
const result = job.check
  ? await compare(data, job)
  : await measure(
      job.contender === 'albertine'
        ? ourLayer(data, job.threads)
        : await peerLayer(data, { peer: job.peer!, threads: job.threads }),
      job.seconds,
    );
console.log(JSON.stringify(result));
process.exit(0); // jax-js's workers would keep the process alive
