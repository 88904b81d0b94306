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
// Adapters: few numbers that adapt a model which stays as it is
export { DENSE_LAYERS, type AdapterSettings, type DenseName } from './adapters/adapter.ts';
export {
  canFold,
  createAdapter,
  extendedBy,
  foldAdapter,
  foldedConfig,
  initialAdapter,
  type Adapter,
} from './adapters/methods.ts';
export {
  ADAPTER_METHODS,
  ADAPTER_PLACEMENTS,
  type AdapterMethodName,
  type AdapterPlacement,
} from './adapters/names.ts';
export type { ExtensionParameter, ExtensionScope, LayerExtension } from './extension.ts';
export type { Extended } from './extension-inputs.ts';
