import { Graph, type Tensor } from '../graph/graph.ts';
import { linear } from '../graph/operators/matmul.ts';
import { quantizeDynamic, quantizedLinear, quantizeRows, quantizeStatic, type QuantizedTensor } from '../graph/operators/quantized.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../runtime/compile.ts';
import type { AlbertConfig } from './config.ts';
import { embeddingProjection, encoderLayer, linearHead, maskedLmHead, pooler, QUANTIZATION_SITES, type LayerInputs, type LinearLayer, type ParameterLookup, type QuantizationSite } from './network.ts';
import { isNormalizedSite, rowZeroPoint, SITE_OF_DENSE, siteInputs, type ActivationQuantization, type Int8Weight } from './quantize.ts';
import { layerPrefix, type Weights } from './parameters.ts';

/** Parameters as constants of a graph, each embedded once. */
export function constantParameters(graph: Graph, weights: Weights, prefix = ''): ParameterLookup {
  const found = new Map<string, Tensor>();
  return (name) => {
    let tensor = found.get(name);
    if (!tensor) {
      const weight = weights.get(prefix + name)!;
      tensor = graph.constant(weight.data, weight.shape, { name: prefix + name });
      found.set(name, tensor);
    }
    return tensor;
  };
}

/** Compiles LayerNorm and mapping: `embedded` -> `hidden`. */
export function compileProjection(config: AlbertConfig, weights: Weights, options: CompileOptions): Promise<CompiledGraph> {
  const graph = new Graph();
  const embedded = graph.input('embedded', ['batch*sequence', config.embeddingSize]);
  return compile({ outputs: { hidden: embeddingProjection(config, constantParameters(graph, weights), embedded) } }, options);
}

/** Which extra inputs and outputs a compiled layer has. */
export interface LayerVariant {
  /** Takes `visible`, for batches in which a row has no visible token. */
  emptyRows?: boolean;
  /** Returns `probabilities`. */
  attentions?: boolean;
  /** Returns the inputs of the dense layers, for calibration. */
  sites?: boolean;
}

/** int8 weights of one layer by dense name, and where activation scales come from. */
export interface LayerInt8 {
  dense: ReadonlyMap<string, Int8Weight>;
  activations: ActivationQuantization;
}

/** Compiles one layer: `hidden`, `attentionBias` (and more by variant) -> `output`. */
export function compileLayer(config: AlbertConfig, weights: Weights, at: { group: number; layer: number; int8?: LayerInt8 | undefined }, options: CompileOptions & { variant?: LayerVariant }): Promise<CompiledGraph> {
  const { variant = {} } = options;
  const graph = new Graph();
  const hidden = graph.input('hidden', ['batch*sequence', config.hiddenSize]);
  const parameter = constantParameters(graph, weights, `${layerPrefix(at.group, at.layer)}.`);
  const result = encoderLayer(config, parameter, hidden, {
    ...layerInputs(graph, config, variant),
    dense: at.int8 ? int8Dense(config, parameter, { graph, ...at.int8 }) : (x, name) => linear(x, parameter(`${name}.weight`), parameter(`${name}.bias`)),
  });
  const outputs: Record<string, Tensor> = { output: result.hidden };
  if (variant.attentions) outputs['probabilities'] = result.probabilities;
  if (variant.sites) for (const site of QUANTIZATION_SITES) outputs[site] = result.sites[site];
  return compile({ outputs }, options);
}

/** Declares the inputs that every layer graph shares. */
export function layerInputs(graph: Graph, config: AlbertConfig, variant: LayerVariant): LayerInputs {
  return {
    attentionBias: graph.input('attentionBias', ['batch', 1, 1, 'sequence']),
    visible: variant.emptyRows ? graph.input('visible', ['batch*sequence', 1]) : undefined,
    distances: config.positionEmbeddingType === 'absolute' ? undefined : graph.input('distances', ['sequence', 'sequence'], { dtype: 'int64' }),
  };
}

/** Dense layers on int8 weights; layers that read one activation share its quantisation. */
function int8Dense(config: AlbertConfig, parameter: ParameterLookup, int8: LayerInt8 & { graph: Graph }): LinearLayer {
  const { graph, activations } = int8;
  const quantized = new Map<Tensor, QuantizedTensor>();
  const quantize = (x: Tensor, site: QuantizationSite): QuantizedTensor => {
    if (activations === 'dynamic') return quantizeDynamic(x);
    if (activations === 'perRow' || (activations === 'mixed' && !isNormalizedSite(site))) return quantizeRows(x, rowZeroPoint(site, config.hiddenAct));
    const { scale, zeroPoint } = siteInputs(site);
    return quantizeStatic(x, graph.input(scale, []), graph.input(zeroPoint, [], { dtype: 'uint8' }));
  };
  return (x, name) => {
    const known = quantized.get(x) ?? quantize(x, SITE_OF_DENSE[name]);
    quantized.set(x, known);
    const { values, scales, inputs, outputs } = int8.dense.get(name)!;
    const weight = {
      values: graph.constant(values, [inputs, outputs]),
      scales: graph.constant(scales, [outputs]),
      zeroPoints: graph.constant(new Int8Array(outputs), [outputs]),
    };
    return quantizedLinear(known, weight, parameter(`${name}.bias`));
  };
}

/** Compiles the pooler: `firstTokens` -> `pooled`. */
export function compilePooler(config: AlbertConfig, weights: Weights, options: CompileOptions): Promise<CompiledGraph> {
  const graph = new Graph();
  const firstTokens = graph.input('firstTokens', ['batch', config.hiddenSize]);
  return compile({ outputs: { pooled: pooler(constantParameters(graph, weights), firstTokens) } }, options);
}

/** Compiles the masked-LM head: `selected` -> `logits`. */
export function compileMaskedLmHead(config: AlbertConfig, weights: Weights, options: CompileOptions): Promise<CompiledGraph> {
  const graph = new Graph();
  const selected = graph.input('selected', ['positions', config.hiddenSize]);
  return compile({ outputs: { logits: maskedLmHead(config, constantParameters(graph, weights), selected) } }, options);
}

/** Compiles a linear head: `x` -> `logits`. */
export function compileLinearHead(config: AlbertConfig, weights: Weights, name: string, options: CompileOptions): Promise<CompiledGraph> {
  const graph = new Graph();
  const x = graph.input('x', ['rows', config.hiddenSize]);
  return compile({ outputs: { logits: linearHead(constantParameters(graph, weights), name, x) } }, options);
}
