import type { OptionKinds } from '../../core/options.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { prose, type Prose } from '../../core/prose.ts';
import type { TrainingDevice } from '../../runtime/devices.ts';
import type { RunEstimate } from '../estimate-node.ts';
import type { GuardOptions } from '../guards.ts';
import type { SaveActivations } from '../layerwise.ts';
import type { Tracker } from '../trackers/tracker.ts';
import type { OptimizerOptions } from '../trainer-options.ts';
import { kindsOf, requireSettings, type OptionsOf, type Settings } from '../../core/settings.ts';
import { FINE_TUNE_RUN_SETTINGS, type WANDB_SETTINGS } from './settings.ts';
import { requireUsedConstants, type UpdateOptions } from './trainer-constants.ts';

/**
 * Told of what happens in a run: a kind and a message, and the message with the options that it names marked, for
 * whoever spells them another way (flags).
 */
export type RunListener = (kind: string, message: string, prose: Prose) => void;

/** Tells each of the messages. */
export function tell(listener: RunListener | undefined, kind: string, ...messages: readonly (string | Prose)[]): void {
  for (const message of messages) listener?.(kind, String(message), prose`${message}`);
}

/** Options that fine-tuning has for any task. */
export interface FineTuneRunOptions extends OptionsOf<typeof FINE_TUNE_RUN_SETTINGS>, UpdateOptions {
  /** Path or hub id to start from. Default: the built-in model. */
  model?: string;
  /** Receives the fine-tuned checkpoint, metrics, report data and resumable checkpoints. */
  output: string;
  /**
   * Passes over the training rows; may be fractional; ignored with `maxSteps`. Default of classification: as many as
   * give 200 steps and 6 a label, at least 3 and at most 20; of sentence embeddings 1, of scored pairs 4.
   */
  epochs?: number;
  /** Optimiser steps instead of `epochs`. */
  maxSteps?: number;
  /** Rows per step. Default 32. */
  batchSize?: number;
  /**
   * Default for AdamW by size: 1e-5 from a hidden size of 1024, 3e-5 from 512, 1e-4 from 300, else and from untrained
   * weights 5e-4. For LAMB 10 times that, for SGD 100 times.
   */
  learningRate?: number;
  /** Default AdamW. */
  optimizer?: OptimizerOptions;
  /** Default 1; 0 switches clipping off. */
  maxGradNorm?: number;
  /** Sets hidden, attention and classifier dropout. Default: the checkpoint's. */
  dropout?: number;
  /** Factor on the learning rate from each layer group to the one below it. Default 1. */
  layerDecay?: number;
  /** Name patterns (prefixes, `*` for anything) of parameters that stay as they are. */
  freeze?: readonly string[];
  /** Tokens per example, special tokens included. Default: the model's positions, at most 256. */
  maxLength?: number;
  /** Default true. */
  shuffle?: boolean;
  /** Of the fresh head, the order of rows, dropout and the held-out part. Default 1. */
  seed?: number;
  /** Default: every epoch. */
  evaluateEvery?: number;
  /** Evaluations without improvement after which training ends. Default: never. */
  patience?: number;
  /** Steps between resumable checkpoints. Default: a tenth of the run, at most 500. */
  checkpointEvery?: number;
  /**
   * Checkpoints to keep, also when the run is finished. Default: 2, and none of a finished run, whose model is in the
   * folder.
   */
  keepCheckpoints?: number;
  /** Steps between histograms of weights and gradients in `events.jsonl` and for TensorBoard. Default: none. */
  histogramEvery?: number;
  /**
   * Padded tokens of one forward and backward pass; a step of more is split, with the same result up to rounding.
   * Default 4096.
   */
  microBatchTokens?: number;
  /**
   * Depths whose intermediate values are kept for the backward pass: more memory, fewer forward passes. Default `all`.
   */
  saveActivations?: SaveActivations;
  /** Where the network is trained. Default `cpu`; for `webgpu` see docs/webgpu.md. */
  device?: TrainingDevice;
  /**
   * Default: those of the run that is resumed, or those this process may use. For what the number does to the last bits
   * see docs/training.md.
   */
  threads?: number;
  /** When a step is not applied, and when the run goes back to a checkpoint. */
  guard?: GuardOptions;
  /**
   * Continues the run in `output`; unless `threads` says otherwise the result is bit for bit that of an uninterrupted
   * run.
   */
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
  /** Further trackers, such as MLflow's. */
  trackers?: readonly Tracker[];
  /** Stored in run.json. */
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

/** Options of every run that are no settings: who is told of it, and can stop it. */
export const LISTENER_OPTIONS = {
  command: 'string',
  onProgress: 'function',
  onEstimate: 'function',
  onEvent: 'function',
  signal: 'object',
} as const;

/** Of every run of fine-tuning; the compiler misses a new one. */
const RUN_OPTIONS: OptionKinds<FineTuneRunOptions> = {
  ...kindsOf(FINE_TUNE_RUN_SETTINGS),
  ...LISTENER_OPTIONS,
  trackers: 'list',
};

/**
 * Throws `invalid_argument` for options of a run that there are none of, and for values that no run can have; `own` are
 * the settings of its task.
 */
export function requireRunOptions(subject: string, options: FineTuneRunOptions, own: Settings): void {
  requireSettings(subject, options, { ...FINE_TUNE_RUN_SETTINGS, ...own }, { ...RUN_OPTIONS, ...kindsOf(own) });
  requireUsedConstants(options, FINE_TUNE_RUN_SETTINGS.optimizer.settings.name.default);
}
