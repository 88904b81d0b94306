import type { Settings } from '../../core/settings.ts';
import {
  FINE_TUNE_RUN_SETTINGS,
  KEEPING_SETTINGS,
  MACHINE_SETTINGS,
  MEMORY_SETTINGS,
  OPTIMIZER_SETTINGS,
  UPDATE_SETTINGS,
} from '../run/settings.ts';

/** Which tokens are predicted. */
export const MASKING_SETTINGS = {
  masks: {
    kind: 'text',
    values: ['dynamic', 'static'],
    flag: false,
    help: 'dynamic: drawn anew each epoch',
    default: 'dynamic',
  },
  probability: {
    kind: 'number',
    above: 0,
    max: 1,
    flag: 'mask-probability',
    placeholder: 'share',
    help: "of an example's tokens, to be predicted",
    default: 0.15,
  },
  maxNgram: {
    kind: 'number',
    integer: true,
    min: 1,
    max: 64,
    help: 'longest run of words masked together',
    default: 3,
  },
  maxPredictions: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'most tokens of an example that are predicted',
    usual: 'no limit',
  },
  maskShare: {
    kind: 'number',
    min: 0,
    max: 1,
    flag: false,
    help: 'of the predicted tokens, replaced by the mask',
    default: 0.8,
  },
  randomShare: {
    kind: 'number',
    min: 0,
    max: 1,
    flag: false,
    help: 'of the predicted tokens, replaced by a random one',
    default: 0.1,
  },
  wholeWords: { kind: 'flag', flag: false, help: 'words are masked as a whole', default: true },
  wordSegmenter: { kind: 'text', values: ['pieces', 'intl'], flag: false, help: 'what a word is', default: 'pieces' },
} as const satisfies Settings;

/** What a pretraining run is made of: the fields of `--config`. */
export const PRETRAIN_CONFIG_SETTINGS = {
  shards: { kind: 'list', placeholder: 'list', help: 'folders or addresses of shards, from albertine shards build' },
  heldOut: { kind: 'list', placeholder: 'list', help: 'folders of shards for evaluation' },
  tokenizer: {
    kind: 'text',
    placeholder: 'model',
    help: 'the tokeniser that the shards were made with: its folder, a hub id or a built-in name; not with --from',
  },
  model: {
    kind: 'text',
    orObject: true,
    flag: 'preset',
    help: 'shape of a new network; see albertine init --help',
    default: 'mini',
  },
  from: {
    kind: 'text',
    placeholder: 'model',
    help: 'continue from this checkpoint (folder or hub id) instead of random weights',
  },
  wordEmbeddings: {
    kind: 'text',
    values: ['random', 'cooccurrence'],
    placeholder: 'kind',
    help: 'start of a new network: random, or cooccurrence, from counts over the shards: a minute or two that save a short run many steps',
    default: 'random',
  },
  objective: {
    kind: 'text',
    values: ['sop', 'nsp', 'none'],
    help: 'besides masked tokens: sop (sentence order), nsp (next sentence) or none',
    default: 'sop',
  },
  steps: { kind: 'number', integer: true, min: 1, help: 'steps in all' },
  batchSize: { kind: 'number', integer: true, min: 1, help: 'sequences a step takes', default: 256 },
  maxLength: { kind: 'number', integer: true, min: 8, help: 'tokens of a sequence', default: 128 },
  learningRate: {
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'highest rate',
    usual: "ALBERT's 1.76e-3 for 4096 sequences, times the root of batch size / 4096",
  },
  ...UPDATE_SETTINGS,
  /** Share of the steps in which the rate rises from 0. Default 0.025: 3,125 of 125,000 steps in the paper. */
  warmupRatio: { ...UPDATE_SETTINGS.warmupRatio, default: 0.025 },
  optimizer: {
    ...UPDATE_SETTINGS.optimizer,
    settings: { ...OPTIMIZER_SETTINGS, name: { ...OPTIMIZER_SETTINGS.name, default: 'lamb' } },
  },
  masking: { kind: 'group', settings: MASKING_SETTINGS, help: 'which tokens are predicted' },
  evaluateEvery: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'steps between evaluations',
    usual: 'a twentieth of the run',
  },
  ...KEEPING_SETTINGS,
  ...MEMORY_SETTINGS,
  saveActivations: { ...MEMORY_SETTINGS.saveActivations, flag: false },
  seed: { kind: 'number', integer: true, help: 'of the weights, the order of the data and the masks', default: 1 },
  heldOutExamples: {
    kind: 'number',
    integer: true,
    min: 1,
    flag: false,
    help: 'held-out examples of a source',
    default: 200,
  },
  lengths: { kind: 'json', flag: false, help: 'shorter sequences first: from which share of the steps which length' },
  weights: { kind: 'json', flag: false, help: 'passes over a source in an epoch, by name' },
  card: { kind: 'json', flag: false, help: 'facts for the model card' },
} as const satisfies Settings;

const { output, tensorboard, wandb } = FINE_TUNE_RUN_SETTINGS;

/** Of a pretraining run, besides what it is made of. */
export const PRETRAIN_RUN_SETTINGS = {
  ...MACHINE_SETTINGS,
  output,
  resume: { kind: 'flag', help: 'continue the run in --output after its last checkpoint' },
  overwrite: { kind: 'flag', help: 'start anew although --output holds a model or an unfinished run, which is lost' },
  tensorboard: { ...tensorboard, flag: false },
  wandb,
} as const satisfies Settings;
