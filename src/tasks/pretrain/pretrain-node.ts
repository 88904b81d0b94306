import { weightsFingerprint } from '../../checkpoint/fingerprint.ts';
import { openCheckpoint } from '../../checkpoint/folder.ts';
import { initialiseWeights } from '../../checkpoint/initialise.ts';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { openFolder } from '../../core/files-node.ts';
import { pick } from '../../core/pick.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { option, prose } from '../../core/prose.ts';
import type { OptionsOf } from '../../core/settings.ts';
import { modelFolder } from '../../loaded/load-node.ts';
import { modelTypeOf, type AlbertConfig } from '../../model/config.ts';
import { headParameters, type HeadName } from '../../model/heads.ts';
import { poolerParameters, type ParameterSpec, type Weights } from '../../model/parameters.ts';
import { requireDevice, type Device } from '../../runtime/compile.ts';
import { defaultThreads } from '../../runtime/threads.ts';
import { fingerprintOf } from '../../tokenizer/fingerprint.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { RunEstimate } from '../../training/estimate-node.ts';
import type { GuardOptions } from '../../training/guards.ts';
import type { SaveActivations } from '../../training/layerwise.ts';
import { openSources } from '../../training/pretraining/corpus.ts';
import type { PretrainingExample } from '../../training/pretraining/example.ts';
import type { MaskingOptions } from '../../training/pretraining/masking.ts';
import type { PairObjective } from '../../training/pretraining/segments.ts';
import { PRETRAIN_CONFIG_SETTINGS, type PRETRAIN_RUN_SETTINGS } from '../../training/pretraining/settings.ts';
import { openShardFolder } from '../../training/pretraining/shard-folder-node.ts';
import { applyWeights, PretrainingStream } from '../../training/pretraining/stream.ts';
import { pretrainingTask, type PretrainingPhase } from '../../training/pretraining/task.ts';
import { countWords } from '../../training/pretraining/word-counts.ts';
import { applyWordCounts } from '../../training/pretraining/word-vectors.ts';
import { newNetworkConfig } from '../../training/run/new-network.ts';
import { tell, type RunListener } from '../../training/run/options.ts';
import {
  cardSettings,
  requireNothingLost,
  type RunSettings,
  settingsToResume,
  withThreadsOfRun,
} from '../../training/run/run-folder-node.ts';
import { addMissing, describeLeftOut } from '../../training/run/start-heads-node.ts';
import { runTraining } from '../../training/run/train-node.ts';
import {
  requireUsedConstants,
  scheduleOf,
  updateSettings,
  type UpdateOptions,
} from '../../training/run/trainer-constants.ts';
import { scaleLearningRate, type Schedule } from '../../training/schedules.ts';
import type { OptimizerOptions, TrainingOutcome } from '../../training/trainer-options.ts';
import { requirePretrainOptions } from './settings.ts';

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

/** Options of {@link pretrain} besides the config. */
export interface PretrainOptions extends PretrainConfig, OptionsOf<typeof PRETRAIN_RUN_SETTINGS> {
  /** Receives checkpoints, metrics and the pretrained model. */
  output: string;
  /** Where the network is trained. Default `cpu`; for `webgpu` see docs/webgpu.md. */
  device?: Device;
  /** Default: those of the run that is resumed, or those this process may use. */
  threads?: number;
  /** Continues the run in `output`. */
  resume?: boolean;
  /** Starts anew although `output` has a model or an unfinished run, which is lost. */
  overwrite?: boolean;
  /** Also writes TensorBoard event files to `output/tensorboard`. Default true. */
  tensorboard?: boolean;
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

/** Result of {@link pretrain}. */
export interface PretrainResult extends Omit<TrainingOutcome, 'weights'> {
  /** Folder of the run, with the pretrained model. */
  output: string;
}

interface Start {
  config: AlbertConfig;
  weights: Weights;
  /** Of the weights that the run began with. */
  fingerprint: string;
  tokenizer: Tokenizer;
}

const HEADS: HeadName[] = ['maskedLm', 'sentenceOrder'];
/** ALBERT's peak rate and the batch it belongs to (Lan et al. 2020, section 4.1). */
const PAPER_RATE = 1.76e-3;
const PAPER_BATCH = 4096;
const SETTINGS = PRETRAIN_CONFIG_SETTINGS;
const DEFAULT_OPTIMIZER = SETTINGS.optimizer.settings.name.default;
const DEFAULTS = {
  objective: SETTINGS.objective.default,
  batchSize: SETTINGS.batchSize.default,
  maxLength: SETTINGS.maxLength.default,
  seed: SETTINGS.seed.default,
  heldOutExamples: SETTINGS.heldOutExamples.default,
  microBatchTokens: SETTINGS.microBatchTokens.default,
} satisfies Partial<PretrainOptions>;

/** Options with the defaults that depend on nothing. */
type Filled = PretrainOptions & Required<Pick<PretrainOptions, keyof typeof DEFAULTS>>;

/**
 * Pretrains an ALBERT on token shards with masked tokens and sentence order, from random weights or from a checkpoint.
 * The output folder holds a checkpoint that `transformers` loads as `AlbertForPreTraining`, also when interrupted.
 */
export async function pretrain(given: PretrainOptions): Promise<PretrainResult> {
  requirePretrainOptions(given);
  // A run that was started with constants it ignores goes on.
  if (!given.resume) requireUsedConstants(given, DEFAULT_OPTIMIZER);
  const options: Filled = {
    ...DEFAULTS,
    ...(pick(await withThreadsOfRun(given), [
      ...Object.keys(given),
      'threads',
    ] as (keyof PretrainOptions)[]) as PretrainOptions),
  };
  const schedule = scheduleOf(options, {
    totalSteps: options.steps,
    warmupRatio: SETTINGS.warmupRatio.default,
    learningRate: options.learningRate ?? scaleLearningRate(PAPER_RATE, options.batchSize, PAPER_BATCH),
  });
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [...options.shards, ...(options.heldOut ?? []), options.from, options.tokenizer]);
  const start = await openStart(options, await settingsToResume(options));
  const lengths = lengthsOf(options, start.config);
  const phases = await openPhases(options, start.tokenizer, lengths);
  const heldOut = await readHeldOut(options, start.tokenizer, lengths);
  describeData(options, phases[0]);
  const settings = planSettings(options, start, {
    schedule,
    lengths,
    content: { shardsContent: phases[0].stream.content, ...(heldOut && { heldOutContent: heldOut.content }) },
  });
  const outcome = await runTraining(
    { ...options, optimizer: { name: DEFAULT_OPTIMIZER, ...options.optimizer } },
    {
      config: start.config,
      weights: start.weights,
      notes: [],
      task: pretrainingTask({
        config: start.config,
        phases,
        ...pick(options, ['objective', 'batchSize', 'microBatchTokens']),
        ...(heldOut && { heldOut: heldOut.groups }),
      }),
      plan: { schedule, settings, evaluateEvery: options.evaluateEvery ?? Math.max(1, Math.ceil(options.steps / 20)) },
      savesInterrupted: true,
      save: async (trained) => {
        await savePretrained(options, start, { outcome: trained, settings });
        tell(options.onEvent, 'saved', `${trained.weights.size} tensors to ${options.output}`);
        return {};
      },
    },
  );
  return { ...outcome, output: options.output };
}

/** Says how much there is to learn from, and that there are no pairs where there are none. */
function describeData({ onEvent, objective }: Filled, { stream: { sources, tokensPerEpoch } }: PretrainingPhase): void {
  tell(
    onEvent,
    'data',
    `${sources.length} sources, ${Math.round(tokensPerEpoch).toLocaleString('en-US')} tokens an epoch`,
  );
  if (objective !== 'none' && sources.every(({ documents, segments }) => segments === documents))
    tell(onEvent, 'warning', `no document has two segments, so there are no pairs and ${objective} learns nothing`);
}

/** `before` are the settings of a run whose checkpoint is going to replace all weights: nothing is counted for it. */
async function openStart(options: Filled, before: RunSettings | undefined): Promise<Start> {
  const { from, tokenizer: tokenizerFolder, wordEmbeddings = 'random' } = options;
  if (from !== undefined) {
    if (wordEmbeddings !== 'random')
      throw new AlbertineError(
        'invalid_argument',
        prose`${option('wordEmbeddings')} is for a new network, not with ${option('from')}`,
        { value: wordEmbeddings, option: 'wordEmbeddings' },
      );
    const unused = (['model', 'tokenizer'] as const).find((name) => options[name] !== undefined);
    if (unused)
      throw new AlbertineError(
        'invalid_argument',
        prose`${option(unused)} is for a new network, not with ${option('from')}: a checkpoint brings its own`,
        { value: options[unused], option: unused },
      );
    const files = await openFolder(await modelFolder(from));
    const checkpoint = await openCheckpoint(files);
    requireObjective(checkpoint.config, options);
    const [loaded, tokenizer] = await Promise.all([checkpoint.load({ heads: HEADS }), loadTokenizer(files)]);
    const weights: Weights = new Map(loaded.weights);
    tell(
      options.onEvent,
      'model',
      ...startPretrainingHeads(checkpoint.config, { weights, seed: options.seed, unused: loaded.unusedHeads }),
    );
    return { config: checkpoint.config, tokenizer, weights, fingerprint: await weightsFingerprint(weights) };
  }
  if (tokenizerFolder === undefined)
    throw new AlbertineError('invalid_argument', 'a new network needs a tokenizer', {
      hint: prose`Give ${option('tokenizer')}, or ${option('from')} for a checkpoint that has one`,
    });
  const tokenizer = await loadTokenizer(await openFolder(await modelFolder(tokenizerFolder)));
  const config = newNetworkConfig(options.model ?? SETTINGS.model.default, {
    tokenizer,
    preset: SETTINGS.model.default,
  });
  const weights = initialiseWeights(config, options.seed, { heads: HEADS });
  const fingerprint = before?.['modelFingerprint'];
  // Shape, seed and counted sources are settings themselves, so that other ones are refused all the same.
  if (wordEmbeddings === 'cooccurrence' && typeof fingerprint === 'string')
    return { config, tokenizer, weights, fingerprint };
  if (wordEmbeddings === 'cooccurrence') await startFromCounts(options, { config, tokenizer, weights });
  return { config, tokenizer, weights, fingerprint: await weightsFingerprint(weights) };
}

/**
 * Only ALBERT's folders have a place for the head that tells the order of sentences: said before the run, not when it
 * saves.
 */
function requireObjective(config: AlbertConfig, { objective }: Filled): void {
  const type = modelTypeOf(config);
  if (type === 'albert' || objective === 'none') return;
  throw new AlbertineError(
    'unsupported',
    prose`${option('objective', objective)} needs an ALBERT, this checkpoint is of ${type}`,
    { value: type, option: 'objective', hint: prose`Train its masked words alone: ${option('objective', 'none')}` },
  );
}

async function startFromCounts(
  options: Filled,
  { config, tokenizer, weights }: Omit<Start, 'fingerprint'>,
): Promise<void> {
  const opened = await openSources(await Promise.all(options.shards.map(openShardFolder)), tokenizer);
  const sources = applyWeights(opened, pick(options, ['weights'])).map((source) => ({
    ...source,
    weight: source.passes,
  }));
  const counts = await countWords(sources, { vocabSize: config.vocabSize, seed: options.seed });
  applyWordCounts(weights, counts, { deviation: config.initializerRange, seed: options.seed });
  tell(
    options.onEvent,
    'words',
    `embeddings from neighbours in ${Math.round(counts.tokens).toLocaleString('en-US')} tokens`,
  );
}

/** Adds the pooler and heads that a checkpoint lacks, and says so; says of others that they take no part. */
function startPretrainingHeads(
  config: AlbertConfig,
  { weights, seed, unused }: { weights: Weights; seed: number; unused: readonly HeadName[] },
): string[] {
  const parts: [string, ParameterSpec[]][] = [
    ['pooler', poolerParameters(config)],
    ...HEADS.map((head): [string, ParameterSpec[]] => [head, headParameters(config, head)]),
  ];
  const fresh = parts
    .filter(([, specs]) => addMissing(weights, specs, { config, seed }) === 'fresh')
    .map(([name]) => name);
  const leftOut = describeLeftOut(unused, 'pretraining');
  return [
    ...(fresh.length > 0 ? [`starting fresh, for the checkpoint lacks them: ${fresh.join(', ')}`] : []),
    ...(leftOut === undefined ? [] : [leftOut]),
  ];
}

/** From which step which length holds. */
type Lengths = readonly (readonly [fromStep: number, maxLength: number])[];

function lengthsOf({ steps, lengths, maxLength }: Filled, { maxPositionEmbeddings: max }: AlbertConfig): Lengths {
  return (lengths ?? [[0, maxLength] as const]).map(([share, length]): [number, number] => [
    Math.round(share * steps),
    requireInteger('maxLength', length, { min: SETTINGS.maxLength.min, max }),
  ]);
}

/** Everything that decides the result; `content` tells data that changed in their place. */
function planSettings(
  options: Filled,
  { config, tokenizer, fingerprint }: Start,
  {
    schedule,
    lengths,
    content,
  }: { schedule: Schedule; lengths: Lengths; content: { shardsContent: string; heldOutContent?: string } },
) {
  return {
    task: 'pretraining',
    objective: options.objective,
    ...config,
    tokenizer: tokenizer.fingerprint,
    ...pick(options, ['from', 'wordEmbeddings', 'shards', 'weights', 'masking', 'heldOut']),
    lengths,
    batchSize: options.batchSize,
    ...updateSettings(options, schedule, DEFAULT_OPTIMIZER),
    ...pick(options, ['guard']),
    seed: options.seed,
    ...content,
    ...(options.device === 'webgpu' && { device: options.device }),
    modelFingerprint: fingerprint,
    microBatchTokens: options.microBatchTokens,
    threads: options.threads ?? defaultThreads(),
  };
}

async function openPhases(options: Filled, tokenizer: Tokenizer, lengths: Lengths): Promise<PretrainingPhase[]> {
  const folders = await Promise.all(options.shards.map(openShardFolder));
  return Promise.all(
    lengths.map(async ([fromStep, length]) => ({
      fromStep,
      stream: await PretrainingStream.open(folders, {
        tokenizer,
        maxLength: length,
        ...pick(options, ['seed', 'objective', 'masking', 'weights']),
      }),
    })),
  );
}

/** The first examples of every held-out source, with masks that never change. */
async function readHeldOut(
  options: Filled,
  tokenizer: Tokenizer,
  lengths: Lengths,
): Promise<{ groups: Map<string, PretrainingExample[]>; content: string } | undefined> {
  if (!options.heldOut || options.heldOut.length === 0) return undefined;
  const { heldOutExamples: limit } = options;
  const longest = Math.max(...lengths.map(([, length]) => length));
  const streams: PretrainingStream[] = [];
  for (const folder of options.heldOut) {
    streams.push(
      await PretrainingStream.open([await openShardFolder(folder)], {
        tokenizer,
        maxLength: longest,
        seed: 0,
        shuffle: false,
        ...pick(options, ['objective']),
        masking: { ...options.masking, masks: 'static' },
      }),
    );
  }
  const names = groupNames(streams.flatMap(({ sources }) => sources.map(({ name }) => name)));
  const groups = new Map<string, PretrainingExample[]>(Array.from(names.values(), (name) => [name, []]));
  for (const stream of streams) {
    let full = 0;
    for await (const example of stream.epoch()) {
      const group = groups.get(names.get(example.source)!)!;
      if (group.length === limit) continue;
      if (group.push(example) === limit && ++full === stream.sources.length) break;
    }
  }
  return { groups, content: fingerprintOf(streams.map(({ content }) => content)) };
}

/**
 * What figures of held-out sources are called: the last part of a source's name, such as its language; the whole name
 * where that would not tell two apart.
 */
function groupNames(sources: readonly string[]): Map<string, string> {
  const lastPart = (source: string): string => source.split('/').at(-1)!;
  const twice = sources.find((source, i) => sources.indexOf(source) !== i);
  if (twice !== undefined)
    throw new AlbertineError('invalid_data', `two held-out sources are called ${twice}`, {
      value: twice,
      hint: 'Name the sources of shards apart: their figures are told apart by name',
    });
  const isClear = (source: string): boolean =>
    sources.filter((other) => lastPart(other) === lastPart(source)).length === 1;
  return new Map(sources.map((source) => [source, isClear(source) ? lastPart(source) : source.replaceAll('/', '-')]));
}

async function savePretrained(
  options: Filled,
  { config, tokenizer }: Start,
  run: { outcome: TrainingOutcome; settings: RunSettings },
): Promise<void> {
  const { outcome, settings } = run;
  await saveCheckpoint(options.output, {
    config,
    weights: outcome.weights,
    heads: options.objective === 'none' ? ['maskedLm'] : HEADS,
    tokenizerFiles: tokenizer.files(),
    maxLength: config.maxPositionEmbeddings,
    card: {
      name: 'ALBERT',
      description: `Pretrained with albertine: ${outcome.steps} steps of masked language modelling and ${options.objective}.`,
      ...options.card,
      training: cardSettings(settings),
      results: outcome.evaluation ?? {},
    },
  });
}
