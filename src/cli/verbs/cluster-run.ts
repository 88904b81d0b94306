import { countOf } from '../../core/count.ts';
import { rounded } from '../../core/decimal.ts';
import { pick } from '../../core/pick.ts';
import { detectCommunities } from '../../analysis/cluster/communities.ts';
import { communityLabels, describeClusters, OUTLIER } from '../../analysis/cluster/describe.ts';
import { sphericalKMeans } from '../../analysis/cluster/k-means.ts';
import { centreSimilarities } from '../../analysis/cluster/similarity-blocks.ts';
import { UnitVectors } from '../../analysis/cluster/vectors.ts';
import { STOP_WORD_LANGUAGES, type StopWordLanguage } from '../../analysis/keywords/stop-words.ts';
import { clusteringReport, type ClusteringReport } from '../../metrics/clustering.ts';
import { comparedSource, readComparedTexts, type ComparedFlags, type Place } from '../streams/compared-texts.ts';
import { openSummarisedOutput } from '../streams/summarised-output.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { fitWidth } from '../terminal/text-width.ts';

/** The flags of `albertine cluster`, as commander gives them. */
export interface ClusterFlags extends ComparedFlags {
  output?: string;
  overwrite?: boolean;
  method?: 'communities' | 'k-means';
  threshold?: number;
  minSize?: number;
  clusters?: number;
  seed?: number;
  keywords?: number;
  central?: number;
  stopWords?: string[];
  labelField?: string;
  json?: boolean;
}

/** What was found, as `--json` prints it and as it stands beside an output. */
interface ClusterSummary {
  texts: number;
  method: 'communities' | 'k-means';
  threshold?: number;
  minSize?: number;
  seed?: number;
  inertia?: number;
  iterations?: number;
  converged?: boolean;
  /** Clusters that were asked for, where there are fewer distinct texts. */
  clustersAsked?: number;
  /** Texts in no cluster. */
  outliers: number;
  clusters: ShownCluster[];
  /** With `--label-field`: texts in no cluster are a cluster of their own. */
  agreement?: ClusteringReport;
  /** The same of the texts that are in a cluster, where some are in none. */
  agreementOfClustered?: ClusteringReport;
  windowedTexts?: number;
  fingerprint: string | null;
}

interface ShownCluster {
  cluster: number;
  size: number;
  keywords: { text: string; weight: number }[];
  central: (Place & { text: string })[];
}

/** Clusters as they were found. */
interface Found extends Pick<
  ClusterSummary,
  'threshold' | 'minSize' | 'seed' | 'inertia' | 'iterations' | 'converged' | 'clustersAsked'
> {
  /** One a text. */
  labels: Int32Array;
  /** `[clusters, dimensions]`, of length 1. */
  centres: Float32Array;
}

/** Runs `albertine cluster`. */
export async function runCluster(io: CliIo, file: string | undefined, given: ClusterFlags): Promise<void> {
  const flags = comparedSource(file, given);
  const method = requireUse(flags);
  const stopWords = stopWordsOf(flags.stopWords);
  const isShown = flags.output !== undefined;
  await using output = await openSummarisedOutput(io, flags, {
    inputs: [flags.input, flags.vectors, flags.model, flags.index],
    formats: ['jsonl', 'csv', 'tsv', 'parquet'],
  });
  await using compared = await readComparedTexts(io, flags, { labelField: flags.labelField });
  const { texts, places } = compared;
  const { data, dimensions, ...made } = await compared.vectorsOf([...texts.keys()]);
  const vectors = new UnitVectors({ data, dimensions });
  const bar = createProgressBar(io, flags);
  const options = { ...pick(flags, ['threads']), onProgress: bar.update, signal: io.signal };
  const found = await (method === 'k-means' ? kMeans : communities)(vectors, flags, options).finally(() =>
    bar.finish(),
  );
  const { labels, centres, ...figures } = found;
  if (isShown) {
    const similarities = await centreSimilarities(vectors, { centres, labels, ...options });
    for (const [i, text] of texts.entries())
      await output.write({ ...places[i], cluster: labels[i], similarity: rounded(Math.min(1, similarities[i])), text });
  }
  const described = describeClusters(
    { data: vectors.data, dimensions, texts, labels },
    { ...pick(flags, ['keywords', 'central']), stopWords },
  );
  const summary: ClusterSummary = {
    texts: texts.length,
    method,
    ...figures,
    outliers: labels.reduce((sum, label) => sum + Number(label === OUTLIER), 0),
    clusters: described
      .filter(({ cluster }) => cluster !== OUTLIER)
      .map(({ cluster, size, keywords, central }) => ({
        cluster,
        size,
        keywords: keywords.map(({ term, weight }) => ({ text: term, weight: rounded(weight) })),
        central: central.map((i) => ({ ...places[i], text: texts[i] })),
      })),
    ...(compared.labels && agreement(compared.labels, labels)),
    ...made,
  };
  await output.close(summary, (all) => linesOf(all, io.stderr.columns));
}

function requireUse(flags: ClusterFlags): 'communities' | 'k-means' {
  const method = flags.method ?? (flags.clusters === undefined ? 'communities' : 'k-means');
  const others =
    method === 'k-means'
      ? ({ threshold: '--threshold', minSize: '--min-size' } as const)
      : ({ clusters: '--clusters', seed: '--seed' } as const);
  for (const [name, flag] of Object.entries(others))
    if (flags[name as keyof ClusterFlags] !== undefined)
      throw new UsageError(
        `${flag} is not for ${method}${method === 'communities' ? ', which has as many as there are' : ''}`,
      );
  if (method === 'k-means' && flags.clusters === undefined)
    throw new UsageError('--method k-means needs --clusters, how many there are to be');
  if (flags.quiet && flags.output === undefined && !flags.json)
    throw new UsageError('--quiet leaves the summary out, and without --output or --json there is nothing else');
  if (flags.labelField !== undefined && flags.index !== undefined)
    throw new UsageError('--label-field is a field of a file: --index has none');
  return method;
}

function stopWordsOf(names: readonly string[] = ['en', 'zh']): StopWordLanguage[] {
  if (names.length === 1 && names[0] === 'none') return [];
  return names.map((name) => {
    const language = STOP_WORD_LANGUAGES.find((known) => known === name);
    if (language === undefined)
      throw new UsageError(`--stop-words takes en, zh, both with a comma, or none; got ${name}`);
    return language;
  });
}

type Options = Parameters<typeof detectCommunities>[1];

async function communities(vectors: UnitVectors, flags: ClusterFlags, options: Options): Promise<Found> {
  const { threshold = 0.75, minSize = 10 } = flags;
  const found = await detectCommunities(vectors, { ...options, threshold, minSize });
  const centres = vectors.pick(found.map(([centre]) => centre));
  return { labels: communityLabels(found, vectors.rows), centres, threshold, minSize };
}

async function kMeans(vectors: UnitVectors, flags: ClusterFlags, options: Options): Promise<Found> {
  const { clusters: asked = 1, seed = 1 } = flags;
  const { labels, centres, ...figures } = await sphericalKMeans(vectors, asked, { ...options, seed });
  const clusters = centres.length / vectors.dimensions;
  // Numbered from the largest, as communities are.
  const sizes = new Int32Array(clusters);
  for (const label of labels) sizes[label]++;
  const order = [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a] || a - b);
  const numbers = new Int32Array(clusters);
  order.forEach((old, number) => (numbers[old] = number));
  return {
    labels: labels.map((label) => numbers[label]),
    centres: new UnitVectors({ data: centres, dimensions: vectors.dimensions }).pick(order),
    seed,
    ...figures,
    ...(clusters < asked && { clustersAsked: asked }),
  };
}

function agreement(
  labels: readonly string[],
  clusters: Int32Array,
): Pick<ClusterSummary, 'agreement' | 'agreementOfClustered'> {
  const inside = [...clusters.keys()].filter((i) => clusters[i] !== OUTLIER);
  const isPart = inside.length > 0 && inside.length < clusters.length;
  return {
    agreement: clusteringReport(labels, clusters),
    ...(isPart && {
      agreementOfClustered: clusteringReport(
        inside.map((i) => labels[i]),
        inside.map((i) => clusters[i]),
      ),
    }),
  };
}

/** Clusters that are printed; the sidecar and `--json` have all. */
const SHOWN = 30;

function linesOf(summary: ClusterSummary, width: number): string[] {
  const { texts, clusters, outliers, windowedTexts = 0, fingerprint, method, converged, clustersAsked } = summary;
  const fit = (line: string, indent = ''): string =>
    `${indent}${fitWidth(line.replace(/\s+/g, ' ').trim(), width - indent.length).trimEnd()}`;
  return [
    ...clusters
      .slice(0, SHOWN)
      .flatMap(({ cluster, size, keywords, central }) => [
        fit(`cluster ${cluster}, ${countOf(size, 'text')}: ${keywords.map(({ text }) => text).join(', ')}`),
        ...central.map(({ text }) => fit(text, '     ')),
      ]),
    ...(clusters.length > SHOWN ? [`and ${countOf(clusters.length - SHOWN, 'cluster')} more; --json has all`] : []),
    '',
    `${countOf(texts, 'text')}, ${countOf(clusters.length, 'cluster')}${method === 'communities' ? `, ${outliers.toLocaleString('en-US')} in none` : ''}`,
    ...(clusters.length === 0 ? ['note: no text has so many near it: lower --threshold or --min-size'] : []),
    ...(clustersAsked === undefined
      ? []
      : [
          `note: ${countOf(clustersAsked, 'cluster')} were asked for, and there are fewer distinct texts, by their vectors: ${clusters.length}`,
        ]),
    ...(converged === false ? ['note: rows were still moving between clusters when the rounds were over'] : []),
    ...agreementLines(summary),
    ...(windowedTexts > 0 ? [`${countOf(windowedTexts, 'text')} read in several windows`] : []),
    ...(fingerprint === null ? [] : [fingerprint]),
  ];
}

function agreementLines({ agreement: all, agreementOfClustered: part }: ClusterSummary): string[] {
  const line = (name: string, report: ClusteringReport | undefined): string[] =>
    report === undefined
      ? []
      : [
          `${name}: adjusted Rand index ${report.adjustedRandIndex.toFixed(4)}, V-measure ${report.vMeasure.toFixed(4)} (homogeneity ${report.homogeneity.toFixed(4)}, completeness ${report.completeness.toFixed(4)}), purity ${report.purity.toFixed(4)}`,
        ];
  return [...line('labels', all), ...line('labels of the texts in clusters', part)];
}
