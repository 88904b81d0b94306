import type { FileRange } from '../graph/graph.ts';
import { firstPosition, hasEmbeddingMapping, headSize, type AlbertConfig } from './config.ts';

/**
 * Name and shape of one weight. Names are Hugging Face's `state_dict` keys of ALBERT with the `albert.` prefix,
 * whatever the family: files of the others are renamed when they are read and written.
 */
export interface ParameterSpec {
  /** Canonical name. */
  name: string;
  /** Outermost dimension first; a dense weight is `[outputs, inputs]`. */
  shape: number[];
}

/** Weights of a fully connected layer. */
export const dense = (name: string, outputs: number, inputs: number): ParameterSpec[] => [
  { name: `${name}.weight`, shape: [outputs, inputs] },
  { name: `${name}.bias`, shape: [outputs] },
];
/** Weights of a LayerNorm. */
export const norm = (name: string, size: number): ParameterSpec[] => [
  { name: `${name}.weight`, shape: [size] },
  { name: `${name}.bias`, shape: [size] },
];

/** Weights of the embeddings and, in ALBERT, of the mapping from `embeddingSize` to `hiddenSize`. */
export function embeddingParameters(config: AlbertConfig): ParameterSpec[] {
  const { embeddingSize } = config;
  const prefix = 'albert.embeddings';
  return [
    { name: `${prefix}.word_embeddings.weight`, shape: [config.vocabSize, embeddingSize] },
    {
      name: `${prefix}.position_embeddings.weight`,
      shape: [config.maxPositionEmbeddings + firstPosition(config), embeddingSize],
    },
    { name: `${prefix}.token_type_embeddings.weight`, shape: [config.typeVocabSize, embeddingSize] },
    ...norm(`${prefix}.LayerNorm`, embeddingSize),
    ...(hasEmbeddingMapping(config)
      ? dense('albert.encoder.embedding_hidden_mapping_in', config.hiddenSize, embeddingSize)
      : []),
  ];
}

/** Prefix of the weights of inner layer `layer` of group `group`. */
export function layerPrefix(group: number, layer: number): string {
  return `albert.encoder.albert_layer_groups.${group}.albert_layers.${layer}`;
}

/** Weights of one inner layer, named without their {@link layerPrefix}. */
export function layerParameters(config: AlbertConfig): ParameterSpec[] {
  const { hiddenSize, intermediateSize } = config;
  const relative =
    config.positionEmbeddingType === 'absolute'
      ? []
      : [
          {
            name: 'attention.distance_embedding.weight',
            shape: [2 * config.maxPositionEmbeddings - 1, headSize(config)],
          },
        ];
  return [
    ...dense('attention.query', hiddenSize, hiddenSize),
    ...dense('attention.key', hiddenSize, hiddenSize),
    ...dense('attention.value', hiddenSize, hiddenSize),
    ...dense('attention.dense', hiddenSize, hiddenSize),
    ...norm('attention.LayerNorm', hiddenSize),
    ...relative,
    ...dense('ffn', intermediateSize, hiddenSize),
    ...dense('ffn_output', hiddenSize, intermediateSize),
    ...norm('full_layer_layer_norm', hiddenSize),
  ];
}

/** Weights of the pooler: `tanh(W · h[CLS] + b)`. */
export function poolerParameters(config: AlbertConfig): ParameterSpec[] {
  return dense('albert.pooler', config.hiddenSize, config.hiddenSize);
}

/** All weights of the encoder in checkpoint order; the pooler is optional in a checkpoint. */
export function encoderParameters(config: AlbertConfig): ParameterSpec[] {
  const layers: ParameterSpec[] = [];
  for (let group = 0; group < config.numHiddenGroups; group++) {
    for (let layer = 0; layer < config.innerGroupNum; layer++) {
      for (const spec of layerParameters(config))
        layers.push({ ...spec, name: `${layerPrefix(group, layer)}.${spec.name}` });
    }
  }
  return [...embeddingParameters(config), ...layers];
}

/** Number of scalars in a list of specs. */
export function countParameters(specs: readonly ParameterSpec[]): number {
  return specs.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);
}

/** One loaded weight: row-major values with their shape. */
export interface Weight {
  /** Outermost dimension first. */
  shape: number[];
  /** Large weights of files on disk are read when this is first asked for. */
  readonly data: Float32Array;
  /** Where the values stand as raw float32, if they do: the runtime can map them instead of taking a copy. */
  readonly file?: FileRange;
  /** Elements `[start, end)` without reading the rest; present where `data` is read late. */
  slice?(start: number, end: number): Float32Array;
}

/** Weights by canonical name (see {@link ParameterSpec}). */
export type Weights = Map<string, Weight>;
