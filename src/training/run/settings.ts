import type { Settings } from '../../core/settings.ts';
import { ADAPTER_SETTINGS } from '../../model/adapters/names.ts';
import { TRAINING_DEVICES } from '../../runtime/devices.ts';

/* Settings of a training run, each declared once: options, checks, flags and manuals follow. Names and numbers only: manuals are printed without loading what trains. */

/** How the learning rate changes. */
export const SCHEDULE_SETTINGS = {
  schedule: {
    kind: 'text',
    values: ['linear', 'cosine', 'constant', 'polynomial'],
    placeholder: 'kind',
    help: 'after warm-up: linear, cosine, polynomial (to 0) or constant',
    default: 'linear',
  },
  warmupRatio: {
    kind: 'number',
    min: 0,
    below: 1,
    placeholder: 'share',
    help: 'share of the steps in which the rate rises from 0',
    default: 0.1,
  },
  warmupSteps: {
    kind: 'number',
    integer: true,
    min: 0,
    help: 'the same as a number of steps, instead of --warmup-ratio',
  },
  finalLearningRate: {
    kind: 'number',
    min: 0,
    placeholder: 'x',
    help: 'linear, cosine and polynomial: the rate at the end',
    default: 0,
  },
  power: {
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'polynomial: exponent of what is left of the way to the end',
    usual: '1, which is linear',
  },
  restarts: {
    kind: 'number',
    integer: true,
    min: 0,
    help: 'cosine: how often the rate jumps back to the highest',
    default: 0,
  },
} as const satisfies Settings;

/** Which optimiser, and its constants. */
export const OPTIMIZER_SETTINGS = {
  name: {
    kind: 'text',
    values: ['adamw', 'lamb', 'sgd'],
    flag: 'optimizer',
    help: 'adamw, lamb or sgd',
    default: 'adamw',
  },
  weightDecay: {
    kind: 'number',
    min: 0,
    placeholder: 'x',
    help: 'decoupled, not on bias and LayerNorm',
    usual: '0.01; sgd 0',
  },
  epsilon: {
    kind: 'number',
    above: 0,
    flag: 'adam-epsilon',
    placeholder: 'x',
    help: 'adamw and lamb',
    usual: '1e-8; lamb 1e-6',
  },
  beta1: {
    kind: 'number',
    min: 0,
    below: 1,
    placeholder: 'x',
    help: 'adamw and lamb: decay of the mean of gradients',
    default: 0.9,
  },
  beta2: {
    kind: 'number',
    min: 0,
    below: 1,
    placeholder: 'x',
    help: 'adamw and lamb: decay of the mean of their squares',
    default: 0.999,
  },
  momentum: { kind: 'number', min: 0, below: 1, placeholder: 'x', help: 'sgd', default: 0.9 },
} as const satisfies Settings;

/** When a step is not applied, and when the run goes back. */
export const GUARD_SETTINGS = {
  spikeFactor: {
    kind: 'number',
    min: 0,
    placeholder: 'x',
    help: 'a step whose gradient norm is this many times the average is not applied; 0: always applied',
    default: 20,
  },
  rollBackAfter: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'steps in a row that are not applied, after which the weights of the last checkpoint come back at half the rate',
    default: 5,
  },
} as const satisfies Settings;

/** What moves the weights, in any run. */
export const UPDATE_SETTINGS = {
  ...SCHEDULE_SETTINGS,
  optimizer: { kind: 'group', settings: OPTIMIZER_SETTINGS, help: 'the optimiser and its constants' },
  maxGradNorm: {
    kind: 'number',
    min: 0,
    placeholder: 'x',
    help: 'global gradient norm above which gradients are scaled down; 0: never',
    default: 1,
  },
} as const satisfies Settings;

/** Checkpoints, guards and histograms, in any run. */
export const KEEPING_SETTINGS = {
  checkpointEvery: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'steps between checkpoints to resume from',
    usual: 'a tenth of the run, at most 500',
  },
  keepCheckpoints: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'checkpoints that are kept, the newest ones, also when the run is finished',
    usual: '2, and none of a finished run: its model is all that is needed',
  },
  guard: { kind: 'group', settings: GUARD_SETTINGS, help: 'steps that are not applied' },
  histogramEvery: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'steps between histograms of weights and (on the processor) gradients, for TensorBoard and in events.jsonl',
    usual: 'none',
  },
} as const satisfies Settings;

/** Where a run computes. */
export const MACHINE_SETTINGS = {
  device: {
    kind: 'text',
    values: TRAINING_DEVICES,
    help: 'where the network is trained: cpu, or webgpu (a graphics processor)',
    default: 'cpu',
  },
  threads: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'processor threads',
    usual: 'those of the run that --resume continues, or those this process may use',
  },
} as const satisfies Settings;

/** How much of a step is computed, and kept, at a time. */
export const MEMORY_SETTINGS = {
  microBatchTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'padded tokens computed at a time; a step with more is split, with the same result up to rounding',
    default: 4096,
  },
  saveActivations: {
    kind: 'number',
    integer: true,
    min: 0,
    words: ['all', 'none'],
    placeholder: 'depths',
    help: 'depths whose intermediate values are kept for the backward pass: all, none, or how many; fewer take less memory and more time',
    default: 'all',
  },
} as const satisfies Settings;

/** Recording of a run for Weights & Biases. */
export const WANDB_SETTINGS = {
  project: {
    kind: 'text',
    flag: 'wandb',
    bare: 'albertine',
    placeholder: 'project',
    help: 'also write OUTPUT/wandb, which the wandb client uploads: wandb sync OUTPUT/wandb/offline-run-*. Nothing is sent. Without a name the project is albertine',
  },
  entity: {
    kind: 'text',
    flag: 'wandb-entity',
    help: 'with --wandb: user or team whose project it is',
    usual: "the key's",
  },
  name: {
    kind: 'text',
    flag: 'wandb-name',
    help: 'with --wandb: shown name of the run',
    usual: 'one that W&B makes up',
  },
  online: {
    kind: 'flag',
    flag: 'wandb-online',
    help: 'with --wandb: send the run to W&B while it trains, with the key in WANDB_API_KEY (WANDB_BASE_URL: another server than https://api.wandb.ai)',
  },
} as const satisfies Settings;

/** Training on texts whose embeddings are moved to where the loss is higher. */
export const ADVERSARIAL_SETTINGS = {
  method: {
    kind: 'text',
    values: ['fgm', 'freelb'],
    flag: 'adversarial',
    placeholder: 'method',
    help: 'also trains on texts whose embeddings are moved to where the loss is higher: fgm (one step; a run takes twice the time) or freelb (several)',
    usual: 'on the texts as they are',
  },
  epsilon: {
    kind: 'number',
    above: 0,
    flag: 'adversarial-epsilon',
    placeholder: 'x',
    help: 'how far the embeddings of a text are moved, all of them together',
    default: 0.3,
  },
  steps: {
    kind: 'number',
    integer: true,
    min: 1,
    flag: 'adversarial-steps',
    help: 'freelb: passes over every text',
    default: 3,
  },
  stepSize: {
    kind: 'number',
    above: 0,
    flag: 'adversarial-step-size',
    placeholder: 'x',
    help: 'freelb: length of one move',
    usual: 'one and a half times --adversarial-epsilon over the steps',
  },
} as const satisfies Settings;

/** What `--model` takes, wherever it is a flag. */
export const MODEL_HELP =
  'folder of a checkpoint, or a Hugging Face hub id (owner/name, owner/name@revision; downloaded into the shared cache on first use)';

/** Of fine-tuning for any task. What is usual for a task is in its manual. */
export const FINE_TUNE_RUN_SETTINGS = {
  model: { kind: 'text', short: 'm', placeholder: 'model', help: MODEL_HELP, usual: 'the built-in model' },
  output: {
    kind: 'file',
    short: 'o',
    placeholder: 'folder',
    required: true,
    help: 'receives the model, the metrics and the checkpoints to resume from',
  },
  resume: {
    kind: 'flag',
    help: 'continue the run in --output after its last checkpoint, with the same options; the result is that of an uninterrupted run',
  },
  overwrite: { kind: 'flag', help: 'start anew although --output has a model or an unfinished run, which is lost' },
  epochs: { kind: 'number', above: 0, help: 'passes over the training rows; may be fractional' },
  maxSteps: { kind: 'number', integer: true, min: 1, help: 'steps in all, instead of --epochs' },
  batchSize: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'rows a step takes, exactly; at the end of an epoch it goes on with the next one',
  },
  learningRate: {
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'highest rate',
    usual:
      '1e-5 from a hidden size of 1024, 3e-5 from 512, 1e-4 from 300; below that, and from untrained weights, 5e-4; lamb: 10 times that, sgd: 100 times',
  },
  ...UPDATE_SETTINGS,
  dropout: { kind: 'number', min: 0, below: 1, placeholder: 'share', help: 'hidden, attention and classifier dropout' },
  maxLength: {
    kind: 'number',
    integer: true,
    min: 3,
    help: 'tokens per example, [CLS] and [SEP] included; longer ones are cut and counted',
  },
  shuffle: { kind: 'flag', off: true, help: 'keep the rows in the order of the file' },
  seed: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 0x7fffffff,
    help: 'of fresh weights, order and dropout: the same seed gives the same weights',
    default: 1,
  },
  layerDecay: {
    kind: 'number',
    above: 0,
    max: 1,
    placeholder: 'x',
    help: 'factor on the rate from each layer group to the one below, embeddings last',
    default: 1,
  },
  freeze: {
    kind: 'list',
    alias: 'frozen',
    help: 'parameters that stay as they are, separated by commas: prefixes such as albert.embeddings, or with * for anything',
  },
  evaluateEvery: { kind: 'number', integer: true, min: 1, placeholder: 'steps', help: 'steps between evaluations' },
  patience: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'stop after n evaluations without improvement',
    usual: 'never',
  },
  adapter: { kind: 'group', settings: ADAPTER_SETTINGS, help: 'adapters' },
  adversarial: { kind: 'group', settings: ADVERSARIAL_SETTINGS, help: 'adversarial training' },
  ...KEEPING_SETTINGS,
  saveActivations: MEMORY_SETTINGS.saveActivations,
  ...MACHINE_SETTINGS,
  tensorboard: { kind: 'flag', off: true, help: 'write no TensorBoard files' },
  wandb: { kind: 'group', settings: WANDB_SETTINGS, help: 'recording for Weights & Biases' },
  microBatchTokens: MEMORY_SETTINGS.microBatchTokens,
} as const satisfies Settings;
