import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import { openFolder } from '../../core/files-node.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { explainSystemError } from '../../core/system-errors.ts';
import { requireGiven, requireOptions } from '../../core/options.ts';
import { weightsFingerprint } from '../../checkpoint/fingerprint.ts';
import { openCheckpoint } from '../../checkpoint/folder.ts';
import { initialiseWeights } from '../../checkpoint/initialise.ts';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { validateConfig, type AlbertConfig } from '../../model/config.ts';
import { headParameters, type HeadName } from '../../model/heads.ts';
import { poolerParameters, type ParameterSpec, type Weights } from '../../model/parameters.ts';
import { presetConfig } from '../../model/presets.ts';
import { requireDevice, type Device } from '../../runtime/compile.ts';
import { defaultThreads } from '../../runtime/threads.ts';
import { fingerprintOf } from '../../tokenizer/fingerprint.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { DEFAULT_MICRO_BATCH_TOKENS } from '../../training/units.ts';
import type { RunEstimate } from '../../training/estimate-node.ts';
import type { GuardOptions } from '../../training/guards.ts';
import type { SaveActivations } from '../../training/layerwise.ts';
import { requireUsedByOptimizer } from '../../training/optimizers/constants.ts';
import { openSources } from '../../training/pretraining/corpus.ts';
import type { PretrainingExample } from '../../training/pretraining/example.ts';
import type { MaskingOptions } from '../../training/pretraining/masking.ts';
import type { PairObjective } from '../../training/pretraining/segments.ts';
import { openShardFolder } from '../../training/pretraining/shard-folder-node.ts';
import { applyWeights, PretrainingStream } from '../../training/pretraining/stream.ts';
import { pretrainingTask, type PretrainingPhase } from '../../training/pretraining/task.ts';
import { countWords } from '../../training/pretraining/word-counts.ts';
import { applyWordCounts } from '../../training/pretraining/word-vectors.ts';
import { scaleLearningRate, validateSchedule, type Schedule } from '../../training/schedules.ts';
import { Trainer, type OptimizerOptions, type TrainingOutcome } from '../../training/trainer.ts';
import { modelFolder } from '../../loaded/load-node.ts';
import type { OptionKinds } from '../../core/options.ts';
import { SCHEDULE_OPTIONS } from '../../training/run/options.ts';
import { pick } from '../../core/pick.ts';
import { addMissing, describeLeftOut } from '../../training/run/start-heads-node.ts';
import { requirePretrainConfig } from './settings.ts';
import { cardSettings, requireNothingLost, RunFolder, type RunSettings, settingsToResume, withThreadsOfRun } from '../../training/run/run-folder-node.ts';
import { requireUsedBySchedule, scheduleConstants, type ScheduleConstants } from '../../training/run/trainer-constants.ts';

/** Of `pretrain`; values are checked by `requirePretrainConfig`. */
const PRETRAIN_OPTIONS: OptionKinds<PretrainOptions> = {
  ...SCHEDULE_OPTIONS, model: 'any', from: 'string', tokenizer: 'string', wordEmbeddings: 'string', shards: 'any', weights: 'object', heldOut: 'any', heldOutExamples: 'any', objective: 'string',
  masking: 'any', maxLength: 'any', lengths: 'any', steps: 'any', batchSize: 'any', microBatchTokens: 'any', learningRate: 'any', warmupRatio: 'any', warmupSteps: 'any', finalLearningRate: 'any',
  power: 'any', restarts: 'any', optimizer: 'any', maxGradNorm: 'any', evaluateEvery: 'any', checkpointEvery: 'any', keepCheckpoints: 'any', histogramEvery: 'any', guard: 'any',
  saveActivations: 'any', seed: 'any', card: 'object', output: 'string', device: 'string', threads: 'number', resume: 'boolean', overwrite: 'boolean', tensorboard: 'boolean', command: 'string',
  onProgress: 'function', onEstimate: 'function', onEvent: 'function', signal: 'object',
};

/** What a pretraining run is made of; the JSON file of `albertine pretrain --config` has these fields. */
export interface PretrainConfig extends ScheduleConstants {
  /** Shape of a new network: a preset's name, or fields that replace those of `preset` (default `mini`). Not with `from`. */
  model?: string | (Partial<AlbertConfig> & { preset?: string });
  /** Continues from this checkpoint (path or hub id) instead: domain adaptation. Its tokeniser is used. */
  from?: string;
  /** The tokeniser that the shards were made with: its folder, or a model (hub id, built-in name) that has it. Not with `from`. */
  tokenizer?: string;
  /**
   * Word embeddings and decoder bias of a new network: `random` as in the paper, or `cooccurrence` from counts over the shards (see
   * `applyWordCounts`), which takes a minute or two, about 1 GB of memory at 16,000 words, and saves many steps of a short run. Default `random`.
   */
  wordEmbeddings?: 'random' | 'cooccurrence';
  /** Shard folders or addresses, from `albertine shards build`. */
  shards: readonly string[];
  /** Passes over a source in an epoch, by name, instead of the shards' own weights; 0 leaves it out. */
  weights?: Readonly<Record<string, number>>;
  /** Shard folders for evaluation. Figures are by source, under the last part of its name (`en` of `heldout/en`), or the whole name where two end alike. */
  heldOut?: readonly string[];
  /** Held-out examples per source. Default 200. */
  heldOutExamples?: number;
  /** Default `sop`. */
  objective?: PairObjective;
  /** Which share of the tokens is masked, and how. */
  masking?: MaskingOptions;
  /** Tokens of a sequence. Default 128. Not with `lengths`. */
  maxLength?: number;
  /** Shorter sequences first: from which share of the steps which length, such as `[[0, 64], [0.8, 128]]`. Default: `maxLength` throughout. */
  lengths?: readonly (readonly [fromShare: number, maxLength: number])[];
  /** Optimiser steps in all, those of an earlier part included. */
  steps: number;
  /** Sequences per step. Default 256. */
  batchSize?: number;
  /** Padded tokens of one forward and backward pass; a step of more is split, with the same result up to rounding and what dropout draws. Default 4096. */
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
  /** Checkpoints to keep, also when the run is finished. Default: 2, and none of a finished run, whose model is in the folder. */
  keepCheckpoints?: number;
  /** Steps between histograms of weights and gradients in `events.jsonl` and for TensorBoard. Default: none. */
  histogramEvery?: number;
  /** When a step is not applied, and when the run goes back to a checkpoint. */
  guard?: GuardOptions;
  /** Depths whose intermediate values are kept for the backward pass: more memory, fewer forward passes. Default `all`. */
  saveActivations?: SaveActivations;
  /** Of a new network's weights, the order of examples, masking and dropout. Default 1. */
  seed?: number;
  /** Facts for the model card: name, description, languages, license, datasets. */
  card?: Readonly<Record<string, unknown>>;
}

/** Options of {@link pretrain} besides the config. */
export interface PretrainOptions extends PretrainConfig {
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
  onEvent?: (kind: string, message: string) => void;
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
const PAPER_WARMUP_RATIO = 0.025;
const DEFAULT_OPTIMIZER = 'lamb';

/**
 * Pretrains an ALBERT on token shards with masked tokens and sentence order, from random weights or from a checkpoint.
 * The output folder holds a checkpoint that `transformers` loads as `AlbertForPreTraining`, also when interrupted.
 */
export async function pretrain(given: PretrainOptions): Promise<PretrainResult> {
  requireOptions('pretrain', given, PRETRAIN_OPTIONS);
  requireGiven('pretrain', given, ['shards', 'output']);
  const options = await withThreadsOfRun(given);
  requireInteger('steps', options.steps, { min: 1 });
  requirePretrainConfig(options);
  const schedule = planSchedule(options);
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [...options.shards, ...options.heldOut ?? [], options.from, options.tokenizer]);
  const start = await openStart(options, await settingsToResume(options));
  const plan = planRun(options, { ...start, schedule });
  const phases = await openPhases(options, start.tokenizer, plan);
  const heldOut = await readHeldOut(options, start.tokenizer, plan);
  const { tokensPerEpoch, sources } = phases[0].stream;
  options.onEvent?.('data', `${sources.length} sources, ${Math.round(tokensPerEpoch).toLocaleString('en-US')} tokens an epoch`);
  if ((options.objective ?? 'sop') !== 'none' && sources.every(({ documents, segments }) => segments === documents)) {
    options.onEvent?.('warning', `no document has two segments, so there are no pairs and ${options.objective ?? 'sop'} learns nothing`);
  }
  const settings: RunSettings = {
    ...plan.settings, shardsContent: phases[0].stream.content, ...(heldOut && { heldOutContent: heldOut.content }),
    ...(options.device === 'webgpu' && { device: options.device }), modelFingerprint: start.fingerprint,
    microBatchTokens: plan.microBatchTokens, threads: options.threads ?? defaultThreads(),
  };
  const run = await RunFolder.open(options, settings, { totalSteps: options.steps, notes: [], versions: { node: process.version } });
  try {
    const outcome = await train(options, start, { ...plan, phases, heldOut: heldOut?.groups, run });
    await savePretrained(options, start, { outcome, settings });
    await run.close(outcome.outcome === 'interrupted' ? 'interrupted' : 'finished');
    const { weights, ...result } = outcome;
    options.onEvent?.('saved', `${weights.size} tensors to ${options.output}`);
    return { ...result, output: options.output };
  } catch (error) {
    await run.close('failed').catch(() => undefined);
    throw explainSystemError(error, { path: options.output }) ?? error;
  }
}

/** `before` are the settings of a run whose checkpoint is going to replace all weights: nothing is counted for it. */
async function openStart(options: PretrainOptions, before: RunSettings | undefined): Promise<Start> {
  const { from, tokenizer: tokenizerFolder, seed = 1 } = options;
  const wordEmbeddings = requireOneOf('wordEmbeddings', options.wordEmbeddings ?? 'random', ['random', 'cooccurrence']);
  if (from !== undefined) {
    if (wordEmbeddings !== 'random') throw new AlbertineError('invalid_argument', 'wordEmbeddings is for a new network, not with from', { value: wordEmbeddings });
    const unused = (['model', 'tokenizer'] as const).find((name) => options[name] !== undefined);
    if (unused) throw new AlbertineError('invalid_argument', `${unused} is for a new network, not with from: a checkpoint brings its own`, { value: options[unused] });
    const files = await openFolder(await modelFolder(from));
    const checkpoint = await openCheckpoint(files);
    const [loaded, tokenizer] = await Promise.all([checkpoint.load({ heads: HEADS }), loadTokenizer(files)]);
    const weights: Weights = new Map(loaded.weights);
    for (const remark of startPretrainingHeads(checkpoint.config, { weights, seed, unused: loaded.unusedHeads })) options.onEvent?.('model', remark);
    return { config: checkpoint.config, tokenizer, weights, fingerprint: await weightsFingerprint(weights) };
  }
  if (tokenizerFolder === undefined) throw new AlbertineError('invalid_argument', 'a new network needs a tokenizer', { hint: 'Give tokenizer, or from for a checkpoint that has one' });
  const tokenizer = await loadTokenizer(await openFolder(await modelFolder(tokenizerFolder)));
  const config = newConfig(options.model ?? 'mini', tokenizer);
  const weights = initialiseWeights(config, seed, { heads: HEADS });
  const fingerprint = before?.['modelFingerprint'];
  // Shape, seed and counted sources are settings themselves, so that other ones are refused all the same.
  if (wordEmbeddings === 'cooccurrence' && typeof fingerprint === 'string') return { config, tokenizer, weights, fingerprint };
  if (wordEmbeddings === 'cooccurrence') await startFromCounts(options, { config, tokenizer, weights });
  return { config, tokenizer, weights, fingerprint: await weightsFingerprint(weights) };
}

async function startFromCounts(options: PretrainOptions, { config, tokenizer, weights }: Omit<Start, 'fingerprint'>): Promise<void> {
  const { seed = 1 } = options;
  const opened = await openSources(await Promise.all(options.shards.map(openShardFolder)), tokenizer);
  const sources = applyWeights(opened, pick(options, ['weights'])).map((source) => ({ ...source, weight: source.passes }));
  const counts = await countWords(sources, { vocabSize: config.vocabSize, seed });
  applyWordCounts(weights, counts, { deviation: config.initializerRange, seed });
  options.onEvent?.('words', `embeddings from neighbours in ${Math.round(counts.tokens).toLocaleString('en-US')} tokens`);
}

function newConfig(model: NonNullable<PretrainConfig['model']>, tokenizer: Tokenizer): AlbertConfig {
  const { preset = 'mini', ...fields } = typeof model === 'string' ? { preset: model } : model;
  const base = presetConfig(preset);
  const unknown = Object.keys(fields).filter((key) => !(key in base));
  if (unknown.length > 0) throw new AlbertineError('invalid_config', `unknown fields of model: ${unknown.join(', ')}`, { value: unknown, hint: `It has ${Object.keys(base).join(', ')}` });
  const { pad, cls, sep } = tokenizer.special;
  return validateConfig({ ...base, vocabSize: tokenizer.vocabSize, padTokenId: pad, bosTokenId: cls, eosTokenId: sep, ...fields });
}

/** Adds the pooler and heads that a checkpoint lacks, and says so; says of others that they take no part. */
function startPretrainingHeads(config: AlbertConfig, { weights, seed, unused }: { weights: Weights; seed: number; unused: readonly HeadName[] }): string[] {
  const parts: [string, ParameterSpec[]][] = [['pooler', poolerParameters(config)], ...HEADS.map((head): [string, ParameterSpec[]] => [head, headParameters(config, head)])];
  const fresh = parts.filter(([, specs]) => addMissing(weights, specs, { config, seed }) === 'fresh').map(([name]) => name);
  const leftOut = describeLeftOut(unused, 'pretraining');
  return [...(fresh.length > 0 ? [`starting fresh, for the checkpoint lacks them: ${fresh.join(', ')}`] : []), ...(leftOut === undefined ? [] : [leftOut])];
}

interface Plan {
  schedule: Schedule;
  batchSize: number;
  microBatchTokens: number;
  lengths: readonly (readonly [fromStep: number, maxLength: number])[];
  settings: RunSettings;
}

/** Throws `invalid_argument` for constants out of range, and for those that a new run would ignore; a run that was started with such goes on. */
function planSchedule(options: PretrainOptions): Schedule {
  const { steps, batchSize = 256, optimizer = {} } = options;
  const schedule = validateSchedule({
    kind: options.schedule ?? 'linear', totalSteps: steps,
    learningRate: options.learningRate ?? scaleLearningRate(PAPER_RATE, batchSize, PAPER_BATCH),
    ...scheduleConstants(options, { warmupRatio: PAPER_WARMUP_RATIO }),
  });
  if (!options.resume) {
    requireUsedBySchedule(schedule);
    requireUsedByOptimizer(optimizer.name ?? DEFAULT_OPTIMIZER, optimizer);
  }
  return schedule;
}

function planRun(options: PretrainOptions, { config, tokenizer, schedule }: Start & { schedule: Schedule }): Plan {
  const { steps, objective = 'sop', batchSize = 256, maxLength = 128, seed = 1 } = options;
  const lengths = (options.lengths ?? [[0, maxLength]]).map(([share, length]): [number, number] => [Math.round(share * steps), requireInteger('maxLength', length, { min: 8, max: config.maxPositionEmbeddings })]);
  const { kind, learningRate, ...constants } = schedule;
  const { name = DEFAULT_OPTIMIZER, ...optimizer } = options.optimizer ?? {};
  const settings: RunSettings = {
    task: 'pretraining', objective, ...config, tokenizer: tokenizer.fingerprint, ...pick(options, ['from', 'wordEmbeddings', 'shards', 'weights', 'masking', 'heldOut']),
    lengths, batchSize, learningRate, schedule: kind, ...constants, optimizer: name, ...optimizer, maxGradNorm: options.maxGradNorm ?? 1, ...pick(options, ['guard']), seed,
  };
  return { schedule, batchSize, microBatchTokens: options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS, lengths, settings };
}

async function openPhases(options: PretrainConfig, tokenizer: Tokenizer, plan: Plan): Promise<PretrainingPhase[]> {
  const folders = await Promise.all(options.shards.map(openShardFolder));
  return Promise.all(plan.lengths.map(async ([fromStep, maxLength]) => ({
    fromStep,
    stream: await PretrainingStream.open(folders, { tokenizer, maxLength, seed: options.seed ?? 1, ...pick(options, ['objective', 'masking', 'weights']) }),
  })));
}

/** The first examples of every held-out source, with masks that never change. */
async function readHeldOut(options: PretrainConfig, tokenizer: Tokenizer, plan: Plan): Promise<{ groups: Map<string, PretrainingExample[]>; content: string } | undefined> {
  if (!options.heldOut || options.heldOut.length === 0) return undefined;
  const limit = requireInteger('heldOutExamples', options.heldOutExamples ?? 200, { min: 1 });
  const maxLength = Math.max(...plan.lengths.map(([, length]) => length));
  const streams: PretrainingStream[] = [];
  for (const folder of options.heldOut) {
    streams.push(await PretrainingStream.open([await openShardFolder(folder)], { tokenizer, maxLength, seed: 0, shuffle: false, ...pick(options, ['objective']), masking: { ...options.masking, masks: 'static' } }));
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

/** What figures of held-out sources are called: the last part of a source's name, such as its language; the whole name where that would not tell two apart. */
function groupNames(sources: readonly string[]): Map<string, string> {
  const lastPart = (source: string): string => source.split('/').at(-1)!;
  const twice = sources.find((source, i) => sources.indexOf(source) !== i);
  if (twice !== undefined) throw new AlbertineError('invalid_data', `two held-out sources are called ${twice}`, { value: twice, hint: 'Name the sources of shards apart: their figures are told apart by name' });
  const isClear = (source: string): boolean => sources.filter((other) => lastPart(other) === lastPart(source)).length === 1;
  return new Map(sources.map((source) => [source, isClear(source) ? lastPart(source) : source.replaceAll('/', '-')]));
}

async function train(options: PretrainOptions, start: Start, parts: Plan & { phases: PretrainingPhase[]; heldOut: Map<string, PretrainingExample[]> | undefined; run: RunFolder }): Promise<TrainingOutcome> {
  const { schedule, batchSize, microBatchTokens, phases, heldOut, run } = parts;
  const task = pretrainingTask({ config: start.config, objective: options.objective ?? 'sop', phases, batchSize, microBatchTokens, ...(heldOut && { heldOut }) });
  using trainer = new Trainer(start.config, start.weights, task, {
    ...pick(options, ['output', 'maxGradNorm', 'checkpointEvery', 'keepCheckpoints', 'histogramEvery', 'guard', 'saveActivations', 'threads', 'device', 'onProgress', 'onEstimate', 'signal']),
    optimizer: { name: DEFAULT_OPTIMIZER, ...options.optimizer },
    seed: options.seed ?? 1,
    schedule,
    evaluateEvery: options.evaluateEvery ?? Math.max(1, Math.ceil(options.steps / 20)),
    tracker: run.tracker,
    onEvent: (kind, message) => options.onEvent?.(kind, message),
  });
  if (options.resume) {
    const step = await trainer.resume();
    options.onEvent?.('resumed', step === undefined ? 'no checkpoint yet: starting from the beginning' : `at step ${step} of ${schedule.totalSteps}`);
  }
  return await trainer.run();
}

async function savePretrained(options: PretrainOptions, { config, tokenizer }: Start, run: { outcome: TrainingOutcome; settings: RunSettings }): Promise<void> {
  const { outcome, settings } = run;
  await saveCheckpoint(options.output, {
    config, weights: outcome.weights, heads: options.objective === 'none' ? ['maskedLm'] : HEADS, tokenizerFiles: tokenizer.files(), maxLength: config.maxPositionEmbeddings,
    card: {
      name: 'ALBERT', description: `Pretrained with albertine: ${outcome.steps} steps of masked language modelling and ${options.objective ?? 'sop'}.`,
      ...options.card,
      training: cardSettings(settings),
      results: outcome.evaluation ?? {},
    },
  });
}
