import { AlbertineError } from '../../core/errors.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { createRandom } from '../../core/random.ts';
import { groupsOf, pairsOf } from './groups.ts';
import type { PairScore } from './match.ts';
import type { AlbertScorer } from './scorer.ts';

/** What texts score that have nothing to do with each other; scores are rescaled so that this is 0. */
export interface ScoreBaseline extends PairScore {
  /** Of the scores that it is for: model, layer, long texts. */
  fingerprint: string;
  /** Whether tokens were weighted. */
  idf: boolean;
  /** Pairs that it is the mean of. */
  pairs: number;
}

/** Options of {@link scoreBaseline}. */
export interface BaselineOptions {
  /** Pairs of different texts that are drawn. Default 2,000. */
  pairs?: number;
  /** Default 1. */
  seed?: number;
  /** Told about pairs that are done. */
  onProgress?: ProgressListener;
  /** Stops with `interrupted`. */
  signal?: AbortSignal | undefined;
}

const PAIRS = 2000;

/**
 * Scores pairs of texts drawn at random from a list (as the package bert_score made its baselines of Common Crawl).
 * Throws `invalid_data` for fewer than two different texts.
 */
export async function scoreBaseline(
  scorer: AlbertScorer,
  texts: readonly string[],
  { pairs = PAIRS, seed = 1, onProgress, signal }: BaselineOptions = {},
): Promise<ScoreBaseline> {
  const distinct = [...new Set(texts)].filter((text) => text.trim() !== '');
  if (distinct.length < 2)
    throw new AlbertineError('invalid_data', 'a baseline needs two different texts', { value: distinct.length });
  const random = createRandom(seed);
  const drawn: { candidate: string; references: string[] }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const first = random.integer(distinct.length);
    const second = (first + 1 + random.integer(distinct.length - 1)) % distinct.length;
    drawn.push({ candidate: distinct[first], references: [distinct[second]] });
  }
  const sums = { precision: 0, recall: 0, f1: 0 };
  const meter = new ProgressMeter(onProgress, { stage: 'scoring unrelated texts', unit: 'pairs', total: pairs });
  for await (const group of groupsOf(drawn)) {
    const { scores } = await scorer.score(pairsOf(group), { signal });
    for (const { precision, recall, f1 } of scores) {
      sums.precision += precision / pairs;
      sums.recall += recall / pairs;
      sums.f1 += f1 / pairs;
    }
    meter.add(group.length);
  }
  meter.finish();
  return { ...sums, fingerprint: scorer.fingerprint, idf: scorer.idf !== undefined, pairs };
}

/** A score on the scale where the baseline is 0 and 1 stays 1; scores below the baseline are negative. */
export function rescaled(score: PairScore, baseline: PairScore): PairScore {
  const scale = (value: number, zero: number): number => (value - zero) / (1 - zero);
  return {
    precision: scale(score.precision, baseline.precision),
    recall: scale(score.recall, baseline.recall),
    f1: scale(score.f1, baseline.f1),
  };
}
