import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bleu, type BleuOptions } from '../../src/metrics/text/bleu.ts';
import { chrf, type ChrfOptions } from '../../src/metrics/text/chrf.ts';
import { addStatistics, type TextMetric } from '../../src/metrics/text/metric.ts';
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
  rouge: Record<'english' | 'characters', Record<string, [number, number, number][]>>;
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
  const cases = (['english', 'characters'] as const).flatMap((tokens) =>
    Object.entries(golden.rouge[tokens]).map(
      ([name, rows]) => [tokens, name.slice('rouge'.length) as RougeVariant, rows] as const,
    ),
  );
  it.each(cases)('%s, %s', (tokens, variant, rows) => {
    golden.segments.forEach(({ candidate, references }, i) => {
      const { precision, recall, f1 } = rougeScore(candidate, references, { tokens, variant });
      for (const [k, value] of [precision, recall, f1].entries())
        expect(Math.abs(value - rows[i][k]), `${i}: ${candidate}`).toBeLessThan(1e-12);
    });
  });

  it('is a mean over a corpus, and counts words of Chinese where asked', () => {
    const metric = rouge({ variant: '1' });
    expect(metric.corpus([1.5], 3)).toBe(0.5);
    const f1 = (tokens: 'characters' | 'words'): number => rougeScore('京北', ['北京'], { variant: '1', tokens }).f1;
    expect([f1('characters'), f1('words')]).toEqual([1, 0]);
  });
});
