import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectCommunities } from '../../src/analysis/cluster/communities.ts';
import { communityLabels, describeClusters, OUTLIER } from '../../src/analysis/cluster/describe.ts';
import { keepDistinct } from '../../src/analysis/cluster/distinct.ts';
import { mineDuplicates, similarGroups } from '../../src/analysis/cluster/duplicates.ts';
import { sphericalKMeans } from '../../src/analysis/cluster/k-means.ts';
import { UnitVectors, type VectorRows } from '../../src/analysis/cluster/vectors.ts';
import { ClassTfIdf } from '../../src/classical/class-tf-idf.ts';
import { createRandom } from '../../src/core/random.ts';
import { clusteringReport, type ClusteringReport } from '../../src/metrics/clustering.ts';

/** Written by oracle/make_cluster_golden.py with sentence-transformers, scikit-learn and BERTopic on real vectors. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/cluster.json'), 'utf8')) as {
  texts: string[];
  labels: string[];
  thousandths: number[][];
  pairs: [first: number, second: number, score: number][];
  communities: { threshold: number; minSize: number; found: number[][] }[];
  kMeans: { first: number[] } & Record<'plain' | 'spherical', { labels: number[]; inertia: number }>;
  figures: ({ labels: (string | number)[]; clusters: number[] } & ClusteringReport)[];
  classTfIdf: { documents: string[]; weights: Record<string, number>[] };
};
const rows: VectorRows = { data: Float32Array.from(golden.thousandths.flat()), dimensions: 40 };
const vectors = new UnitVectors(rows);
const one = { threads: 1 };
const sorted = (group: readonly number[]): number[] => [...group].sort((a, b) => a - b);

/** More rows than a block has, in clumps, with exact copies. */
function clumps(count: number, dimensions = 8): VectorRows {
  const random = createRandom(3);
  const data = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row++)
    for (let k = 0; k < dimensions; k++)
      data[row * dimensions + k] =
        row % 7 === 6 && row > 7
          ? data[(row - 7) * dimensions + k]
          : Number(k === row % dimensions) + 0.25 * random.normal();
  return { data, dimensions };
}

function cosines(given: VectorRows): (a: number, b: number) => number {
  const unit = new UnitVectors(given);
  return (a, b) => unit.row(a).reduce((sum, value, k) => sum + value * unit.row(b)[k], 0);
}

describe('near duplicates', () => {
  it('are the pairs of sentence-transformers', async () => {
    const found = await mineDuplicates(rows, { ...one, threshold: -1, topK: 3, maxPairs: 200 });
    expect(found).toHaveLength(golden.pairs.length);
    const theirs = new Map(golden.pairs.map(([first, second, score]) => [`${first} ${second}`, score]));
    for (const { first, second, score } of found)
      expect(Math.abs(score - (theirs.get(`${first} ${second}`) ?? Infinity))).toBeLessThan(2e-6);
    expect(found.every(({ score }, i) => i === 0 || score <= found[i - 1].score)).toBe(true);
  });

  it('are found over the borders of blocks, as by comparing one by one', async () => {
    const given = clumps(4500);
    const cosine = cosines(given);
    const threshold = 0.985;
    const wanted = new Map<string, number>();
    for (let a = 0; a < 4500; a += 1)
      for (let b = a + 1; b < 4500; b++) {
        // Only some of the rows, which are in all blocks: the rest would take long.
        if (a % 50 === 0 || (a < 300 && b > 4050 && b % 9 === 0)) {
          const score = cosine(a, b);
          if (score >= threshold) wanted.set(`${a} ${b}`, score);
        }
      }
    const found = await mineDuplicates(given, { ...one, threshold, topK: 4500 });
    const scores = new Map(found.map(({ first, second, score }) => [`${first} ${second}`, score]));
    expect(wanted.size).toBeGreaterThan(50);
    for (const [pair, score] of wanted)
      expect(Math.abs((scores.get(pair) ?? Infinity) - score), pair).toBeLessThan(1e-5);
    expect(found.every(({ first, second }) => first < second)).toBe(true);
    expect(scores.size).toBe(found.length);
  });

  it('are groups that pairs join, and rows that stay have all others near them', async () => {
    const given = clumps(700);
    const cosine = cosines(given);
    const options = { ...one, threshold: 0.97 };
    const pairs = await mineDuplicates(given, { ...options, topK: 700 });
    const groups = await similarGroups(given, options);
    expect(new Set(groups.flat())).toEqual(new Set(pairs.flatMap(({ first, second }) => [first, second])));
    const groupOf = new Map(groups.flatMap((group, i) => group.map((row) => [row, i] as const)));
    for (const { first, second } of pairs) expect(groupOf.get(first)).toBe(groupOf.get(second));
    expect(groups.map(([first]) => first)).toEqual(sorted(groups.map(([first]) => first)));

    const { kept, standsFor, scores } = await keepDistinct(given, options);
    const wanted: number[] = [];
    for (let row = 0; row < 700; row++) if (wanted.every((other) => cosine(row, other) < 0.97)) wanted.push(row);
    expect(kept).toEqual(wanted);
    for (const [row, other] of standsFor.entries()) {
      expect(kept).toContain(other);
      expect(other).toBeLessThanOrEqual(row);
      expect(Math.abs(scores[row] - cosine(row, other))).toBeLessThan(1e-5);
    }
    expect(kept.length).toBeLessThan(600);
  });

  it('refuse what is no threshold, and vectors that are none', async () => {
    await expect(mineDuplicates(rows, { threshold: 1.5 })).rejects.toThrow('threshold must be a cosine, from -1 to 1');
    await expect(mineDuplicates(rows, { topK: 0 })).rejects.toThrow('topK');
    await expect(similarGroups(rows, { treshold: 1 } as object)).rejects.toThrow('Did you mean "threshold"');
    await expect(keepDistinct({ data: new Float32Array(7), dimensions: 2 })).rejects.toThrow('7 numbers are no rows');
    await expect(keepDistinct({ data: Float32Array.of(1, 0, NaN, 1), dimensions: 2 })).rejects.toThrow('row 1 has NaN');
    expect(await mineDuplicates({ data: new Float32Array(0), dimensions: 4 })).toEqual([]);
  });

  it('stop when they are interrupted', async () => {
    const signal = AbortSignal.abort();
    for (const work of [mineDuplicates, similarGroups, keepDistinct, detectCommunities])
      await expect(work(rows, { signal, threshold: 0.5 })).rejects.toThrow('interrupted');
  });
});

describe('communities', () => {
  it('are those of sentence-transformers', async () => {
    for (const { threshold, minSize, found } of golden.communities) {
      const own = await detectCommunities(rows, { ...one, threshold, minSize });
      expect(own.map(([centre]) => centre)).toEqual(found.map(([centre]) => centre));
      expect(own.map(sorted)).toEqual(found.map(sorted));
    }
  });

  it('are none where there are fewer rows than a community has', async () => {
    expect(await detectCommunities(rows, { minSize: 1000 })).toEqual([]);
    expect(await detectCommunities(rows, { threshold: 1, minSize: 2 })).toEqual([]);
  });

  it('leave out what is near nothing', () => {
    expect([...communityLabels([[3, 1], [0]], 5)]).toEqual([1, 0, OUTLIER, 0, OUTLIER]);
  });
});

describe('k-means', () => {
  it('has the clusters of scikit-learn from the same centres', async () => {
    const centres = vectors.pick(golden.kMeans.first);
    for (const kind of ['plain', 'spherical'] as const) {
      const found = await sphericalKMeans(rows, 12, { ...one, centres, spherical: kind === 'spherical' });
      expect([...found.labels]).toEqual(golden.kMeans[kind].labels);
      expect(Math.abs(found.inertia - golden.kMeans[kind].inertia)).toBeLessThan(1e-3);
      expect(found.converged).toBe(true);
    }
  });

  it('draws its centres by the seed, and leaves no cluster empty', async () => {
    const first = await sphericalKMeans(rows, 30, { ...one, seed: 5 });
    const again = await sphericalKMeans(rows, 30, { ...one, seed: 5 });
    expect([...again.labels]).toEqual([...first.labels]);
    expect(new Set(first.labels).size).toBe(30);
  });

  it('has no more clusters than distinct rows, and ends then', async () => {
    const copies = (...places: number[]): VectorRows => ({ data: vectors.pick(places), dimensions: 40 });
    const all = await sphericalKMeans(copies(...new Array<number>(9).fill(3)), 2, one);
    expect(all).toMatchObject({ converged: true, labels: new Int32Array(9) });
    expect(all.centres).toHaveLength(40);
    const two = await sphericalKMeans(copies(3, 3, 100, 3, 100, 100), 5, { ...one, spherical: false });
    expect([...two.labels].map((label) => label === two.labels[0])).toEqual([true, true, false, true, false, false]);
    expect([two.centres.length, two.converged]).toEqual([80, true]);
    expect(two.inertia).toBeLessThan(1e-5);
    const given = { ...one, centres: vectors.pick([3, 3, 100]) };
    const kept = await sphericalKMeans(copies(3, 3, 100, 100), 3, given);
    expect([[...kept.labels], kept.converged, kept.centres.length]).toEqual([[0, 0, 2, 2], true, 120]);
  });

  it('fills clusters that are empty at first, and refuses what cannot be', async () => {
    const same = vectors.pick(new Array<number>(4).fill(0));
    const { labels } = await sphericalKMeans(rows, 4, { ...one, centres: same });
    expect(new Set(labels).size).toBe(4);
    await expect(sphericalKMeans(rows, 1000)).rejects.toThrow('240 rows are no 1000 clusters');
    await expect(sphericalKMeans(rows, 2, { centres: new Float32Array(3) })).rejects.toThrow('got 3');
  });
});

describe('what clusters are about', () => {
  it('has the class-based tf-idf of BERTopic', () => {
    const { documents, weights } = golden.classTfIdf;
    const found = new ClassTfIdf((text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []);
    for (const [own, document] of documents.entries()) found.add(document, own);
    for (const [own, theirs] of weights.entries()) {
      const top = found.top(own, 10_000);
      expect(top).toHaveLength(Object.keys(theirs).length);
      for (const { term, weight } of top) expect(Math.abs(weight - theirs[term])).toBeLessThan(1e-12);
    }
  });

  it('names medoids and keywords in both languages, outliers last', () => {
    const categories = [...new Set(golden.labels)];
    const labels = golden.labels.map((label) => categories.indexOf(label));
    const outlier = labels[labels.length - 1];
    const described = describeClusters({
      ...rows,
      texts: golden.texts,
      labels: labels.map((label) => (label === outlier ? OUTLIER : label)),
    });
    expect(described.at(-1)).toMatchObject({ cluster: OUTLIER, central: [], keywords: [] });
    const cosine = cosines(rows);
    for (const { cluster, central, keywords, size } of described.slice(0, -1)) {
      const own = [...labels.keys()].filter((row) => labels[row] === cluster);
      expect(size).toBe(own.length);
      const mean = (row: number): number => own.reduce((sum, other) => sum + cosine(row, other), 0);
      expect(Math.abs(mean(central[0]) - Math.max(...own.map(mean)))).toBeLessThan(1e-3);
      for (const { term } of keywords)
        expect(own.some((row) => golden.texts[row].toLowerCase().replaceAll('’', "'").includes(term))).toBe(true);
    }
    const terms = described.flatMap(({ keywords }) => keywords.map(({ term }) => term));
    expect(terms.some((term) => /^\p{Script=Han}{2,}$/u.test(term))).toBe(true);
    expect(terms.some((term) => /^[a-z]{3,}$/.test(term))).toBe(true);
    expect(() => describeClusters({ ...rows, texts: [], labels: [] })).toThrow('240 vectors');
  });
});

describe('figures of clusters beside labels', () => {
  it('are those of scikit-learn', () => {
    for (const { labels, clusters, ...wanted } of golden.figures) {
      const found = clusteringReport(labels, clusters);
      for (const [name, value] of Object.entries(wanted))
        expect(Math.abs(found[name as keyof ClusteringReport] - value), name).toBeLessThan(1e-9);
    }
    expect(() => clusteringReport([1], [])).toThrow('differ in length');
    expect(() => clusteringReport([], [])).toThrow('no row');
  });
});
