import { dominationRanks, spreadSubset } from './pareto.ts';
import { lossesOf, lossOf, type Direction, type Trial } from './trial.ts';

/** Good trials at most, of one objective. */
const MOST_GOOD = 25;

/** Trials as {@link splitTrials} divides them, both in the order of their numbers. */
export interface SplitTrials {
  good: Trial[];
  bad: Trial[];
}

/**
 * Divides trials into the best tenth (of one objective 25 at most) and the others, as Optuna 5 does: complete ones by
 * their objective, or, with several, by domination rank and then by the volume that they beat; after them pruned ones,
 * the later they were pruned the better. Running trials count as bad, so that others go elsewhere (constant liar), and so
 * do failed ones, which Optuna leaves out: where memory ends or training diverges is no place to go back to.
 */
export function splitTrials(trials: readonly Trial[], directions: readonly Direction[]): SplitTrials {
  const finished = trials.filter(({ state }) => state === 'complete' || state === 'pruned');
  const tenth = Math.ceil(0.1 * finished.length);
  const count = directions.length > 1 ? tenth : Math.min(tenth, MOST_GOOD);
  const complete = trials.filter(({ state }) => state === 'complete');
  const good = bestOf(complete, directions, Math.min(count, complete.length));
  const pruned = trials
    .filter(({ state }) => state === 'pruned')
    .map((trial) => ({ trial, score: prunedScore(trial, directions[0]) }))
    .sort((a, b) => b.score.at - a.score.at || a.score.loss - b.score.loss);
  const chosen = new Set([...good, ...pruned.slice(0, count - good.length).map(({ trial }) => trial)]);
  const byNumber = [...trials].sort((a, b) => a.number - b.number);
  return { good: byNumber.filter((trial) => chosen.has(trial)), bad: byNumber.filter((trial) => !chosen.has(trial)) };
}

function bestOf(trials: readonly Trial[], directions: readonly Direction[], count: number): Trial[] {
  const rows = trials.map((trial) => lossesOf(trial, directions));
  if (directions.length === 1) {
    const order = trials.map((_, i) => i).sort((a, b) => rows[a][0] - rows[b][0]);
    return order.slice(0, count).map((i) => trials[i]);
  }
  const ranks = dominationRanks(rows);
  const chosen: number[] = [];
  for (let rank = 0; chosen.length < count; rank++) {
    const front = trials.map((_, i) => i).filter((i) => ranks[i] === rank);
    const room = count - chosen.length;
    const fitting =
      front.length <= room
        ? front
        : spreadSubset(
            front.map((i) => rows[i]),
            room,
          ).map((i) => front[i]);
    chosen.push(...fitting);
  }
  return chosen.map((i) => trials[i]);
}

/** How far a pruned trial came, and what it had then. */
function prunedScore({ evaluations }: Trial, direction: Direction): { at: number; loss: number } {
  const last = evaluations.at(-1);
  if (last === undefined) return { at: -1, loss: 0 };
  return { at: last.at, loss: Number.isNaN(last.value) ? Infinity : lossOf(last.value, direction) };
}

/** The best share of complete trials: of one objective with all that are as good as the last of them. */
export function splitTop(trials: readonly Trial[], directions: readonly Direction[], share: number): Trial[] {
  const count = Math.ceil(share * trials.length);
  const best = bestOf(trials, directions, count);
  if (directions.length > 1) return best;
  const worst = lossesOf(best[best.length - 1], directions)[0];
  return trials.filter((trial) => lossesOf(trial, directions)[0] <= worst);
}
