import { requireSameLength } from '../check.ts';
import { at95, prepareResampling, type PairedTest, type ResamplingOptions } from '../resampling.ts';
import type { StatisticRows, TextMetric } from './metric.ts';

/** How the corpus figures of two systems differ. */
export interface CorpusTest extends PairedTest {
  /** Corpus figure of the first. */
  first: number;
  /** Corpus figure of the second. */
  second: number;
  /** Two-sided, by the bootstrap: how often resampled differences lie as far from their mean. */
  bootstrapPValue: number;
}

/**
 * Paired significance tests of a corpus figure such as BLEU, which is no mean over segments (Koehn 2004, "Statistical
 * significance tests for machine translation evaluation"; Riezler and Maxwell 2005): every sample sums the counts of
 * its segments and takes the figure of the sums. The interval and `bootstrapPValue` are of the paired bootstrap,
 * `pValue` of approximate randomisation; the package sacrebleu has both, as `--paired-bs` and `--paired-ar`. Throws
 * `shape_mismatch` for systems of different lengths.
 */
export function corpusTest(
  metric: TextMetric,
  systems: { first: StatisticRows; second: StatisticRows },
  options: ResamplingOptions = {},
): CorpusTest {
  const { first, second } = systems;
  const count = requireSameLength(first, second, "the systems' statistics");
  const { samples, random } = prepareResampling(options);
  const figure = (sums: Float64Array): number => metric.corpus([...sums], count);
  const wholes = [first, second].map((rows) => {
    const sums = new Float64Array(rows.width);
    for (let i = 0; i < count; i++) rows.addTo(sums, i);
    return sums;
  });
  const [own, other] = wholes.map(figure);
  const difference = own - other;
  const [a, b] = [new Float64Array(first.width), new Float64Array(second.width)];
  const drawn = Float64Array.from({ length: samples }, () => {
    a.fill(0);
    b.fill(0);
    for (let i = 0; i < count; i++) {
      const segment = random.integer(count);
      first.addTo(a, segment);
      second.addTo(b, segment);
    }
    return figure(a) - figure(b);
  });
  let asLarge = 0;
  for (let sample = 0; sample < samples; sample++) {
    a.set(wholes[0]);
    b.set(wholes[1]);
    for (let i = 0; i < count; i++) {
      if (random.uniform() < 0.5) continue;
      first.addTo(a, i, -1);
      second.addTo(a, i);
      first.addTo(b, i);
      second.addTo(b, i, -1);
    }
    // What rounding alone makes different is as large.
    if (Math.abs(figure(a) - figure(b)) >= Math.abs(difference) - 1e-9) asLarge++;
  }
  return {
    first: own,
    second: other,
    difference,
    ...at95(drawn),
    pValue: (asLarge + 1) / (samples + 1),
    bootstrapPValue: (countFarther(drawn, Math.abs(difference)) + 1) / (samples + 1),
  };
}

/** Samples that lie farther from the mean of all than `distance`. As sacrebleu, of absolute differences. */
function countFarther(drawn: Float64Array, distance: number): number {
  const sizes = drawn.map(Math.abs);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  return sizes.reduce((count, size) => count + (size - mean >= distance - 1e-9 ? 1 : 0), 0);
}
