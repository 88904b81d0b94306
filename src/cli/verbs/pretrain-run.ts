import { AlbertineError } from '../../core/errors.ts';
import { countOf } from '../../core/count.ts';
import { readJsonFile } from '../../core/files-node.ts';
import { pick } from '../../core/pick.ts';
import { pretrain, type PretrainConfig, type PretrainOptions } from '../../tasks/pretrain/pretrain-node.ts';
import { quoted } from '../../tasks/pretrain/settings.ts';
import type { ScheduleConstants } from '../../training/run/trainer-constants.ts';
import type { GuardOptions } from '../../training/guards.ts';
import type { MaskingOptions } from '../../training/pretraining/masking.ts';
import { UsageError } from '../terminal/errors.ts';
import { describeEstimate, interrupted, optimizerOptions, scheduleOptions, type OptimizerFlags, unlessFinished } from './finetune-run.ts';
import { asFlags } from '../flags/flag-names.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';

/** The flags of `albertine pretrain`, as commander gives them. */
export interface PretrainFlags extends Partial<Pick<PretrainOptions, 'shards' | 'heldOut' | 'tokenizer' | 'from' | 'wordEmbeddings' | 'objective' | 'steps' | 'batchSize' | 'maxLength' | 'learningRate'
  | 'maxGradNorm' | 'evaluateEvery' | 'checkpointEvery' | 'keepCheckpoints' | 'histogramEvery'
  | 'microBatchTokens' | 'seed' | 'device' | 'threads' | 'resume' | 'overwrite'>>, ScheduleConstants, OptimizerFlags, GuardOptions, Pick<MaskingOptions, 'maxNgram' | 'maxPredictions'> {
  config?: string;
  output: string;
  preset?: string;
  maskProbability?: number;
  quiet?: boolean;
}

const CONFIG_KEYS: readonly (keyof PretrainConfig)[] = [
  'model', 'from', 'tokenizer', 'wordEmbeddings', 'shards', 'weights', 'heldOut', 'heldOutExamples', 'objective', 'masking', 'maxLength', 'lengths', 'steps', 'batchSize', 'microBatchTokens',
  'learningRate', 'schedule', 'warmupRatio', 'warmupSteps', 'finalLearningRate', 'power', 'restarts', 'optimizer', 'maxGradNorm', 'evaluateEvery', 'checkpointEvery', 'keepCheckpoints',
  'histogramEvery', 'guard', 'saveActivations', 'seed', 'card',
];

/** Facts rather than warnings. */
const QUIET_EVENTS = new Set(['data', 'saved', 'resumed', 'words']);

/** Runs `albertine pretrain`. */
export async function runPretrain(io: CliIo, flags: PretrainFlags): Promise<void> {
  const config = flags.config === undefined ? {} : await readConfig(flags.config);
  const { quiet = false } = flags;
  const settings = applyFlags(config, flags);
  const { shards, steps } = settings;
  if (!shards) throw new UsageError('--shards is missing (or "shards" in --config)');
  if (steps === undefined) throw new UsageError('--steps is missing (or "steps" in --config)');
  const bar = createProgressBar(io, { quiet });
  const started = performance.now();
  const result = await pretrain({
    ...settings, shards, steps,
    output: flags.output, ...pick(flags, ['device', 'threads', 'resume', 'overwrite']),
    onProgress: bar.update,
    onEstimate: (estimate) => { if (!quiet) bar.note(describeEstimate(estimate)); },
    onEvent: (kind, message) => { if (!quiet || !QUIET_EVENTS.has(kind)) bar.note(`${kind}: ${asFlags(message)}`); },
    signal: io.signal,
  }).catch(unlessFinished(io)).finally(() => bar.finish());
  if (result === undefined) return await io.stdout.write(`${flags.output}\n`);
  if (result.outcome === 'interrupted') throw interrupted(result);
  if (!quiet) {
    io.stderr.write(`${countOf(result.steps, 'step')} in ${formatDuration((performance.now() - started) / 1000)}\n`);
    for (const [name, value] of Object.entries(result.evaluation ?? {})) io.stderr.write(`  ${name.padEnd(20)}${value.toPrecision(4)}\n`);
  }
  await io.stdout.write(`${result.output}\n`);
}

/** The settings of the file, with what flags say in their place. Settings within a group (`masking`, `optimizer`, `guard`) are replaced one by one. */
function applyFlags(config: Partial<PretrainConfig>, flags: PretrainFlags): Partial<PretrainConfig> {
  const { preset, maskProbability: probability } = flags;
  const optimizer = optimizerOptions(flags, config.optimizer?.name ?? 'lamb');
  const guard = pick(flags, ['spikeFactor', 'rollBackAfter']);
  const masking = { ...(probability !== undefined && { probability }), ...pick(flags, ['maxNgram', 'maxPredictions']) };
  const isGiven = (group: object): boolean => Object.keys(group).length > 0;
  return {
    ...withoutReplaced(config, flags),
    ...pick(flags, ['shards', 'heldOut', 'tokenizer', 'from', 'wordEmbeddings', 'objective', 'steps', 'batchSize', 'maxLength', 'learningRate',
      'maxGradNorm', 'evaluateEvery', 'checkpointEvery', 'keepCheckpoints', 'histogramEvery', 'microBatchTokens', 'seed']),
    ...scheduleOptions(flags),
    ...(preset !== undefined && { model: preset }),
    ...(isGiven(optimizer) && { optimizer: { ...config.optimizer, ...optimizer } }),
    ...(isGiven(guard) && { guard: { ...config.guard, ...guard } }),
    ...(isGiven(masking) && { masking: { ...config.masking, ...masking } }),
  };
}

/** The settings of the file less those that a flag replaces under another name: another start, one length throughout, or another warm-up. */
function withoutReplaced(config: Partial<PretrainConfig>, { from, preset, tokenizer, maxLength, warmupSteps, warmupRatio }: PretrainFlags): Partial<PretrainConfig> {
  const replaced: (keyof PretrainConfig)[] = [
    ...(from !== undefined ? ['model', 'tokenizer', 'wordEmbeddings'] as const : []), ...(preset !== undefined || tokenizer !== undefined ? ['from'] as const : []),
    ...(maxLength !== undefined ? ['lengths'] as const : []), ...(warmupSteps !== undefined ? ['warmupRatio'] as const : []), ...(warmupRatio !== undefined ? ['warmupSteps'] as const : []),
  ];
  return Object.fromEntries(Object.entries(config).filter(([name]) => !replaced.includes(name as keyof PretrainConfig)));
}

async function readConfig(path: string): Promise<Partial<PretrainConfig>> {
  const json = await readJsonFile(path);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new AlbertineError('invalid_file', `${path} must hold a JSON object`, { value: path });
  const unknown = Object.keys(json).filter((key) => !CONFIG_KEYS.includes(key as keyof PretrainConfig));
  if (unknown.length > 0) throw new AlbertineError('invalid_config', `${path} has unknown settings: ${unknown.join(', ')}`, { value: unknown, hint: `There are ${quoted(CONFIG_KEYS)}` });
  return json as Partial<PretrainConfig>;
}
