import { Graph, type DataType, type Tensor } from '../graph/graph.ts';
import { repeat } from '../graph/operators/control.ts';
import { linear } from '../graph/operators/matmul.ts';
import {
  quantizeDynamic,
  quantizedLinear,
  quantizeRows,
  quantizeStatic,
  type QuantizedTensor,
  type QuantizedWeight,
} from '../graph/operators/quantized.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../runtime/compile.ts';
import type { AlbertConfig } from './config.ts';
import { headOf, type HeadName } from './heads.ts';
import { extendLayer, type LayerExtension } from './extension.ts';
import { extensionParameter, type ExtensionPlace } from './extension-inputs.ts';
import {
  denseWith,
  embeddingProjection,
  encoderLayer,
  pooler,
  QUANTIZATION_SITES,
  splitHeads,
  type LayerInputs,
  type LinearLayer,
  type ParameterLookup,
  type Projections,
  type QuantizationSite,
} from './network.ts';
import {
  isNormalizedSite,
  rowRange,
  SITE_OF_DENSE,
  siteInputs,
  type ActivationQuantization,
  type Int8Weight,
} from './quantize.ts';
import { layerPrefix, type Weights } from './parameters.ts';

/** A graph of the operators that the device has: of fused ones only CUDA has those of the processor. */
const graphFor = ({ device = 'cpu' }: CompileOptions): Graph =>
  new Graph(device === 'cpu' || device === 'cuda' ? 'cpu' : 'webgpu');

/**
 * Parameters as constants of a graph, each embedded once; large ones of a file on disk are mapped by the runtime
 * instead of copied.
 */
export function constantParameters(graph: Graph, weights: Weights, prefix = ''): ParameterLookup {
  const found = new Map<string, Tensor>();
  return (name) => {
    let tensor = found.get(name);
    if (!tensor) {
      const weight = weights.get(prefix + name)!;
      tensor =
        weight.file && graph.fused
          ? graph.fileConstant(weight.file, weight.shape, prefix + name)
          : graph.constant(weight.data, weight.shape, { name: prefix + name });
      found.set(name, tensor);
    }
    return tensor;
  };
}

/**
 * Compiles LayerNorm and mapping: `embedded` -> `hidden`. On one thread: it is a hundredth of the work, and a second
 * pool of threads beside the layers' costs a single sentence more than it gains.
 */
export function compileProjection(
  config: AlbertConfig,
  weights: Weights,
  options: CompileOptions,
): Promise<CompiledGraph> {
  const graph = graphFor(options);
  const embedded = graph.input('embedded', ['batch*sequence', config.embeddingSize]);
  return compile(
    { outputs: { hidden: embeddingProjection(config, constantParameters(graph, weights), embedded) } },
    { ...options, threads: 1 },
  );
}

/** Which extra inputs and outputs a compiled layer has. */
export interface LayerVariant {
  /** Takes `visible`, for batches in which a row has no visible token. */
  emptyRows?: boolean;
  /** Returns `probabilities`. */
  attentions?: boolean;
  /** Returns the inputs of the dense layers, for calibration. */
  sites?: boolean;
  /** Every query has a bias of its own: `attentionBias` is `[batch, 1, query, key]`. */
  causal?: boolean;
}

/** int8 weights of one layer by dense name, and where activation scales come from. */
export interface LayerInt8 {
  dense: ReadonlyMap<string, Int8Weight>;
  activations: ActivationQuantization;
}

/** One layer to be executed: its weights, and its int8 form. */
export interface LayerPlace {
  group: number;
  layer: number;
  int8?: LayerInt8 | undefined;
}

/**
 * Compiles layers that are executed one after the other: `hidden`, `attentionBias` (and more by variant) -> `output`.
 * Extra outputs are those of the last one; static int8 scales of the i-th one are inputs named `<i>.<site>...`.
 */
export function compileLayers(
  config: AlbertConfig,
  weights: Weights,
  places: readonly LayerPlace[],
  options: CompileOptions & { variant?: LayerVariant; extension?: LayerExtension | undefined },
): Promise<CompiledGraph> {
  const { variant = {}, extension } = options;
  const graph = graphFor(options);
  let hidden = graph.input('hidden', ['batch*sequence', config.hiddenSize]);
  const inputs = layerInputs(graph, config, variant);
  const shared = new Map<string, FloatLayer>();
  const outputs: Record<string, Tensor> = {};
  places.forEach(({ group, layer, int8 }, index) => {
    const prefix = `${layerPrefix(group, layer)}.`;
    const float = shared.get(prefix) ?? floatLayer(config, graph, { weights, prefix, int8: int8 !== undefined });
    shared.set(prefix, float);
    const scaleOf = (name: string, dtype: DataType): Tensor => graph.input(name, [], { dtype });
    const dense = int8 && int8Dense(config, float, { graph, index, scaleOf, ...int8 });
    const parts = layerParts(graph, float, { dense, extension, index });
    const result = encoderLayer(config, float.parameter, hidden, { ...inputs, ...parts });
    hidden = result.hidden;
    if (variant.attentions) outputs['probabilities'] = result.probabilities;
    if (variant.sites) for (const site of QUANTIZATION_SITES) outputs[site] = result.sites[site];
  });
  return compile({ outputs: { output: hidden, ...outputs } }, options);
}

/** How a layer computes where that is not by its float weights alone. */
function layerParts(
  graph: Graph,
  { parameter, project }: FloatLayer,
  how: ExtensionPlace & { dense: LinearLayer | undefined; extension: LayerExtension | undefined },
): Pick<LayerInputs, 'dense' | 'project' | 'normed' | 'prefix'> {
  const { dense, extension } = how;
  if (!extension) return { dense, project };
  const own = extensionParameter(graph, extension, { ...how, own: parameter });
  const extended = extendLayer(extension, own, dense ?? denseWith(parameter));
  // Three projections by one product are none that an extension could change.
  return { dense, ...(!extension.dense && { project }), ...extended };
}

/** What {@link compileRepeated} makes. */
export interface RepeatedNetwork {
  /** int8 forms of the layers of a depth, in order. */
  int8?: readonly LayerInt8[] | undefined;
  /** Begins with the hidden state of a depth instead of the embeddings. */
  fromHidden: boolean;
  variant: Pick<LayerVariant, 'emptyRows' | 'causal'>;
  extension?: LayerExtension | undefined;
}

/**
 * Compiles a network whose depths all have the same weights, as a loop around one depth: `embedded` (or `hidden`),
 * `depths` (how many) and `attentionBias` (and more by variant) -> `output`. A pass is one run, and the layers are
 * prepared once, not once for each depth: base is there 60 ms earlier than six layers one after the other, and a
 * sentence takes 2 to 5 % less time. Static int8 scales of the i-th layer of a depth are inputs named `<i>.<site>...`
 * with an entry for every depth.
 */
export function compileRepeated(
  config: AlbertConfig,
  weights: Weights,
  network: RepeatedNetwork,
  options: CompileOptions,
): Promise<CompiledGraph> {
  const { int8, fromHidden, variant, extension } = network;
  const graph = graphFor(options);
  const start = fromHidden
    ? graph.input('hidden', ['batch*sequence', config.hiddenSize])
    : embeddingProjection(
        config,
        constantParameters(graph, weights),
        graph.input('embedded', ['batch*sequence', config.embeddingSize]),
      );
  const count = graph.input('depths', [], { dtype: 'int64' });
  const inputs = layerInputs(graph, config, variant);
  const layers = Array.from({ length: config.innerGroupNum }, (_, layer) =>
    floatLayer(config, graph, { weights, prefix: `${layerPrefix(0, layer)}.`, int8: int8 !== undefined }),
  );
  const output = repeat(start, count, (hidden, depth) =>
    layers.reduce((x, float, index) => {
      const scaleOf = (name: string, dtype: DataType): Tensor =>
        graph.apply('Gather', [graph.input(name, ['depths'], { dtype }), depth], [], { dtype });
      const dense = int8 && int8Dense(config, float, { graph, index, scaleOf, ...int8[index] });
      const parts = layerParts(graph, float, { dense, extension, index, round: depth });
      return encoderLayer(config, float.parameter, x, { ...inputs, ...parts }).hidden;
    }, hidden),
  );
  return compile({ outputs: { output } }, options);
}

/** A layer's parameters in a graph, shared by all the places it is executed at. */
interface FloatLayer {
  parameter: ParameterLookup;
  project: ((hidden: Tensor) => Projections) | undefined;
  /** int8 weights by dense name, as far as they have been used. */
  quantized: Map<string, QuantizedWeight>;
}

function floatLayer(
  config: AlbertConfig,
  graph: Graph,
  from: { weights: Weights; prefix: string; int8: boolean },
): FloatLayer {
  const { weights, prefix, int8 } = from;
  const parameter = constantParameters(graph, weights, prefix);
  // Mapped weights cannot be joined without a copy, and int8 products gain nothing from it.
  if (int8 || weights.get(`${prefix}attention.query.weight`)?.file)
    return { parameter, project: undefined, quantized: new Map() };
  return { parameter, project: joinedProjections(config, graph, { weights, prefix }), quantized: new Map() };
}

/** Query, key and value by one product: short texts gain a few percent, long ones nothing. */
function joinedProjections(
  { hiddenSize, numAttentionHeads: heads }: AlbertConfig,
  graph: Graph,
  from: { weights: Weights; prefix: string },
): (hidden: Tensor) => Projections {
  const join = (part: string): Float32Array => {
    const parts = ['query', 'key', 'value'].map(
      (name) => from.weights.get(`${from.prefix}attention.${name}.${part}`)!.data,
    );
    const joined = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
    parts.reduce((at, values) => {
      joined.set(values, at);
      return at + values.length;
    }, 0);
    return joined;
  };
  const weight = graph.constant(join('weight'), [3 * hiddenSize, hiddenSize]);
  const bias = graph.constant(join('bias'), [3 * hiddenSize]);
  return (hidden) => {
    const all = splitHeads(linear(hidden, weight, bias), 3 * heads); // [batch, 3 * heads, sequence, width]
    const shape = [all.shape[0], heads, ...all.shape.slice(2)];
    const [query, key, value] = graph.node(
      'Split',
      [all, graph.integers([heads, heads, heads])],
      [{ shape }, { shape }, { shape }],
      { attributes: { axis: 1 } },
    );
    return { query, key, value };
  };
}

/** Declares the inputs that every layer graph shares. */
export function layerInputs(graph: Graph, config: AlbertConfig, variant: LayerVariant): LayerInputs {
  return {
    attentionBias: graph.input('attentionBias', ['batch', 1, variant.causal ? 'sequence' : 1, 'sequence']),
    visible: variant.emptyRows ? graph.input('visible', ['batch*sequence', 1]) : undefined,
    distances:
      config.positionEmbeddingType === 'absolute'
        ? undefined
        : graph.input('distances', ['sequence', 'sequence'], { dtype: 'int64' }),
  };
}

/**
 * Dense layers on int8 weights; layers that read one activation share its quantisation. `scaleOf` gives the scalar of a
 * static scale or zero point.
 */
function int8Dense(
  config: AlbertConfig,
  shared: FloatLayer,
  int8: LayerInt8 & { graph: Graph; index: number; scaleOf: (name: string, dtype: DataType) => Tensor },
): LinearLayer {
  const { graph, activations, index, scaleOf } = int8;
  const quantized = new Map<Tensor, QuantizedTensor>();
  const quantize = (x: Tensor, site: QuantizationSite): QuantizedTensor => {
    if (activations === 'dynamic') return quantizeDynamic(x);
    if (activations === 'perRow' || (activations === 'mixed' && !isNormalizedSite(site)))
      return quantizeRows(x, rowRange(site, config.hiddenAct));
    const { scale, zeroPoint } = siteInputs(site, index);
    return quantizeStatic(x, scaleOf(scale, 'float32'), scaleOf(zeroPoint, 'uint8'));
  };
  return (x, name) => {
    const known = quantized.get(x) ?? quantize(x, SITE_OF_DENSE[name]);
    quantized.set(x, known);
    const weight = shared.quantized.get(name) ?? int8Constants(graph, int8.dense.get(name)!);
    shared.quantized.set(name, weight);
    return quantizedLinear(known, weight, shared.parameter(`${name}.bias`));
  };
}

function int8Constants(graph: Graph, { values, scales, inputs, outputs }: Int8Weight): QuantizedWeight {
  return {
    values: graph.constant(values, [inputs, outputs]),
    scales: graph.constant(scales, [outputs]),
    zeroPoints: graph.constant(new Int8Array(outputs), [outputs]),
  };
}

/** Compiles the pooler: `firstTokens` -> `pooled`. */
export function compilePooler(config: AlbertConfig, weights: Weights, options: CompileOptions): Promise<CompiledGraph> {
  const graph = graphFor(options);
  const firstTokens = graph.input('firstTokens', ['batch', config.hiddenSize]);
  return compile({ outputs: { pooled: pooler(constantParameters(graph, weights), firstTokens) } }, options);
}

/** Compiles a head: `x` `[rows, hidden]` -> `logits`. */
export function compileHead(
  config: AlbertConfig,
  weights: Weights,
  head: HeadName,
  options: CompileOptions,
): Promise<CompiledGraph> {
  const graph = graphFor(options);
  const x = graph.input('x', ['rows', config.hiddenSize]);
  return compile({ outputs: { logits: headOf(head).logits(config, constantParameters(graph, weights), x) } }, options);
}
