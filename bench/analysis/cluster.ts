/**
 * Clusters beside labels by people, near duplicates beside labels, and time beside sentence-transformers and scikit-learn.
 *
 *     npx tsx bench/analysis/cluster.ts [--model FOLDER] [--threads N] [--limit ROWS] [--json]
 *     npx tsx bench/analysis/cluster.ts --speed VECTORS.npy [--rows 10000,100000] [--python PYTHON] [--threads N] [--json]
 *
 * Data: banking77 test (3,080 questions, 77 intents) and TNEWS dev (Chinese headlines, 15 topics; 3,080 spread rows), of
 * `../shared/data` or `$ALBERTINE_DATA`. Vectors of the model beside tf-idf of words (Chinese: characters and pairs of
 * them) that stand in two texts at least, clustered in the same way: spherical k-means with as many clusters as labels
 * (mean of three seeds), and communities, whose threshold for tf-idf is that which puts about as many texts into clusters.
 * Pairs of banking77's training questions (10,003) by threshold: how many have one intent.
 *
 * `--speed` takes vectors that `albertine embed` wrote: all three steps run on the first rows of them, and with `--python`
 * the same in Python on the same file, one process after the other, with as many threads.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { detectCommunities } from '../../src/analysis/cluster/communities.ts';
import { communityLabels, OUTLIER } from '../../src/analysis/cluster/describe.ts';
import { mineDuplicates } from '../../src/analysis/cluster/duplicates.ts';
import { sphericalKMeans } from '../../src/analysis/cluster/k-means.ts';
import type { VectorRows } from '../../src/analysis/cluster/vectors.ts';
import { mixedTerms, TfIdf } from '../../src/classical/index.ts';
import { openRows, readNpy } from '../../src/data/index.ts';
import { Albert, BUILT_IN_MODEL } from '../../src/index.ts';
import { clusteringReport, type ClusteringReport } from '../../src/metrics/index.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { DATA, readFileLines, requireData, spread } from '../pretraining/data.ts';

interface Labelled {
  text: string;
  label: string;
}

async function banking(split: 'train' | 'test'): Promise<Labelled[]> {
  const rows: Labelled[] = [];
  for await (const { fields } of openRows(requireData(join(DATA, 'banking77', `${split}.csv`))))
    rows.push({ text: String(fields['text']), label: String(fields['category']) });
  return rows;
}

async function tnews(): Promise<Labelled[]> {
  const lines = await Promise.resolve(readFileLines(join(DATA, 'tnews', 'dev.tsv')));
  return lines.map((line) => line.split('\t')).map(([text, label]) => ({ text, label }));
}

async function embedded(model: Albert, rows: readonly Labelled[]): Promise<VectorRows> {
  const { data, dimensions } = await model.embed(
    rows.map(({ text }) => text),
    { normalize: true },
  );
  return { data, dimensions };
}

/** Tf-idf as dense vectors. */
function tfIdf(rows: readonly Labelled[]): VectorRows {
  const texts = rows.map(({ text }) => text);
  const frequencies = new Map<string, number>();
  for (const text of texts)
    for (const term of new Set(mixedTerms(text))) frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
  const columns = new Map([...frequencies].filter(([, count]) => count > 1).map(([term], i) => [term, i]));
  const weights = new TfIdf(texts, (text) => mixedTerms(text).filter((term) => columns.has(term)));
  const data = new Float32Array(texts.length * columns.size);
  for (const [row, text] of texts.entries())
    for (const [term, weight] of weights.vector(text)) data[row * columns.size + columns.get(term)!] = weight;
  return { data, dimensions: columns.size };
}

interface Figure {
  set: string;
  vectors: string;
  method: string;
  clusters: number;
  covered: number;
  adjustedRandIndex: number;
  vMeasure: number;
  purity: number;
}

async function byKMeans(rows: readonly Labelled[], vectors: VectorRows, threads: number): Promise<Partial<Figure>> {
  const labels = rows.map(({ label }) => label);
  const clusters = new Set(labels).size;
  const reports: ClusteringReport[] = [];
  for (const seed of [1, 2, 3])
    reports.push(clusteringReport(labels, (await sphericalKMeans(vectors, clusters, { seed, threads })).labels));
  const mean = (name: 'adjustedRandIndex' | 'vMeasure' | 'purity'): number =>
    reports.reduce((sum, report) => sum + report[name], 0) / reports.length;
  return {
    method: 'k-means',
    clusters,
    covered: 1,
    adjustedRandIndex: mean('adjustedRandIndex'),
    vMeasure: mean('vMeasure'),
    purity: mean('purity'),
  };
}

/** Figures are of the texts in clusters alone. */
async function byCommunities(
  rows: readonly Labelled[],
  vectors: VectorRows,
  { threshold, threads }: { threshold: number; threads: number },
): Promise<Partial<Figure>> {
  const found = await detectCommunities(vectors, { threshold, threads });
  const clusters = communityLabels(found, rows.length);
  const inside = [...clusters.keys()].filter((i) => clusters[i] !== OUTLIER);
  const { adjustedRandIndex, vMeasure, purity } =
    inside.length === 0
      ? { adjustedRandIndex: NaN, vMeasure: NaN, purity: NaN }
      : clusteringReport(
          inside.map((i) => rows[i].label),
          inside.map((i) => clusters[i]),
        );
  const covered = inside.length / rows.length;
  return {
    method: `communities, ${threshold}`,
    clusters: found.length,
    covered,
    adjustedRandIndex,
    vMeasure,
    purity,
  };
}

const THRESHOLDS = [0.45, 0.5, 0.55, 0.65, 0.7, 0.75, 0.8, 0.85] as const;
const TFIDF_THRESHOLDS = [0.2, 0.3, 0.4, 0.5, 0.6] as const;

async function quality(model: Albert, { threads, limit }: { threads: number; limit: number }): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [set, all] of [
    ['banking77 test', await banking('test')],
    ['TNEWS dev', await tnews()],
  ] as const) {
    const rows = spread(all, limit);
    for (const [name, vectors] of [
      ['albertine', await embedded(model, rows)],
      ['tf-idf', tfIdf(rows)],
    ] as const) {
      const add = (figure: Partial<Figure>): void => void figures.push({ set, vectors: name, ...figure } as Figure);
      add(await byKMeans(rows, vectors, threads));
      for (const threshold of name === 'tf-idf' ? TFIDF_THRESHOLDS : THRESHOLDS)
        add(await byCommunities(rows, vectors, { threshold, threads }));
    }
  }
  return figures;
}

interface PairFigure {
  threshold: number;
  pairs: number;
  sameLabel: number;
}

async function pairQuality(model: Albert, threads: number): Promise<PairFigure[]> {
  const rows = await banking('train');
  const found = await mineDuplicates(await embedded(model, rows), { threshold: 0.8, topK: rows.length, threads });
  return [0.8, 0.85, 0.9, 0.95, 0.98].map((threshold) => {
    const pairs = found.filter(({ score }) => score >= threshold);
    const same = pairs.filter(({ first, second }) => rows[first].label === rows[second].label);
    return { threshold, pairs: pairs.length, sameLabel: same.length / pairs.length };
  });
}

const PYTHON = `
import json, sys, time, resource
path, rows, threads, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
import numpy as np, torch
torch.set_num_threads(threads)
from threadpoolctl import threadpool_limits
from sentence_transformers import util
from sklearn.cluster import KMeans
data = np.load(path)[:rows].astype(np.float32)
tensor = torch.from_numpy(data)
first = data[np.arange(50) * (rows // 50)]
with threadpool_limits(threads):
    start = time.perf_counter()
    if step == 'pairs':
        found = sum(score >= 0.9 for score, _, _ in util.paraphrase_mining_embeddings(tensor))
    elif step == 'communities':
        found = len(util.community_detection(tensor))
    else:
        found = KMeans(50, init=first, n_init=1, algorithm='lloyd', tol=0, max_iter=20).fit(data).inertia_
    seconds = time.perf_counter() - start
print(json.dumps({'seconds': seconds, 'found': float(found), 'mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
`;

const STEPS = ['pairs', 'communities', 'k-means'] as const;
type Step = (typeof STEPS)[number];

async function ownStep(step: Step, vectors: VectorRows, threads: number): Promise<number> {
  if (step === 'pairs') return (await mineDuplicates(vectors, { threshold: 0.9, threads })).length;
  if (step === 'communities') return (await detectCommunities(vectors, { threads })).length;
  const { data, dimensions } = vectors;
  const rows = data.length / dimensions;
  const first = Array.from({ length: 50 }, (_, i) => i * Math.floor(rows / 50));
  const centres = Float32Array.from(
    first.flatMap((row) => [...data.subarray(row * dimensions, (row + 1) * dimensions)]),
  );
  return (await sphericalKMeans(vectors, 50, { centres, maxIterations: 20, spherical: false, threads })).inertia;
}

interface Speed {
  rows: number;
  step: Step;
  seconds: number;
  found: number;
  mb: number;
  python?: { seconds: number; found: number; mb: number };
}

async function speed(
  path: string,
  { rows, threads, python }: { rows: readonly number[]; threads: number; python: string | undefined },
): Promise<Speed[]> {
  const { data, shape } = await readNpy(path);
  const measured: Speed[] = [];
  for (const count of rows)
    for (const step of STEPS) {
      const vectors = { data: (data as Float32Array).subarray(0, count * shape[1]), dimensions: shape[1] };
      const started = performance.now();
      const found = await ownStep(step, vectors, threads);
      const seconds = (performance.now() - started) / 1000;
      const mb = process.resourceUsage().maxRSS / 1024;
      measured.push({
        rows: count,
        step,
        seconds,
        found,
        mb,
        ...(python && { python: inPython(python, [path, String(count), String(threads), step]) }),
      });
    }
  return measured;
}

function inPython(python: string, argv: readonly string[]): NonNullable<Speed['python']> {
  const { stdout, stderr, status } = spawnSync(python, ['-c', PYTHON, ...argv], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: argv[2] },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as NonNullable<Speed['python']>;
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: BUILT_IN_MODEL },
      threads: { type: 'string', default: '1' },
      limit: { type: 'string', default: '3080' },
      speed: { type: 'string' },
      rows: { type: 'string', default: '10000,100000' },
      python: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const threads = wholeNumber('--threads', values.threads)!;
  if (values.speed !== undefined) {
    const rows = values.rows.split(',').map((text) => wholeNumber('--rows', text)!);
    const measured = await speed(values.speed, { rows, threads, python: values.python });
    const cells = ({ seconds, found, mb }: NonNullable<Speed['python']>): string[] => [
      seconds.toFixed(2),
      found.toFixed(0),
      mb.toFixed(0),
    ];
    const table = markdown(
      ['rows', 'step', 's', 'found', 'peak MB', 'Python s', 'found', 'peak MB', 'ratio'],
      measured.map((one) => [
        one.rows.toLocaleString('en-US'),
        one.step,
        ...cells(one),
        ...(one.python ? [...cells(one.python), (one.python.seconds / one.seconds).toFixed(2)] : ['', '', '', '']),
      ]),
    );
    return print(measured, { json: values.json, tables: [table] });
  }
  using model = await Albert.load(values.model, { threads });
  const figures = await quality(model, { threads, limit: wholeNumber('--limit', values.limit)! });
  const pairs = await pairQuality(model, threads);
  const digits = (value: number): string => value.toFixed(3);
  const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
  print(
    { figures, pairs },
    {
      json: values.json,
      tables: [
        markdown(
          ['set', 'vectors', 'method', 'clusters', 'texts in clusters', 'adjusted Rand', 'V-measure', 'purity'],
          figures.map((one) => [
            ...[one.set, one.vectors, one.method, String(one.clusters), share(one.covered)],
            ...[digits(one.adjustedRandIndex), digits(one.vMeasure), digits(one.purity)],
          ]),
        ),
        markdown(
          ['threshold', 'pairs of banking77 train', 'with one intent'],
          pairs.map(({ threshold, pairs: count, sameLabel }) => [
            String(threshold),
            count.toLocaleString('en-US'),
            share(sameLabel),
          ]),
        ),
      ],
    },
  );
});
