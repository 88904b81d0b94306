/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Checkpoints: safetensors, PyTorch and TensorFlow files, Hugging Face folders and their `config.json`; reading them,
 * initial values of new ones.
 *
 * @packageDocumentation
 */
export { buildCard, type CardDetails } from './card.ts';
export { parseConfig, writeConfig, type ConfigDetails, type ConfigSource, type ParsedConfig } from './config-json.ts';
export type { FileSource } from '../core/files.ts';
export { weightsFingerprint } from './fingerprint.ts';
export { openCheckpoint, type Checkpoint } from './folder.ts';
export { initialiseWeights, initialValues, type InitialiseOptions } from './initialise.ts';
export type { QuantizationDrift, QuantizationSettings } from './quantization.ts';
export {
  encodeSafetensors,
  openSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  type SafetensorsOutput,
  type StorageDtype,
} from './safetensors.ts';
export { type TensorDtype, type TensorInfo, type TensorSource } from './tensor-source.ts';
export { openTfBundle, type TfBundle, type TfVariable } from './tf-bundle.ts';
export { openTfCheckpoint, type TfCheckpoint } from './tf-checkpoint.ts';
export { openTorchFile } from './torch-bin.ts';
export { findWeights, openWeightFiles, type WeightFile } from './weight-files.ts';
export { loadFromSource, loadWeights, type LoadedWeights, type LoadWeightsOptions } from './weights.ts';
