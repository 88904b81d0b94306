/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The network: configs, presets, parameters, heads, the encoder that runs it, pooling.
 *
 * @packageDocumentation
 */
export type { EncoderBatch } from './batch.ts';
export {
  ACTIVATIONS,
  DEFAULT_CONFIG,
  MODEL_TYPES,
  POSITION_EMBEDDING_TYPES,
  validateConfig,
  type Activation,
  type AlbertConfig,
  type ModelType,
  type PositionEmbeddingType,
} from './config.ts';
export {
  AlbertEncoder,
  type EncoderInt8,
  type EncoderOptions,
  type ForwardRequest,
  type ForwardResult,
} from './encoder.ts';
export {
  CRF,
  HEADS,
  headParameters,
  optionalPart,
  type Head,
  type HeadInput,
  type HeadName,
  type OptionalPart,
} from './heads.ts';
export type { ParameterLookup, QuantizationSite } from './network.ts';
export {
  countParameters,
  encoderParameters,
  poolerParameters,
  type ParameterSpec,
  type Weight,
  type Weights,
} from './parameters.ts';
export {
  binarizeVectors,
  cutDimensions,
  normalizeVector,
  POOLINGS,
  quantizeVectors,
  type Pooling,
  type VectorRanges,
} from './pooling.ts';
export { PRESETS, presetConfig, type Preset } from './presets.ts';
