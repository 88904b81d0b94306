/**
 * Our contenders of bench.ts, each in a process of its own: `tsx step.ts '<job as JSON>'` prints `{}` when it is warm;
 * then it takes a training step for every line of standard input and prints a JSON object for it.
 */
import { createInterface } from 'node:readline';
import { initialValues, initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { Graph } from '../../src/graph/graph.ts';
import { rawGemm } from '../../src/graph/operators/matmul.ts';
import type { AlbertConfig } from '../../src/model/config.ts';
import { headParameters } from '../../src/model/heads.ts';
import { encoderParameters, poolerParameters } from '../../src/model/parameters.ts';
import { compile } from '../../src/runtime/compile.ts';
import { float32, int64, zeros } from '../../src/runtime/tensor.ts';
import { createArena } from '../../src/training/arena.ts';
import { classificationHead } from '../../src/training/heads.ts';
import { LayerwiseNetwork, type SaveActivations, type TrainingBatch } from '../../src/training/layerwise.ts';
import { createAdamW } from '../../src/training/optimizers/adamw.ts';
import { clipScale, globalNorm } from '../../src/training/optimizers/optimizer.ts';

/** What to measure. */
export interface Job {
  config: AlbertConfig;
  batch: number;
  sequence: number;
  threads: number;
  saveActivations?: SaveActivations;
  /** PyTorch only: `torch.compile`. */
  compile?: boolean;
  /** PyTorch only: the model of Hugging Face's `transformers`. */
  transformers?: boolean;
  /** Measures the matrix product alone. */
  gemm?: boolean;
}

/** One step. */
export interface Turn {
  milliseconds: number;
  /** Clipping and update. */
  optimizerMilliseconds?: number;
  /** The most memory that the process has taken so far. */
  peakBytes: number;
  /** Billions of floating-point operations a second; of the matrix product only. */
  gigaflops?: number;
}

type Measure = () => Promise<Omit<Turn, 'peakBytes'>>;

function prepareStep(job: Job): Measure {
  const { batch, sequence, threads } = job;
  const config = { ...job.config, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, classifierDropoutProb: 0 };
  const head = classificationHead(config, { numLabels: 2, problemType: 'singleLabel' });
  const arena = createArena([...encoderParameters(config), ...head.parameters], 4);
  const weights = new Map(initialiseWeights(config, 1));
  for (const spec of [...poolerParameters(config), ...headParameters(config, 'sequenceClassification', 2)])
    weights.set(spec.name, { shape: spec.shape, data: initialValues(spec, 1, 0.02) });
  arena.load(weights);
  weights.clear();
  const optimizer = createAdamW(arena);
  const network = new LayerwiseNetwork(config, arena, head, { threads, saveActivations: job.saveActivations ?? 'all' });
  const size = batch * sequence;
  const data: TrainingBatch = {
    batchSize: batch,
    sequenceLength: sequence,
    inputIds: Int32Array.from({ length: size }, (_, i) => 5 + ((i * 7919) % (config.vocabSize - 5))),
    tokenTypeIds: new Int32Array(size),
    attentionMask: new Uint8Array(size).fill(1),
    headFeeds: {
      firstTokens: int64(
        [batch],
        Array.from({ length: batch }, (_, row) => row * sequence),
      ),
      labels: int64(
        [batch],
        Array.from({ length: batch }, (_, row) => row % 2),
      ),
      rowWeights: float32([batch], new Float32Array(batch).fill(1 / batch)),
    },
  };
  let step = 0;
  return async () => {
    const started = performance.now();
    arena.zeroGradients();
    await network.accumulate(data, { step: ++step, microBatch: 0 });
    const computed = performance.now();
    optimizer.step(step, 1e-5, clipScale(globalNorm(arena), 1));
    const ended = performance.now();
    return { milliseconds: ended - started, optimizerMilliseconds: ended - computed };
  };
}

/** Products in a turn of {@link prepareProduct}. */
const PRODUCTS = 20;

/** The best rate at which this machine multiplies matrices here: a product of the feed-forward block's shape. */
async function prepareProduct({ config, batch, sequence, threads }: Job): Promise<Measure> {
  const [m, k, n] = [batch * sequence, config.hiddenSize, config.intermediateSize];
  const graph = new Graph();
  const product = rawGemm(graph.input('a', [m, k]), graph.input('b', [n, k]), undefined, { b: true });
  const compiled = await compile({ outputs: { product } }, { threads });
  const [a, b, into] = [zeros('float32', [m, k]), zeros('float32', [n, k]), zeros('float32', [m, n])];
  (a.data as Float32Array).fill(0.5);
  (b.data as Float32Array).fill(0.5);
  return async () => {
    const started = performance.now();
    for (let i = 0; i < PRODUCTS; i++) await compiled.run({ a, b }, { into: { product: into } });
    const milliseconds = (performance.now() - started) / PRODUCTS;
    return { milliseconds, gigaflops: (2 * m * k * n) / milliseconds / 1e6 };
  };
}

const job = JSON.parse(process.argv[2]) as Job;
const measure = job.gemm ? await prepareProduct(job) : prepareStep(job);
for (let i = 0; i < 2; i++) await measure(); // compilation and first allocations
console.log('{}');
async function takeTurn(): Promise<void> {
  const turn: Turn = { ...(await measure()), peakBytes: 1024 * process.resourceUsage().maxRSS };
  console.log(JSON.stringify(turn));
}
createInterface({ input: process.stdin }).on('line', () => void takeTurn());
