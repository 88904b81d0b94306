import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DEFAULT_CONFIG,
  type Activation,
  type AlbertConfig,
  type PositionEmbeddingType,
} from '../../src/model/config.ts';
import type { Weights } from '../../src/model/parameters.ts';
import type { DropoutMasks, LayerDropout, ReferenceBatch } from './reference.ts';

/** Reads the golden files that the Python scripts in this folder wrote; independent of `src/checkpoint` on purpose. */

const ROOT = join(import.meta.dirname, 'goldens');

/** A tensor of a golden file; integers and halves are widened exactly to numbers. */
export interface GoldenTensor {
  shape: number[];
  data: Float32Array;
}

/** One forward case: a Hugging Face folder with inputs and the oracle's outputs. */
export interface GoldenCase {
  name: string;
  /** Absolute path of a folder with `config.json` and `model.safetensors`. */
  folder: string;
  config: AlbertConfig;
  /** Canonical weights; keys that only old files have (position buffer, tied decoder) are left out. */
  weights: Weights;
  inputs: ReferenceBatch;
  /**
   * `hiddenStates.0` ... `hiddenStates.<depths>`, `attentions.<layer>` (absent in large cases), `pooled`, and by head
   * `mlmLogits`, `sopLogits`, `classifierLogits`, `tokenLogits`, `qaLogits`. Float64 results rounded to float32.
   */
  outputs: Map<string, GoldenTensor>;
}

/** Labels of a gradient case; which are present depends on its head. -100 marks an item without label. */
export interface GoldenLabels {
  /** [batch] */
  labels?: number[];
  /** [batch][sequence] */
  mlmLabels?: number[][];
  /** [batch] */
  sopLabels?: number[];
  /** [batch][sequence] */
  tokenLabels?: number[][];
  /** [batch] */
  startPositions?: number[];
  /** [batch] */
  endPositions?: number[];
}

/** One gradient case. */
export interface GradientCase {
  name: string;
  folder: string;
  config: AlbertConfig;
  weights: Weights;
  inputs: ReferenceBatch & GoldenLabels;
  /** Explicit dropout factors; absent when the case has no dropout. */
  dropoutMasks: DropoutMasks | undefined;
  /** `total` (their sum) and the losses: `classification`, `mlm`, `sop`, `token`, `qa`. */
  losses: { total: number } & Record<string, number>;
  /**
   * By parameter name, every parameter; and `embeddingSum` [batch, sequence, embedding]: the sum of embeddings before
   * its layer norm.
   */
  gradients: Map<string, GoldenTensor>;
}

/** Hyper-parameters and curve of one training run; see make_training_goldens.py for the exact definitions. */
export interface TrainingCurve {
  task: 'classification' | 'pretraining';
  optimizer: 'adamw' | 'lamb';
  biasCorrection: boolean;
  /** Peak rate. */
  learningRate: number;
  warmupSteps: number;
  steps: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  maxGradNorm: number;
  /** Parameters whose name contains one of these have no decay (and with LAMB no trust ratio). */
  noDecay: string[];
  /** Per step, before the update. */
  losses: number[];
  /** Per step: global L2 norm before clipping. */
  gradNorms: number[];
  /** The rate of every step. */
  learningRates: number[];
}

/** One training run. */
export interface TrainingCase {
  name: string;
  /** Folder of the initial checkpoint. */
  folder: string;
  config: AlbertConfig;
  initial: Weights;
  /** In training order. */
  batches: (ReferenceBatch & GoldenLabels)[];
  curve: TrainingCurve;
  final: Weights;
}

/** A loss on bare logits with its gradient. */
export interface LossGolden {
  loss: number;
  gradient: number[][];
}

/** Loss variants on shared logits [rows][classes]; see `loss_cases` in make_gradient_goldens.py. */
export interface LossGoldens {
  logits: number[][];
  labels: number[];
  /** `labels` with -100 at some rows; used by all cross-entropies but the plain one. */
  labelsWithIgnored: number[];
  ignoreIndex: number;
  labelSmoothing: number;
  /** Class weights; also the positive weights of the binary loss. */
  classWeights: number[];
  multiLabels: number[][];
  targets: number[][];
  crossEntropy: LossGolden;
  crossEntropyIgnoreIndex: LossGolden;
  crossEntropyClassWeights: LossGolden;
  crossEntropyLabelSmoothing: LossGolden;
  crossEntropyClassWeightsLabelSmoothing: LossGolden;
  binaryCrossEntropy: LossGolden;
  binaryCrossEntropyPositiveWeights: LossGolden;
  meanSquaredError: LossGolden;
}

const list = (kind: string): string[] => readdirSync(join(ROOT, kind)).sort();

/** Names of the forward cases. */
export const listCases = (): string[] => list('forward');
/** Names of the gradient cases. */
export const listGradientCases = (): string[] => list('gradients');
/** Names of the training runs. */
export const listTrainingCases = (): string[] => list('training');

/** Loads a forward case. */
export function loadCase(name: string): GoldenCase {
  const folder = join(ROOT, 'forward', name);
  return {
    name,
    folder,
    ...readModel(folder),
    inputs: readJson(join(folder, 'inputs.json')),
    outputs: readSafetensors(join(folder, 'outputs.safetensors')),
  };
}

/** Loads a gradient case. */
export function loadGradientCase(name: string): GradientCase {
  const folder = join(ROOT, 'gradients', name);
  const dropout = join(folder, 'dropout.safetensors');
  return {
    name,
    folder,
    ...readModel(folder),
    inputs: readJson(join(folder, 'inputs.json')),
    dropoutMasks: existsSync(dropout) ? arrangeDropout(readSafetensors(dropout)) : undefined,
    losses: readJson(join(folder, 'loss.json')),
    gradients: readSafetensors(join(folder, 'gradients.safetensors')),
  };
}

/** What can be attached to the network: see make_seam_goldens.py. */
export function loadSeamCase() {
  const folder = join(ROOT, 'seams');
  return {
    ...readModel(folder),
    inputs: readJson<{ ids: number[][]; mask: number[][]; labels: number[][]; causalFrom: number[]; loss: number }>(
      join(folder, 'inputs.json'),
    ),
    outputs: readSafetensors(join(folder, 'outputs.safetensors')),
    gradients: readSafetensors(join(folder, 'gradients.safetensors')),
  };
}

/** Weights, gradients and results of an adapter on the network of {@link loadSeamCase}: see make_adapter_goldens.py. */
export const loadAdapterCase = (name: string) => readSafetensors(join(ROOT, 'adapters', `${name}.safetensors`));

/** Questions with options: see make_options_golden.py. */
export function loadOptionsCase() {
  const folder = join(ROOT, 'options');
  return {
    ...readModel(folder),
    inputs: readJson<{ ids: number[][][]; mask: number[][][]; labels: number[]; loss: number; logits: number[][] }>(
      join(folder, 'inputs.json'),
    ),
    gradients: readSafetensors(join(folder, 'gradients.safetensors')),
  };
}

/**
 * What the fill-mask pipeline of transformers says of one model: see make_fill_mask_golden.py. Logarithms are natural.
 */
export interface FillMaskGolden {
  /** By mask, in the order of the text, the likeliest pieces. */
  masks: { text: string; ids: number[]; guesses: { token: string; text: string; score: number }[][] }[];
  /** By mask, for each candidate. */
  candidates: { text: string; candidates: string[]; logProbabilities: number[][] }[];
  /** Of every token without the special ones. */
  scores: { text: string; ids: number[]; logProbabilities: number[] }[];
}

/** Folders of models with a masked-word head, and what they say. */
export function loadFillMaskCases(): { name: string; folder: string; expected: FillMaskGolden }[] {
  const root = join(ROOT, 'fill-mask');
  return Object.entries(readJson<Record<string, FillMaskGolden>>(join(root, 'expected.json'))).map(
    ([name, expected]) => ({ name, folder: join(root, name), expected }),
  );
}

/** Loads a training run. */
export function loadTrainingCase(name: string): TrainingCase {
  const folder = join(ROOT, 'training', name);
  const { config, weights } = readModel(folder);
  const curve = readJson<TrainingCurve>(join(folder, 'curve.json'));
  const tensors = [...readSafetensors(join(folder, 'batches.safetensors'))];
  const batches = Array.from(
    { length: curve.steps },
    (_, step) =>
      Object.fromEntries(tensors.map(([key, tensor]) => [key, nested(tensor)[step]])) as unknown as ReferenceBatch &
        GoldenLabels,
  );
  return {
    name,
    folder,
    config,
    initial: weights,
    batches,
    curve,
    final: readSafetensors(join(folder, 'final.safetensors')),
  };
}

/** Loads the losses on bare logits. */
export function loadLossGoldens(): LossGoldens {
  return readJson(join(ROOT, 'losses.json'));
}

/** Largest absolute difference of two arrays of one length; NaN anywhere gives Infinity. */
export function maxAbsDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`maxAbsDifference: ${a.length} against ${b.length} values`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

const HF_ACTIVATIONS: Record<string, Activation> = {
  gelu: 'gelu_erf',
  gelu_new: 'gelu_tanh',
  relu: 'relu',
  silu: 'silu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
};
const LEGACY_KEYS = ['albert.embeddings.position_ids', 'predictions.decoder.weight', 'predictions.decoder.bias'];

function readModel(folder: string): { config: AlbertConfig; weights: Weights } {
  const stored = readSafetensors(join(folder, 'model.safetensors'));
  return {
    config: readConfig(join(folder, 'config.json')),
    weights: new Map([...stored].filter(([name]) => !LEGACY_KEYS.includes(name))),
  };
}

/** `config.json` in Hugging Face's spelling; its snake_case keys are our camelCase ones. */
function readConfig(path: string): AlbertConfig {
  const json = readJson<Record<string, unknown>>(path);
  const camel = new Map(
    Object.entries(json).map(([key, value]) => [
      key.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
  const known = Object.keys(DEFAULT_CONFIG)
    .filter((key) => camel.has(key))
    .map((key) => [key, camel.get(key)]);
  const config = { ...DEFAULT_CONFIG, ...Object.fromEntries(known) } as AlbertConfig;
  config.hiddenAct = HF_ACTIVATIONS[json.hidden_act as string];
  config.positionEmbeddingType = (json.position_embedding_type ?? 'absolute') as PositionEmbeddingType;
  return config;
}

/** Tensors of a golden file by name. */
export function readSafetensors(path: string): Map<string, GoldenTensor> {
  const file = readFileSync(path);
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  delete header.__metadata__;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const bytes = file.subarray(8 + headerLength + from, 8 + headerLength + to);
        return [name, { shape, data: decode(dtype, bytes) }];
      },
    ),
  );
}

const READERS: Record<string, { size: number; read: (view: DataView, offset: number) => number }> = {
  F32: { size: 4, read: (view, offset) => view.getFloat32(offset, true) },
  F16: { size: 2, read: (view, offset) => halfToNumber(view.getUint16(offset, true)) },
  BF16: { size: 2, read: (view, offset) => bfloatToNumber(view.getUint16(offset, true)) },
  I32: { size: 4, read: (view, offset) => view.getInt32(offset, true) },
  I64: { size: 8, read: (view, offset) => Number(view.getBigInt64(offset, true)) },
};

function decode(dtype: string, bytes: Uint8Array): Float32Array {
  const { size, read } = READERS[dtype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size));
}

/** IEEE half precision: 1 sign, 5 exponent and 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}

type Nested = number[] | number[][] | number[][][];

/** A tensor of rank 2 or 3 as nested arrays. */
function nested({ shape, data }: GoldenTensor): Nested {
  if (shape.length === 1) return [...data];
  const step = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) =>
    nested({ shape: shape.slice(1), data: data.subarray(i * step, (i + 1) * step) }),
  ) as Nested;
}

function arrangeDropout(tensors: Map<string, GoldenTensor>): DropoutMasks {
  const layers: LayerDropout[] = [];
  for (const [name, { data }] of tensors) {
    const match = /^layers\.(\d+)\.(attentionProbs|attentionOutput|ffnOutput)$/.exec(name);
    if (match) (layers[Number(match[1])] ??= {})[match[2] as keyof LayerDropout] = data;
  }
  return {
    embeddings: tensors.get('embeddings')?.data,
    classifier: tensors.get('classifier')?.data,
    sop: tensors.get('sop')?.data,
    layers,
  };
}

/** A chain of `goldens/crf.json`: `[places][tags]` tables, and what is right. */
export interface CrfGoldenChain {
  emissions: number[][];
  labels: number[];
  /** 1 where the text begins or ends here. */
  begins: number;
  ends: number;
  weight: number;
  logLikelihood: number;
  /** Best path and marginals over all paths, and over those that are valid sequences of tags. */
  path: number[];
  marginals: number[][];
  validPath: number[];
  validMarginals: number[][];
  /** Of the loss with respect to the emissions. */
  gradient: number[][];
}

/** A CRF in float64, its loss (the weighted sum of negative log-likelihoods) and gradients. */
export interface CrfGolden {
  tags: string[];
  transitions: number[][];
  start: number[];
  end: number[];
  chains: CrfGoldenChain[];
  loss: number;
  gradients: { transitions: number[][]; start: number[]; end: number[] };
}

export const loadCrfGolden = (): CrfGolden => JSON.parse(readFileSync(join(ROOT, 'crf.json'), 'utf8')) as CrfGolden;
