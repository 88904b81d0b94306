/**
 * What searches cost by the size of an index.
 *
 *     npx tsx bench/retrieval/speed.ts [--chunks 10000,100000] [--dimensions 384] [--queries 50] [--json]
 *
 * The exact store with vectors at random, and BM25 over paragraphs of CMRC 2018 and XQuAD of `../shared/data` or
 * `$ALBERTINE_DATA`, repeated with a number of their own; medians of the time of a query. Embedding the query comes on
 * top, and is what `albertine embed` takes for a short text.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bm25 } from '../../src/classical/bm25.ts';
import { mixedTerms } from '../../src/classical/terms.ts';
import { createRandom } from '../../src/core/random.ts';
import { ExactStore } from '../../src/retrieval/index.ts';
import { markdown, print, runBench } from '../pretraining/command.ts';
import { DATA, requireData } from '../pretraining/data.ts';

const random = createRandom(1);

function randomVectors(rows: number, dimensions: number): Float32Array {
  const data = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * dimensions, (row + 1) * dimensions);
    for (let k = 0; k < dimensions; k++) own[k] = random.uniform() - 0.5;
    const length = Math.hypot(...own);
    for (let k = 0; k < dimensions; k++) own[k] /= length;
  }
  return data;
}

const FILES = [
  ['xquad', 'xquad.en.json'],
  ['xquad', 'xquad.zh.json'],
  ['cmrc2018', 'cmrc2018_dev.json'],
];

function readTexts(): { paragraphs: string[]; questions: string[] } {
  const [paragraphs, questions]: [string[], string[]] = [[], []];
  for (const path of FILES) {
    const { data } = JSON.parse(readFileSync(requireData(join(DATA, ...path)), 'utf8')) as {
      data: { paragraphs: { context: string; qas: { question: string }[] }[] }[];
    };
    for (const { context, qas } of data.flatMap((article) => article.paragraphs)) {
      paragraphs.push(context);
      questions.push(...qas.map(({ question }) => question));
    }
  }
  return { paragraphs, questions };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

async function milliseconds(times: number, work: (i: number) => unknown): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    await work(i);
    taken.push(performance.now() - started);
  }
  return median(taken);
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      chunks: { type: 'string', default: '10000,100000' },
      dimensions: { type: 'string', default: '384' },
      queries: { type: 'string', default: '50' },
      json: { type: 'boolean', default: false },
    },
  });
  const [dimensions, queries] = [Number(values.dimensions), Number(values.queries)];
  const { paragraphs, questions } = readTexts();
  const results = [];
  for (const chunks of values.chunks.split(',').map(Number)) {
    const store = new ExactStore(randomVectors(chunks, dimensions), dimensions);
    const asked = randomVectors(queries, dimensions);
    const vector = await milliseconds(queries, (i) =>
      store.nearest(asked.subarray(i * dimensions, (i + 1) * dimensions), { limit: 100 }),
    );
    const started = performance.now();
    const words = new Bm25(
      Array.from({ length: chunks }, (_, i) => `${paragraphs[i % paragraphs.length]} ${i}`),
      mixedTerms,
    );
    const indexing = (performance.now() - started) / 1000;
    const lexical = await milliseconds(queries, (i) => words.scores(questions[(i * 37) % questions.length]));
    results.push({ chunks, vector, lexical, indexing, memory: process.memoryUsage().rss });
  }
  const rows = results.map((one) => [
    one.chunks.toLocaleString('en-US'),
    one.vector.toFixed(1),
    one.lexical.toFixed(1),
    one.indexing.toFixed(1),
    (one.memory / 1e6).toFixed(0),
  ]);
  const columns = ['chunks', 'vector, ms', 'BM25, ms', 'BM25 made in, s', 'memory, MB'];
  print(results, { json: values.json, tables: [markdown(columns, rows)] });
});
