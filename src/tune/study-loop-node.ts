import { join } from 'node:path';
import { countOf } from '../core/count.ts';
import { AlbertineError, type ErrorCode } from '../core/errors.ts';
import { flagsOf } from '../core/flagged-settings.ts';
import type { ProgressListener } from '../core/progress.ts';
import { shellWord } from '../core/shell-word.ts';
import { createPruner, type Pruner } from '../study/pruners.ts';
import { createSampler, type Sampler } from '../study/sampler.ts';
import { rankTrials } from '../study/trial.ts';
import type { TaskManual } from '../tasks/manual.ts';
import { tell, type RunListener } from '../training/run/options.ts';
import { directionOf, isMeasured, type Objective } from './objectives.ts';
import { settingsOf, withValues, type RunOptions } from './searched.ts';
import type { StudyFile } from './study-file-node.ts';
import {
  directionsOf,
  retrainedFolder,
  trialFolder,
  type StudyEnding,
  type StudyLine,
  type StudyRecord,
  type TrialRecord,
} from './study-record.ts';
import type { RunEvaluation, TrialEnd, TrialJob, TrialRunner } from './trial-job.ts';
import { TrialPool, type PoolWork } from './trial-pool-node.ts';

/** Options of {@link StudyLoop}. */
export interface StudyLoopOptions {
  task: TaskManual;
  output: string;
  /** What all runs share. */
  run: RunOptions;
  trials: number;
  parallel: number;
  retrain: number;
  seeds: number;
  /** Directions of the task's metrics. */
  metrics: Readonly<Record<string, 'higher' | 'lower'>>;
  runner: TrialRunner;
  onProgress?: ProgressListener;
  onEvent?: RunListener;
  onTrial?: (trial: TrialRecord, study: StudyRecord) => void;
  signal?: AbortSignal;
}

interface RunEnding {
  line: { state: 'complete' | 'failed' } & StudyEnding;
  code: string | undefined;
}

/** So many failures one after the other are no accident. */
const MOST_FAILURES = 5;
/** Failures that are the setting's own, and say nothing about the next one. */
const OWN_FAILURES = ['out_of_memory', 'training_diverged', 'not_finite'];

/** Suggests, runs and notes, until all trials are done; then trains the best again. */
export class StudyLoop {
  private readonly file: StudyFile;
  private readonly options: StudyLoopOptions;
  private readonly sampler: Sampler;
  private readonly pruner: Pruner;
  private readonly pool: TrialPool;
  private readonly started = performance.now();
  private readonly doneBefore: number;

  constructor(file: StudyFile, options: StudyLoopOptions) {
    const { space, sampler, pruner } = file.record.header;
    this.file = file;
    this.options = options;
    this.sampler = createSampler(space, sampler);
    this.pruner = createPruner(pruner);
    this.doneBefore = this.done;
    this.pool = new TrialPool({
      runner: options.runner,
      parallel: options.parallel,
      signal: options.signal,
      freeMemory: () => process.availableMemory(),
      onEvent: (...told) => options.onEvent?.(...told),
      onProgress: () => this.tellProgress(),
    });
  }

  async run(): Promise<void> {
    // What went on when the study was killed goes on first.
    const halted = this.record.trials.filter(({ state }) => state === 'running').map(({ number }) => number);
    await this.pool.run(async () => {
      const number = halted.shift() ?? (await this.suggest());
      return number === undefined ? undefined : this.trialWork(number);
    });
    const again = this.retrainings();
    await this.pool.run(async () => {
      const next = again.shift();
      if (next === undefined) return undefined;
      if (!next.isKnown) await this.file.append({ retrain: next.trial, seed: next.seed });
      return this.retrainWork(next);
    });
  }

  private get record(): StudyRecord {
    return this.file.record;
  }

  /** The next trial, on the disk before it begins. */
  private async suggest(): Promise<number | undefined> {
    const { trials } = this.record;
    if (trials.length >= this.options.trials) return undefined;
    const values = this.sampler.suggest(trials.length, { trials, directions: directionsOf(this.record) });
    if (values === undefined) {
      const size = this.sampler.size === undefined ? 'every setting has been tried' : 'the grid is exhausted';
      tell(this.options.onEvent, 'note', `${size} after ${countOf(trials.length, 'trial')}`);
      return undefined;
    }
    await this.file.append({ trial: trials.length, values });
    return trials.length;
  }

  private trialWork(number: number): PoolWork {
    return {
      job: this.jobOf(number, trialFolder(number), {}),
      onMetric: (metric) => this.learnObjective(metric),
      onEvaluations: (evaluations, totalSteps) => this.judge(number, evaluations, totalSteps),
      onEnd: (end, seconds) => this.endTrial(number, end, seconds),
    };
  }

  private jobOf(number: number, folder: string, more: RunOptions): TrialJob {
    const { task, run, output } = this.options;
    const { values } = this.record.trials[number];
    const options = { ...withValues(run, values, task), ...more, output: join(output, folder) };
    const words = ['albertine', 'finetune', task.name, ...flagsOf(settingsOf(task), options)];
    return {
      task: task.name,
      options: { ...options, command: words.map(shellWord).join(' ') },
      measure: (this.record.objectives ?? []).map(({ name }) => name).filter(isMeasured),
    };
  }

  /** Without objectives it is what the task keeps its best weights by. */
  private learnObjective(metric: string): void {
    if (this.record.objectives !== undefined) return;
    this.note({ objectives: [{ name: metric, direction: directionOf(metric, this.options.metrics) }] });
  }

  /** The objective that evaluations have. */
  private get judged(): Objective | undefined {
    return this.record.objectives?.find(({ name }) => !isMeasured(name));
  }

  /** Notes new evaluations, one after the other, and returns whether the trial is to be ended. */
  private judge(number: number, evaluations: readonly RunEvaluation[], totalSteps: number | undefined): boolean {
    const { judged } = this;
    if (judged === undefined || this.record.trials[number].state !== 'running') return false;
    // Starting weights that are judged too are no evaluation of the trial.
    const own = evaluations.filter(({ step }) => step > 0);
    for (const { step, metrics } of own.slice(this.record.trials[number].evaluations.length)) {
      const trial = this.record.trials[number];
      const value = metrics[judged.name] ?? NaN;
      this.note({ trial: number, evaluation: trial.evaluations.length + 1, step, value: finite(value) });
      // At its last step a trial is complete, and worth its figure.
      if (totalSteps !== undefined && step >= totalSteps) continue;
      const now = this.record.trials[number];
      if (!this.pruner(now, this.record.trials, directionsOf(this.record)[0])) continue;
      this.note({ trial: number, state: 'pruned' });
      return true;
    }
    return false;
  }

  private note(line: StudyLine): void {
    this.file.append(line).catch((error: unknown) => this.pool.fail(error));
  }

  private async endTrial(number: number, end: TrialEnd, seconds: number): Promise<void> {
    if (this.record.trials[number].state === 'running') {
      if (end.outcome === 'stopped') return;
      const ending = this.endingOf(end, seconds);
      this.requireHope(ending, number);
      await this.file.append({ trial: number, ...ending.line });
    }
    this.options.onTrial?.(this.record.trials[number], this.record);
    this.tellProgress();
    const last = this.record.trials.filter(({ state }) => state !== 'running').slice(-MOST_FAILURES);
    if (last.length === MOST_FAILURES && last.every(({ state }) => state === 'failed'))
      throw new AlbertineError(
        'runtime_failed',
        `${MOST_FAILURES} trials one after the other failed, the last one: ${last.at(-1)!.reason}`,
        {
          hint: 'Search other settings',
        },
      );
  }

  /** How a run ended, as the file has it, and the code of what failed. */
  private endingOf(end: Exclude<TrialEnd, { outcome: 'stopped' }>, seconds: number): RunEnding {
    const spent = Number(seconds.toFixed(3));
    const failed = (reason: string, code?: string): RunEnding => ({
      line: { state: 'failed', reason, seconds: spent },
      code,
    });
    if (end.outcome === 'failed') return failed(end.message, end.code);
    const figures: Readonly<Record<string, number>> = { ...end.metrics, ...end.measured, seconds: spent };
    const objectives = this.record.objectives ?? [];
    const missing = objectives.find(({ name }) => !Number.isFinite(figures[name]));
    if (objectives.length === 0 || missing)
      return failed(
        `it has no ${missing?.name ?? 'evaluation'}; its figures are ${Object.keys(figures).join(', ')}`,
        'invalid_argument',
      );
    const metrics = Object.entries({ ...end.metrics, ...end.measured }).map(([name, value]) => [name, finite(value)]);
    return {
      line: {
        state: 'complete',
        objectives: objectives.map(({ name }) => figures[name]),
        metrics: Object.fromEntries(metrics) as Record<string, number | null>,
        seconds: spent,
      },
      code: undefined,
    };
  }

  /** Throws where the first trial fails by something that all of them have: data, options. It stays to be resumed. */
  private requireHope({ line, code }: RunEnding, number: number): void {
    const isOwn = code === undefined || OWN_FAILURES.includes(code);
    if (line.state !== 'failed' || isOwn || this.record.trials.some(({ state }) => state === 'complete')) return;
    throw new AlbertineError(code as ErrorCode, `trial ${number} failed, and others would: ${line.reason}`, {
      value: this.record.trials[number].values,
      ...(code === 'invalid_argument' && {
        hint: 'A setting that is for one value of another needs a condition, "when" in a space',
      }),
    });
  }

  /** Runs with other seeds that are still to be done. */
  private retrainings(): { trial: number; seed: number; isKnown: boolean }[] {
    const { retrain, seeds } = this.options;
    const { trials, retrainings, header } = this.record;
    const best = rankTrials(trials, directionsOf(this.record)).slice(0, retrain);
    const first = (header.sampler.seed ?? 1) + 1;
    return best.flatMap(({ number: trial }) =>
      Array.from({ length: seeds }, (_, i) => first + i).flatMap((seed) => {
        const known = retrainings.find((run) => run.trial === trial && run.seed === seed);
        return known && known.state !== 'running' ? [] : [{ trial, seed, isKnown: known !== undefined }];
      }),
    );
  }

  private retrainWork({ trial, seed }: { trial: number; seed: number }): PoolWork {
    return {
      job: this.jobOf(trial, retrainedFolder(trial, seed), { seed }),
      onEnd: async (end, seconds) => {
        if (end.outcome === 'stopped') return;
        const { line } = this.endingOf(end, seconds);
        await this.file.append({ retrain: trial, seed, ...line });
        if (line.state === 'failed')
          tell(this.options.onEvent, 'warning', `trial ${trial} with seed ${seed} failed: ${line.reason}`);
        this.tellProgress();
      },
    };
  }

  private get done(): number {
    const { trials, retrainings } = this.file.record;
    return [...trials, ...retrainings].filter(({ state }) => state !== 'running').length;
  }

  private tellProgress(): void {
    const { trials, retrain, seeds, onProgress } = this.options;
    if (!onProgress) return;
    const done = this.done + this.pool.share;
    const total = Math.min(trials, this.sampler.size ?? Infinity) + Math.min(trials, retrain) * seeds;
    const rate = (done - this.doneBefore) / ((performance.now() - this.started) / 1000);
    const [best] = rankTrials(this.record.trials, directionsOf(this.record));
    onProgress({
      stage: 'tuning',
      done: Math.floor(done),
      total,
      unit: 'trials',
      rate,
      ...(rate > 0 && { secondsLeft: Math.max(0, total - done) / rate }),
      ...(best && { extra: { best: Number(best.objectives![0].toPrecision(4)) } }),
    });
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
