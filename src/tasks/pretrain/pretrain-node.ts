import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { type AlbertConfig } from '../../model/config.ts';
import { requireDevice } from '../../runtime/compile.ts';
import { defaultThreads } from '../../runtime/threads.ts';
import { fingerprintOf } from '../../tokenizer/fingerprint.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { PretrainingExample } from '../../training/pretraining/example.ts';
import { PRETRAIN_CONFIG_SETTINGS } from '../../training/pretraining/settings.ts';
import { openShardFolder } from '../../training/pretraining/shard-folder-node.ts';
import { PretrainingStream } from '../../training/pretraining/stream.ts';
import { pretrainingTask, type PretrainingPhase } from '../../training/pretraining/task.ts';
import { tell } from '../../training/run/options.ts';
import {
  cardSettings,
  requireNothingLost,
  type RunSettings,
  settingsToResume,
  withThreadsOfRun,
} from '../../training/run/run-folder-node.ts';
import { runTraining } from '../../training/run/train-node.ts';
import { requireUsedConstants, scheduleOf, updateSettings } from '../../training/run/trainer-constants.ts';
import { scaleLearningRate, type Schedule } from '../../training/schedules.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import { DEFAULTS, type Filled, type PretrainOptions, type PretrainResult } from './options.ts';
import { requirePretrainOptions } from './settings.ts';
import { HEADS, openStart, type Start } from './start-node.ts';

/** ALBERT's peak rate and the batch it belongs to (Lan et al. 2020, section 4.1). */
const PAPER_RATE = 1.76e-3;
const PAPER_BATCH = 4096;
const SETTINGS = PRETRAIN_CONFIG_SETTINGS;
const DEFAULT_OPTIMIZER = SETTINGS.optimizer.settings.name.default;
/** What the main entry's function of this name loads; it says more. */
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
