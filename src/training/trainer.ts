import { join } from 'node:path';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { option, prose, type Prose } from '../core/prose.ts';
import type { AlbertConfig } from '../model/config.ts';
import { extensionParameters } from '../model/extension.ts';
import { encoderParameters, type ParameterSpec, type Weights } from '../model/parameters.ts';
import { accumulateAdversarially, gradientFactorOf } from './adversarial.ts';
import { createArena, type Arena } from './arena.ts';
import { BestWeights, type BestState } from './best-weights.ts';
import { estimateRun, requireMemory, type RunEstimate } from './estimate-node.ts';
import { LearningWatch, StepGuard, type GuardState, type Verdict, type WatchState } from './guards.ts';
import type { HeadResults } from './head.ts';
import { LayerwiseNetwork, type BatchShape, type StepPosition, type TrainingBatch } from './layerwise.ts';
import { createOptimizer } from './optimizers/create.ts';
import { clipScale, type Optimizer } from './optimizers/optimizer.ts';
import {
  loadRunCheckpoint,
  removeNewestRunCheckpoint,
  saveRunCheckpoint,
  type RunState,
} from './run-checkpoint-node.ts';
import { learningRateAt, validateSchedule } from './schedules.ts';
import { StepMeter } from './step-meter.ts';
import type { StepData, TrainerOptions, TrainingOutcome, TrainingTask } from './trainer-options.ts';

export type {
  BestMetric,
  OptimizerOptions,
  StepData,
  TrainerOptions,
  TrainingOutcome,
  TrainingTask,
} from './trainer-options.ts';

/** Roll-backs after which a run is given up: the rate has been halved as often. */
const MAX_ROLL_BACKS = 5;

/** What a checkpoint's `state.json` holds. */
interface TrainerState extends BestState {
  /** Position of the task's data. */
  data: unknown;
  step: number;
  updates: number;
  smoothedLoss: number | null;
  guard: GuardState;
  watch: WatchState;
}

type Results = { loss: number; learningRate: number; gradNorm: number; tokens: number; seconds: number } & Record<
  string,
  number
>;

/**
 * Trains a network on a task: layer-wise steps, clipping, schedule, guards, evaluation, checkpoints from which a killed
 * run continues bit for bit. One object runs once.
 */
export class Trainer implements Disposable {
  /** Where weights and gradients live. */
  readonly arena: Arena;
  /** What is trained. */
  readonly network: LayerwiseNetwork;
  /** How gradients become updates. */
  readonly optimizer: Optimizer;
  private readonly options: TrainerOptions;
  private readonly task: TrainingTask;
  private readonly best: BestWeights;
  private guard: StepGuard;
  private watch: LearningWatch;
  private meter: StepMeter;
  /** Steps finished, skipped ones included. */
  private step = 0;
  /** Updates applied; bias correction counts these. */
  private updates = 0;
  /** Step of the newest checkpoint on disk. */
  private savedStep: number | undefined;
  /** Loss of the step before; undefined before the first one of this process. */
  private lastLoss: number | undefined;

  /** `weights` are copied; every parameter of the encoder and of the task's head must be there. */
  constructor(config: AlbertConfig, weights: Weights, task: TrainingTask, options: TrainerOptions) {
    validateSchedule(options.schedule);
    for (const name of ['evaluateEvery', 'checkpointEvery', 'keepCheckpoints', 'histogramEvery', 'patience'] as const) {
      if (options[name] !== undefined) requireInteger(name, options[name], { min: 1 });
    }
    if (options.patience !== undefined && !options.best)
      throw new AlbertineError('invalid_argument', prose`${option('patience')} needs a metric to watch`, {
        option: 'patience',
        hint: prose`Give ${option('best')}`,
      });
    this.task = task;
    this.options = options;
    const specs = new Map<string, ParameterSpec>(
      [
        ...encoderParameters(config),
        ...task.head.parameters,
        ...(options.extension ? extensionParameters(config, options.extension) : []),
      ].map((spec) => [spec.name, spec]),
    );
    const learningRateScales = [
      ...(options.parameters?.learningRateScales ?? []),
      ...(task.head.learningRateScales ?? []),
    ];
    this.arena = createArena([...specs.values()], options.optimizer?.name === 'sgd' ? 3 : 4, {
      ...options.parameters,
      learningRateScales,
    });
    this.arena.load(weights);
    this.optimizer = createOptimizer(this.arena, options.optimizer ?? {});
    this.network = new LayerwiseNetwork(config, this.arena, task.head, options);
    this.best = new BestWeights(options.best);
    this.guard = new StepGuard(options.guard);
    this.watch = new LearningWatch(options.schedule.totalSteps);
    this.meter = new StepMeter(options.schedule.totalSteps);
  }

  /** Folder of the resumable checkpoints. */
  get checkpointFolder(): string {
    return join(this.options.output, 'checkpoints');
  }

  /** Continues from the newest checkpoint; returns the step it was made at, or undefined if there is none. */
  async resume(): Promise<number | undefined> {
    const found = await loadRunCheckpoint(this.checkpointFolder, { arena: this.arena, optimizer: this.optimizer });
    if (!found) return undefined;
    this.restore(found.state as unknown as TrainerState, found.bestWeights);
    return this.step;
  }

  /**
   * Runs to the end, to the signal, or until patience is lost; a finished run returns at once. Throws `out_of_memory`
   * before the first step, `training_diverged` when rolling back does not help or no weights with a finite loss are
   * left.
   */
  async run(): Promise<TrainingOutcome> {
    const { totalSteps } = this.options.schedule;
    const finished = (): boolean => this.step >= totalSteps || this.isOutOfPatience();
    await this.network.device.upload();
    const estimate = finished() ? undefined : await this.probe();
    // A checkpoint to go back to from the first step on.
    if (!finished()) await this.saveCheckpoint();
    if (this.options.evaluateStart && this.step === 0 && !finished() && this.task.evaluate)
      await this.evaluate(this.task.evaluate);
    this.meter.start(this.step);
    while (!finished() && !this.options.signal?.aborted) await this.runStep();
    const outcome = this.step >= totalSteps ? 'finished' : this.isOutOfPatience() ? 'stoppedEarly' : 'interrupted';
    await this.saveCheckpoint();
    if (outcome !== 'interrupted') this.requireFiniteLoss();
    return this.outcome(outcome, estimate);
  }

  /** Frees the network's native memory. */
  [Symbol.dispose](): void {
    this.network[Symbol.dispose]();
  }

  private outcome(outcome: TrainingOutcome['outcome'], estimate: RunEstimate | undefined): TrainingOutcome {
    const { best, last, weights } = this.best;
    return {
      outcome,
      steps: this.step,
      skipped: this.guard.state.skipped,
      rollBacks: this.guard.state.rollBacks,
      weights: weights ?? this.arena.weights(),
      ...(last && { evaluation: last }),
      ...(best && { best: { metric: this.options.best!.metric, ...best } }),
      ...(estimate && { estimate }),
    };
  }

  /** Weights whose loss is not a number are of no use; the best ones, where there are any, had finite metrics. */
  private requireFiniteLoss(): void {
    const { best, last } = this.best;
    const loss = last?.['loss'] ?? this.lastLoss;
    if (best || loss === undefined || Number.isFinite(loss)) return;
    throw diverged(this.step, `the loss is ${loss}`);
  }

  private isOutOfPatience(): boolean {
    const { patience } = this.options;
    return patience !== undefined && this.best.sinceBest >= patience;
  }

  /** Runs some steps' data without updates, to measure time and memory before anything is promised. */
  private async probe(): Promise<RunEstimate> {
    const {
      task,
      network,
      options: {
        schedule: { totalSteps },
        evaluateEvery = totalSteps,
      },
    } = this;
    const probeData = (step: number): Promise<StepData> | StepData =>
      task.probeData ? task.probeData(step) : task.stepData(step);
    const { microBatches } = await probeData(this.step);
    const activationBytes = (shape: BatchShape): number => network.activationBytes(shape);
    const largestBytes = [...microBatches, ...(task.batchShapes?.() ?? [])].reduce(
      (largest, shape) => Math.max(largest, activationBytes(shape)),
      0,
    );
    // How much memory a graphics processor has free cannot be asked.
    if (network.device.name === 'cpu') requireMemory(largestBytes, this.arena);
    const evaluations = task.evaluate
      ? Math.ceil(totalSteps / evaluateEvery) - Math.floor(this.step / evaluateEvery)
      : 0;
    const estimate = await estimateRun({
      from: this.step,
      to: totalSteps,
      // The best weights and those of a checkpoint are a quarter of the arena each, moments half of it: they are in use
      // already in a run that goes on.
      ...(network.device.name === 'cpu' && {
        memory: {
          activationBytes,
          largestBytes,
          laterBytes: this.arena.byteLength / (this.step > 0 ? 2 : 1),
          evaluates: task.evaluate !== undefined,
        },
      }),
      stepData: probeData,
      timesData: !task.probeData,
      // Gradients are zeroed when the first step begins.
      run: (batch) => this.accumulate(batch, { step: this.step, microBatch: 0 }),
      evaluationTokens: evaluations * (task.evaluationTokens ?? 0),
    });
    this.options.onEstimate?.(estimate);
    return estimate;
  }

  /** One optimiser step with what belongs after it: log, roll-back, evaluation, checkpoint. */
  private async runStep(): Promise<void> {
    const { verdict, results } = await this.update();
    this.report(results);
    if (verdict.action !== 'apply') await this.handleSkip(verdict);
    const { totalSteps } = this.options.schedule;
    const { evaluateEvery = totalSteps, checkpointEvery = Math.max(1, Math.min(500, Math.ceil(totalSteps / 10))) } =
      this.options;
    if (this.task.evaluate && (this.step % evaluateEvery === 0 || this.step === totalSteps))
      await this.evaluate(this.task.evaluate);
    // Not while steps are skipped: what the weights have come to may be the reason, and a roll-back is to find better
    // ones.
    if (verdict.action === 'apply' && this.step % checkpointEvery === 0 && this.step < totalSteps)
      await this.saveCheckpoint();
  }

  private async update(): Promise<{ verdict: Verdict; results: Results }> {
    const started = performance.now();
    const { step } = this;
    const { microBatches, tokens } = await this.task.stepData(step);
    const { device } = this.network;
    await device.zeroGradients();
    const results: HeadResults[] = [];
    for (const [microBatch, batch] of microBatches.entries())
      results.push(await this.accumulate(batch, { step, microBatch }));
    const loss = results.reduce((total, { loss: part }) => total + (part.data as Float32Array)[0], 0);
    const { adversarial, maxGradNorm = 1 } = this.options;
    const factor = adversarial ? gradientFactorOf(adversarial) : 1;
    const gradNorm = factor * (await device.gradientNorm());
    const verdict = this.guard.judge(loss, gradNorm);
    const learningRate = learningRateAt(this.options.schedule, step) * this.guard.state.rateScale;
    // The update consumes the gradients.
    if (this.wantsHistograms() && device.name === 'cpu') this.trackHistograms('gradients');
    if (verdict.action === 'apply') {
      this.updates++;
      await device.update(this.optimizer, {
        stepNumber: this.updates,
        learningRate,
        gradientScale: factor * clipScale(gradNorm, maxGradNorm),
      });
    }
    if (this.wantsHistograms()) {
      await device.download('values');
      this.trackHistograms('values');
    }
    this.step++;
    this.lastLoss = loss;
    const seconds = (performance.now() - started) / 1000;
    return { verdict, results: { loss, learningRate, gradNorm, tokens, seconds, ...this.task.summarize?.(results) } };
  }

  private accumulate(batch: TrainingBatch, at: StepPosition): Promise<HeadResults> {
    const { adversarial: options, seed = 0 } = this.options;
    if (!options) return this.network.accumulate(batch, at);
    return accumulateAdversarially(this.network, batch, { at, seed, options });
  }

  private wantsHistograms(): boolean {
    const { histogramEvery, tracker } = this.options;
    return histogramEvery !== undefined && tracker !== undefined && (this.step + 1) % histogramEvery === 0;
  }

  private trackHistograms(kind: 'values' | 'gradients'): void {
    const group = kind === 'values' ? 'weights' : 'gradients';
    for (const { name } of this.arena.slots)
      this.options.tracker!.histogram(`${group}/${name}`, this.step + 1, this.arena.view(name, kind));
  }

  private report(results: Results): void {
    this.options.tracker?.scalars(this.step, results);
    this.meter.add(results);
    this.options.onProgress?.(this.meter.event(this.step, results.learningRate));
    const advice = this.watch.add(results.loss, results.learningRate);
    if (advice !== undefined) this.event('not learning', advice);
  }

  private event(kind: string, message: string | Prose): void {
    this.options.tracker?.text(kind, this.step, String(message));
    this.options.onEvent?.(kind, String(message), this.step, prose`${message}`);
  }

  private async handleSkip(verdict: { action: 'skip' | 'rollBack'; reason: string }): Promise<void> {
    this.event('skipped', `step ${this.step} was not applied: ${verdict.reason}`);
    if (verdict.action === 'skip') return;
    if (this.guard.state.rollBacks >= MAX_ROLL_BACKS) {
      throw diverged(this.step, verdict.reason);
    }
    // No step could be applied since the last roll-back: the update before that checkpoint has spoilt the weights in
    // it.
    if (this.guard.state.rollBacks > 0 && this.guard.state.seen === 0)
      await removeNewestRunCheckpoint(this.checkpointFolder);
    // Only weights and moments go back: the same data would meet the same trouble, so the run goes on behind it.
    const { state } = (await loadRunCheckpoint(this.checkpointFolder, {
      arena: this.arena,
      optimizer: this.optimizer,
    }))!;
    await this.network.device.upload();
    this.updates = state.updates;
    this.guard.rolledBack();
    this.event(
      'rolled back',
      `weights of step ${state.step} restored, learning rate now ${this.guard.state.rateScale} of the schedule`,
    );
  }

  private async evaluate(run: NonNullable<TrainingTask['evaluate']>): Promise<void> {
    const metrics = await run(this.network);
    this.options.tracker?.scalars(
      this.step,
      Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`evaluation/${name}`, value])),
    );
    const warning = await this.best.add(this.step, metrics, async () => {
      await this.network.device.download('values');
      return this.arena.weights();
    });
    if (warning !== undefined) this.event('warning', warning);
    this.meter.evaluated(metrics, this.options.best?.metric);
  }

  private async saveCheckpoint(): Promise<void> {
    if (this.savedStep === this.step) return;
    const { arena, optimizer, step, updates } = this;
    const state: TrainerState = {
      step,
      updates,
      smoothedLoss: this.meter.smoothedLoss ?? null,
      guard: this.guard.state,
      watch: this.watch.state,
      data: this.task.state?.() ?? null,
      ...this.best.state(),
    };
    const { weights } = this.best;
    await this.network.device.download();
    await saveRunCheckpoint(this.checkpointFolder, {
      arena,
      optimizer,
      state: state as unknown as RunState,
      keep: this.options.keepCheckpoints ?? 2,
      ...(weights && { bestWeights: weights }),
    });
    this.savedStep = step;
  }

  private restore(state: TrainerState, bestWeights: Weights | undefined): void {
    this.step = state.step;
    this.updates = state.updates;
    this.savedStep = state.step;
    this.guard = new StepGuard(this.options.guard, state.guard);
    this.watch = new LearningWatch(this.options.schedule.totalSteps, state.watch);
    this.meter = new StepMeter(this.options.schedule.totalSteps, state.smoothedLoss ?? undefined);
    this.best.restore(state, bestWeights);
    if (state.data !== null && state.data !== undefined) this.task.restore?.(state.data);
  }
}

function diverged(step: number, reason: string): AlbertineError {
  return new AlbertineError('training_diverged', `training diverged at step ${step}: ${reason}`, {
    value: reason,
    hint: 'Lower the learning rate, warm up longer, or check the data',
  });
}
