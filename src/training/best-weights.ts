import { AlbertineError } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import type { Weights } from '../model/parameters.ts';
import type { BestMetric } from './trainer-options.ts';

/** Serialisable part of {@link BestWeights}; metrics that are not numbers are null, as in JSON. */
export interface BestState {
  best: { step: number; value: number; gain?: number; evaluation: Record<string, number | null> } | null;
  sinceBest: number;
  last: Record<string, number | null> | null;
}

/**
 * Keeps the weights of the best evaluation so far, and counts evaluations since the metric last improved. Of
 * evaluations with the same value of the metric (accuracy on few examples often ties) the one with the lowest `loss` is
 * the best.
 */
export class BestWeights {
  /** Metrics of the last evaluation. */
  last: Record<string, number> | undefined;
  best: { step: number; value: number; gain?: number; evaluation: Record<string, number> } | undefined;
  weights: Weights | undefined;
  /** Evaluations since the metric last improved. */
  sinceBest = 0;
  private readonly criterion: BestMetric | undefined;

  constructor(criterion: BestMetric | undefined) {
    this.criterion = criterion;
  }

  /**
   * Takes an evaluation; `weights` is called when it is the best one so far. A metric that is not a number never counts
   * as better; that is returned as a warning. Throws `invalid_argument` when the metric is not among the results.
   */
  async add(
    step: number,
    metrics: Record<string, number>,
    weights: () => Promise<Weights>,
  ): Promise<string | undefined> {
    this.last = metrics;
    const { criterion } = this;
    if (!criterion) return undefined;
    const value = metrics[criterion.metric];
    if (value === undefined) {
      throw new AlbertineError(
        'invalid_argument',
        prose`the evaluation has no ${option('metric')} ${criterion.metric}`,
        { value: criterion.metric, hint: `It has ${Object.keys(metrics).join(', ')}` },
      );
    }
    const { best } = this;
    const improved =
      Number.isFinite(value) && (!best || (criterion.higherIsBetter ? value > best.value : value < best.value));
    const winsTie = best !== undefined && value === best.value && metrics['loss'] < best.evaluation['loss'];
    this.sinceBest = improved ? 0 : this.sinceBest + 1;
    if (improved || winsTie) {
      this.best = { step, value, ...(best && { gain: Math.abs(value - best.value) }), evaluation: metrics };
      this.weights = await weights();
    }
    return Number.isFinite(value)
      ? undefined
      : `${criterion.metric} of the evaluation is ${value}: it cannot be compared, the weights are not kept as best`;
  }

  /** For a checkpoint; the weights are stored beside it. */
  state(): BestState {
    const { best, sinceBest, last } = this;
    return { best: best ?? null, sinceBest, last: last ?? null };
  }

  /** Continues from a checkpoint. */
  restore({ best, sinceBest, last }: BestState, weights: Weights | undefined): void {
    this.best = best ? { ...best, evaluation: withNaN(best.evaluation) } : undefined;
    this.last = last ? withNaN(last) : undefined;
    this.sinceBest = sinceBest;
    this.weights = weights;
  }
}

function withNaN(metrics: Record<string, number | null>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value ?? NaN]));
}
