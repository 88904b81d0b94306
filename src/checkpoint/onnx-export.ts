import { AlbertineError, requireOneOf } from '../core/errors.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { writeOnnx } from '../graph/onnx/model.ts';
import { repeat } from '../graph/operators/control.ts';
import { add, compare, toReal, where } from '../graph/operators/elementwise.ts';
import { rawGather, reshape } from '../graph/operators/shape.ts';
import { firstPosition, groupOfDepth, validateConfig, type AlbertConfig } from '../model/config.ts';
import { constantParameters } from '../model/layer-graphs.ts';
import { embeddingProjection, encoderLayer, type LayerInputs, type ParameterLookup } from '../model/network.ts';
import { encoderParameters, layerPrefix, type Weights } from '../model/parameters.ts';
import type { Pooling } from '../model/pooling.ts';
import { ONNX_LAYOUTS, ONNX_OUTPUTS, type OnnxLayout, type OnnxOutput } from './onnx-names.ts';
import { buildOutputs, headOfOutput } from './onnx-outputs.ts';

export type { OnnxLayout } from './onnx-names.ts';

/** Options of {@link exportOnnx}. */
export interface OnnxExportOptions {
  /** What the file computes; see {@link OnnxOutput}. */
  output: OnnxOutput;
  /**
   * `loop` is the smaller graph and creates sessions faster; `unrolled` is what other tools emit and what graph
   * rewriters (quantisers, providers without control flow) expect. Default `unrolled`.
   */
  layout?: OnnxLayout;
  /** For output `embeddings`. Default `mean`. */
  pooling?: Pooling;
  /** For output `embeddings`: scales vectors to length 1. Default false. */
  normalize?: boolean;
  /** Puts weights into a second file of this name beside the model, as ONNX requires beyond 2 GiB. */
  externalDataFile?: string;
}

/** A serialised model: chunks to be written one after the other, referring to the weights without copying them. */
export interface OnnxExport {
  chunks: Uint8Array[];
  byteLength: number;
  /** Content of `externalDataFile`; empty without it. */
  externalChunks: Uint8Array[];
  outputNames: string[];
}

/** Operator set of exported files: 17 brought LayerNormalization, 18 the reductions with axes as inputs. */
export const ONNX_OPSET = 18;
/** Added to the scores of hidden keys: their probability is exactly 0, and nothing becomes infinite. */
const HIDDEN = -1e30;

/**
 * An `.onnx` file of standard operators only, with Hugging Face's inputs `input_ids`, `attention_mask` and
 * `token_type_ids` (int64 `[batch, sequence]`) and output names, so that transformers.js and ONNX Runtime in any
 * language run it. Every weight is stored once: the file has about four bytes a parameter. A row without visible token
 * gives zero context, never NaN. Values equal {@link AlbertEncoder}'s. Throws `weights_mismatch` listing missing
 * tensors, `unsupported` beyond 2 GiB without `externalDataFile`.
 */
export function exportOnnx(config: AlbertConfig, weights: Weights, options: OnnxExportOptions): OnnxExport {
  validateConfig(config);
  const output = requireOneOf('output', options.output, ONNX_OUTPUTS);
  const layout = requireOneOf('layout', options.layout ?? 'unrolled', ONNX_LAYOUTS);
  requireWeights(config, weights, options);
  const graph = new Graph('onnx');
  const parameter = constantParameters(graph, weights);
  const inputs = declareInputs(graph);
  const layers = layerInputs(graph, config, inputs);
  const first = embeddingProjection(config, parameter, embeddings(config, parameter, inputs));
  const last = runLayers(config, { parameter, hidden: first, inputs: layers, layout });
  const hidden = reshape(last, ['batch', 'sequence', config.hiddenSize]);
  const outputs = buildOutputs(config, parameter, {
    kind: output,
    hidden,
    visible: inputs.visible,
    pooling: options.pooling ?? 'mean',
    normalize: options.normalize ?? false,
  });
  const { externalDataFile } = options;
  const { chunks, byteLength, externalChunks } = writeOnnx(
    graph,
    { outputs },
    { opset: ONNX_OPSET, ...(externalDataFile !== undefined && { externalDataFile }) },
  );
  return { chunks, byteLength, externalChunks, outputNames: Object.keys(outputs) };
}

function requireWeights(config: AlbertConfig, weights: Weights, options: OnnxExportOptions): void {
  const needed = [...encoderParameters(config), ...headOfOutput(config, options.output, options.pooling)];
  const missing = needed.filter(({ name }) => !weights.has(name)).map(({ name }) => name);
  if (missing.length > 0) {
    throw new AlbertineError(
      'weights_mismatch',
      `output ${options.output} needs weights that are missing: ${missing.join(', ')}`,
      { value: missing },
    );
  }
}

interface ModelInputs {
  inputIds: Tensor;
  tokenTypeIds: Tensor;
  /** Boolean, `[batch, sequence]`. */
  visible: Tensor;
}

function declareInputs(graph: Graph): ModelInputs {
  const input = (name: string): Tensor => graph.input(name, ['batch', 'sequence'], { dtype: 'int64' });
  const [inputIds, attentionMask, tokenTypeIds] = [
    input('input_ids'),
    input('attention_mask'),
    input('token_type_ids'),
  ];
  return { inputIds, tokenTypeIds, visible: compare('Greater', attentionMask, graph.integer(0)) };
}

/** As many numbers as the sequence is long, from `first` on: int64 `[sequence]`. */
function positions(graph: Graph, first = 0): Tensor {
  const length = graph.apply('Squeeze', [graph.runtimeShape(['sequence'])], [], { dtype: 'int64' });
  const end = first === 0 ? length : graph.apply('Add', [length, graph.integer(first)], [], { dtype: 'int64' });
  return graph.apply('Range', [graph.integer(first), end, graph.integer(1)], ['sequence'], { dtype: 'int64' });
}

/** The sum of word, token-type and (absolute) position vectors, `[batch*sequence, embeddingSize]`. */
function embeddings(config: AlbertConfig, parameter: ParameterLookup, { inputIds, tokenTypeIds }: ModelInputs): Tensor {
  const table = (name: string): Tensor => parameter(`albert.embeddings.${name}.weight`);
  let sum = add(rawGather(table('word_embeddings'), inputIds), rawGather(table('token_type_embeddings'), tokenTypeIds)); // [batch, sequence, embedding]
  if (config.positionEmbeddingType === 'absolute')
    sum = add(sum, rawGather(table('position_embeddings'), positions(inputIds.graph, firstPosition(config))));
  return reshape(sum, ['batch*sequence', config.embeddingSize]);
}

function layerInputs(graph: Graph, config: AlbertConfig, { visible }: ModelInputs): LayerInputs {
  const bias = where(visible, graph.real(0), graph.real(HIDDEN)); // [batch, sequence]
  return {
    attentionBias: graph.apply('Unsqueeze', [bias, graph.integers([1, 2])], ['batch', 1, 1, 'sequence']),
    visible: toReal(reshape(visible, ['batch*sequence', 1])),
    distances: config.positionEmbeddingType === 'absolute' ? undefined : distances(graph, config),
  };
}

/** Row of the distance table for every query and key: `query - key + maxPositionEmbeddings - 1`. */
function distances(graph: Graph, config: AlbertConfig): Tensor {
  const index = positions(graph);
  const column = graph.apply('Unsqueeze', [index, graph.integers([1])], ['sequence', 1], { dtype: 'int64' });
  const difference = graph.apply('Sub', [column, index], ['sequence', 'sequence'], { dtype: 'int64' });
  return graph.apply('Add', [difference, graph.integer(config.maxPositionEmbeddings - 1)], ['sequence', 'sequence'], {
    dtype: 'int64',
  });
}

/** All depths: consecutive depths of one group are one Loop, or copies of the nodes that read the same weights. */
function runLayers(
  config: AlbertConfig,
  parts: { parameter: ParameterLookup; hidden: Tensor; inputs: LayerInputs; layout: OnnxLayout },
): Tensor {
  let { hidden } = parts;
  const depths = Array.from({ length: config.numHiddenLayers }, (_, depth) => groupOfDepth(config, depth));
  for (const group of new Set(depths)) {
    const applyGroup = (x: Tensor): Tensor => {
      for (let layer = 0; layer < config.innerGroupNum; layer++) {
        const prefix = layerPrefix(group, layer);
        x = encoderLayer(config, (name) => parts.parameter(`${prefix}.${name}`), x, parts.inputs).hidden;
      }
      return x;
    };
    const times = depths.filter((other) => other === group).length;
    if (parts.layout === 'loop' && times > 1) hidden = repeat(hidden, times, applyGroup);
    else for (let i = 0; i < times; i++) hidden = applyGroup(hidden);
  }
  return hidden;
}
