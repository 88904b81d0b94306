import { join } from 'node:path';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import type { ProgressListener } from '../core/progress.ts';
import type { AlbertConfig } from '../model/config.ts';
import { encoderParameters, type ParameterSpec, type Weights } from '../model/parameters.ts';
import { createArena, type Arena, type ArenaOptions } from './arena.ts';
import { estimateRun, requireMemory, type RunEstimate } from './estimate-node.ts';
import { LearningWatch, StepGuard, type GuardOptions, type GuardState } from './guards.ts';
import type { HeadDefinition, HeadResults } from './head.ts';
import { LayerwiseNetwork, type LayerwiseOptions, type TrainingBatch } from './layerwise.ts';
import { createAdamW } from './optimizers/adamw.ts';
import { createLamb } from './optimizers/lamb.ts';
import { clipScale, globalNorm, type Optimizer } from './optimizers/optimizer.ts';
import { createSgd } from './optimizers/sgd.ts';
import { listRunCheckpoints, loadRunCheckpoint, saveRunCheckpoint, type RunState } from './run-checkpoint-node.ts';
import { learningRateAt, validateSchedule, type Schedule } from './schedules.ts';
import type { Tracker } from './trackers/tracker.ts';

/** The micro-batches of one optimiser step; their losses add up to the mean over the step. */
export interface StepData {
  microBatches: TrainingBatch[];
  /** Real tokens, padding not counted. */
  tokens: number;
}

/** What is trained: a head with its data. Implementations must give the same data for the same position. */
export interface TrainingTask {
  readonly head: HeadDefinition;
  /** Data of optimiser step `step` (0-based). */
  stepData(step: number): Promise<StepData> | StepData;
  /** Further numbers to log, from the head's results of a step's micro-batches. */
  summarize?(results: readonly HeadResults[]): Record<string, number>;
  /** Held-out metrics by name. */
  evaluate?(network: LayerwiseNetwork): Promise<Record<string, number>>;
}

/** Optimiser choice and constants. */
export interface OptimizerOptions {
  /** Default `adamw`. */
  name?: 'adamw' | 'lamb' | 'sgd';
  weightDecay?: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** SGD only. Default 0.9. */
  momentum?: number;
}

/** Options of {@link Trainer}. */
export interface TrainerOptions extends LayerwiseOptions {
  /** Folder of the run: checkpoints go to `<output>/checkpoints`. */
  output: string;
  schedule: Schedule;
  optimizer?: OptimizerOptions;
  /** Global gradient norm above which gradients are scaled down; 0 switches clipping off. Default 1. */
  maxGradNorm?: number;
  /** Evaluates every so many steps; the end always counts. Default: only at the end. */
  evaluateEvery?: number;
  /** Metric by which the best weights are kept, and whether more is better. */
  best?: { metric: string; higherIsBetter: boolean };
  /** Stops after this many evaluations without improvement. Default: never. */
  patience?: number;
  /** Saves a resumable checkpoint every so many steps. Default: a tenth of the run, at most 500. */
  checkpointEvery?: number;
  /** Checkpoints to keep. Default 2. */
  keepCheckpoints?: number;
  /** Frozen parameters, exceptions from decay, learning-rate factors. */
  parameters?: ArenaOptions;
  guard?: GuardOptions;
  tracker?: Tracker;
  onProgress?: ProgressListener;
  /** Told before the first step; throw to refuse. */
  onEstimate?: (estimate: RunEstimate) => void;
  /** Told of warnings and skipped steps as they happen. */
  onEvent?: (kind: string, message: string, step: number) => void;
  /** Asks to stop after the current step, with a checkpoint. */
  signal?: AbortSignal;
}

/** How a run ended. */
export interface TrainingOutcome {
  outcome: 'finished' | 'interrupted' | 'stoppedEarly';
  /** Steps finished in all, earlier parts of a resumed run included. */
  steps: number;
  skipped: number;
  rollBacks: number;
  /** Metrics of the last evaluation. */
  evaluation?: Record<string, number>;
  best?: { step: number; metric: string; value: number };
  /** Weights to keep: the best ones if a metric was given, else the last. */
  weights: Weights;
  estimate?: RunEstimate;
}

interface Progress {
  step: number;
  updates: number;
  bestValue: number | undefined;
  bestStep: number;
  sinceBest: number;
  smoothedLoss: number | undefined;
}

/**
 * Trains a network on a task: layer-wise steps, clipping, schedule, guards, evaluation, checkpoints from which a killed run
 * continues bit for bit. One object runs once.
 */
export class Trainer implements Disposable {
  readonly arena: Arena;
  readonly network: LayerwiseNetwork;
  readonly optimizer: Optimizer;
  private readonly options: TrainerOptions;
  private readonly task: TrainingTask;
  private readonly config: AlbertConfig;
  private guard: StepGuard;
  private readonly watch: LearningWatch;
  private progress: Progress = { step: 0, updates: 0, bestValue: undefined, bestStep: 0, sinceBest: 0, smoothedLoss: undefined };
  private bestWeights: Weights | undefined;
  private lastEvaluation: Record<string, number> | undefined;

  /** `weights` are copied; every parameter of the encoder and of the task's head must be there. */
  constructor(config: AlbertConfig, weights: Weights, task: TrainingTask, options: TrainerOptions) {
    validateSchedule(options.schedule);
    if (options.evaluateEvery !== undefined) requireInteger('evaluateEvery', options.evaluateEvery, { min: 1 });
    this.config = config;
    this.task = task;
    this.options = options;
    const specs = new Map<string, ParameterSpec>([...encoderParameters(config), ...task.head.parameters].map((spec) => [spec.name, spec]));
    const { name = 'adamw' } = options.optimizer ?? {};
    this.arena = createArena([...specs.values()], name === 'sgd' ? 3 : 4, options.parameters);
    this.arena.load(weights);
    this.optimizer = createOptimizer(this.arena, options.optimizer ?? {});
    this.network = new LayerwiseNetwork(config, this.arena, task.head, options);
    this.guard = new StepGuard(options.guard);
    this.watch = new LearningWatch(options.schedule.totalSteps);
  }

  /** Folder of the resumable checkpoints. */
  get checkpointFolder(): string {
    return join(this.options.output, 'checkpoints');
  }

  /** Continues from the newest checkpoint; returns the step it was made at, or undefined if there is none. */
  async resume(): Promise<number | undefined> {
    const state = await loadRunCheckpoint(this.checkpointFolder, { arena: this.arena, optimizer: this.optimizer });
    if (!state) return undefined;
    this.restoreState(state);
    return this.progress.step;
  }

  /** Runs to the end, to the signal, or until patience is lost. Throws `training_diverged` when rolling back does not help. */
  async run(): Promise<TrainingOutcome> {
    const { schedule, signal } = this.options;
    const estimate = this.progress.step < schedule.totalSteps ? await this.probe() : undefined;
    let outcome: TrainingOutcome['outcome'] = 'finished';
    while (this.progress.step < schedule.totalSteps) {
      if (signal?.aborted) {
        outcome = 'interrupted';
        break;
      }
      await this.step();
      if (await this.afterStep()) {
        outcome = 'stoppedEarly';
        break;
      }
    }
    await this.saveCheckpoint();
    if (outcome === 'finished' && this.lastEvaluation === undefined && this.task.evaluate) await this.evaluate();
    const { best } = this.options;
    return {
      outcome,
      steps: this.progress.step,
      skipped: this.guard.state.skipped,
      rollBacks: this.guard.state.rollBacks,
      weights: this.bestWeights ?? this.arena.weights(),
      ...(this.lastEvaluation && { evaluation: this.lastEvaluation }),
      ...(best && this.progress.bestValue !== undefined && { best: { step: this.progress.bestStep, metric: best.metric, value: this.progress.bestValue } }),
      ...(estimate && { estimate }),
    };
  }

  [Symbol.dispose](): void {
    this.network[Symbol.dispose]();
  }

  /** Runs the next step's data once without an update, to measure time and memory before anything is promised. */
  private async probe(): Promise<RunEstimate> {
    const data = await this.task.stepData(this.progress.step);
    requireMemory(this.config, this.arena, this.network, { microBatches: data.microBatches, saveActivations: this.options.saveActivations ?? 'all' });
    const stepsLeft = this.options.schedule.totalSteps - this.progress.step;
    const estimate = await estimateRun({ data, stepsLeft, run: async (batch) => void (await this.network.accumulate(batch, { step: this.progress.step, microBatch: 0 })) });
    this.options.onEstimate?.(estimate);
    return estimate;
  }

  private async step(): Promise<void> {
    const started = performance.now();
    const { step } = this.progress;
    const { microBatches, tokens } = await this.task.stepData(step);
    this.arena.zeroGradients();
    const results: HeadResults[] = [];
    for (const [microBatch, batch] of microBatches.entries()) results.push(await this.network.accumulate(batch, { step, microBatch }));
    const loss = results.reduce((total, { loss: part }) => total + (part.data as Float32Array)[0], 0);
    const gradNorm = globalNorm(this.arena);
    const verdict = this.guard.judge(loss, gradNorm);
    const learningRate = learningRateAt(this.options.schedule, step) * this.guard.state.rateScale;
    if (verdict.action === 'apply') {
      this.progress.updates++;
      this.optimizer.step(this.progress.updates, learningRate, clipScale(gradNorm, this.options.maxGradNorm ?? 1));
    }
    this.progress.step++;
    const seconds = (performance.now() - started) / 1000;
    this.report({ loss, learningRate, gradNorm, tokens, seconds, ...this.task.summarize?.(results) });
    if (verdict.action !== 'apply') await this.handleSkip(verdict);
  }

  private report(values: { loss: number; learningRate: number; gradNorm: number; tokens: number; seconds: number } & Record<string, number>): void {
    const { step, smoothedLoss } = this.progress;
    const { totalSteps } = this.options.schedule;
    this.options.tracker?.scalars(step, values);
    if (Number.isFinite(values.loss)) this.progress.smoothedLoss = smoothedLoss === undefined ? values.loss : 0.95 * smoothedLoss + 0.05 * values.loss;
    const rate = 1 / values.seconds;
    this.options.onProgress?.({
      stage: 'training', unit: 'steps', done: step, total: totalSteps, rate, secondsLeft: (totalSteps - step) / rate,
      extra: { loss: (this.progress.smoothedLoss ?? NaN).toFixed(4), 'tokens/s': Math.round(values.tokens / values.seconds), lr: values.learningRate.toExponential(2), MB: Math.round(process.memoryUsage.rss() / 2 ** 20) },
    });
    const advice = this.watch.add(values.loss, values.learningRate);
    if (advice) this.event('not learning', advice);
  }

  private event(kind: string, message: string): void {
    this.options.tracker?.text(kind, this.progress.step, message);
    this.options.onEvent?.(kind, message, this.progress.step);
  }

  private async handleSkip(verdict: { action: 'skip' | 'rollBack'; reason: string }): Promise<void> {
    this.event('skipped', `step ${this.progress.step} was not applied: ${verdict.reason}`);
    if (verdict.action === 'skip') return;
    const checkpoints = await listRunCheckpoints(this.checkpointFolder);
    if (checkpoints.length === 0 || this.guard.state.rollBacks >= 5) {
      throw new AlbertineError('training_diverged', `training diverged at step ${this.progress.step}: ${verdict.reason}`, { value: verdict.reason, hint: 'Lower the learning rate, warm up longer, or check the data.' });
    }
    const { skipped, rollBacks, rateScale } = this.guard.state;
    const state = await loadRunCheckpoint(this.checkpointFolder, { arena: this.arena, optimizer: this.optimizer });
    const at = this.progress.step;
    this.restoreState(state!);
    Object.assign(this.guard.state, { skipped, rollBacks, rateScale });
    this.guard.rolledBack();
    // The same data would meet the same trouble: go on behind it with the older weights.
    this.progress.step = at;
    this.event('rolled back', `weights of step ${state!.step} restored, learning rate now ${this.guard.state.rateScale} of the schedule`);
  }

  /** Evaluation, checkpoint and patience; true to stop. */
  private async afterStep(): Promise<boolean> {
    const { step } = this.progress;
    const { totalSteps } = this.options.schedule;
    const { evaluateEvery = totalSteps, patience } = this.options;
    if (this.task.evaluate && (step % evaluateEvery === 0 || step === totalSteps)) await this.evaluate();
    const checkpointEvery = this.options.checkpointEvery ?? Math.max(1, Math.min(500, Math.ceil(totalSteps / 10)));
    if (step % checkpointEvery === 0 && step < totalSteps) await this.saveCheckpoint();
    return patience !== undefined && this.progress.sinceBest >= patience && step < totalSteps;
  }

  private async evaluate(): Promise<void> {
    const metrics = await this.task.evaluate!(this.network);
    this.lastEvaluation = metrics;
    this.options.tracker?.scalars(this.progress.step, Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`evaluation/${name}`, value])));
    const { best } = this.options;
    if (!best) return;
    const value = metrics[best.metric];
    if (value === undefined) throw new AlbertineError('invalid_argument', `the evaluation has no metric ${best.metric}`, { value: best.metric, hint: `It has ${Object.keys(metrics).join(', ')}.` });
    const { bestValue } = this.progress;
    const better = bestValue === undefined || (best.higherIsBetter ? value > bestValue : value < bestValue);
    this.progress.sinceBest = better ? 0 : this.progress.sinceBest + 1;
    if (!better) return;
    Object.assign(this.progress, { bestValue: value, bestStep: this.progress.step });
    this.bestWeights = this.arena.weights();
  }

  private async saveCheckpoint(): Promise<void> {
    const state: RunState = { ...this.progress, guard: this.guard.state, evaluation: this.lastEvaluation ?? null };
    await saveRunCheckpoint(this.checkpointFolder, { arena: this.arena, optimizer: this.optimizer, state, keep: this.options.keepCheckpoints ?? 2, ...(this.bestWeights && { best: this.bestWeights }) });
  }

  private restoreState(state: RunState & { best?: Weights }): void {
    const { step, updates, bestValue, bestStep, sinceBest, smoothedLoss, guard, evaluation } = state as unknown as Progress & { guard: GuardState; evaluation: Record<string, number> | null };
    this.progress = { step, updates, bestValue, bestStep, sinceBest, smoothedLoss };
    this.guard = new StepGuard(this.options.guard, guard);
    this.lastEvaluation = evaluation ?? undefined;
    this.bestWeights = state.best;
  }
}

function createOptimizer(arena: Arena, options: OptimizerOptions): Optimizer {
  const { name = 'adamw', momentum, ...constants } = options;
  switch (name) {
    case 'adamw': return createAdamW(arena, constants);
    case 'lamb': return createLamb(arena, constants);
    case 'sgd': return createSgd(arena, { momentum: momentum ?? 0.9, ...(constants.weightDecay !== undefined && { weightDecay: constants.weightDecay }) });
  }
}
