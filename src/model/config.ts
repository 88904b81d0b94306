import { AlbertineError, describeValue } from '../core/errors.ts';

/**
 * Activation functions by unambiguous name. `gelu_erf` is exact; `gelu_tanh` is the approximation Google's ALBERT used.
 */
export const ACTIVATIONS = ['gelu_erf', 'gelu_tanh', 'relu', 'silu', 'tanh', 'sigmoid'] as const;
/** One of {@link ACTIVATIONS}. */
export type Activation = (typeof ACTIVATIONS)[number];

/** How positions enter attention. */
export const POSITION_EMBEDDING_TYPES = ['absolute', 'relative_key', 'relative_key_query'] as const;
/** One of {@link POSITION_EMBEDDING_TYPES}. */
export type PositionEmbeddingType = (typeof POSITION_EMBEDDING_TYPES)[number];

/**
 * Families that are one graph: BERT is ALBERT with a group of its own for every layer and without the mapping from
 * narrower embeddings; RoBERTa and XLM-R are BERT with positions that begin behind the padding's.
 */
export const MODEL_TYPES = ['albert', 'bert', 'roberta', 'xlm-roberta'] as const;
/** One of {@link MODEL_TYPES}, as `model_type` of a `config.json` spells it. */
export type ModelType = (typeof MODEL_TYPES)[number];

/**
 * The shape and constants of an ALBERT network, or of one of its family ({@link AlbertConfig.modelType}). Field
 * meanings follow Hugging Face's `AlbertConfig`.
 */
export interface AlbertConfig {
  /**
   * The family that names weights and decides what of ALBERT is absent. Default `albert`; the others need a group a
   * layer and `embeddingSize` equal to `hiddenSize`.
   */
  modelType?: ModelType;
  /** Rows of the word embeddings. */
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
  /** Divides `hiddenSize`. */
  numAttentionHeads: number;
  /** Width inside the feed-forward block. */
  intermediateSize: number;
  /** Of the feed-forward block and of the masked-word head. */
  hiddenAct: Activation;
  /** Dropout on embeddings, attention output and feed-forward output. Zero in all v2 checkpoints. */
  hiddenDropoutProb: number;
  /** Dropout on attention probabilities. */
  attentionProbsDropoutProb: number;
  /** Dropout before a task head; independent of `hiddenDropoutProb`. */
  classifierDropoutProb: number;
  /**
   * Tokens that the network reads at most, special ones included. RoBERTa's own files count {@link firstPosition} more.
   */
  maxPositionEmbeddings: number;
  /** Number of token types; 2 for pairs of texts. */
  typeVocabSize: number;
  /** Standard deviation of the normal initialisation. */
  initializerRange: number;
  /** Added to the variance in every LayerNorm. */
  layerNormEps: number;
  /** How positions enter attention. */
  positionEmbeddingType: PositionEmbeddingType;
  /** Id that fills up batches. */
  padTokenId: number;
  /** Id that begins a text; the network itself does not use it. */
  bosTokenId: number;
  /** Id that ends a text; the network itself does not use it. */
  eosTokenId: number;
}

/**
 * ALBERT-base-v2's values: a base for own configs. (A key missing in a Hugging Face file means xxlarge's value
 * instead.)
 */
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

/** The family of a config. */
export function modelTypeOf({ modelType = 'albert' }: Pick<AlbertConfig, 'modelType'>): ModelType {
  return modelType;
}

/**
 * Whether embeddings are factorised, so that a dense layer maps them to the hidden width. Others have no such layer,
 * not an identity.
 */
export function hasEmbeddingMapping(config: AlbertConfig): boolean {
  return modelTypeOf(config) === 'albert';
}

/**
 * Row of the position table that the first token of a text takes. RoBERTa's code counts from the padding's id on, and
 * gives padding that id itself; as padding stands at the end and nothing sees it, counting every token gives the same.
 */
export function firstPosition(config: AlbertConfig): number {
  return modelTypeOf(config).endsWith('roberta') ? config.padTokenId + 1 : 0;
}

/**
 * Index of the layer group that depth `depth` uses, as in the paper's released code: consecutive depths share a group.
 */
export function groupOfDepth(config: AlbertConfig, depth: number): number {
  return Math.floor(depth / (config.numHiddenLayers / config.numHiddenGroups));
}

/**
 * Bounds of every count, far above any model there is. A config is somebody else's file, and memory and time are spent
 * by its numbers before a weight could contradict them: the number of layers is borne out by no weight at all.
 */
const LARGEST = {
  vocabSize: 1 << 24,
  embeddingSize: 1 << 16,
  hiddenSize: 1 << 16,
  numHiddenLayers: 1000,
  numHiddenGroups: 1000,
  innerGroupNum: 1000,
  numAttentionHeads: 1 << 16,
  intermediateSize: 1 << 20,
  maxPositionEmbeddings: 1 << 20,
  typeVocabSize: 1 << 16,
} as const satisfies Partial<Record<keyof AlbertConfig, number>>;

/**
 * Checks sizes, probabilities and divisibility; returns `config` or throws `invalid_config` naming the field, as
 * `nameOf` calls it.
 */
export function validateConfig(
  config: AlbertConfig,
  nameOf: (field: keyof AlbertConfig) => string = (field) => field,
): AlbertConfig {
  const fail = (field: keyof AlbertConfig, rule: string): never => {
    throw new AlbertineError('invalid_config', `config.${nameOf(field)} ${rule}, got ${describeValue(config[field])}`, {
      value: config[field],
    });
  };
  for (const [field, most] of Object.entries(LARGEST) as [keyof typeof LARGEST, number][]) {
    if (!Number.isInteger(config[field]) || config[field] < 1) fail(field, 'must be a positive integer');
    if (config[field] > most) fail(field, `must be at most ${most.toLocaleString('en-US')}`);
  }
  const probabilities = ['hiddenDropoutProb', 'attentionProbsDropoutProb', 'classifierDropoutProb'] as const;
  for (const field of probabilities) if (!(config[field] >= 0 && config[field] < 1)) fail(field, 'must be in [0, 1)');
  if (!(config.layerNormEps > 0 && config.layerNormEps <= 1)) fail('layerNormEps', 'must be positive and at most 1');
  if (!(config.initializerRange >= 0 && Number.isFinite(config.initializerRange)))
    fail('initializerRange', 'must be a number of at least 0');
  for (const field of ['padTokenId', 'bosTokenId', 'eosTokenId'] as const) {
    if (
      !Number.isInteger(config[field]) ||
      config[field] < (field === 'padTokenId' ? 0 : -1) ||
      config[field] > LARGEST.vocabSize
    )
      fail(field, 'must be the id of a token');
  }
  if (config.padTokenId >= config.vocabSize) fail('padTokenId', `must be below vocabSize (${config.vocabSize})`);
  if (!ACTIVATIONS.includes(config.hiddenAct)) fail('hiddenAct', `must be one of ${ACTIVATIONS.join(', ')}`);
  if (!POSITION_EMBEDDING_TYPES.includes(config.positionEmbeddingType))
    fail('positionEmbeddingType', `must be one of ${POSITION_EMBEDDING_TYPES.join(', ')}`);
  if (config.hiddenSize % config.numAttentionHeads !== 0)
    fail('numAttentionHeads', `must divide hiddenSize (${config.hiddenSize})`);
  if (config.numHiddenGroups > config.numHiddenLayers)
    fail('numHiddenGroups', `must not exceed numHiddenLayers (${config.numHiddenLayers})`);
  if (config.numHiddenLayers * config.innerGroupNum > LARGEST.numHiddenLayers)
    fail(
      'innerGroupNum',
      `makes more than ${LARGEST.numHiddenLayers} layers with numHiddenLayers ${config.numHiddenLayers}`,
    );
  const type = modelTypeOf(config);
  if (!MODEL_TYPES.includes(type)) fail('modelType', `must be one of ${MODEL_TYPES.join(', ')}`);
  if (type !== 'albert') validateFamily(config, type, fail);
  return config;
}

/** What ALBERT can choose and its family cannot: their files have no place for it. */
function validateFamily(
  config: AlbertConfig,
  type: ModelType,
  fail: (field: keyof AlbertConfig, rule: string) => never,
): void {
  if (config.embeddingSize !== config.hiddenSize)
    fail('embeddingSize', `must be hiddenSize (${config.hiddenSize}) in ${type}, which has no mapping between the two`);
  if (config.numHiddenGroups !== config.numHiddenLayers)
    fail(
      'numHiddenGroups',
      `must be numHiddenLayers (${config.numHiddenLayers}) in ${type}, whose layers share nothing`,
    );
  if (config.innerGroupNum !== 1) fail('innerGroupNum', `must be 1 in ${type}`);
  // BERT divides the relative scores by the square root of the head size, ALBERT does not; transformers 5 has dropped
  // both.
  if (config.positionEmbeddingType !== 'absolute') fail('positionEmbeddingType', `must be absolute in ${type}`);
}
