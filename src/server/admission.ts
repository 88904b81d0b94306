import { AlbertineError } from '../core/errors.ts';

/** Limits of {@link Admission}. */
export interface AdmissionLimits {
  /**
   * Tokens of requests that are accepted and not yet answered. A request counts with at most a sixteenth of it: a larger
   * one is computed in batches that have their turns among the others', so that its size does not hold them up.
   */
  queueTokens: number;
  /** Tokens of one request. */
  requestTokens: number;
}

/** Seconds after which a refused client may come again: at least, at most. */
const RETRY_SECONDS = [1, 60] as const;
/** Weight of a new measurement of the speed. */
const NEW = 0.1;

/**
 * Decides before any work whether a request is taken: what is accepted and not answered has a bound in tokens, so that
 * nobody waits longer than that takes.
 */
export class Admission {
  private readonly limits: AdmissionLimits;
  private tokensPerMs = 0;
  /** Tokens accepted and not yet answered. */
  pending = 0;

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  /** Takes a request; disposing what it gives says that it was answered. Throws `overloaded` or `too_large`. */
  admit(tokens: number): Disposable {
    const { queueTokens, requestTokens } = this.limits;
    if (tokens > requestTokens)
      throw new AlbertineError('too_large', `a request may have ${requestTokens} tokens, this one has ${tokens}`, {
        value: tokens,
        hint: 'Send the texts in several requests',
      });
    const counted = Math.min(tokens, Math.ceil(queueTokens / 16));
    if (this.pending + counted > queueTokens)
      throw new OverloadedError(this.pending, { queueTokens, retryAfter: this.retryAfter() });
    this.pending += counted;
    let answered = false;
    return {
      [Symbol.dispose]: () => {
        if (!answered) this.pending -= counted;
        answered = true;
      },
    };
  }

  /** Told of every pass, so that refused clients hear when to come again. */
  learn({ tokens, inferenceMs }: { tokens: number; inferenceMs: number }): void {
    const speed = tokens / Math.max(0.01, inferenceMs);
    this.tokensPerMs = this.tokensPerMs === 0 ? speed : (1 - NEW) * this.tokensPerMs + NEW * speed;
  }

  /** Seconds until what is pending is done. */
  private retryAfter(): number {
    const [least, most] = RETRY_SECONDS;
    if (this.tokensPerMs === 0) return least;
    return Math.min(most, Math.max(least, Math.ceil(this.pending / this.tokensPerMs / 1000)));
  }
}

/** Too much is waiting; the client may come again. */
export class OverloadedError extends AlbertineError {
  /** Seconds until then. */
  readonly retryAfter: number;

  constructor(pending: number, { queueTokens, retryAfter }: { queueTokens: number; retryAfter: number }) {
    super('overloaded', `${pending} tokens are waiting, of at most ${queueTokens}`, {
      value: pending,
      hint: `Try again in ${retryAfter} s`,
    });
    this.retryAfter = retryAfter;
  }
}
