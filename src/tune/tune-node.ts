import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { AlbertineError, wrongOption } from '../core/errors.ts';
import { makeFolder, requireUsableFolder } from '../core/files-node.ts';
import { withLock } from '../core/lock-node.ts';
import { requireGiven } from '../core/options.ts';
import { requireSeparate } from '../core/output-node.ts';
import { pick } from '../core/pick.ts';
import type { ProgressListener } from '../core/progress.ts';
import { option, prose } from '../core/prose.ts';
import { requireSettings, type OptionsOf } from '../core/settings.ts';
import { packageVersion } from '../core/version-node.ts';
import { createSampler } from '../study/sampler.ts';
import type { Space } from '../study/space.ts';
import type { TaskManual } from '../tasks/manual.ts';
import { taskNamed } from '../tasks/registry.ts';
import { tell, type RunListener } from '../training/run/options.ts';
import { linkBest, type BestLink } from './best-node.ts';
import { isMeasured, parseObjectives, type Objective } from './objectives.ts';
import { searchedSpace, type RunOptions } from './searched.ts';
import { PRUNER_SETTINGS, SAMPLER_SETTINGS, TUNE_SETTINGS } from './settings.ts';
import { STUDY_FILE, StudyFile } from './study-file-node.ts';
import { StudyLoop } from './study-loop-node.ts';
import type { StudyPlan, StudyRecord, TrialRecord } from './study-record.ts';
import type { TrialRunner } from './trial-job.ts';
import { processRunner } from './trial-runner-node.ts';

/** Options of {@link tune}. */
export interface TuneOptions extends OptionsOf<typeof TUNE_SETTINGS> {
  /** Name of the task: `classify`, `tag`, ... as `albertine finetune` has them. */
  task: string;
  /** Options of fine-tuning that all trials share, as plain data: `train`, `evaluation`, `threads`, ... */
  run: RunOptions;
  /** Receives the study: `study.jsonl`, a run folder for each trial in `trials/`, and `best`. */
  output: string;
  /**
   * What is searched: settings of the run or the task by the names of their flags (`learning-rate`) or of their options
   * (`learningRate`, `optimizer.momentum`).
   */
  space: Space;
  /** Continues the study in `output`; more `trials`, `retrain` and `seeds` may be given, the rest must be the same. */
  resume?: boolean;
  /** Starts anew although `output` has a study, which is lost. */
  overwrite?: boolean;
  /** Told how far it has come, in trials. */
  onProgress?: ProgressListener;
  /** Told of notes and warnings, of the study and of its trials; each once. */
  onEvent?: RunListener;
  /** Told of every trial that has ended. */
  onTrial?: (trial: TrialRecord, study: StudyRecord) => void;
  /** Stops: trials that go on save a checkpoint, and `resume` continues. */
  signal?: AbortSignal;
  /** How a trial is run. Default: in a process of its own. */
  runTrial?: TrialRunner;
}

/** A study that has come to its end. */
export interface TuneResult extends StudyRecord {
  /** Folder of the study. */
  output: string;
  /** The best run, linked or copied to `best`; undefined where no trial was completed. */
  best: BestLink | undefined;
}

const USUAL_TRIALS = 20;

/**
 * Searches settings of fine-tuning for a task: suggests, trains, and learns from how each trial did. A trial is an
 * ordinary run folder. The study is a file that survives being killed: with `resume` it goes on, and suggests what it would
 * have suggested (with `parallel` the order in which trials end counts too). Throws `invalid_argument` for a wrong space or
 * option, `interrupted`, and the error of the first trial where nothing can be trained at all.
 */
export async function tune(options: TuneOptions): Promise<TuneResult> {
  const task = requireTuneOptions(options);
  const plan = await planStudy(options, task);
  const { output } = options;
  await requireUsableFolder(output);
  await requireSeparate(
    output,
    [options.run['train'], options.run['evaluation']].filter((path) => typeof path === 'string'),
  );
  await makeFolder(output);
  return await withLock(output, async () => {
    const file = await openStudy(options, plan);
    tell(options.onEvent, 'note', ...file.record.notes);
    try {
      const run = { ...plan.run, ...threadsOf(options) };
      const loop = new StudyLoop(file, {
        task,
        ...pick(options, ['output', 'onProgress', 'onEvent', 'onTrial', 'signal']),
        run,
        parallel: options.parallel ?? 1,
        trials: options.trials ?? createSampler(plan.space, plan.sampler).size ?? USUAL_TRIALS,
        retrain: options.retrain ?? 0,
        seeds: options.seeds ?? 3,
        metrics: (await task.load()).metrics ?? {},
        runner: options.runTrial ?? processRunner,
      });
      await loop.run();
      return { ...file.record, output, best: await linkBest(output, file.record) };
    } finally {
      await file.close();
    }
  });
}

function requireTuneOptions(options: TuneOptions): TaskManual {
  requireSettings('tune', options, TUNE_SETTINGS, {
    task: 'string',
    run: 'object',
    output: 'string',
    space: 'object',
    resume: 'boolean',
    overwrite: 'boolean',
    onProgress: 'function',
    onEvent: 'function',
    onTrial: 'function',
    signal: 'object',
    runTrial: 'function',
  });
  requireGiven('tune', options, ['task', 'run', 'output', 'space']);
  requireGiven<{ train?: unknown }>('the run of tune', options.run, 'train' in options.space ? [] : ['train']);
  if (options.resume && options.overwrite)
    throw new AlbertineError('invalid_argument', prose`give either ${option('resume')} or ${option('overwrite')}`);
  requireUsed(options);
  return taskNamed(options.task);
}

/** Options that would do nothing, and what they are for. */
const ONLY_FOR: readonly [keyof TuneOptions & string, keyof TuneOptions & string, readonly string[]][] = [
  ['multivariate', 'sampler', ['tpe']],
  ['startupTrials', 'sampler', ['tpe']],
  ['gridPoints', 'sampler', ['grid']],
  ['minEvaluations', 'pruner', ['median', 'asha', 'hyperband']],
  ['reductionFactor', 'pruner', ['asha', 'hyperband']],
  ['pruneAfterTrials', 'pruner', ['median']],
  ['maxEvaluations', 'pruner', ['hyperband']],
];

function requireUsed(options: TuneOptions): void {
  for (const [name, other, values] of ONLY_FOR) {
    const chosen = options[other] ?? (TUNE_SETTINGS[other as 'sampler' | 'pruner'].default as string);
    if (options[name] !== undefined && !values.includes(chosen as string))
      throw new AlbertineError('invalid_argument', prose`${option(name)} is for ${option(other, ...values)}`, {
        value: options[name],
        option: name,
      });
  }
  if (options.seeds !== undefined && options.retrain === undefined)
    throw new AlbertineError('invalid_argument', prose`${option('seeds')} is for ${option('retrain')}`, {
      option: 'seeds',
    });
  const { objectives = [], pruner = 'none', parallel = 1 } = options;
  if (objectives.length > 1 && pruner !== 'none')
    throw new AlbertineError('invalid_argument', prose`${option('pruner')} is for one objective`, { option: 'pruner' });
  if (parallel > 1 && objectives.some((name) => /^(latency|seconds)\b/.test(name)))
    throw wrongOption('parallel', '1 where time is an objective: trials beside each other slow each other down', {
      value: parallel,
    });
}

async function planStudy(options: TuneOptions, task: TaskManual): Promise<StudyPlan> {
  const { run } = options;
  const seed = (run['seed'] as number | undefined) ?? 1;
  const objectives = options.objectives && parseObjectives(options.objectives, (await task.load()).metrics);
  if (objectives && isMeasured(objectives[0].name) && (options.pruner ?? 'none') !== 'none')
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('pruner')} judges by evaluations, and ${objectives[0].name} is none`,
      {
        option: 'pruner',
      },
    );
  const space = searchedSpace(options.space, task, run);
  // Threads may change when a study is continued, as those of a run may.
  const shared = Object.fromEntries(Object.entries(run).filter(([name]) => name !== 'threads'));
  return {
    task: task.name,
    run: { ...shared, ...metricOf(objectives, run) },
    space,
    sampler: { ...pick(options, Object.keys(SAMPLER_SETTINGS) as (keyof typeof SAMPLER_SETTINGS)[]), seed },
    pruner: { ...pick(options, Object.keys(PRUNER_SETTINGS) as (keyof typeof PRUNER_SETTINGS)[]), seed },
    ...(objectives && { objectives }),
  };
}

/** The best weights are kept by what is looked for. */
function metricOf(objectives: readonly Objective[] | undefined, run: RunOptions): { metric?: string } {
  const evaluated = objectives?.find(({ name }) => !isMeasured(name));
  return evaluated && run['metric'] === undefined ? { metric: evaluated.name } : {};
}

/** The threads of each trial, where several run at a time and nothing is said. */
function threadsOf({ run, parallel = 1 }: TuneOptions): { threads?: number } {
  if (run['threads'] !== undefined) return { threads: run['threads'] as number };
  return parallel > 1 ? { threads: Math.max(1, Math.floor(availableParallelism() / parallel)) } : {};
}

async function openStudy({ output, resume, overwrite }: TuneOptions, plan: StudyPlan): Promise<StudyFile> {
  const exists = existsSync(join(output, STUDY_FILE));
  if (resume) {
    const file = await StudyFile.continue(output);
    try {
      requireSamePlan(output, file.record.header, plan);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }
  if (exists && !overwrite)
    throw new AlbertineError('invalid_argument', `${output} holds a study already`, {
      value: output,
      hint: prose`Continue it with ${option('resume')}, throw it away with ${option('overwrite')}, or choose another ${option('output')}`,
    });
  if (existsSync(join(output, 'config.json')))
    throw new AlbertineError('invalid_argument', `${output} holds a model`, {
      value: output,
      hint: prose`Choose another ${option('output')}`,
    });
  for (const name of [STUDY_FILE, 'trials', 'retrained', 'best', 'report.html'])
    if (exists) await rm(join(output, name), { recursive: true, force: true });
  return await StudyFile.create(output, {
    version: 1,
    ...plan,
    startedAt: new Date().toISOString(),
    versions: { albertine: packageVersion(), node: process.version },
  });
}

const PLAN_KEYS = ['task', 'run', 'space', 'sampler', 'pruner', 'objectives'] as const;

function requireSamePlan(output: string, before: StudyPlan, now: StudyPlan): void {
  const text = (plan: StudyPlan, key: (typeof PLAN_KEYS)[number]): string | undefined => JSON.stringify(plan[key]);
  const changed = PLAN_KEYS.filter((key) => text(before, key) !== text(now, key));
  if (changed.length === 0) return;
  throw new AlbertineError(
    'invalid_argument',
    `the study in ${output} had other settings: ${changed.map((key) => `${key} ${text(before, key) ?? 'unset'} -> ${text(now, key) ?? 'unset'}`).join(', ')}`,
    { value: changed, hint: 'Resume with the same settings, or start a new study in another folder' },
  );
}
