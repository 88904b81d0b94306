import { countOf } from '../../core/count.ts';
import { toJson, withoutNaN } from '../../data/json.ts';
import { pearson, kendallTau, spearman } from '../../metrics/correlation.ts';
import { pairedTest, type PairedTest } from '../../metrics/resampling.ts';
import { corpusTest } from '../../metrics/text/corpus-test.ts';
import type { FilesScore } from '../../analysis/score/score-node.ts';
import { hasCorpusFigure, wordMetric, type ScoreMetric, type WordOptions } from '../../analysis/score/score-run.ts';
import type { CliIo } from '../terminal/io.ts';

/** What a run of `albertine score` found. */
export interface ScoreFindings {
  metrics: readonly ScoreMetric[];
  words: WordOptions;
  result: FilesScore;
  others: { candidates: string; result: FilesScore }[];
  /** Numbers of people, where a field was named. */
  people: number[] | undefined;
}

interface Correlations {
  pearson: number;
  spearman: number;
  kendall: number;
}

/** The summary, as `--json` prints it and as it stands beside an output. */
export interface ScoreReport extends Omit<FilesScore, 'values' | 'statistics'> {
  /** With people, by metric; NaN where one of both does not vary. */
  correlations?: Record<string, Correlations>;
  /** Other systems beside the first. */
  compared?: { candidates: string; metrics: FilesScore['metrics']; tests: Record<string, PairedTest> }[];
}

/** Correlations and tests of what was found. */
export function reportOf({ metrics, words, result, others, people }: ScoreFindings): ScoreReport {
  const { values, statistics, ...summary } = result;
  const names = Object.keys(summary.metrics);
  const correlation = (name: string): Correlations => {
    const [own, theirs] = [values(name), people!];
    return { pearson: pearson(own, theirs), spearman: spearman(own, theirs), kendall: kendallTau(own, theirs) };
  };
  const compared = others.map(({ candidates, result: other }) => {
    const tests: Record<string, PairedTest> = {};
    for (const name of names) tests[name] = pairedTest(other.values(name), values(name));
    for (const name of metrics.filter(hasCorpusFigure)) {
      const metric = wordMetric(name, words)!;
      const [first, second] = [other.statistics(metric.name)!, statistics(metric.name)!];
      tests[metric.name] = corpusTest(metric, { first, second });
    }
    return { candidates, metrics: other.metrics, tests };
  });
  return {
    ...summary,
    ...(people && { correlations: Object.fromEntries(names.map((name) => [name, correlation(name)])) }),
    ...(compared.length > 0 && { compared }),
  };
}

/** Prints a summary: JSON to standard output, or lines to standard error. */
export async function printReport(
  io: CliIo,
  report: ScoreReport,
  { json = false, quiet = false }: { json?: boolean | undefined; quiet?: boolean | undefined },
): Promise<void> {
  if (json) await io.stdout.write(`${toJson(withoutNaN(report))}\n`);
  else if (!quiet) io.stderr.write(`${linesOf(report).join('\n')}\n`);
}

function linesOf(report: ScoreReport): string[] {
  const { metrics, layers = [], layer: taken, direction, correlations = {}, compared = [] } = report;
  return [
    '',
    countOf(report.pairs, 'pair'),
    ...Object.entries(metrics).map(
      ([name, { mean, low, high, corpus }]) =>
        `  ${name.padEnd(12)}${mean.toFixed(4)}  (${interval(low, high)})${corpus === undefined ? '' : `  corpus ${corpus.toFixed(2)}`}`,
    ),
    ...layers.map(
      ({ layer, ...one }) =>
        `  layer ${layer}: Pearson ${figure(one.pearson)}, Spearman ${figure(one.spearman)}${layer === taken ? '  (taken)' : ''}`,
    ),
    ...(direction === 'lower' ? ['  lower numbers of people are taken for better: depths correlate negatively'] : []),
    ...Object.entries(correlations).map(
      ([name, own]) =>
        `  ${name} and people: Pearson ${figure(own.pearson)}, Spearman ${figure(own.spearman)}, Kendall ${figure(own.kendall)}`,
    ),
    ...(Object.values(correlations).some((own) => Number.isNaN(own.pearson))
      ? ['  undefined: all pairs have the same score, or the same number of people']
      : []),
    ...compared.flatMap(({ candidates, tests }) =>
      Object.entries(tests).map(([name, test]) => `  ${candidates}: ${name} ${testLine(test)}`),
    ),
    ...notesOf(report),
    ...Object.entries(report.signatures ?? {}).map(([name, signature]) => `  ${name}: ${signature}`),
    ...(report.cosineFingerprint === undefined ? [] : [`  cosine: ${report.cosineFingerprint}`]),
    ...(report.fingerprint === undefined ? [] : [`  ${report.fingerprint}`]),
  ];
}

const figure = (value: number): string => (Number.isNaN(value) ? 'undefined' : value.toFixed(4));
const interval = (low: number, high: number): string => `95 %: ${low.toFixed(4)} to ${high.toFixed(4)}`;

function testLine(test: PairedTest & { bootstrapPValue?: number }): string {
  const { difference, low, high, pValue, bootstrapPValue } = test;
  const sign = difference >= 0 ? '+' : '';
  const [what, also] =
    bootstrapPValue === undefined ? ['', ''] : ['corpus ', ` (bootstrap ${bootstrapPValue.toFixed(4)})`];
  return `${what}${sign}${difference.toFixed(4)} (${interval(low, high)}), p ${pValue.toFixed(4)}${also}`;
}

function notesOf({ emptyPairs, windowedTexts, skippedRows }: ScoreReport): string[] {
  return [
    ...(emptyPairs > 0 ? [`  ${countOf(emptyPairs, 'pair')} with a text without tokens: score 0`] : []),
    ...(windowedTexts > 0 ? [`  ${countOf(windowedTexts, 'text')} read in several windows`] : []),
    ...(skippedRows > 0 ? [`  ${countOf(skippedRows, 'row')} left out`] : []),
  ];
}
