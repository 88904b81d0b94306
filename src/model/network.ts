import type { Tensor } from '../graph/graph.ts';
import { attention } from '../graph/operators/attention.ts';
import { geluErf, geluTanh, silu } from '../graph/operators/activation.ts';
import { add, applyMask, multiply, relu, sigmoid, tanh } from '../graph/operators/elementwise.ts';
import { linear, matmul } from '../graph/operators/matmul.ts';
import { layerNorm } from '../graph/operators/normalization.ts';
import { gather, padBefore, prepend, reshape, transpose } from '../graph/operators/shape.ts';
import { hasEmbeddingMapping, headSize, type Activation, type AlbertConfig } from './config.ts';

/**
 * ALBERT (Lan et al. 2020) in graph operators. Activations are kept as matrices of tokens, `[batch*sequence, width]`;
 * only attention unfolds them. Inference, training, float64 checks and the `.onnx` export all build on these functions.
 */

/** Gives the tensor of a weight by its name (see parameters.ts); layers ask without their prefix. */
export type ParameterLookup = (name: string) => Tensor;

/** A fully connected layer by parameter name; int8 inference substitutes its own. */
export type LinearLayer = (x: Tensor, name: string) => Tensor;

/** Name of the dimension of keys where a prefix comes before those of the text. */
export const PREFIXED_KEYS = 'keys';

/** Query, key and value of all heads, each `[batch, heads, sequence, width]`. */
export interface Projections {
  query: Tensor;
  key: Tensor;
  value: Tensor;
}

/** Keys and values before those of the text, for every text: each `[heads, length, width]`. */
export interface KeyValuePrefix {
  key: Tensor;
  value: Tensor;
}

/** Dropout masks of one layer, made on the host; an absent one means no dropout. */
export interface LayerDropout {
  /** `[batch, heads, sequence, sequence]` */
  attention?: Tensor | undefined;
  /** `[batch*sequence, hidden]`, after the attention's output projection. */
  attentionOutput?: Tensor | undefined;
  /** `[batch*sequence, hidden]`, after the feed-forward block. */
  feedForward?: Tensor | undefined;
}

/** What a layer needs besides its input and weights. */
export interface LayerInputs {
  /** 0 for visible keys, a large negative number for hidden ones: `[batch, 1, 1 or query, key]`. */
  attentionBias: Tensor;
  /** 1 for visible keys, else 0: `[batch*sequence, 1]`. Only needed where a text may have no visible token at all. */
  visible?: Tensor | undefined;
  /** Row of the distance table for each query and key: int64 `[sequence, sequence]`; for relative positions only. */
  distances?: Tensor | undefined;
  dropout?: LayerDropout | undefined;
  /** Replaces the dense layers; default is {@link linear} on `<name>.weight` and `<name>.bias`. */
  dense?: LinearLayer | undefined;
  /** Replaces the three projections of attention, by one product for instance. */
  project?: ((hidden: Tensor) => Projections) | undefined;
  /** Replaces the result of a LayerNorm. */
  normed?: ((x: Tensor, name: string) => Tensor) | undefined;
  prefix?: KeyValuePrefix | undefined;
}

/** Intermediate values of a layer: what int8 calibration and `attentions: true` read. */
export interface LayerOutputs {
  hidden: Tensor;
  /** `[batch, heads, query, key]` */
  probabilities: Tensor;
  /** Inputs of the four groups of dense layers, in execution order. */
  sites: Record<QuantizationSite, Tensor>;
}

/** Activations that feed dense layers and hence are quantised in int8 inference. */
export const QUANTIZATION_SITES = [
  'attentionInput',
  'attentionContext',
  'feedForwardInput',
  'feedForwardInner',
] as const;
/** One of {@link QUANTIZATION_SITES}. */
export type QuantizationSite = (typeof QUANTIZATION_SITES)[number];

const ACTIVATION_FUNCTIONS: Record<Activation, (x: Tensor) => Tensor> = {
  gelu_erf: geluErf,
  gelu_tanh: geluTanh,
  relu,
  silu,
  tanh,
  sigmoid,
};

/** Applies an activation by its config name. */
export function activate(x: Tensor, name: Activation): Tensor {
  return ACTIVATION_FUNCTIONS[name](x);
}

/** Fully connected layers whose weights are found by `parameter`. */
export const denseWith =
  (parameter: ParameterLookup): LinearLayer =>
  (x, name) =>
    linear(x, parameter(`${name}.weight`), parameter(`${name}.bias`));

/**
 * From the sum of word, position and token-type embeddings `[tokens, embeddingSize]` to the first hidden state
 * `[tokens, hiddenSize]`: LayerNorm, dropout, and the mapping that the factorisation needs, where there is one.
 */
export function embeddingProjection(
  config: AlbertConfig,
  parameter: ParameterLookup,
  embedded: Tensor,
  dropout?: Tensor,
): Tensor {
  const prefix = 'albert.embeddings.LayerNorm';
  const normalised = layerNorm(
    embedded,
    parameter(`${prefix}.weight`),
    parameter(`${prefix}.bias`),
    config.layerNormEps,
  );
  const dropped = applyMask(normalised, dropout);
  return hasEmbeddingMapping(config)
    ? denseWith(parameter)(dropped, 'albert.encoder.embedding_hidden_mapping_in')
    : dropped;
}

/** One transformer layer: `hidden: [batch*sequence, hiddenSize]` to the same shape. */
export function encoderLayer(
  config: AlbertConfig,
  parameter: ParameterLookup,
  hidden: Tensor,
  inputs: LayerInputs,
): LayerOutputs {
  const dense = inputs.dense ?? denseWith(parameter);
  const { context, probabilities } = selfAttention(config, parameter, hidden, { ...inputs, dense });
  const projected = applyMask(dense(context, 'attention.dense'), inputs.dropout?.attentionOutput);
  const attended = norm(add(hidden, projected), 'attention.LayerNorm');
  const inner = activate(dense(attended, 'ffn'), config.hiddenAct); // [tokens, intermediate]
  const output = applyMask(dense(inner, 'ffn_output'), inputs.dropout?.feedForward);
  return {
    hidden: norm(add(attended, output), 'full_layer_layer_norm'),
    probabilities,
    sites: { attentionInput: hidden, attentionContext: context, feedForwardInput: attended, feedForwardInner: inner },
  };
  function norm(x: Tensor, name: string): Tensor {
    const y = layerNorm(x, parameter(`${name}.weight`), parameter(`${name}.bias`), config.layerNormEps);
    return inputs.normed ? inputs.normed(y, name) : y;
  }
}

function selfAttention(
  config: AlbertConfig,
  parameter: ParameterLookup,
  hidden: Tensor,
  inputs: LayerInputs & { dense: LinearLayer },
): { context: Tensor; probabilities: Tensor } {
  const { hiddenSize } = config;
  const project = inputs.project ?? ((x: Tensor): Projections => separateProjections(config, inputs.dense, x));
  const { query, key, value } = project(hidden);
  // Hidden keys get probability 0 anyway; zeroing their values makes a row without visible keys zero instead of an
  // average.
  const values = inputs.visible ? multiply(value, reshape(inputs.visible, ['batch', 1, 'sequence', 1])) : value;
  const { prefix } = inputs;
  const keys = prefix ? prepend(prefix.key, key, PREFIXED_KEYS) : key; // [batch, heads, keys, width]
  const allValues = prefix ? prepend(prefix.value, values, PREFIXED_KEYS) : values;
  // Every query sees the prefix, and it is not dropped.
  const withPrefix = (x: Tensor, value: number): Tensor =>
    prefix ? padBefore(x, { axis: 3, count: Number(prefix.key.shape[1]), value, dim: PREFIXED_KEYS }) : x;
  const { context, probabilities } = attention(query, keys, allValues, {
    scale: 1 / Math.sqrt(headSize(config)),
    bias: withPrefix(inputs.attentionBias, 0),
    relativeScores: relativeScores(config, parameter, { query, key, distances: inputs.distances }),
    dropoutMask: inputs.dropout?.attention && withPrefix(inputs.dropout.attention, 1),
  });
  return {
    context: reshape(transpose(context, [0, 2, 1, 3]), ['batch*sequence', hiddenSize]),
    probabilities: inputs.visible
      ? multiply(probabilities, reshape(inputs.visible, ['batch', 1, 1, 'sequence']))
      : probabilities,
  };
}

function separateProjections({ numAttentionHeads }: AlbertConfig, dense: LinearLayer, hidden: Tensor): Projections {
  const project = (name: string): Tensor => splitHeads(dense(hidden, name), numAttentionHeads);
  return { query: project('attention.query'), key: project('attention.key'), value: project('attention.value') };
}

/** `[batch*sequence, heads * width]` to `[batch, heads, sequence, width]`. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const width = Number(x.shape[1]) / heads;
  return transpose(reshape(x, ['batch', 'sequence', heads, width]), [0, 2, 1, 3]);
}

/**
 * Scores between queries (and keys) and learned distance vectors (Shaw et al. 2018; Huang et al. 2020). Hugging Face's
 * ALBERT, unlike its BERT, does not divide them by the square root of the head size; its checkpoints decide.
 */
function relativeScores(
  config: AlbertConfig,
  parameter: ParameterLookup,
  parts: { query: Tensor; key: Tensor; distances: Tensor | undefined },
): Tensor | undefined {
  if (config.positionEmbeddingType === 'absolute' || !parts.distances) return undefined;
  const vectors = gather(parameter('attention.distance_embedding.weight'), parts.distances); // [query, key, width]
  const byQuery = againstDistances(config, parts.query, vectors); // [batch, heads, query, key]
  if (config.positionEmbeddingType === 'relative_key') return byQuery;
  const byKey = againstDistances(config, parts.key, transpose(vectors, [1, 0, 2])); // [batch, heads, key, query]
  return add(byQuery, transpose(byKey, [0, 1, 3, 2]));
}

/** `x: [batch, heads, l, width]` times `vectors: [l, r, width]` -> `[batch, heads, l, r]`, a product per position l. */
function againstDistances(config: AlbertConfig, x: Tensor, vectors: Tensor): Tensor {
  const heads = config.numAttentionHeads;
  const rows = reshape(transpose(x, [2, 0, 1, 3]), ['sequence', multiplyName('batch', heads), headSize(config)]); // [l, batch*heads, width]
  const scores = matmul(rows, vectors, { transposeB: true }); // [l, batch*heads, r]
  return transpose(reshape(scores, ['sequence', 'batch', heads, 'sequence']), [1, 2, 0, 3]);
}

const multiplyName = (name: string, factor: number): string => (factor === 1 ? name : `${factor}*${name}`);

/** `tanh(W h[CLS] + b)` on the first tokens' hidden states `[batch, hiddenSize]`. */
export function pooler(parameter: ParameterLookup, firstTokens: Tensor): Tensor {
  return tanh(denseWith(parameter)(firstTokens, 'albert.pooler'));
}
