/**
 * What a whole index costs by its size: texts, words, fields and vectors.
 *
 *     npx tsx bench/retrieval/whole.ts [--chunks 10000,100000,1000000] [--vectors f32,int8,binary] [--work FOLDER]
 *         [--queries 100] [--characters 1000] [--json]
 *
 * Chunks of about a thousand bytes: paragraphs of the corpus (`../shared/corpus` or `$ALBERTINE_CORPUS`) of both
 * languages joined and cut at that size; where there are not enough of them they come again in another composition.
 * Their vectors are mixtures of real ones, as in stores.ts, and say nothing of these texts: what is measured is time and
 * memory, nothing found is judged. Queries are the first words of other paragraphs, embedded by the built-in model, one
 * thread; an index is asked by a process of its own. Of each way to search there are processor time a query, p50 and p99.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import { BUILT_IN_MODEL, loadModel } from '../../src/loaded/load-node.ts';
import type { Chunk } from '../../src/retrieval/chunk.ts';
import { GenerationWriter } from '../../src/retrieval/generation-writer-node.ts';
import { beginGeneration, commitGeneration, type Manifest } from '../../src/retrieval/generations-node.ts';
import { openIndex, type SearchOptions, type VectorFormat } from '../../src/retrieval/index.ts';
import { storeKind } from '../../src/retrieval/stores/kinds-node.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { mixedVectors, paragraphsOf, realVectors } from './corpus.ts';
import { didStep, inProcess, STEP_FLAGS } from './steps.ts';

const DIMENSIONS = 384;
const REAL = 21_000;

interface Work {
  folder: string;
  chunks: number;
  vectors: VectorFormat;
  queries: number;
  bytes: number;
}

const indexOf = ({ folder, chunks, vectors }: Work): string => join(folder, `whole-${vectors}-${chunks}`);

/** Texts of about so many bytes, without end. */
function* textsOf(bytes: number): Generator<Pick<Chunk, 'text' | 'fields'>> {
  const paragraphs = { en: paragraphsOf('en', 100), zh: paragraphsOf('zh', 40) };
  const random = createRandom(4);
  for (let number = 0; ; number++) {
    const lang = number % 2 === 0 ? 'en' : 'zh';
    let text = '';
    while (Buffer.byteLength(text) < bytes) text += `${paragraphs[lang][random.integer(paragraphs[lang].length)]}\n`;
    const own = text.slice(0, lang === 'en' ? bytes : Math.round(bytes / 3));
    yield { text: own, fields: { lang, year: 1990 + random.integer(35), id: `document ${number}` } };
  }
}

async function build(work: Work): Promise<object> {
  const index = indexOf(work);
  const { data } = await realVectors(work.folder, REAL);
  using model = await loadModel(BUILT_IN_MODEL, { threads: 1 });
  rmSync(index, { recursive: true, force: true });
  mkdirSync(index, { recursive: true });
  const next = await beginGeneration(index);
  const store = { name: 'exact' as const, vectors: work.vectors };
  const place = { folder: next.folder, name: 'a', settings: store };
  const out = await GenerationWriter.open(next.folder, await (await storeKind('exact')).create(place, DIMENSIONS));
  const texts = textsOf(work.bytes);
  let [row, seconds, most] = [0, 0, 0];
  for (const vectors of mixedVectors(data, work.chunks, DIMENSIONS)) {
    const chunks = Array.from({ length: vectors.length / DIMENSIONS }, (): Chunk => {
      const { text, fields } = texts.next().value as Pick<Chunk, 'text' | 'fields'>;
      row++;
      return {
        file: `rows-${Math.floor(row / 10_000)}.jsonl`,
        start: 0,
        end: text.length,
        text,
        tokens: 1,
        row,
        fields,
      };
    });
    const started = performance.now();
    await out.write(chunks, vectors);
    seconds += (performance.now() - started) / 1000;
    most = Math.max(most, process.memoryUsage().rss);
  }
  const started = performance.now();
  await out.close();
  seconds += (performance.now() - started) / 1000;
  const manifest = {
    ...{ model: BUILT_IN_MODEL, fingerprint: model.fingerprint, vectors: '', dimensions: DIMENSIONS, store, id: 'a' },
    ...{ prompt: '', chunking: { maxTokens: 256, overlap: 0 }, reading: {}, sources: [], files: [] },
    ...{ chunks: work.chunks, tokens: 0, emptyFiles: [], skippedFiles: [], skippedRows: 0, leftOut: {} },
    writtenAt: new Date().toISOString(),
  } satisfies Manifest;
  await commitGeneration(index, next.name, manifest);
  return { seconds, most: Math.max(most, process.memoryUsage().rss) };
}

const WAYS: Record<string, SearchOptions> = {
  hybrid: {},
  vector: { mode: 'vector' },
  lexical: { mode: 'lexical' },
  filtered: { filter: { lang: 'zh', year: { min: 2010 } } },
};

async function query(work: Work): Promise<object> {
  using model = await loadModel(BUILT_IN_MODEL, { threads: 1 });
  await model.embed(['warm']);
  const queries = JSON.parse(readFileSync(join(work.folder, 'queries.json'), 'utf8')) as string[];
  const before = process.memoryUsage().rss;
  const opening = performance.now();
  await using index = await openIndex(indexOf(work), { model });
  const opened = performance.now() - opening;
  const ways: Record<string, object> = {};
  for (const [name, options] of Object.entries(WAYS)) {
    const times: number[] = [];
    const start = process.cpuUsage();
    for (const text of queries.slice(0, work.queries)) {
      const started = performance.now();
      await index.search(text, options);
      times.push(performance.now() - started);
    }
    const { user, system } = process.cpuUsage(start);
    const [first] = times;
    const sorted = times.slice(1).sort((a, b) => a - b);
    ways[name] = {
      processor: (user + system) / 1000 / times.length,
      first,
      p50: sorted[sorted.length >> 1],
      p99: sorted[Math.floor(0.99 * sorted.length)],
    };
  }
  return { opened, before, memory: process.memoryUsage().rss, ways };
}

interface Answer {
  opened: number;
  before: number;
  memory: number;
  ways: Record<string, { processor: number; first: number; p50: number; p99: number }>;
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      chunks: { type: 'string', default: '10000,100000,1000000' },
      vectors: { type: 'string', default: 'f32,int8,binary' },
      work: { type: 'string', default: '.runs/bench-whole' },
      queries: { type: 'string', default: '100' },
      characters: { type: 'string', default: '1000' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      ...STEP_FLAGS,
    },
  });
  if (await didStep(values, { build, query })) return;
  const folder = values.work;
  mkdirSync(folder, { recursive: true });
  await realVectors(folder, REAL);
  const queries = wholeNumber('--queries', values.queries)!;
  const bytes = wholeNumber('--characters', values.characters)!;
  const asked = [paragraphsOf('en', 100).slice(-500), paragraphsOf('zh', 40).slice(-500)].map((all, i) =>
    all.map((text) => (i === 0 ? text.split(' ').slice(0, 7).join(' ') : text.slice(0, 12))),
  );
  writeFileSync(join(folder, 'queries.json'), JSON.stringify(asked[0].flatMap((text, i) => [text, asked[1][i]])));
  const results: object[] = [];
  const rows: string[][] = [];
  for (const chunks of values.chunks.split(',').map(Number))
    for (const vectors of values.vectors.split(',') as VectorFormat[]) {
      const work = { folder, chunks, vectors, queries, bytes };
      const { seconds, most } = inProcess(import.meta.url, 'build', work) as { seconds: number; most: number };
      const answer = inProcess(import.meta.url, 'query', work) as Answer;
      const generation = join(indexOf(work), '000001');
      const sizes = Object.fromEntries(
        readdirSync(generation).map((name) => [name, statSync(join(generation, name)).size / 1e6]),
      );
      results.push({ chunks, vectors, seconds, most, sizes, ...answer });
      const { hybrid, vector, lexical, filtered } = answer.ways;
      rows.push([
        ...[chunks.toLocaleString('en-US'), vectors, answer.opened.toFixed(0)],
        ...[hybrid, vector, lexical, filtered].map(
          ({ processor, p50, p99 }) => `${processor.toFixed(0)} / ${p50.toFixed(0)} / ${p99.toFixed(0)}`,
        ),
        ...[hybrid.first.toFixed(0), filtered.first.toFixed(0)],
        ...[(answer.memory / 1e6).toFixed(0), (answer.before / 1e6).toFixed(0)],
        ...[(chunks / seconds).toFixed(0), (most / 1e6).toFixed(0)],
      ]);
      console.error(rows.at(-1)!.join(' | '));
      console.error(JSON.stringify(sizes));
      if (!values.keep && existsSync(indexOf(work))) rmSync(indexOf(work), { recursive: true });
    }
  const columns = [
    ...['chunks', 'vectors', 'opened in, ms', 'hybrid, ms', 'vector, ms', 'lexical, ms', 'with a filter, ms'],
    ...['first hybrid, ms', 'first filter, ms', 'memory, MB', 'of it before opening, MB'],
    ...['chunks written/s', 'memory of the build, MB'],
  ];
  print(results, { json: values.json, tables: [markdown(columns, rows)] });
});
