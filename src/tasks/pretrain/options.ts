import type { ProgressListener } from '../../core/progress.ts';
import type { OptionsOf } from '../../core/settings.ts';
import { type AlbertConfig } from '../../model/config.ts';
import { type TrainingDevice } from '../../runtime/devices.ts';
import type { RunEstimate } from '../../training/estimate-node.ts';
import type { GuardOptions } from '../../training/guards.ts';
import type { SaveActivations } from '../../training/layerwise.ts';
import type { MaskingOptions } from '../../training/pretraining/masking.ts';
import type { PairObjective } from '../../training/pretraining/segments.ts';
import { PRETRAIN_CONFIG_SETTINGS, type PRETRAIN_RUN_SETTINGS } from '../../training/pretraining/settings.ts';
import { type RunListener } from '../../training/run/options.ts';
import type { WANDB_SETTINGS } from '../../training/run/settings.ts';
import { type UpdateOptions } from '../../training/run/trainer-constants.ts';
import type { OptimizerOptions, TrainingOutcome } from '../../training/trainer-options.ts';

/** What a pretraining run is made of; the JSON file of `albertine pretrain --config` has these fields. */
export interface PretrainConfig extends OptionsOf<typeof PRETRAIN_CONFIG_SETTINGS>, UpdateOptions {
  /**
   * Shape of a new network: a preset's name, or fields that replace those of `preset` (default `mini`). Not with
   * `from`.
   */
  model?: string | (Partial<AlbertConfig> & { preset?: string });
  /** Continues from this checkpoint (path or hub id) instead: domain adaptation. Its tokeniser is used. */
  from?: string;
  /**
   * The tokeniser that the shards were made with: its folder, or a model (hub id, built-in name) that has it. Not with
   * `from`.
   */
  tokenizer?: string;
  /**
   * Word embeddings and decoder bias of a new network: `random` as in the paper, or `cooccurrence` from counts over the
   * shards (see `applyWordCounts`), which takes a minute or two, about 1 GB of memory at 16,000 words, and saves many
   * steps of a short run. Default `random`.
   */
  wordEmbeddings?: 'random' | 'cooccurrence';
  /** Shard folders or addresses, from `albertine shards build`. */
  shards: readonly string[];
  /** Passes over a source in an epoch, by name, instead of the shards' own weights; 0 leaves it out. */
  weights?: Readonly<Record<string, number>>;
  /**
   * Shard folders for evaluation. Figures are by source, under the last part of its name (`en` of `heldout/en`), or the
   * whole name where two end alike.
   */
  heldOut?: readonly string[];
  /** Held-out examples per source. Default 200. */
  heldOutExamples?: number;
  /** Default `sop`. */
  objective?: PairObjective;
  /** Which share of the tokens is masked, and how. */
  masking?: MaskingOptions;
  /** Tokens of a sequence. Default 128. Not with `lengths`. */
  maxLength?: number;
  /**
   * Shorter sequences first: from which share of the steps which length, such as `[[0, 64], [0.8, 128]]`. Default:
   * `maxLength` throughout.
   */
  lengths?: readonly (readonly [fromShare: number, maxLength: number])[];
  /** Optimiser steps in all, those of an earlier part included. */
  steps: number;
  /** Sequences per step. Default 256. */
  batchSize?: number;
  /**
   * Padded tokens of one forward and backward pass; a step of more is split, with the same result up to rounding and
   * what dropout draws. Default 4096.
   */
  microBatchTokens?: number;
  /** Default: 1.76e-3 (ALBERT's, for batches of 4096 sequences) times the square root of `batchSize / 4096`. */
  learningRate?: number;
  /** Default LAMB. */
  optimizer?: OptimizerOptions;
  /** Global gradient norm above which gradients are scaled down. Default 1; 0 switches clipping off. */
  maxGradNorm?: number;
  /** Steps between evaluations. Default: a twentieth of the run. */
  evaluateEvery?: number;
  /** Steps between resumable checkpoints. Default: a tenth of the run, at most 500. */
  checkpointEvery?: number;
  /**
   * Checkpoints to keep, also when the run is finished. Default: 2, and none of a finished run, whose model is in the
   * folder.
   */
  keepCheckpoints?: number;
  /** Steps between histograms of weights and gradients in `events.jsonl` and for TensorBoard. Default: none. */
  histogramEvery?: number;
  /** When a step is not applied, and when the run goes back to a checkpoint. */
  guard?: GuardOptions;
  /**
   * Depths whose intermediate values are kept for the backward pass: more memory, fewer forward passes. Default `all`.
   */
  saveActivations?: SaveActivations;
  /** Of a new network's weights, the order of examples, masking and dropout. Default 1. */
  seed?: number;
  /** Facts for the model card: name, description, languages, license, datasets. */
  card?: Readonly<Record<string, unknown>>;
}

/** Options of `pretrain` besides the config. */
export interface PretrainOptions extends PretrainConfig, OptionsOf<typeof PRETRAIN_RUN_SETTINGS> {
  /** Receives checkpoints, metrics and the pretrained model. */
  output: string;
  /** Where the network is trained. Default `cpu`; for `webgpu` see docs/webgpu.md. */
  device?: TrainingDevice;
  /** Default: those of the run that is resumed, or those this process may use. */
  threads?: number;
  /** Continues the run in `output`. */
  resume?: boolean;
  /** Starts anew although `output` has a model or an unfinished run, which is lost. */
  overwrite?: boolean;
  /** Also writes TensorBoard event files to `output/tensorboard`. Default true. */
  tensorboard?: boolean;
  /**
   * Also writes `output/wandb` for `wandb sync`, and with `online` sends the run to W&B (key in `WANDB_API_KEY`).
   * Default: neither.
   */
  wandb?: OptionsOf<typeof WANDB_SETTINGS>;
  /** Stored in `run.json`. */
  command?: string;
  /** Told about steps that are done. */
  onProgress?: ProgressListener;
  /** Told before the first step what the run will cost; throw to refuse. */
  onEstimate?: (estimate: RunEstimate) => void;
  /** Facts about the data (`data`), the model (`note`), warnings, skipped steps. */
  onEvent?: RunListener;
  /** Stops after the current step, with a checkpoint. */
  signal?: AbortSignal;
}

/** Result of `pretrain`. */
export interface PretrainResult extends Omit<TrainingOutcome, 'weights'> {
  /** Folder of the run, with the pretrained model. */
  output: string;
}

const SETTINGS = PRETRAIN_CONFIG_SETTINGS;

/** Defaults that depend on nothing. */
export const DEFAULTS = {
  objective: SETTINGS.objective.default,
  batchSize: SETTINGS.batchSize.default,
  maxLength: SETTINGS.maxLength.default,
  seed: SETTINGS.seed.default,
  heldOutExamples: SETTINGS.heldOutExamples.default,
  microBatchTokens: SETTINGS.microBatchTokens.default,
} satisfies Partial<PretrainOptions>;

/** Options with {@link DEFAULTS}. */
export type Filled = PretrainOptions & Required<Pick<PretrainOptions, keyof typeof DEFAULTS>>;
