import type { Graph, Tensor } from '../graph/graph.ts';
import { compare, divide, multiply, sqrt, toReal, where } from '../graph/operators/elementwise.ts';
import { rawSum } from '../graph/operators/reduce.ts';
import { reshape } from '../graph/operators/shape.ts';
import type { AlbertConfig } from '../model/config.ts';
import { headOf, headParameters, type HeadName } from '../model/heads.ts';
import { pooler, type ParameterLookup } from '../model/network.ts';
import { poolerParameters, type ParameterSpec } from '../model/parameters.ts';
import type { Pooling } from '../model/pooling.ts';
import type { OnnxOutput } from './onnx-names.ts';

export { ONNX_OUTPUTS, type OnnxOutput } from './onnx-names.ts';

/**
 * Weights besides the encoder's that an output reads (numbers of labels are those of the file, so shapes are not
 * checked).
 */
export function headOfOutput(config: AlbertConfig, output: OnnxOutput, pooling?: Pooling): ParameterSpec[] {
  switch (output) {
    case 'hidden':
      return [];
    case 'pooler':
      return poolerParameters(config);
    case 'embeddings':
      return pooling === 'pooler' ? poolerParameters(config) : [];
    case 'pretraining':
      return [
        ...headParameters(config, 'maskedLm'),
        ...poolerParameters(config),
        ...headParameters(config, 'sentenceOrder'),
      ];
    default:
      return [
        ...(headOf(output).reads === 'pooled' ? poolerParameters(config) : []),
        ...headParameters(config, output),
      ];
  }
}

/** What {@link buildOutputs} reads. */
export interface OutputSource {
  kind: OnnxOutput;
  /** `[batch, sequence, hidden]` */
  hidden: Tensor;
  /** Boolean, `[batch, sequence]`. */
  visible: Tensor;
  pooling: Pooling;
  normalize: boolean;
}

/** The named outputs of a kind; the last hidden state goes through the heads of the network's definition. */
export function buildOutputs(
  config: AlbertConfig,
  parameter: ParameterLookup,
  source: OutputSource,
): Record<string, Tensor> {
  const { hidden, kind } = source;
  const pooled = (): Tensor => pooler(parameter, firstTokens(hidden));
  const headLogits = (name: HeadName): Tensor => {
    const head = headOf(name);
    const logits = (x: Tensor): Tensor => head.logits(config, parameter, x);
    return head.reads === 'pooled' ? logits(pooled()) : tokenLogits(config, hidden, logits);
  };
  switch (kind) {
    case 'hidden':
      return { last_hidden_state: hidden };
    case 'pooler':
      return { last_hidden_state: hidden, pooler_output: pooled() };
    case 'embeddings':
      return { token_embeddings: hidden, sentence_embedding: sentenceEmbedding(source, pooled) };
    case 'pretraining':
      return { prediction_logits: headLogits('maskedLm'), sop_logits: headLogits('sentenceOrder') };
    default: {
      const names = headOf(kind).onnxOutputs;
      const logits = headLogits(kind);
      return names.length === 1
        ? { [names[0]]: logits }
        : Object.fromEntries(names.map((name, index) => [name, take(logits, logits.shape.length - 1, index)]));
    }
  }
}

/** One index of an axis, which disappears. */
function take(x: Tensor, axis: number, index: number): Tensor {
  return x.graph.apply(
    'Gather',
    [x, x.graph.integer(index)],
    x.shape.filter((_, i) => i !== axis),
    { attributes: { axis } },
  );
}

const firstTokens = (hidden: Tensor): Tensor => take(hidden, 1, 0); // [batch, hidden]

/** Applies a head to every token: `[batch, sequence, hidden]` to `[batch, sequence, outputs]`. */
function tokenLogits(config: AlbertConfig, hidden: Tensor, head: (x: Tensor) => Tensor): Tensor {
  const logits = head(reshape(hidden, ['batch*sequence', config.hiddenSize])); // [batch*sequence, outputs]
  return reshape(logits, ['batch', 'sequence', logits.shape[1]]);
}

function sentenceEmbedding(source: OutputSource, pooled: () => Tensor): Tensor {
  const vectors = source.pooling === 'pooler' ? pooled() : poolTokens(source.pooling, source.hidden, source.visible);
  return source.normalize ? divide(vectors, vectorLengths(vectors)) : vectors;
}

/** Lengths of rows, `[batch, 1]`; that of a zero row is replaced by a tiny one so that dividing leaves it zero. */
function vectorLengths(vectors: Tensor): Tensor {
  return sqrt(atLeast(rawSum(multiply(vectors, vectors), [1], true), 1e-24));
}

/** Pools visible tokens as {@link poolRow} does; a row without any gives zeros. */
function poolTokens(pooling: Exclude<Pooling, 'pooler'>, hidden: Tensor, visible: Tensor): Tensor {
  const { graph } = hidden;
  if (pooling === 'cls') return firstTokens(hidden);
  const shown = graph.apply('Unsqueeze', [visible, graph.integers([2])], ['batch', 'sequence', 1], { dtype: 'bool' });
  if (pooling === 'max') {
    const lowest = where(shown, hidden, graph.real(-3e38));
    const largest = graph.apply('ReduceMax', [lowest, graph.integers([1])], [hidden.shape[0], hidden.shape[2]], {
      attributes: { keepdims: 0 },
    });
    const anyVisible = compare('Greater', rawSum(toReal(visible), [1], true), graph.real(0)); // [batch, 1]
    return where(anyVisible, largest, graph.real(0));
  }
  const mask = toReal(shown);
  const weights = pooling === 'weighted' ? multiply(mask, tokenNumbers(graph)) : mask; // [batch, sequence, 1]
  const total = atLeast(rawSum(weights, [1], false), 1); // [batch, 1]
  return divide(rawSum(multiply(hidden, weights), [1], false), pooling === 'mean_sqrt' ? sqrt(total) : total);
}

/** 1, 2, 3 ... along the sequence: `[sequence, 1]`. */
function tokenNumbers(graph: Graph): Tensor {
  const ones = graph.apply('Expand', [graph.real(1, [1, 1]), graph.runtimeShape(['sequence', 1])], ['sequence', 1]);
  return graph.apply('CumSum', [ones, graph.integer(0)], ['sequence', 1]);
}

const atLeast = (x: Tensor, minimum: number): Tensor => x.graph.apply('Max', [x, x.graph.real(minimum)], x.shape);
