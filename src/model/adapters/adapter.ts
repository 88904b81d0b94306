import type { Random } from '../../core/random.ts';
import type { AlbertConfig } from '../config.ts';
import type { ExtensionScope, LayerExtension } from '../extension.ts';
import type { ParameterSpec } from '../parameters.ts';
import type { AdapterMethodName, AdapterPlacement } from './names.ts';

/** Dense layers of a layer that an adapter can change, with their inputs and outputs. */
export const DENSE_LAYERS = [
  'attention.query',
  'attention.key',
  'attention.value',
  'attention.dense',
  'ffn',
  'ffn_output',
] as const;
/** One of {@link DENSE_LAYERS}. */
export type DenseName = (typeof DENSE_LAYERS)[number];

/** Inputs and outputs of a dense layer. */
export function sizesOfDense(
  { hiddenSize, intermediateSize }: AlbertConfig,
  name: string,
): [inputs: number, outputs: number] {
  return [name === 'ffn_output' ? intermediateSize : hiddenSize, name === 'ffn' ? intermediateSize : hiddenSize];
}

/** What an adapter is: its method, who has weights of their own, and the method's sizes. */
export interface AdapterSettings {
  /** How it changes a layer. */
  method: AdapterMethodName;
  /** Who has weights of their own. */
  scope: ExtensionScope;
  /** LoRA: columns of the low-rank update. */
  rank?: number;
  /** LoRA: the update is multiplied by `alpha / rank`. */
  alpha?: number;
  /** LoRA and (IA)³: dense layers that are changed. */
  targets?: readonly DenseName[];
  /** Bottleneck adapters: width. */
  size?: number;
  /** Bottleneck adapters: behind which parts of a layer they stand. */
  placement?: AdapterPlacement;
  /** Prefixes: keys and values a layer. */
  length?: number;
  /** Prefixes: width of the network that makes them; 0: they are learned themselves. */
  hidden?: number;
}

/** A dense layer's weight and bias, changed in place when an adapter is folded into them. */
export interface DenseWeights {
  /** `[outputs, inputs]` */
  weight: Float32Array;
  bias: Float32Array;
}

/** A way to adapt a model by few numbers. */
export interface AdapterMethod {
  /** Settings with what is usual where nothing is given. */
  complete(settings: AdapterSettings, config: AlbertConfig): AdapterSettings;
  extension(settings: AdapterSettings, config: AlbertConfig): LayerExtension;
  /** Values to start from. */
  initial(spec: ParameterSpec, random: Random): Float32Array;
  /**
   * Folds the adapter into a dense layer or LayerNorm; `parameter` gives values of the extension's weights by their
   * short names. Absent where that cannot be done.
   */
  fold?(
    name: string,
    weights: DenseWeights,
    from: { settings: AdapterSettings; parameter: (name: string) => Float32Array },
  ): void;
}

/** Uniform in ±1/sqrt(inputs), PyTorch's start of a dense layer and LoRA's of its first matrix. */
export function uniformByInputs({ shape }: ParameterSpec, random: Random): Float32Array {
  const bound = 1 / Math.sqrt(shape[shape.length - 1]);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (2 * random.uniform() - 1) * bound);
}

export const filled = ({ shape }: ParameterSpec, value = 0): Float32Array =>
  new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value);

export const normal = ({ shape }: ParameterSpec, random: Random, deviation: number): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => deviation * random.normal());
