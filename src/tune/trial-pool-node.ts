import { AlbertineError } from '../core/errors.ts';
import type { Prose } from '../core/prose.ts';
import { tell, type RunListener } from '../training/run/options.ts';
import type { RunningTrial, TrialEnd, TrialJob, TrialListener, TrialRunner } from './trial-job.ts';

/** A run, and what becomes of what is heard of it. */
export interface PoolWork {
  job: TrialJob;
  onMetric?(metric: string): void;
  /** Returns true where the run should end now. */
  onEvaluations?: (...heard: Parameters<TrialListener['onEvaluations']>) => boolean;
  onEnd(end: TrialEnd, seconds: number): Promise<void>;
}

/** Options of {@link TrialPool}. */
export interface PoolOptions {
  runner: TrialRunner;
  /** Runs at a time. */
  parallel: number;
  signal: AbortSignal | undefined;
  /** Bytes that a process more can have. */
  freeMemory: () => number;
  onEvent: RunListener;
  onProgress: () => void;
}

interface Running {
  trial: RunningTrial;
  share: number;
  stopping: boolean;
  memory?: { residentBytes: number; peakBytes: number };
}

/** What a process takes besides what was estimated. */
const MEMORY_MARGIN = 1.1;

/** Runs one after the other, or several at a time where memory allows it. */
export class TrialPool {
  private readonly options: PoolOptions;
  private readonly running = new Set<Running>();
  private largestPeak = 0;
  private failure: unknown;
  private told = new Set<string>();
  private wake: () => void = () => undefined;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Runs done, as far as those that go on have come. */
  get share(): number {
    return [...this.running].reduce((sum, { share }) => sum + share, 0);
  }

  /** Stops everything; {@link TrialPool.run} throws the error when all has ended. */
  fail(error: unknown): void {
    this.failure ??= error;
    this.stopAll();
    this.wake();
  }

  /**
   * Runs until `next` has nothing more and all has ended. When it is interrupted, or something fails that is not a run's
   * own, the runs that go on save their checkpoints first.
   */
  async run(next: () => Promise<PoolWork | undefined>): Promise<void> {
    const { signal } = this.options;
    const onAbort = (): void => this.fail(interrupted(signal));
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    try {
      for (let isOver = false; ;) {
        while (!isOver && this.failure === undefined && this.hasRoom()) {
          const work = await next();
          if (work === undefined) isOver = true;
          else if (this.failure === undefined) this.start(work);
        }
        if (this.running.size === 0) break;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } catch (error) {
      this.fail(error);
      while (this.running.size > 0) await new Promise<void>((resolve) => (this.wake = resolve));
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  private hasRoom(): boolean {
    const { parallel, freeMemory } = this.options;
    if (this.running.size === 0) return true;
    if (this.running.size >= parallel) return false;
    const memories = [...this.running].map(({ memory }) => memory);
    // Until the first run has told what it takes nobody knows what a second one would.
    if (memories.includes(undefined) && this.largestPeak === 0) return false;
    const reserved = memories.reduce(
      (sum, memory) => sum + (memory ? Math.max(0, memory.peakBytes - memory.residentBytes) : this.largestPeak),
      0,
    );
    const free = freeMemory() - reserved;
    if (free >= this.largestPeak * MEMORY_MARGIN) return true;
    this.tellOnce(
      'note',
      `not ${parallel} trials at a time: one takes about ${megabytes(this.largestPeak)} MB, and ${megabytes(Math.max(0, free))} MB are free`,
    );
    return false;
  }

  private start(work: PoolWork): void {
    const { runner, onProgress } = this.options;
    const started = performance.now();
    const own: Running = { trial: undefined as never, share: 0, stopping: false };
    const stop = (): void => {
      if (own.stopping) return;
      own.stopping = true;
      own.trial.stop();
    };
    own.trial = runner(work.job, {
      onMetric: (metric) => work.onMetric?.(metric),
      onEvaluations: (...heard) => {
        if (!own.stopping && work.onEvaluations?.(...heard)) stop();
      },
      onEstimate: (memory) => {
        own.memory = memory;
        this.largestPeak = Math.max(this.largestPeak, memory.peakBytes);
        this.wake();
      },
      onEvent: (kind, message) => {
        // What a run says of its data and its model; of how it went its own run.json tells.
        if (own.share === 0 && (kind === 'note' || kind === 'warning')) this.tellOnce(kind, message);
      },
      onProgress: (share) => {
        own.share = share;
        onProgress();
      },
    });
    this.running.add(own);
    void own.trial.ended
      .then((end) => this.end(end, work, { own, seconds: (performance.now() - started) / 1000 }))
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.running.delete(own);
        this.wake();
      });
  }

  private async end(end: TrialEnd, work: PoolWork, { own, seconds }: { own: Running; seconds: number }): Promise<void> {
    // Ctrl-C reaches the processes of the trials too, perhaps before this one.
    if (end.outcome === 'stopped' && !own.stopping) this.fail(interrupted(this.options.signal));
    // From here on it counts as done.
    own.share = 0;
    await work.onEnd(end, seconds);
  }

  private stopAll(): void {
    for (const own of this.running) {
      if (own.stopping) continue;
      own.stopping = true;
      own.trial.stop();
    }
  }

  /** Trials say the same of the same data. */
  private tellOnce(kind: string, message: string | Prose): void {
    if (this.told.has(String(message))) return;
    this.told.add(String(message));
    tell(this.options.onEvent, kind, message);
  }
}

const megabytes = (bytes: number): string => Math.round(bytes / 1e6).toLocaleString('en-US');

function interrupted(signal: AbortSignal | undefined): AlbertineError {
  const reason: unknown = signal?.reason;
  return reason instanceof AlbertineError ? reason : new AlbertineError('interrupted', 'interrupted');
}
