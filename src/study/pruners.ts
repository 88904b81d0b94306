import { requireInteger, requireOneOf } from '../core/errors.ts';
import { requireOptions } from '../core/options.ts';
import { hash32 } from '../core/random.ts';
import { PRUNERS, type PrunerName } from './names.ts';
import { lossOf, type Direction, type Trial } from './trial.ts';

/** Options of {@link createPruner}. */
export interface PrunerOptions {
  /** Default `none`. */
  pruner?: PrunerName;
  /** `median`: complete trials before any is pruned. Default 5. */
  pruneAfterTrials?: number;
  /** Evaluations that every trial may have: `median` judges after them, `asha` and `hyperband` at them first. Default 1. */
  minEvaluations?: number;
  /** `asha` and `hyperband`: of so many trials one goes on, so many times as far. Default 3. */
  reductionFactor?: number;
  /** `hyperband`: evaluations of a whole run. Default: those of the longest complete trial. */
  maxEvaluations?: number;
  /** `hyperband`: draws the bracket of a trial. Default 1. */
  seed?: number;
}

/**
 * Whether a trial is ended after its last evaluation; a function of the evaluations alone. `others` are all trials, this
 * one may be among them.
 */
export type Pruner = (
  trial: Pick<Trial, 'number' | 'evaluations'>,
  others: readonly Trial[],
  direction: Direction,
) => boolean;

/**
 * A rule that ends trials early, the same as the pruner of that name in Optuna 5 (`asha`: its SuccessiveHalvingPruner):
 * - `median`: the best evaluation so far is worse than the median of complete trials at the same evaluation (Golovin et
 *   al. 2017);
 * - `asha`: at evaluations min, min × factor, min × factor² ... only the best one in `reductionFactor` of those that have
 *   come there goes on: successive halving without waiting for the others (Li et al. 2020);
 * - `hyperband`: trials are divided into brackets that begin to judge at different evaluations, and each does what `asha`
 *   does (Li et al. 2018); nothing is pruned before a trial is complete, unless `maxEvaluations` is given.
 *
 * Throws `invalid_argument` for a wrong option.
 */
export function createPruner(options: PrunerOptions = {}): Pruner {
  requirePrunerOptions(options);
  const { pruner = 'none', minEvaluations = 1, reductionFactor = 3, pruneAfterTrials = 5 } = options;
  if (pruner === 'median') return medianPruner({ startup: pruneAfterTrials, first: minEvaluations });
  if (pruner === 'asha')
    return (trial, others, direction) =>
      haltsAt(trial, others, { direction, first: minEvaluations, factor: reductionFactor });
  if (pruner === 'hyperband')
    return hyperbandPruner({
      first: minEvaluations,
      factor: reductionFactor,
      longest: options.maxEvaluations,
      seed: options.seed ?? 1,
    });
  return () => false;
}

function requirePrunerOptions(options: PrunerOptions): void {
  requireOptions<PrunerOptions>('createPruner', options, {
    pruner: 'string',
    pruneAfterTrials: 'number',
    minEvaluations: 'number',
    reductionFactor: 'number',
    maxEvaluations: 'number',
    seed: 'number',
  });
  if (options.pruner !== undefined) requireOneOf('pruner', options.pruner, PRUNERS);
  for (const [name, min] of [
    ['pruneAfterTrials', 0],
    ['minEvaluations', 1],
    ['reductionFactor', 2],
    ['maxEvaluations', 1],
  ] as const)
    if (options[name] !== undefined) requireInteger(name, options[name], { min });
}

function medianPruner({ startup, first }: { startup: number; first: number }): Pruner {
  return ({ evaluations }, others, direction) => {
    const complete = others.filter(({ state }) => state === 'complete');
    const last = evaluations.at(-1);
    if (last === undefined || complete.length === 0 || complete.length < startup || last.at < first) return false;
    const own = evaluations.map(({ value }) => lossOf(value, direction)).filter((loss) => !Number.isNaN(loss));
    if (own.length === 0) return true;
    const theirs = complete
      .flatMap((trial) => trial.evaluations.filter(({ at }) => at === last.at))
      .map(({ value }) => lossOf(value, direction))
      .filter((loss) => !Number.isNaN(loss));
    return theirs.length > 0 && Math.min(...own) > median(theirs);
  };
}

function median(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

interface Halving {
  direction: Direction;
  /** Evaluation of the first rung. */
  first: number;
  factor: number;
}

/**
 * Whether a trial stays behind at one of the rungs that it reached with its last evaluation.
 *
 * @internal
 */
export function haltsAt(
  { number, evaluations }: Pick<Trial, 'number' | 'evaluations'>,
  others: readonly Trial[],
  { direction, first, factor }: Halving,
): boolean {
  const last = evaluations.at(-1);
  if (last === undefined) return false;
  const before = evaluations.length > 1 ? evaluations[evaluations.length - 2].at : 0;
  for (let rung = first; rung <= last.at; rung *= factor) {
    if (rung <= before) continue;
    if (Number.isNaN(last.value)) return true;
    const own = lossOf(last.value, direction);
    const losses = others
      .filter((trial) => trial.number !== number)
      .flatMap((trial) => trial.evaluations.find(({ at }) => at >= rung) ?? [])
      .map(({ value }) => lossOf(value, direction))
      .filter((loss) => !Number.isNaN(loss));
    const all = [...losses, own].sort((a, b) => a - b);
    // Of fewer than `factor` trials the best one goes on.
    if (own > all[Math.max(0, Math.floor(all.length / factor) - 1)]) return true;
  }
  return false;
}

function hyperbandPruner({
  first,
  factor,
  longest,
  seed,
}: {
  first: number;
  factor: number;
  longest: number | undefined;
  seed: number;
}): Pruner {
  return (trial, others, direction) => {
    const complete = others.filter(({ state }) => state === 'complete');
    const most = longest ?? Math.max(0, ...complete.map(({ evaluations }) => evaluations.at(-1)?.at ?? 0));
    if (most < first) return false;
    const budgets = bracketBudgets({ first, most, factor });
    const bracketOf = (number: number): number => bracketAt(hash32(seed, number), budgets);
    const own = bracketOf(trial.number);
    return haltsAt(
      trial,
      others.filter(({ number }) => bracketOf(number) === own),
      {
        direction,
        first: first * factor ** own,
        factor,
      },
    );
  };
}

/**
 * Trials that go to each bracket, out of their sum; the first bracket judges first and gets the most.
 *
 * @internal
 */
export function bracketBudgets({ first, most, factor }: { first: number; most: number; factor: number }): number[] {
  let brackets = 1;
  while (first * factor ** brackets <= most) brackets++;
  return Array.from({ length: brackets }, (_, bracket) => {
    const left = brackets - 1 - bracket;
    return Math.ceil((brackets * factor ** left) / (left + 1));
  });
}

/**
 * The bracket of a trial by an even draw.
 *
 * @internal
 */
export function bracketAt(draw: number, budgets: readonly number[]): number {
  let left = draw % budgets.reduce((a, b) => a + b, 0);
  return budgets.findIndex((budget) => (left -= budget) < 0);
}
