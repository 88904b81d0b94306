import { AlbertineError, describeValue } from '../core/errors.ts';

/** Activation functions by unambiguous name. `gelu_erf` is exact; `gelu_tanh` is the approximation Google's ALBERT used. */
export const ACTIVATIONS = ['gelu_erf', 'gelu_tanh', 'relu', 'silu', 'tanh', 'sigmoid'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** How positions enter attention. */
export const POSITION_EMBEDDING_TYPES = ['absolute', 'relative_key', 'relative_key_query'] as const;
export type PositionEmbeddingType = (typeof POSITION_EMBEDDING_TYPES)[number];

/** The shape and constants of an ALBERT network. Field meanings follow Hugging Face's `AlbertConfig`. */
export interface AlbertConfig {
  vocabSize: number;
  /** Width of the factorised embeddings (E in the paper). */
  embeddingSize: number;
  /** Width of the encoder (H). */
  hiddenSize: number;
  /** Depth: how many times a layer group is applied. */
  numHiddenLayers: number;
  /** Number of parameter groups that share weights over depth; 1 shares everything. */
  numHiddenGroups: number;
  /** Layers inside one group, each with its own weights. */
  innerGroupNum: number;
  numAttentionHeads: number;
  intermediateSize: number;
  hiddenAct: Activation;
  /** Dropout on embeddings, attention output and feed-forward output. Zero in all v2 checkpoints. */
  hiddenDropoutProb: number;
  attentionProbsDropoutProb: number;
  /** Dropout before a task head; independent of `hiddenDropoutProb`. */
  classifierDropoutProb: number;
  maxPositionEmbeddings: number;
  typeVocabSize: number;
  /** Standard deviation of the normal initialisation. */
  initializerRange: number;
  layerNormEps: number;
  positionEmbeddingType: PositionEmbeddingType;
  padTokenId: number;
  bosTokenId: number;
  eosTokenId: number;
}

/** ALBERT-base-v2's values: a base for own configs. (A key missing in a Hugging Face file means xxlarge's value instead.) */
export const DEFAULT_CONFIG: AlbertConfig = {
  vocabSize: 30000,
  embeddingSize: 128,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numHiddenGroups: 1,
  innerGroupNum: 1,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu_tanh',
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
  classifierDropoutProb: 0.1,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  positionEmbeddingType: 'absolute',
  padTokenId: 0,
  bosTokenId: 2,
  eosTokenId: 3,
};

/** Width of one attention head. */
export function headSize(config: AlbertConfig): number {
  return config.hiddenSize / config.numAttentionHeads;
}

/** Index of the layer group that depth `depth` uses, as in the paper's released code: consecutive depths share a group. */
export function groupOfDepth(config: AlbertConfig, depth: number): number {
  return Math.floor(depth / (config.numHiddenLayers / config.numHiddenGroups));
}

/** Checks sizes, probabilities and divisibility; returns `config` or throws `invalid_config` naming the field. */
export function validateConfig(config: AlbertConfig): AlbertConfig {
  const fail = (field: keyof AlbertConfig, rule: string): never => {
    throw new AlbertineError('invalid_config', `config.${field} ${rule}, got ${describeValue(config[field])}`, { value: config[field] });
  };
  const sizes = ['vocabSize', 'embeddingSize', 'hiddenSize', 'numHiddenLayers', 'numHiddenGroups', 'innerGroupNum', 'numAttentionHeads', 'intermediateSize', 'maxPositionEmbeddings', 'typeVocabSize'] as const;
  for (const field of sizes) if (!Number.isInteger(config[field]) || config[field] < 1) fail(field, 'must be a positive integer');
  const probabilities = ['hiddenDropoutProb', 'attentionProbsDropoutProb', 'classifierDropoutProb'] as const;
  for (const field of probabilities) if (!(config[field] >= 0 && config[field] < 1)) fail(field, 'must be in [0, 1)');
  if (!(config.layerNormEps > 0)) fail('layerNormEps', 'must be positive');
  if (!ACTIVATIONS.includes(config.hiddenAct)) fail('hiddenAct', `must be one of ${ACTIVATIONS.join(', ')}`);
  if (!POSITION_EMBEDDING_TYPES.includes(config.positionEmbeddingType)) fail('positionEmbeddingType', `must be one of ${POSITION_EMBEDDING_TYPES.join(', ')}`);
  if (config.hiddenSize % config.numAttentionHeads !== 0) fail('numAttentionHeads', `must divide hiddenSize (${config.hiddenSize})`);
  if (config.numHiddenGroups > config.numHiddenLayers) fail('numHiddenGroups', `must not exceed numHiddenLayers (${config.numHiddenLayers})`);
  return config;
}
