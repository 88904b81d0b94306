import { AlbertineError, describeValue } from '../core/errors.ts';
import { firstPosition, MODEL_TYPES, type AlbertConfig, type ModelType } from '../model/config.ts';

/** Fields that follow from others in every family but ALBERT; its files do not have them. */
export const NOT_IN_FAMILIES: ReadonlySet<keyof AlbertConfig> = new Set([
  'embeddingSize',
  'numHiddenGroups',
  'innerGroupNum',
]);

/**
 * What Hugging Face's `BertConfig` and those made from it take a missing key to mean; its network uses neither a first
 * nor a last id.
 */
export const FAMILY_DEFAULTS: Partial<AlbertConfig> = {
  vocabSize: 30522,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  maxPositionEmbeddings: 512,
  bosTokenId: -1,
  eosTokenId: -1,
};

/** The family that `model_type` names. Throws `unsupported` for one that is no such encoder, and for decoders. */
export function familyType(keys: Record<string, unknown>): ModelType {
  const type = MODEL_TYPES.find((name) => name === keys.model_type);
  if (type === undefined) {
    throw new AlbertineError(
      'unsupported',
      `config.model_type must be ${MODEL_TYPES.slice(0, -1).join(', ')} or ${MODEL_TYPES.at(-1)}, got ${describeValue(keys.model_type)}`,
      {
        value: keys.model_type,
        hint: 'Other networks have other layers; ALBERT, BERT, RoBERTa and XLM-R checkpoints can be read',
      },
    );
  }
  for (const key of ['is_decoder', 'add_cross_attention']) {
    if (keys[key] === true)
      throw new AlbertineError('unsupported', `config.${key} is true: only encoders can be read`, {
        value: keys[key],
        hint: 'Take the encoder of the pair',
      });
  }
  return type;
}

/** The fields that files of a family leave out, and positions counted as here: in tokens that can be read. */
export function completeFamily(
  read: AlbertConfig,
  { type, keys }: { type: ModelType; keys: Record<string, unknown> },
): AlbertConfig {
  const roberta = type.endsWith('roberta');
  const config: AlbertConfig = {
    ...read,
    modelType: type,
    embeddingSize: read.hiddenSize,
    numHiddenGroups: read.numHiddenLayers,
    innerGroupNum: 1,
    padTokenId: typeof keys.pad_token_id === 'number' ? keys.pad_token_id : roberta ? 1 : 0,
    // null means the dropout of the layers.
    classifierDropoutProb:
      typeof keys.classifier_dropout === 'number' ? keys.classifier_dropout : read.hiddenDropoutProb,
  };
  const positions = read.maxPositionEmbeddings - firstPosition(config);
  if (!(positions >= 1))
    throw new AlbertineError(
      'invalid_config',
      `config.max_position_embeddings must be above ${firstPosition(config)}, got ${read.maxPositionEmbeddings}`,
      { value: read.maxPositionEmbeddings, hint: `The first positions of ${type} are not those of tokens` },
    );
  return { ...config, maxPositionEmbeddings: positions };
}
