import type { ProgressEvent } from '../core/progress.ts';

const LOSS_DECAY = 0.95;
/** Speed is averaged over about this many steps. */
const SPEED_DECAY = 0.95;

/** Smoothed loss, speed and time left of a run, as progress shows them. */
export class StepMeter {
  /** Exponential moving average; undefined before the first finite loss. */
  smoothedLoss: number | undefined;
  private readonly totalSteps: number;
  private tokens = 0;
  private seconds = 0;
  private firstStep = 0;
  private startedAt = 0;
  private lastMetric: [name: string, value: number] | undefined;

  constructor(totalSteps: number, smoothedLoss?: number) {
    this.totalSteps = totalSteps;
    this.smoothedLoss = smoothedLoss;
  }

  /** Starts the clock of this process's part of the run. */
  start(step: number): void {
    this.firstStep = step;
    this.startedAt = performance.now();
  }

  /** Adds a finished step. */
  add({ loss, tokens, seconds }: { loss: number; tokens: number; seconds: number }): void {
    if (Number.isFinite(loss))
      this.smoothedLoss =
        this.smoothedLoss === undefined ? loss : LOSS_DECAY * this.smoothedLoss + (1 - LOSS_DECAY) * loss;
    this.tokens = SPEED_DECAY * this.tokens + tokens;
    this.seconds = SPEED_DECAY * this.seconds + seconds;
  }

  /** Remembers the latest value of the metric that matters. */
  evaluated(metrics: Readonly<Record<string, number>>, name: string | undefined): void {
    if (name !== undefined) this.lastMetric = [name, metrics[name]];
  }

  /** What to show after `step` steps. Time left counts evaluations and checkpoints like those so far. */
  event(step: number, learningRate: number): ProgressEvent {
    const elapsed = (performance.now() - this.startedAt) / 1000;
    const rate = (step - this.firstStep) / elapsed;
    return {
      stage: 'training',
      unit: 'steps',
      done: step,
      total: this.totalSteps,
      rate,
      secondsLeft: (this.totalSteps - step) / rate,
      extra: {
        loss: this.smoothedLoss?.toFixed(4) ?? '-',
        ...(this.lastMetric && { [this.lastMetric[0]]: this.lastMetric[1].toFixed(4) }),
        'tokens/s': Math.round(this.tokens / this.seconds),
        rate: learningRate.toExponential(2),
        MB: Math.round(process.memoryUsage.rss() / 1e6),
      },
    };
  }
}
