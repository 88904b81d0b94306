import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { grad } from '../../src/graph/autodiff.ts';
import type { Shape } from '../../src/graph/dims.ts';
import { Graph, type Target, type Tensor } from '../../src/graph/graph.ts';
import { add } from '../../src/graph/operators/elementwise.ts';
import { crossEntropy, weightedCrossEntropy } from '../../src/graph/operators/loss.ts';
import { gather } from '../../src/graph/operators/shape.ts';
import { DEFAULT_CONFIG, groupOfDepth, validateConfig, type AlbertConfig } from '../../src/model/config.ts';
import { embeddingProjection, encoderLayer, pooler, type LayerDropout } from '../../src/model/network.ts';
import { HEADS, headParameters } from '../../src/model/heads.ts';
import { encoderParameters, layerPrefix, poolerParameters } from '../../src/model/parameters.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../../src/runtime/compile.ts';
import { HostTensor, int64 } from '../../src/runtime/tensor.ts';
import { relativeError } from './check-gradient.ts';

/** Whole ALBERT losses, unrolled in one graph, from embedded tokens to the loss. */

const BATCH = 2;
const SEQUENCE = 5;
const TOKENS = BATCH * SEQUENCE;
const SIZES = { batch: BATCH, sequence: SEQUENCE, masked: 3 };
const SMALL: AlbertConfig = {
  ...DEFAULT_CONFIG,
  vocabSize: 11,
  embeddingSize: 6,
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 8,
  layerNormEps: 1e-6,
};
const STEP = 1e-5;
/**
 * Gradients of the keys' biases are zero in exact arithmetic (softmax ignores a constant); all others are larger than
 * this.
 */
const FLOOR = 0.02;
/** Entries of each parameter that are checked by central differences. */
const SAMPLES = 4;

/** The graph of one loss with its feeds; every real input that is not a mask is differentiable. */
class Loss {
  readonly graph: Graph;
  readonly feeds: Record<string, HostTensor> = {};
  readonly parameters = new Map<string, Tensor>();
  private readonly random = createRandom(5);

  constructor(target: Target) {
    this.graph = new Graph(target);
  }

  parameter(name: string, shape: readonly number[], declared: Shape = shape): Tensor {
    const isScale = name.endsWith('orm.weight');
    const tensor = this.graph.input(name, declared, { differentiable: true });
    this.parameters.set(name, tensor);
    this.feed(name, shape, () => (isScale ? 1 : 0) + 0.3 * this.random.normal());
    return tensor;
  }

  mask(name: string, shape: readonly number[], declared: Shape): Tensor {
    this.feed(name, shape, () => (this.random.uniform() < 0.2 ? 0 : 1.25));
    return this.graph.input(name, declared);
  }

  feed(name: string, shape: readonly number[], value: (index: number) => number): void {
    const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i));
    this.feeds[name] = new HostTensor(
      this.graph.floatType,
      shape,
      this.graph.floatType === 'float64' ? values : Float32Array.from(values),
    );
  }

  integers(name: string, shape: readonly number[], values: readonly number[], declared: Shape = shape): Tensor {
    this.feeds[name] = int64(shape, values);
    return this.graph.input(name, declared, { dtype: 'int64' });
  }
}

/** All layers over embedded tokens; a parameter that several depths share is declared once. */
function encoder(
  loss: Loss,
  config: AlbertConfig,
  dropout: boolean,
): { hidden: Tensor; weight: (name: string) => Tensor } {
  const specs = new Map(
    [
      ...encoderParameters(config),
      ...poolerParameters(config),
      ...headParameters(config, 'sequenceClassification', 3),
      ...headParameters(config, 'maskedLm'),
      ...headParameters(config, 'sentenceOrder'),
    ].map(({ name, shape }) => [name, shape]),
  );
  const weight = (name: string): Tensor => loss.parameters.get(name) ?? loss.parameter(name, specs.get(name)!);
  const hiddenMask = (name: string, width: number): Tensor | undefined =>
    dropout ? loss.mask(name, [TOKENS, width], ['batch*sequence', width]) : undefined;
  const embedded = loss.parameter('embedded', [TOKENS, config.embeddingSize], ['batch*sequence', config.embeddingSize]);
  // The last two tokens of the second text are padding.
  loss.feed('attentionBias', [BATCH, 1, 1, SEQUENCE], (i) => (i >= TOKENS - 2 ? -1e4 : 0));
  const attentionBias = loss.graph.input('attentionBias', ['batch', 1, 1, 'sequence']);
  const relative = Array.from(
    { length: SEQUENCE ** 2 },
    (_, i) => Math.floor(i / SEQUENCE) - (i % SEQUENCE) + config.maxPositionEmbeddings - 1,
  );
  const distances =
    config.positionEmbeddingType === 'absolute'
      ? undefined
      : loss.integers('distances', [SEQUENCE, SEQUENCE], relative, ['sequence', 'sequence']);
  let hidden = embeddingProjection(config, weight, embedded, hiddenMask('embeddingMask', config.embeddingSize));
  for (let depth = 0; depth < config.numHiddenLayers; depth++) {
    const masks: LayerDropout | undefined = dropout
      ? {
          attention: loss.mask(
            `attentionMask${depth}`,
            [BATCH, config.numAttentionHeads, SEQUENCE, SEQUENCE],
            ['batch', config.numAttentionHeads, 'sequence', 'sequence'],
          ),
          attentionOutput: hiddenMask(`attentionOutputMask${depth}`, config.hiddenSize),
          feedForward: hiddenMask(`feedForwardMask${depth}`, config.hiddenSize),
        }
      : undefined;
    const prefix = layerPrefix(groupOfDepth(config, depth), 0);
    hidden = encoderLayer(config, (name) => weight(`${prefix}.${name}`), hidden, {
      attentionBias,
      distances,
      dropout: masks,
    }).hidden;
  }
  return { hidden, weight };
}

function classification(loss: Loss, config: AlbertConfig): Tensor {
  const { hidden, weight } = encoder(loss, config, true);
  const first = gather(hidden, loss.integers('firstTokens', [BATCH], [0, SEQUENCE], ['batch']));
  const mask = loss.mask('classifierMask', [BATCH, config.hiddenSize], ['batch', config.hiddenSize]);
  const logits = HEADS.sequenceClassification.logits(config, weight, pooler(weight, first), mask);
  return crossEntropy(logits, loss.integers('labels', [BATCH], [2, 0], ['batch']), { labelSmoothing: 0.1 });
}

/** MLM and SOP; the decoder is tied to a table that an embedding lookup uses as well. */
function pretraining(loss: Loss, config: AlbertConfig): Tensor {
  const { hidden, weight } = encoder(loss, config, false);
  const masked = gather(hidden, loss.integers('positions', [3], [1, 6, 3], ['masked']));
  loss.feed('maskedWeights', [3], () => 1 / 3);
  const words = loss.integers('maskedLabels', [3], [4, 7, 4], ['masked']);
  const mlm = weightedCrossEntropy(
    HEADS.maskedLm.logits(config, weight, masked),
    words,
    loss.graph.input('maskedWeights', ['masked']),
  );
  const first = gather(hidden, loss.integers('firstTokens', [BATCH], [0, SEQUENCE], ['batch']));
  const sop = crossEntropy(
    HEADS.sentenceOrder.logits(config, weight, pooler(weight, first)),
    loss.integers('order', [BATCH], [1, 0], ['batch']),
  );
  const lookedUp = gather(weight('albert.embeddings.word_embeddings.weight'), words); // [masked, embedding]
  const bound = crossEntropy(lookedUp, loss.integers('targets', [3], [5, 0, 2], ['masked']));
  return add(add(mlm, sop), bound);
}

interface Compiled extends Disposable {
  graph: CompiledGraph;
  feeds: Record<string, HostTensor>;
  names: string[];
}

async function compileLoss(
  build: (loss: Loss) => Tensor,
  target: Target,
  options: CompileOptions = {},
): Promise<Compiled> {
  const loss = new Loss(target);
  const value = build(loss);
  const names = [...loss.parameters.keys()];
  const gradients = grad(value, [...loss.parameters.values()]);
  const outputs: Record<string, Tensor> = { loss: value };
  names.forEach((name, i) => (outputs[`gradient(${name})`] = gradients[i]));
  const graph = await compile({ outputs }, { threads: 1, ...options });
  return { graph, feeds: loss.feeds, names, [Symbol.dispose]: () => graph[Symbol.dispose]() };
}

async function run({ graph, feeds, names }: Compiled): Promise<{ loss: number; gradients: Map<string, Float64Array> }> {
  const outputs = await graph.run(feeds, { sizes: SIZES });
  return {
    loss: (outputs['loss'].data as Float64Array)[0],
    gradients: new Map(
      names.map((name) => [name, Float64Array.from(outputs[`gradient(${name})`].data as Float64Array)]),
    ),
  };
}

const CASES: Record<string, (loss: Loss) => Tensor> = {
  'classification with dropout': (loss) => classification(loss, SMALL),
  'classification, two groups, SiLU': (loss) =>
    classification(loss, { ...SMALL, numHiddenGroups: 2, hiddenAct: 'silu' }),
  'classification, relative positions of keys': (loss) =>
    classification(loss, { ...SMALL, positionEmbeddingType: 'relative_key' }),
  'pretraining, relative positions of keys and queries': (loss) =>
    pretraining(loss, { ...SMALL, positionEmbeddingType: 'relative_key_query' }),
  'pretraining, tanh': (loss) => pretraining(loss, { ...SMALL, hiddenAct: 'tanh' }),
};

describe('whole ALBERT losses', () => {
  it.each(Object.entries(CASES))(
    '%s: central differences in float64, float32 at every optimisation level',
    async (_name, build) => {
      validateConfig(SMALL);
      using compiled = await compileLoss(build, 'float64');
      const { gradients } = await run(compiled);
      for (const [name, gradient] of gradients) {
        const data = compiled.feeds[name].data as Float64Array;
        const stride = Math.max(1, Math.floor(data.length / SAMPLES));
        const entries = Array.from({ length: Math.min(SAMPLES, data.length) }, (_, i) => i * stride + (i % stride));
        const slopes: number[] = [];
        for (const entry of entries) {
          const value = data[entry];
          data[entry] = value + STEP;
          const above = (await run(compiled)).loss;
          data[entry] = value - STEP;
          slopes.push((above - (await run(compiled)).loss) / (2 * STEP));
          data[entry] = value;
        }
        expect(
          relativeError(
            entries.map((entry) => gradient[entry]),
            slopes,
            FLOOR,
          ),
          name,
        ).toBeLessThan(1e-7);
      }
      for (const optimization of ['all', 'extended', 'basic', 'disabled'] as const) {
        using single = await compileLoss(build, 'cpu', { optimization });
        for (const [name, gradient] of (await run(single)).gradients)
          expect(relativeError(gradient, gradients.get(name)!, FLOOR), `${optimization}, ${name}`).toBeLessThan(1e-5);
      }
    },
  );
});
