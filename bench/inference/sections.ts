import { Contender, median, observe, percentile, rotated, undisturbed, type Sample } from './harness.ts';
import { int8Folders, ourFolder, type ShapeName } from './paths.ts';
import type { ContenderSpec } from './protocol.ts';
import type { Table } from './report.ts';
import { sampleTexts } from './texts.ts';

/** What every section takes. */
export interface SectionOptions {
  shape: ShapeName;
  threads: number[];
  sentences: number;
  rounds?: number;
  quick: boolean;
}

/** Ours and the peer's models of a shape; `batchings` only where many texts are embedded at once. */
export function contenders(shape: ShapeName, threads: number, options: { batchings?: boolean } = {}): ContenderSpec[] {
  const peerWays = options.batchings ? (['input order', 'sorted'] as const) : (['input order'] as const);
  const label = { 'input order': options.batchings ? ', batches of 32' : '', sorted: ', sorted, 1,024 tokens' };
  const peer = (dtype: 'f32' | 'int8') =>
    peerWays.map((batching): ContenderSpec => ({
      name: `transformers.js ${dtype === 'int8' ? 'q8' : 'f32'}${label[batching]}`,
      package: 'transformers.js',
      dtype,
      folder: shape,
      threads,
      batching,
    }));
  return [
    { name: 'albertine f32', package: 'albertine', dtype: 'f32', folder: ourFolder(shape), threads },
    ...int8Folders(shape).map((folder): ContenderSpec => ({
      name: `albertine ${folder.split('/').at(-1)}`,
      package: 'albertine',
      dtype: 'int8',
      folder,
      threads,
    })),
    ...peer('f32'),
    ...peer('int8'),
  ];
}

async function startAll(specs: readonly ContenderSpec[]): Promise<Contender[]> {
  const started: Contender[] = [];
  for (const spec of specs) started.push(await Contender.start(spec));
  return started;
}

const stopAll = (running: readonly Contender[]): void => running.forEach((contender) => contender[Symbol.dispose]());
const say = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** How far two sets of vectors are apart: the smallest and the mean cosine. */
function cosines(a: readonly number[], b: readonly number[], rows: number): { lowest: number; mean: number } {
  const width = a.length / rows;
  const values = Array.from({ length: rows }, (_, row) => {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = row * width; i < (row + 1) * width; i++) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  });
  return { lowest: Math.min(...values), mean: values.reduce((sum, value) => sum + value, 0) / rows };
}

/** Sentences a second end to end: tokenising, batching, network and mean pooling, texts in and vectors out. */
export async function throughput(options: SectionOptions): Promise<Table[]> {
  const { texts, source } = sampleTexts(options.sentences);
  const rounds = options.rounds ?? (options.quick ? 1 : 3);
  const tables: Table[] = [];
  for (const threads of options.threads) {
    const specs = contenders(options.shape, threads, { batchings: true });
    const running = await startAll(specs);
    const samples = new Map<Contender, Sample[]>(running.map((contender) => [contender, []]));
    const peaks = new Map<Contender, number>();
    const probe = texts.slice(0, 64);
    const vectors = new Map<Contender, number[]>();
    for (const contender of running)
      vectors.set(contender, (await contender.ask({ do: 'vectors', texts: probe })).vectors!);
    for (let round = 0; round < rounds; round++) {
      for (const contender of rotated(running, round)) {
        const { reply, otherLoad } = await observe(contender, { do: 'pass', texts });
        samples.get(contender)!.push({ ...reply.samples[0], otherLoad });
        peaks.set(contender, reply.peakRss);
        say(
          `threads ${threads} round ${round + 1}/${rounds} ${contender.spec.name}: ${((texts.length / reply.samples[0].wallMs) * 1000).toFixed(1)} sentences/s, ${(otherLoad * 100).toFixed(0)}% other load`,
        );
      }
    }
    stopAll(running);
    tables.push(throughputTable({ running, samples, peaks, vectors, options, threads, source, rounds }));
  }
  return tables;
}

interface ThroughputData {
  running: Contender[];
  samples: Map<Contender, Sample[]>;
  peaks: Map<Contender, number>;
  vectors: Map<Contender, number[]>;
  options: SectionOptions;
  threads: number;
  source: string;
  rounds: number;
}

function throughputTable({
  running,
  samples,
  peaks,
  vectors,
  options,
  threads,
  source,
  rounds,
}: ThroughputData): Table {
  const rate = (contender: Contender, pick: (sample: Sample) => number, how: (values: number[]) => number): number =>
    (options.sentences / how(undisturbed(samples.get(contender)!).kept.map(pick))) * 1000;
  const wall = (contender: Contender): number => rate(contender, ({ wallMs }) => wallMs, median);
  const cpu = (contender: Contender): number => rate(contender, ({ cpuMs }) => cpuMs, median);
  const peers = running.filter(({ spec }) => spec.package === 'transformers.js');
  const reference = vectors.get(running[0])!;
  return {
    title: `Throughput, ${options.shape}, ${threads} thread${threads === 1 ? '' : 's'}`,
    note:
      `${options.sentences} sentences (${source}), mean pooling, ${rounds} rounds taking turns. Median (best) sentences a second of wall time; sentences a second of processor time; ` +
      "peak resident memory of the process; cosine to albertine f32 (lowest, mean of 64); then albertine's lead over each peer by wall (processor) time.",
    columns: [
      'contender',
      'sentences/s',
      'per CPU second',
      'peak MiB',
      'cosine',
      ...peers.map(({ spec }) => `vs ${spec.name.replace('transformers.js ', '')}`),
      'dropped',
    ],
    rows: running.map((contender) => {
      const { lowest, mean } = cosines(
        vectors.get(contender)!,
        reference,
        64 > options.sentences ? options.sentences : 64,
      );
      const leads = peers.map((peer) =>
        contender.spec.package === 'albertine'
          ? `${(wall(contender) / wall(peer)).toFixed(2)}x (${(cpu(contender) / cpu(peer)).toFixed(2)}x)`
          : '',
      );
      const best = rate(
        contender,
        ({ wallMs }) => wallMs,
        (values) => Math.min(...values),
      );
      return [
        contender.spec.name,
        `${wall(contender).toFixed(1)} (${best.toFixed(1)})`,
        cpu(contender),
        peaks.get(contender)!,
        `${lowest.toFixed(4)}, ${mean.toFixed(4)}`,
        ...leads,
        undisturbed(samples.get(contender)!).dropped,
      ];
    }),
  };
}

/** One text at a time, as a server or a user interface asks. */
export async function latency(options: SectionOptions): Promise<Table[]> {
  const large = options.shape === 'xxlarge';
  const blocks = options.rounds ?? (options.quick ? 2 : large ? 4 : 12);
  const blockSize = options.quick || large ? 8 : 25;
  const { texts } = sampleTexts(blocks * blockSize);
  const tables: Table[] = [];
  for (const threads of options.threads) {
    const specs = contenders(options.shape, threads);
    if (threads > 1)
      specs.splice(1, 0, { ...specs[0], name: 'albertine f32, not spinning', options: { spinning: false } });
    const running = await startAll(specs);
    const samples = new Map<Contender, Sample[][]>(running.map((contender) => [contender, []]));
    for (const contender of running) await contender.ask({ do: 'singles', texts: texts.slice(0, 4) });
    for (let block = 0; block < blocks; block++) {
      const part = texts.slice(block * blockSize, (block + 1) * blockSize);
      for (const contender of rotated(running, block)) {
        const { reply, otherLoad } = await observe(contender, { do: 'singles', texts: part });
        samples.get(contender)!.push(reply.samples.map((sample) => ({ ...sample, otherLoad })));
      }
      say(`latency, threads ${threads}: block ${block + 1}/${blocks}`);
    }
    stopAll(running);
    const all = (contender: Contender): readonly Sample[] => undisturbed(samples.get(contender)!.flat()).kept;
    const cpuOf = (contender: Contender): number => median(all(contender).map(({ cpuMs }) => cpuMs));
    const wallOf = (contender: Contender, share: number): number =>
      percentile(
        all(contender).map(({ wallMs }) => wallMs),
        share,
      );
    const peerOf = ({ spec }: Contender): Contender =>
      running.find((other) => other.spec.package === 'transformers.js' && other.spec.dtype === spec.dtype)!;
    tables.push({
      title: `Latency of one sentence, ${options.shape}, ${threads} thread${threads === 1 ? '' : 's'}`,
      note: `${blocks * blockSize} sentences one at a time, in blocks of ${blockSize} taking turns. Milliseconds of wall time; median processor milliseconds; the peer of the same precision divided by the contender.`,
      columns: ['contender', 'p50 ms', 'p95 ms', 'best ms', 'CPU ms', 'p50 ratio', 'p95 ratio', 'CPU ratio'],
      rows: running.map((contender) => [
        contender.spec.name,
        wallOf(contender, 0.5),
        wallOf(contender, 0.95),
        wallOf(contender, 0),
        cpuOf(contender),
        wallOf(peerOf(contender), 0.5) / wallOf(contender, 0.5),
        wallOf(peerOf(contender), 0.95) / wallOf(contender, 0.95),
        cpuOf(peerOf(contender)) / cpuOf(contender),
      ]),
    });
  }
  return tables;
}

/** From the start of a process to its first embedding. */
export async function load(options: SectionOptions): Promise<Table[]> {
  const rounds = options.rounds ?? (options.quick ? 1 : options.shape === 'xxlarge' ? 3 : 7);
  const threads = Math.max(...options.threads);
  const specs = contenders(options.shape, threads);
  const starts = new Map<ContenderSpec, Contender['started'][]>(specs.map((spec) => [spec, []]));
  // A first round warms the page cache and is not counted.
  for (let round = options.quick ? 1 : 0; round <= rounds; round++) {
    for (const spec of rotated(specs, round)) {
      using contender = await Contender.start(spec);
      if (round > 0) starts.get(spec)!.push(contender.started);
      say(`load round ${round}/${rounds} ${spec.name}: ${contender.started.firstEmbeddingMs.toFixed(0)} ms`);
    }
  }
  const mid = (spec: ContenderSpec, key: 'loadedMs' | 'firstEmbeddingMs' | 'cpuMs' | 'peakRss' | 'rss'): number =>
    median(starts.get(spec)!.map((started) => started[key]));
  const peerOf = (spec: ContenderSpec): ContenderSpec =>
    specs.find((other) => other.package === 'transformers.js' && other.dtype === spec.dtype)!;
  return [
    {
      title: `Load time to the first embedding, ${options.shape}, ${threads} thread${threads === 1 ? '' : 's'}`,
      note:
        `A fresh process each time, files in the page cache, median of ${rounds}: milliseconds since the process started (importing the package included), processor milliseconds, ` +
        'resident memory after the first embedding and its peak in MiB; the peer of the same precision divided by the contender.',
      columns: [
        'contender',
        'loaded ms',
        'first embedding ms',
        'CPU ms',
        'RSS MiB',
        'peak MiB',
        'time ratio',
        'CPU ratio',
        'peak ratio',
      ],
      rows: specs.map((spec) => [
        spec.name,
        mid(spec, 'loadedMs'),
        mid(spec, 'firstEmbeddingMs'),
        mid(spec, 'cpuMs'),
        mid(spec, 'rss'),
        mid(spec, 'peakRss'),
        mid(peerOf(spec), 'firstEmbeddingMs') / mid(spec, 'firstEmbeddingMs'),
        mid(peerOf(spec), 'cpuMs') / mid(spec, 'cpuMs'),
        mid(peerOf(spec), 'peakRss') / mid(spec, 'peakRss'),
      ]),
    },
  ];
}
