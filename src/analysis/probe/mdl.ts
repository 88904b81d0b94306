import type { FeatureMatrix } from '../../classical/features.ts';
import { decisionValues } from '../../classical/linear.ts';
import { softmax } from '../../core/softmax.ts';
import { probeTargets, trained } from './linear.ts';

/** How many bits labels take when they are sent one after another to somebody who has the vectors. */
export interface DescriptionLength {
  /** Bits of the labels by online coding. */
  bits: number;
  /** Bits by the uniform code, `rows * log2(labels)`. */
  uniformBits: number;
  /** Uniform over online: 1 where the vectors say nothing, more where labels are easily read from them. */
  compression: number;
  /** Rows after which a new probe was learned, and bits of the labels up to the next. */
  blocks: { rows: number; bits: number }[];
}

/** Shares of the rows after which a new probe is learned (Voita and Titov 2020). */
const SHARES = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1];

/** Options of {@link onlineCode}. */
export interface OnlineCodeOptions {
  /** Number of labels. */
  labels: number;
  /** C of the logistic regressions. */
  strength: number;
  seed?: number;
  signal?: AbortSignal;
}

/**
 * Minimum description length by online coding (Voita and Titov 2020): the labels of the first rows by the uniform code,
 * those of each further block by a probe that was learned on all rows before it. A probe knows the labels that it has
 * seen; its probabilities are mixed with the uniform ones, which count as one row of those it learned on, so that a new
 * label costs finitely many bits. Rows are taken in their order: shuffle them first.
 */
export async function onlineCode(
  features: FeatureMatrix,
  gold: readonly number[],
  { labels, strength, seed = 1, signal }: OnlineCodeOptions,
): Promise<DescriptionLength> {
  const count = gold.length;
  const ends = [...new Set(SHARES.map((share) => Math.max(1, Math.floor(share * count))))];
  const blocks = [{ rows: 0, bits: ends[0] * Math.log2(labels) }];
  for (let i = 0; i + 1 < ends.length; i++) {
    signal?.throwIfAborted();
    const [known, end] = [ends[i], ends[i + 1]];
    const next = Array.from({ length: end - known }, (_, row) => known + row);
    const probabilities = await learnedProbabilities(features, gold.slice(0, known), {
      next,
      how: { strength, seed, ...(signal && { signal }) },
    });
    const uniform = 1 / labels;
    const bits = next.reduce((sum, row, at) => {
      const own = probabilities[at].get(gold[row]) ?? 0;
      return sum - Math.log2((known * own + uniform) / (known + 1));
    }, 0);
    blocks.push({ rows: known, bits });
  }
  const bits = blocks.reduce((sum, block) => sum + block.bits, 0);
  const uniformBits = count * Math.log2(labels);
  return { bits, uniformBits, compression: uniformBits / bits, blocks };
}

/** Of the rows `next`: probability of each label that is among the first rows, which a probe is learned on. */
async function learnedProbabilities(
  features: FeatureMatrix,
  gold: readonly number[],
  { next, how }: { next: readonly number[]; how: { strength: number; seed: number; signal?: AbortSignal } },
): Promise<Map<number, number>[]> {
  const seen = [...new Set(gold)].sort((a, b) => a - b);
  if (seen.length === 1) return next.map(() => new Map([[seen[0], 1]]));
  const targets = probeTargets(
    gold.map((label) => seen.indexOf(label)),
    seen.length,
  );
  const rows = Array.from(gold, (_, row) => row);
  const model = await trained(features.pick(rows), targets, { ...how, problem: 'singleLabel', exact: true });
  const values = await decisionValues(features.pick(next), model);
  const outputs = model.bias.length;
  return next.map((_, i) => {
    const own = [...values.subarray(i * outputs, (i + 1) * outputs)];
    const shares = softmax(outputs === 1 ? [0, own[0]] : own);
    return new Map(seen.map((label, k) => [label, shares[k]]));
  });
}
