import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { makeFolder, requireUsableFolder, writeFileAtomic } from '../../core/files-node.ts';
import { lockTarget, requireUnlocked, type Lock } from '../../core/lock-node.ts';
import { removeLeftovers, requireSeparate } from '../../core/output-node.ts';
import { explainingSystemErrors } from '../../core/system-errors.ts';
import { listRunCheckpoints } from '../run-checkpoint-node.ts';
import type { RunInfo } from '../report/run-record.ts';
import { createRunTracker, TENSORBOARD_FOLDER } from '../trackers/run-tracker.ts';
import type { HyperParameter, Tracker } from '../trackers/tracker.ts';
import { tell, type FineTuneRunOptions } from './options.ts';
import { openWandb, requireWandb, WANDB_FOLDER } from './wandb-node.ts';

/** Everything that decides what a run computes; a resumed run must have the same. Flat, in the order to be shown. */
export type RunSettings = Readonly<Record<string, unknown>>;

/** What a run says about itself besides its settings. */
export type RunFacts = Pick<RunInfo, 'classCounts' | 'classRows' | 'duplicates' | 'notes' | 'totalSteps' | 'versions'>;

/** How a run is started. */
export type RunFolderOptions = Pick<
  FineTuneRunOptions,
  'output' | 'resume' | 'overwrite' | 'keepCheckpoints' | 'tensorboard' | 'wandb' | 'trackers' | 'command' | 'onEvent'
>;

/** Settings whose change between the parts of a run is noted, with what follows from it. */
const NOTED: Readonly<Record<string, { unit: string; effect: string }>> = {
  threads: { unit: 'threads', effect: 'matrix products may be rounded differently' },
  microBatchTokens: {
    unit: 'tokens per micro-batch',
    effect:
      'steps are divided differently, so that sums are rounded differently and dropout, if there is any, draws differently',
  },
};
/**
 * Settings that may change between the parts of a run: those, and where the model lies (`modelFingerprint` says what it
 * is).
 */
const MAY_CHANGE = ['model', 'from', ...Object.keys(NOTED)];
/**
 * Settings that say where data lie, with those that say what they are; the latter are compared where the run that is
 * continued has them.
 */
const CONTENTS: Readonly<Record<string, string>> = { shards: 'shardsContent', heldOut: 'heldOutContent' };

/** There is nothing to resume: the run has come to its end, and its model is in its folder. Code `invalid_argument`. */
export class RunFinished extends AlbertineError {
  constructor(output: string) {
    super('invalid_argument', `the run in ${output} is finished: there is nothing to resume`, {
      value: output,
      hint: 'Its model is in the folder',
    });
  }
}

/** The folder of a training run: `run.json`, its trackers, and the rules for starting and continuing. */
export class RunFolder {
  readonly tracker: Tracker;
  private readonly output: string;
  private readonly lock: Lock;
  private readonly keepsCheckpoints: boolean;
  private info: RunInfo;

  private constructor(
    output: string,
    info: RunInfo,
    { tracker, lock, keepsCheckpoints }: { tracker: Tracker; lock: Lock; keepsCheckpoints: boolean },
  ) {
    this.output = output;
    this.info = info;
    this.tracker = tracker;
    this.lock = lock;
    this.keepsCheckpoints = keepsCheckpoints;
  }

  /**
   * Starts a run in a folder, or continues one. Throws `not_found` when there is none to resume, `invalid_argument`
   * when it had other settings or is finished, or when a run or a model would be lost without `overwrite`;
   * `file_system` while another process writes there, and what the file system refuses as `explainSystemError` has it.
   * The folder is locked until {@link RunFolder.close}.
   */
  static async open(options: RunFolderOptions, settings: RunSettings, facts: RunFacts): Promise<RunFolder> {
    return await explainingSystemErrors(options.output, () => RunFolder.openFolder(options, settings, facts));
  }

  private static async openFolder(
    options: RunFolderOptions,
    settings: RunSettings,
    facts: RunFacts,
  ): Promise<RunFolder> {
    const { output, resume = false } = options;
    const isNew = !existsSync(output);
    if (resume && isNew) requireSameRun(output, undefined, settings);
    await makeFolder(output);
    const lock = await lockTarget(output);
    try {
      await removeLeftovers(output, 'run.json');
      return await RunFolder.openLocked(options, settings, { facts, lock });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  private static async openLocked(
    options: RunFolderOptions,
    settings: RunSettings,
    { facts, lock }: { facts: RunFacts; lock: Lock },
  ): Promise<RunFolder> {
    const { output, resume = false } = options;
    const before = await readRunInfo(output);
    const steps = await listRunCheckpoints(join(output, 'checkpoints'));
    if (resume) requireSameRun(output, before, settings);
    else await requireRoom(options);
    if (resume && before?.outcome === 'finished' && steps.length === 0) {
      throw new RunFinished(output);
    }
    if (!resume)
      for (const folder of ['checkpoints', TENSORBOARD_FOLDER, WANDB_FOLDER])
        await rm(join(output, folder), { recursive: true, force: true });
    const wandb = openWandb(options);
    // A run that is resumed may be recorded there for the first time.
    if (resume) wandb?.hyperParameters(hyperParameters(settings));
    const tracker = createRunTracker(output, {
      ...(resume && { resumeStep: steps.at(-1) ?? 0 }),
      tensorboard: options.tensorboard ?? true,
      others: [...(wandb ? [wandb] : []), ...(options.trackers ?? [])],
    });
    for (const note of resume ? changeNotes(before?.config ?? {}, settings) : []) {
      tracker.text('note', steps.at(-1) ?? 0, note);
      tell(options.onEvent, 'note', note);
    }
    if (!resume) tracker.hyperParameters(hyperParameters(settings));
    const run = new RunFolder(
      output,
      {
        config: settings,
        ...facts,
        startedAt: (resume ? before?.startedAt : undefined) ?? new Date().toISOString(),
        ...(options.command !== undefined && { command: options.command }),
      },
      { tracker, lock, keepsCheckpoints: options.keepCheckpoints !== undefined },
    );
    await run.write({});
    return run;
  }

  /** Writes `run.json` with these additions. */
  async write(more: RunInfo): Promise<void> {
    this.info = { ...this.info, ...more };
    await writeFileAtomic(join(this.output, 'run.json'), `${JSON.stringify(this.info, null, 2)}\n`);
  }

  /**
   * Closes the trackers, notes how the run ended and unlocks the folder. A finished run needs its checkpoints no more:
   * its model is in the folder. They are removed, unless `keepCheckpoints` was given.
   */
  async close(outcome: NonNullable<RunInfo['outcome']>, more: RunInfo = {}): Promise<void> {
    try {
      await this.tracker.close(outcome);
      await this.write({ outcome, ...(outcome === 'finished' && { finishedAt: new Date().toISOString() }), ...more });
      if (outcome === 'finished' && !this.keepsCheckpoints)
        await rm(join(this.output, 'checkpoints'), { recursive: true, force: true });
    } finally {
      // A run whose end could not be noted is closed once more, as failed.
      await this.lock.release();
    }
  }
}

async function readRunInfo(output: string): Promise<RunInfo | undefined> {
  const text = await readFile(join(output, 'run.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as RunInfo;
  } catch (cause) {
    throw new AlbertineError('invalid_file', `${join(output, 'run.json')} is not JSON`, { value: output, cause });
  }
}

/** Settings of the run that `resume` continues from a checkpoint in `output`; undefined where it begins anew. */
export async function settingsToResume({ output, resume }: RunFolderOptions): Promise<RunSettings | undefined> {
  if (!resume || (await listRunCheckpoints(join(output, 'checkpoints'))).length === 0) return undefined;
  return (await readRunInfo(output))?.config;
}

/**
 * The options with the `threads` of the run that `resume` continues where they name none: so that its result is that of
 * an uninterrupted one.
 */
export async function withThreadsOfRun<T extends RunFolderOptions & { threads?: number }>(options: T): Promise<T> {
  if (options.threads !== undefined) return options;
  const before = await settingsToResume(options);
  return typeof before?.['threads'] === 'number' ? { ...options, threads: before['threads'] } : options;
}

/** One sentence for each noted setting that has changed; a run of before it was recorded says nothing about it. */
function changeNotes(before: RunSettings, now: RunSettings): string[] {
  const changed = Object.entries(NOTED).filter(
    ([name]) => Object.hasOwn(before, name) && Object.hasOwn(now, name) && before[name] !== now[name],
  );
  return changed.map(
    ([name, { unit, effect }]) =>
      `continued with ${String(now[name])} ${unit} instead of ${String(before[name])}: ${effect}, and the result is not bit for bit that of an uninterrupted run`,
  );
}

/**
 * Throws as {@link RunFolder.open} does where `resume` continues a run that had other ones of these settings, or where
 * there is none: before anything is computed for a run that cannot go on. Settings that are not known yet are left out.
 */
export async function requireSameSoFar({ output, resume }: RunFolderOptions, settings: RunSettings): Promise<void> {
  if (!resume) return;
  const info = await readRunInfo(output);
  const before = info?.config;
  const known = before && Object.fromEntries(Object.keys(settings).map((name) => [name, before[name]]));
  requireSameRun(output, info && { ...info, ...(known && { config: known }) }, settings);
}

/** What is said of settings that are a hash or follow from others, in place of their values. */
const IN_WORDS: Readonly<Record<string, string>> = {
  modelFingerprint: 'the weights that it started from are others',
  dataFingerprint: 'the data are others',
  textsFingerprint: 'the texts are others',
  teacherFingerprint: 'the teacher is another',
};

function describeChange(key: string, before: unknown, now: unknown): string {
  const name = key === 'totalSteps' ? 'steps in all' : key;
  return IN_WORDS[key] ?? `${name} ${JSON.stringify(before) ?? 'unset'} -> ${JSON.stringify(now) ?? 'unset'}`;
}

function requireSameRun(output: string, info: RunInfo | undefined, settings: RunSettings): void {
  if (!info)
    throw new AlbertineError('not_found', `there is no run to resume in ${output}`, {
      value: output,
      hint: 'Leave --resume out to start one',
    });
  const before = info.config ?? {};
  // As JSON has them, so that what cannot be stored (undefined) compares equal to what is absent.
  const now = JSON.parse(JSON.stringify(settings)) as Record<string, unknown>;
  const free = [
    ...MAY_CHANGE,
    ...Object.entries(CONTENTS).map(([place, content]) =>
      Object.hasOwn(before, content) && Object.hasOwn(now, content) ? place : content,
    ),
  ];
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (key) => !free.includes(key) && JSON.stringify(before[key]) !== JSON.stringify(now[key]),
  );
  if (changed.length === 0) return;
  const described = changed.map((key) => describeChange(key, before[key], now[key])).join(', ');
  throw new AlbertineError('invalid_argument', `the run in ${output} had other settings: ${described}`, {
    value: changed,
    hint: 'Resume with the same settings and data, or start a new run in another folder',
  });
}

/**
 * Throws `invalid_argument` when a new run in `output` would lose a model or an unfinished run that is there, not with
 * `resume` or `overwrite`; or one of `inputs`. With them too, as {@link requireUsableFolder} and
 * {@link requireUnlocked} do where nothing could be written there, so that nobody waits for a run whose result cannot
 * be kept.
 */
export async function requireNothingLost(
  options: RunFolderOptions,
  inputs: readonly (string | undefined)[],
): Promise<void> {
  requireWandb(options.wandb);
  await requireUsableFolder(options.output);
  await requireSeparate(options.output, inputs);
  await requireUnlocked(options.output);
  await requireRoom(options);
}

async function requireRoom({ output, resume, overwrite }: RunFolderOptions): Promise<void> {
  if (resume || overwrite) return;
  const info = await readRunInfo(output);
  const step = (await listRunCheckpoints(join(output, 'checkpoints'))).at(-1) ?? 0;
  if (info && info.outcome !== 'finished' && step > 0) {
    throw new AlbertineError(
      'invalid_argument',
      `${output} holds an unfinished run with a checkpoint of step ${step}`,
      { value: output, hint: 'Continue it with --resume, throw it away with --overwrite, or choose another --output' },
    );
  }
  if (existsSync(join(output, 'config.json'))) {
    throw new AlbertineError(
      'invalid_argument',
      `${output} holds a ${info ? 'finished run with its model' : 'model'} already`,
      { value: output, hint: 'Choose another --output, or replace it with --overwrite' },
    );
  }
}

function hyperParameters(settings: RunSettings): Record<string, HyperParameter> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]): [string, HyperParameter][] => {
      if (value === undefined || value === null) return [];
      return [[name, typeof value === 'object' ? JSON.stringify(value) : (value as HyperParameter)]];
    }),
  );
}

/** The settings that a model card shows. */
export function cardSettings(settings: RunSettings): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(settings).filter(
      (entry): entry is [string, string | number] => typeof entry[1] === 'string' || typeof entry[1] === 'number',
    ),
  );
}
