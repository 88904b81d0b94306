import type { Tensor } from '../graph/graph.ts';
import { layerNorm } from '../graph/operators/normalization.ts';
import { modelTypeOf, type AlbertConfig, type ModelType } from './config.ts';
import { activate, denseWith, type ParameterLookup } from './network.ts';
import { applyMask } from '../graph/operators/elementwise.ts';
import { linear } from '../graph/operators/matmul.ts';
import { dense, norm, type ParameterSpec } from './parameters.ts';

/**
 * What a head reads: `pooled` the pooler's output `[batch, hidden]`, `tokens` every token `[batch*sequence, hidden]`,
 * `positions` chosen tokens `[positions, hidden]` (all of them where none are chosen, as in an export).
 */
export type HeadInput = 'pooled' | 'tokens' | 'positions';

/** One head; loading, saving, model card, ONNX export, dropout, `info` and `init` follow from it. */
export interface Head {
  /** Class of Hugging Face's `transformers` that has it, in ALBERT's family. */
  readonly architecture: string;
  /** The Hub's name of the task. */
  readonly pipelineTag: string;
  /** What of the encoder's output it reads. */
  readonly reads: HeadInput;
  /** Name of a weight by which it is recognised in a file; heads with the same one are told apart by the config. */
  readonly marker: string;
  /** Width of its logits: fixed, or as many as there are labels. */
  readonly outputs: number | 'labels' | 'vocabulary';
  /** Names of the exported outputs: one for all logits, or one for each. */
  readonly onnxOutputs: readonly string[];
  /** Weights besides the encoder's, the pooler's and the word embeddings; `outputs` is the number of labels. */
  parameters(config: AlbertConfig, outputs: number): ParameterSpec[];
  /**
   * Weights that a checkpoint may have besides, all of them or none. Their axes are outputs of the head; Python's
   * `transformers` leaves them unread.
   */
  readonly optional?: OptionalPart;
  /** Logits `[rows, outputs]` of `x` `[rows, hidden]`; `mask` is dropout before the head. */
  logits(config: AlbertConfig, parameter: ParameterLookup, x: Tensor, mask?: Tensor): Tensor;
}

/** See {@link Head.optional}. */
export interface OptionalPart {
  /** What messages and `run.json` call it. */
  readonly name: string;
  /** Its weights, for so many outputs of the head. */
  parameters(outputs: number): ParameterSpec[];
}

/**
 * Weights of a CRF on a tagger's logits: what a tag scores behind another `[tag before, tag]`, and at the beginning and
 * the end of a text `[tags]`. As the package pytorch-crf names them.
 */
export const CRF = {
  transitions: 'crf.transitions',
  start: 'crf.start_transitions',
  end: 'crf.end_transitions',
} as const;

const CRF_PART: OptionalPart = {
  name: 'crf',
  parameters: (outputs) => [
    { name: CRF.transitions, shape: [outputs, outputs] },
    { name: CRF.start, shape: [outputs] },
    { name: CRF.end, shape: [outputs] },
  ],
};

/** A fully connected layer on what the head reads. */
function linearHead(
  name: string,
  row: Omit<Head, 'marker' | 'parameters' | 'logits' | 'onnxOutputs'> & { onnxOutputs?: readonly string[] },
): Head {
  return {
    onnxOutputs: ['logits'],
    ...row,
    marker: `${name}.weight`,
    parameters: ({ hiddenSize }, outputs) =>
      dense(name, typeof row.outputs === 'number' ? row.outputs : outputs, hiddenSize),
    logits: (_, parameter, x, mask) => denseWith(parameter)(applyMask(x, mask), name),
  };
}

/**
 * ALBERT's heads, one row each. A checkpoint with several is named after the first of them in this order. `maskedLm`:
 * dense to `embeddingSize`, activation, LayerNorm, and the decoder tied to the word embeddings, whose bias is
 * `predictions.bias`.
 */
export const HEADS = {
  sequenceClassification: linearHead('classifier', {
    architecture: 'AlbertForSequenceClassification',
    pipelineTag: 'text-classification',
    reads: 'pooled',
    outputs: 'labels',
  }),
  tokenClassification: linearHead('classifier', {
    architecture: 'AlbertForTokenClassification',
    pipelineTag: 'token-classification',
    reads: 'tokens',
    outputs: 'labels',
    optional: CRF_PART,
  }),
  multipleChoice: linearHead('classifier', {
    architecture: 'AlbertForMultipleChoice',
    pipelineTag: 'multiple-choice',
    reads: 'pooled',
    outputs: 1,
  }),
  questionAnswering: linearHead('qa_outputs', {
    architecture: 'AlbertForQuestionAnswering',
    pipelineTag: 'question-answering',
    reads: 'tokens',
    outputs: 2,
    onnxOutputs: ['start_logits', 'end_logits'],
  }),
  sentenceOrder: linearHead('sop_classifier.classifier', {
    architecture: 'AlbertForPreTraining',
    pipelineTag: 'fill-mask',
    reads: 'pooled',
    outputs: 2,
  }),
  maskedLm: {
    architecture: 'AlbertForMaskedLM',
    pipelineTag: 'fill-mask',
    reads: 'positions',
    marker: 'predictions.dense.weight',
    outputs: 'vocabulary',
    onnxOutputs: ['logits'],
    parameters: ({ embeddingSize, hiddenSize, vocabSize }) => [
      ...dense('predictions.dense', embeddingSize, hiddenSize),
      ...norm('predictions.LayerNorm', embeddingSize),
      { name: 'predictions.bias', shape: [vocabSize] },
    ],
    logits(config, parameter, x) {
      const inner = activate(denseWith(parameter)(x, 'predictions.dense'), config.hiddenAct); // [positions, embedding]
      const normalised = layerNorm(
        inner,
        parameter('predictions.LayerNorm.weight'),
        parameter('predictions.LayerNorm.bias'),
        config.layerNormEps,
      );
      return linear(normalised, parameter('albert.embeddings.word_embeddings.weight'), parameter('predictions.bias')); // [positions, vocab]
    },
  },
} as const satisfies Record<string, Head>;

/** Heads that a checkpoint may carry on top of the encoder. */
export type HeadName = keyof typeof HEADS;

/** In the order of {@link HEADS}. */
export const HEAD_NAMES = Object.keys(HEADS) as HeadName[];

/** A head by its name, as the interface that all of them have. */
export const headOf = (name: HeadName): Head => HEADS[name];

/**
 * Weights of a head. The masked-LM decoder is tied to the word embeddings (`predictions.decoder.weight` is not
 * listed). `numLabels` is needed by the heads with as many outputs as labels. Default 2.
 */
export function headParameters(config: AlbertConfig, head: HeadName, numLabels = 2): ParameterSpec[] {
  return headOf(head).parameters(config, numLabels);
}

/** How the classes of `transformers` begin, by family. */
const CLASSES: Record<ModelType, string> = {
  albert: 'Albert',
  bert: 'Bert',
  roberta: 'Roberta',
  'xlm-roberta': 'XLMRoberta',
};

/** The optional part of a head of which `has` knows a weight. */
export function optionalPart(head: HeadName, has: (weight: string) => boolean): OptionalPart | undefined {
  const { optional } = headOf(head);
  return optional?.parameters(1).some(({ name }) => has(name)) ? optional : undefined;
}

/** The `transformers` class of a checkpoint with these heads. */
export function architectureOf(heads: readonly HeadName[], config: Pick<AlbertConfig, 'modelType'> = {}): string {
  const first = HEAD_NAMES.find((name) => heads.includes(name));
  return (first === undefined ? 'AlbertModel' : HEADS[first].architecture).replace(
    'Albert',
    CLASSES[modelTypeOf(config)],
  );
}

/** Whether `architectures` of a config name the class that has this head, of any family. */
export function namesHead(architectures: readonly string[], head: HeadName): boolean {
  return architectures.some((name) => name.replace(/^[A-Za-z]+?(?=For)/, 'Albert') === HEADS[head].architecture);
}

/**
 * Heads whose weights are present, in the order of {@link HEADS}. Several tasks call their head `classifier`: of heads
 * with the same marker the one asked for counts, then the one that `architectures` (of a config) names, then by whether
 * there is a pooler (taggers have none).
 */
export function headsPresent(
  has: (weight: string) => boolean,
  {
    wanted = [],
    architectures = [],
  }: { wanted?: readonly HeadName[] | undefined; architectures?: readonly string[] | undefined } = {},
): HeadName[] {
  const markers = [...new Set(HEAD_NAMES.map((name) => HEADS[name].marker))].filter(has);
  return markers.map((marker) => {
    const rivals = HEAD_NAMES.filter((name) => HEADS[name].marker === marker);
    const reads = has('albert.pooler.weight') ? 'pooled' : 'tokens';
    return (
      rivals.find((name) => wanted.includes(name)) ??
      rivals.find((name) => namesHead(architectures, name)) ??
      rivals.find((name) => HEADS[name].reads === reads) ??
      rivals[0]
    );
  });
}
