import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { bootstrapMean, normalMean } from '../../src/metrics/resampling.ts';
import { bleu, type BleuOptions } from '../../src/metrics/text/bleu.ts';
import { chrf, type ChrfOptions } from '../../src/metrics/text/chrf.ts';
import { corpusTest } from '../../src/metrics/text/corpus-test.ts';
import { addStatistics, StatisticRows, type TextMetric } from '../../src/metrics/text/metric.ts';
import { rouge, rougeScore, type RougeVariant } from '../../src/metrics/text/rouge.ts';

interface Case<O> {
  options: O;
  segments: number[];
  corpus: number;
}
/** Written by oracle/make_text_metrics_golden.py: sacrebleu 2.6.0 and rouge_score 0.1.2. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/text-metrics.json'), 'utf8')) as {
  segments: { candidate: string; references: string[] }[];
  bleu: Record<string, Case<BleuOptions>>;
  chrf: Record<string, Case<ChrfOptions>>;
  rouge: Record<'english' | 'stemmed' | 'characters' | 'words', Record<string, [number, number, number][]>>;
  words: [candidate: string, reference: string][];
};

function expectEqual(metric: TextMetric, { segments, corpus }: Case<unknown>): void {
  const sums: number[] = [];
  golden.segments.forEach(({ candidate, references }, i) => {
    const statistics = metric.statistics(candidate, references);
    addStatistics(sums, statistics);
    expect(Math.abs(metric.segment(statistics) - segments[i]), `${i}: ${candidate}`).toBeLessThan(1e-9);
  });
  expect(Math.abs(metric.corpus(sums, golden.segments.length) - corpus)).toBeLessThan(1e-9);
}

describe('BLEU as sacrebleu', () => {
  it.each(Object.entries(golden.bleu))('%s', (_, expected) => expectEqual(bleu(expected.options), expected));

  it('chooses the tokens of Chinese by the references', () => {
    const [english, chinese] = [golden.segments[1], golden.segments[14]];
    const segment = (metric: TextMetric, { candidate, references }: typeof english): number =>
      metric.segment(metric.statistics(candidate, references));
    expect(segment(bleu(), english)).toBe(golden.bleu['13a exp'].segments[1]);
    expect(segment(bleu(), chinese)).toBe(golden.bleu['zh exp'].segments[14]);
  });
});

describe('chrF as sacrebleu', () => {
  it.each(Object.entries(golden.chrf))('%s', (_, expected) => expectEqual(chrf(expected.options), expected));
});

describe('ROUGE as rouge_score', () => {
  const cases = (['english', 'stemmed', 'characters'] as const).flatMap((tokens) =>
    Object.entries(golden.rouge[tokens]).map(
      ([name, rows]) => [tokens, name.slice('rouge'.length) as RougeVariant, rows] as const,
    ),
  );
  it.each(cases)('%s, %s', (tokens, variant, rows) => {
    golden.segments.forEach(({ candidate, references }, i) => {
      const { precision, recall, f1 } = rougeScore(candidate, references, {
        tokens: tokens === 'stemmed' ? 'english' : tokens,
        stemmer: tokens === 'stemmed',
        variant,
      });
      for (const [k, value] of [precision, recall, f1].entries())
        expect(Math.abs(value - rows[i][k]), `${i}: ${candidate}`).toBeLessThan(1e-12);
    });
  });

  it.each(Object.entries(golden.rouge.words))('words of Chinese, %s', (name, rows) => {
    const variant = name.slice('rouge'.length) as RougeVariant;
    golden.words.forEach(([candidate, reference], i) => {
      const [own, other] = [candidate, reference].map((text) => text.replaceAll(' ', ''));
      const { precision, recall, f1 } = rougeScore(own, [other], { tokens: 'words', variant });
      for (const [k, value] of [precision, recall, f1].entries())
        expect(Math.abs(value - rows[i][k]), own).toBeLessThan(1e-12);
    });
  });

  it('stems English words among Chinese characters', () => {
    const f1 = (stemmer: boolean): number => rougeScore('北京 running', ['北京 runs'], { variant: '1', stemmer }).f1;
    expect(f1(true)).toBe(1);
    expect(f1(false)).toBeLessThan(1);
  });

  it('is a mean over a corpus, and counts words of Chinese where asked', () => {
    const metric = rouge({ variant: '1' });
    expect(metric.corpus([1.5], 3)).toBe(0.5);
    const f1 = (tokens: 'characters' | 'words'): number => rougeScore('京北', ['北京'], { variant: '1', tokens }).f1;
    expect([f1('characters'), f1('words')]).toEqual([1, 0]);
  });
});

describe('paired tests of corpus figures as sacrebleu', () => {
  /** Written by oracle/make_paired_golden.py: sacrebleu 2.6.0 with 10,000 samples. */
  const paired = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/paired-tests.json'), 'utf8')) as {
    references: string[];
    systems: Record<string, string[]>;
    tests: Record<string, Record<string, { score: number; ar?: number; bs?: number }>>;
  };
  it.each([bleu(), chrf()])('$name', (metric) => {
    const rowsOf = (system: string): StatisticRows => {
      const rows = new StatisticRows();
      paired.systems[system].forEach((text, i) => rows.add(metric.statistics(text, [paired.references[i]])));
      return rows;
    };
    const { a, ...others } = paired.tests[metric.name];
    for (const [system, { score, ar, bs }] of Object.entries(others)) {
      const found = corpusTest(metric, { first: rowsOf(system), second: rowsOf('a') }, { samples: 2000 });
      expect(Math.abs(found.first - score)).toBeLessThan(1e-9);
      expect(Math.abs(found.second - a.score)).toBeLessThan(1e-9);
      expect(Math.abs(found.difference - (score - a.score))).toBeLessThan(1e-9);
      expect(found.low).toBeLessThan(found.difference);
      expect(found.high).toBeGreaterThan(found.difference);
      // Four standard errors of 2,000 draws.
      const error = (share: number): number => 4 * Math.sqrt((share * (1 - share) + 1e-4) / 2000);
      expect(Math.abs(found.pValue - ar!), 'randomisation').toBeLessThan(error(ar!));
      expect(Math.abs(found.bootstrapPValue - bs!), 'bootstrap').toBeLessThan(error(bs!));
    }
    const same = corpusTest(metric, { first: rowsOf('a'), second: rowsOf('a') }, { samples: 50 });
    expect(same).toMatchObject({ difference: 0, low: 0, high: 0, pValue: 1 });
    const short = new StatisticRows();
    expect(() => corpusTest(metric, { first: rowsOf('a'), second: short })).toThrow(/differ in length: 150 and 0/);
  });
});

describe('intervals of a mean', () => {
  it('by resampling and by the normal approximation come to the same', () => {
    const random = createRandom(3);
    const values = Array.from({ length: 5000 }, () => random.uniform());
    const [drawn, normal] = [bootstrapMean(values), normalMean(values)];
    expect(Math.abs(drawn.mean - normal.mean)).toBeLessThan(1e-12);
    // Of a uniform number: 1.96 * sqrt(1 / 12 / 5000) on either side.
    expect(Math.abs(normal.high - normal.mean - 0.0080016)).toBeLessThan(2e-4);
    for (const side of ['low', 'high'] as const) expect(Math.abs(drawn[side] - normal[side])).toBeLessThan(6e-4);
    expect(normalMean([])).toEqual({ mean: NaN, low: NaN, high: NaN });
  });
});
