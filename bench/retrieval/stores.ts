/**
 * What vectors cost by the way they are kept, and how many of the right ones each way finds.
 *
 *     npx tsx bench/retrieval/stores.ts [--rows 10000,100000,1000000] [--stores f32,int8,binary,lancedb,pgvector]
 *         [--work FOLDER] [--queries 200] [--limit 10] [--oversample 1,2,4]
 *         [--keep] [--json]
 *
 * 20,000 sentences of the corpus (`../shared/corpus` or `$ALBERTINE_CORPUS`) embedded by the built-in model are the
 * collection, and 1,000 others the queries. Larger collections have, besides, mixtures of two of them: real embeddings
 * of a million texts would take hours, and figures for mixtures are no figures for texts. Every store is written by one
 * process and asked by another, whose memory is measured; the right ones are those of f32, all compared. Times are of
 * one query after the other, its embedding not counted; processor time is that of the asking process. PostgreSQL needs $ALBERTINE_DATABASE_URL. --oversample tries
 * other factors than the default.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { storeKind } from '../../src/retrieval/stores/kinds-node.ts';
import type { StorePlace } from '../../src/retrieval/stores/store.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { mixedVectors, realVectors } from './corpus.ts';
import { didStep, inProcess, STEP_FLAGS } from './steps.ts';

const REAL = { collection: 20_000, queries: 1000 };
const DIMENSIONS = 384;

interface Work {
  folder: string;
  store: string;
  rows: number;
  queries: number;
  limit: number;
  oversample?: number | undefined;
}

const placeOf = ({ folder, store, rows }: Work): StorePlace => ({
  folder: join(folder, `${store}-${rows}`),
  name: `albertine_bench_${rows}`,
  settings:
    store === 'lancedb' || store === 'pgvector'
      ? { name: store }
      : { name: 'exact', vectors: store as 'f32' | 'int8' | 'binary' },
});

async function readReal(folder: string): Promise<{ collection: Float32Array; queries: Float32Array }> {
  const { data } = await realVectors(folder, REAL.collection + REAL.queries);
  const at = REAL.collection * DIMENSIONS;
  return { collection: data.subarray(0, at), queries: data.subarray(at) };
}

async function build(work: Work): Promise<object> {
  const place = placeOf(work);
  const { collection } = await readReal(work.folder);
  rmSync(place.folder, { recursive: true, force: true });
  mkdirSync(place.folder, { recursive: true });
  const writer = await (await storeKind(place.settings.name)).create(place, DIMENSIONS);
  let seconds = 0;
  for (const vectors of mixedVectors(collection, work.rows, DIMENSIONS)) {
    const started = performance.now();
    await writer.write(vectors);
    seconds += (performance.now() - started) / 1000;
  }
  const started = performance.now();
  await writer.close();
  return { seconds: seconds + (performance.now() - started) / 1000 };
}

async function query({ oversample, ...work }: Work): Promise<object> {
  const place = placeOf(work);
  // Of the queries alone, so that the memory is that of the store.
  const queries = new Float32Array(readFileSync(join(work.folder, 'queries.f32')).buffer);
  const opening = performance.now();
  const store = await (await storeKind(place.settings.name)).open(place);
  const opened = performance.now() - opening;
  const times: number[] = [];
  const found: number[][] = [];
  const before = process.cpuUsage();
  for (let i = 0; i < work.queries; i++) {
    const one = queries.slice(i * DIMENSIONS, (i + 1) * DIMENSIONS);
    const started = performance.now();
    const rows = await store.nearest(one, { limit: work.limit, oversample });
    times.push(performance.now() - started);
    found.push(rows.map(({ row }) => row));
  }
  const { user, system } = process.cpuUsage(before);
  const processor = (user + system) / 1000 / work.queries;
  await store[Symbol.asyncDispose]();
  // The first ones warm up.
  const sorted = times.slice(5).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { opened, processor, p50: at(0.5), p99: at(0.99), memory: process.memoryUsage().rss, found };
}

interface Answer {
  opened: number;
  processor: number;
  p50: number;
  p99: number;
  memory: number;
  found: number[][];
}

const recall = (found: number[][], right: number[][]): number =>
  found.reduce((sum, rows, i) => sum + rows.filter((row) => right[i].includes(row)).length, 0) /
  right.slice(0, found.length).reduce((sum, rows) => sum + rows.length, 0);

function bytesOf(folder: string): number {
  return existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((name) => statSync(join(folder, name)))
        .reduce((sum, one) => sum + (one.isFile() ? one.size : 0), 0)
    : 0;
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '10000,100000,1000000' },
      stores: { type: 'string', default: 'f32,int8,binary,lancedb,pgvector' },
      work: { type: 'string', default: '.runs/bench-stores' },
      queries: { type: 'string', default: '200' },
      limit: { type: 'string', default: '10' },
      oversample: { type: 'string' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      ...STEP_FLAGS,
    },
  });
  if (await didStep(values, { build, query })) return;
  const folder = values.work;
  mkdirSync(folder, { recursive: true });
  const { seconds } = await realVectors(folder, REAL.collection + REAL.queries);
  if (seconds !== undefined)
    console.error(`${REAL.collection + REAL.queries} sentences embedded in ${seconds.toFixed(0)} s, one thread`);
  writeFileSync(join(folder, 'queries.f32'), new Uint8Array((await readReal(folder)).queries.slice().buffer));
  const queries = wholeNumber('--queries', values.queries)!;
  const limit = wholeNumber('--limit', values.limit)!;
  const factors = values.oversample?.split(',').map(Number) ?? [undefined];
  const rows: string[][] = [];
  const results: object[] = [];
  for (const size of values.rows.split(',').map(Number)) {
    const truth = join(folder, `right-${size}-${limit}.json`);
    for (const store of values.stores.split(',')) {
      const work = { folder, store, rows: size, queries, limit };
      const place = placeOf(work);
      const note = join(place.folder, 'built');
      if (!existsSync(note))
        writeFileSync(note, String((inProcess(import.meta.url, 'build', work) as { seconds: number }).seconds));
      const built = Number(readFileSync(note, 'utf8'));
      for (const oversample of factors) {
        const answer = inProcess(import.meta.url, 'query', { ...work, oversample }) as Answer;
        if (store === 'f32') writeFileSync(truth, JSON.stringify(answer.found));
        const right = existsSync(truth) ? (JSON.parse(readFileSync(truth, 'utf8')) as number[][]) : undefined;
        const { p50, p99, processor, opened, memory } = answer;
        const share = right && recall(answer.found, right);
        results.push({ rows: size, store, oversample, built, processor, p50, p99, opened, memory, recall: share });
        rows.push([
          ...[size.toLocaleString('en-US'), store, oversample === undefined ? 'default' : String(oversample)],
          ...[
            share?.toFixed(4) ?? '',
            processor.toFixed(1),
            p50.toFixed(1),
            p99.toFixed(1),
            (1000 / p50).toFixed(0),
            opened.toFixed(0),
          ],
          ...[(memory / 1e6).toFixed(0), (size / built).toFixed(0), (bytesOf(place.folder) / 1e6).toFixed(0)],
        ]);
        console.error(rows.at(-1)!.join(' | '));
      }
      if (!values.keep) {
        await (await storeKind(place.settings.name)).remove(place);
        rmSync(place.folder, { recursive: true, force: true });
      }
    }
  }
  const columns = [
    ...[
      'vectors',
      'store',
      'oversample',
      `recall@${limit}`,
      'processor, ms',
      'p50, ms',
      'p99, ms',
      'queries/s',
      'opened in, ms',
    ],
    ...['memory, MB', 'vectors written/s', 'files, MB'],
  ];
  print(results, { json: values.json, tables: [markdown(columns, rows)] });
});
