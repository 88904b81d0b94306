import { option, prose, type Prose } from '../core/prose.ts';
import { GUARD_SETTINGS } from './run/settings.ts';

/** What a guard decides about a step before the update. */
export type Verdict = { action: 'apply' } | { action: 'skip' | 'rollBack'; reason: string };

/** Settings of {@link StepGuard}. */
export interface GuardOptions {
  /** A gradient norm this many times the running average is a spike. Default 20; 0 switches spikes off. */
  spikeFactor?: number;
  /**
   * Skipped steps in a row after which the run goes back to its last checkpoint at half the learning rate. Default 5.
   */
  rollBackAfter?: number;
}

/** Serialisable position of a guard. */
export interface GuardState {
  averageNorm: number;
  seen: number;
  consecutive: number;
  skipped: number;
  rollBacks: number;
  rateScale: number;
}

/** Steps before spikes are judged: the norms of the first ones vary too much. */
const WARM_UP = 20;
const AVERAGE_DECAY = 0.98;

/**
 * Looks at loss and gradient norm before each update: numbers that are not finite and sudden spikes skip the step, and
 * several skips in a row ask for a roll-back at a lower rate.
 */
export class StepGuard {
  /** What it remembers; stored in checkpoints. */
  readonly state: GuardState;
  private readonly spikeFactor: number;
  private readonly rollBackAfter: number;

  constructor(options: GuardOptions = {}, state?: GuardState) {
    this.spikeFactor = options.spikeFactor ?? GUARD_SETTINGS.spikeFactor.default;
    this.rollBackAfter = options.rollBackAfter ?? GUARD_SETTINGS.rollBackAfter.default;
    this.state = state
      ? { ...state }
      : { averageNorm: 0, seen: 0, consecutive: 0, skipped: 0, rollBacks: 0, rateScale: 1 };
  }

  /** Judges one step and remembers it. */
  judge(loss: number, gradientNorm: number): Verdict {
    const { state } = this;
    const reason = this.reasonToSkip(loss, gradientNorm);
    if (reason === undefined) {
      state.averageNorm =
        state.seen === 0 ? gradientNorm : AVERAGE_DECAY * state.averageNorm + (1 - AVERAGE_DECAY) * gradientNorm;
      state.seen++;
      state.consecutive = 0;
      return { action: 'apply' };
    }
    state.skipped++;
    state.consecutive++;
    return { action: state.consecutive >= this.rollBackAfter ? 'rollBack' : 'skip', reason };
  }

  /** Notes that the run went back: halves the rate and starts counting anew. */
  rolledBack(): void {
    this.state.rollBacks++;
    this.state.rateScale /= 2;
    this.state.consecutive = 0;
    this.state.seen = 0;
  }

  private reasonToSkip(loss: number, gradientNorm: number): string | undefined {
    if (!Number.isFinite(loss)) return `the loss is ${loss}`;
    if (!Number.isFinite(gradientNorm)) return `the gradient norm is ${gradientNorm}`;
    const { averageNorm, seen } = this.state;
    if (this.spikeFactor > 0 && seen >= WARM_UP && gradientNorm > this.spikeFactor * averageNorm) {
      return `the gradient norm ${gradientNorm.toPrecision(3)} is ${(gradientNorm / averageNorm).toFixed(0)} times the average`;
    }
    return undefined;
  }
}

/** Serialisable position of a {@link LearningWatch}. */
export interface WatchState {
  seen: number;
  firstSum: number;
  lastSum: number;
  /** Sums of squares, for how much the losses scatter. */
  firstSquares: number;
  lastSquares: number;
  told: boolean;
}

/**
 * Share by which the loss should have fallen, and standard errors by which that must be missed: losses of small batches
 * scatter.
 */
const EXPECTED_FALL = 0.02;
const STANDARD_ERRORS = 2;
/** Steps whose average is the loss to be beaten. */
const FIRST_LOSSES = 20;

/**
 * Notices a run that does not learn: after a fifth of the steps (at least 100) the average loss of the last tenth of
 * them (at least 20) is not 2 % below that of the first 20, and by so much that the scatter of single losses does not
 * explain it. Returns advice once. Losses that are not finite do not count.
 */
export class LearningWatch {
  /** What it remembers; stored in checkpoints. */
  readonly state: WatchState;
  private readonly patience: number;
  private readonly window: number;

  constructor(totalSteps: number, state?: WatchState) {
    this.patience = Math.max(100, Math.ceil(totalSteps / 5));
    this.window = Math.max(FIRST_LOSSES, Math.ceil(this.patience / 10));
    this.state = state
      ? { ...state }
      : { seen: 0, firstSum: 0, lastSum: 0, firstSquares: 0, lastSquares: 0, told: false };
  }

  /** Adds a step's loss; returns advice when the run looks stuck. */
  add(loss: number, learningRate: number): Prose | undefined {
    const { state, patience, window } = this;
    if (state.told || !Number.isFinite(loss)) return undefined;
    state.seen++;
    if (state.seen <= FIRST_LOSSES) {
      state.firstSum += loss;
      state.firstSquares += loss * loss;
    }
    if (state.seen > patience - window) {
      state.lastSum += loss;
      state.lastSquares += loss * loss;
    }
    if (state.seen < patience) return undefined;
    state.told = true;
    const first = state.firstSum / FIRST_LOSSES;
    const last = state.lastSum / window;
    const error = Math.sqrt(
      errorSquared(first, state.firstSquares, FIRST_LOSSES) + errorSquared(last, state.lastSquares, window),
    );
    if (!(first - last + STANDARD_ERRORS * error < EXPECTED_FALL * first)) return undefined;
    const rates =
      'a lower one for a large pretrained model (ALBERT large and up often need 1e-5 or less with AdamW), a higher one from untrained weights or with LAMB or SGD';
    return prose`the loss has not fallen in ${patience} steps (${first.toFixed(4)} at first, ${last.toFixed(4)} now): try another ${option('learningRate')} (now ${learningRate.toExponential(1)}): ${rates}; or a longer warm-up or a larger ${option('batchSize')}`;
  }
}

/** Square of the standard error of a mean of `count` values with this sum of squares. */
function errorSquared(mean: number, squares: number, count: number): number {
  return Math.max(0, squares / count - mean * mean) / (count - 1);
}
