/** One report of long work; every long operation accepts `onProgress: (event: ProgressEvent) => void`. */
export interface ProgressEvent {
  /** What is being done, as a short verb phrase: "embedding", "downloading model.safetensors". */
  stage: string;
  /** Units finished so far. */
  done: number;
  /** Units in all, when known. */
  total?: number;
  /** What is counted: "texts", "bytes", "steps". */
  unit: string;
  /** Units per second, smoothed. */
  rate: number;
  /** Seconds left, when `total` is known and the rate is positive. */
  secondsLeft?: number;
  /** Further figures worth showing, such as the loss. */
  extra?: Record<string, number | string>;
}

/** Receives {@link ProgressEvent}s. It must not throw. */
export type ProgressListener = (event: ProgressEvent) => void;

/** What a {@link ProgressMeter} counts. */
export interface MeterDescription {
  stage: string;
  unit: string;
  total?: number;
  /** Units finished by an earlier, interrupted run; shown but not counted in the rate. */
  alreadyDone?: number;
  intervalMs?: number;
}

/** Counts units of work and tells a listener at most every `intervalMs` (default 100). */
export class ProgressMeter {
  private readonly started = performance.now();
  private lastReport = 0;
  private done = 0;

  private readonly listener: ProgressListener | undefined;
  private readonly describe: MeterDescription;

  constructor(listener: ProgressListener | undefined, describe: MeterDescription) {
    this.listener = listener;
    this.describe = describe;
  }

  /** Adds finished units and reports if the interval has passed. */
  add(units: number, extra?: Record<string, number | string>): void {
    this.done += units;
    const now = performance.now();
    if (this.listener && now - this.lastReport >= (this.describe.intervalMs ?? 100)) {
      this.lastReport = now;
      this.listener(this.event(extra));
    }
  }

  /** Reports the end, whatever the interval. */
  finish(extra?: Record<string, number | string>): void {
    this.listener?.(this.event(extra));
  }

  private event(extra?: Record<string, number | string>): ProgressEvent {
    const { stage, unit, total, alreadyDone = 0 } = this.describe;
    const seconds = (performance.now() - this.started) / 1000;
    const rate = seconds > 0 ? this.done / seconds : 0;
    const done = alreadyDone + this.done;
    const secondsLeft = total !== undefined && rate > 0 ? Math.max(0, total - done) / rate : undefined;
    return {
      stage,
      done,
      unit,
      rate,
      ...(total !== undefined && { total }),
      ...(secondsLeft !== undefined && { secondsLeft }),
      ...(extra && { extra }),
    };
  }
}
