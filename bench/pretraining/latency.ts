/**
 * What a user waits for: the built-in model on the native engine and on WebAssembly (which is what a page has), f32 and
 * int8, beside a peer in transformers.js.
 *
 *     npx tsx bench/pretraining/latency.ts [--model FOLDER ...] [--peer FOLDER] [--threads 1,2] [--rounds 5] [--json]
 *
 * Without `--model` the built-in model. int8: `albertine convert albertine-nano-en-zh --to int8 --output FOLDER` makes
 * the other folder. `--peer` is a folder that transformers.js opens (`tokenizer.json`, `config.json`,
 * `onnx/model.onnx`): it embeds the same texts by mean pooling, on its native engine.
 *
 * Every contender is a process of its own, and they take turns: in each round it embeds 50 sentences one at a time, a
 * paragraph 20 times, and 500 sentences at once (the peer in batches of 32 sorted by length). Sentences are those of
 * STS-B test, English and Chinese in turn; the paragraph has about 120 tokens. Figures are medians over all rounds, `load`
 * is the time from the start of the process to its first vector. Needs a machine that does nothing else.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { Albert, BUILT_IN_MODEL } from '../../src/index.ts';
import { median } from '../inference/harness.ts';
import { markdown, print, runBench, wholeNumber } from './command.ts';
import { LANGUAGES, readSimilarities } from './data.ts';

const [SINGLE, REPEATED, TOGETHER] = [50, 20, 500];
const PARAGRAPH =
  'Bread needs four things: flour, water, salt and time. Mix them in a bowl until no dry flour is left, cover the dough and let it rest overnight. In the morning it has doubled; ' +
  'fold it a few times, shape a ball, and let it rise once more while the oven gets hot. Bake it in a closed pot for half an hour, then without the lid until the crust is dark. ' +
  'Wait before cutting: the crumb sets while the loaf cools, and the smell in the kitchen is the best part of the day.';

interface Spec {
  model: string;
  engine: 'native' | 'wasm' | 'transformers.js';
  threads: number;
}
interface Round {
  single: number[];
  paragraph: number[];
  sentencesPerSecond: number;
}
interface Started {
  load: number;
}
interface Result extends Spec {
  loadMs: number;
  singleMs: number;
  single95Ms: number;
  paragraphMs: number;
  sentencesPerSecond: number;
  peakMiB: number;
}

type Embed = (texts: string[]) => Promise<unknown>;

async function openEmbed({ model, engine, threads }: Spec): Promise<Embed> {
  if (engine !== 'transformers.js') {
    const albert = await Albert.load(model, { threads });
    return (texts) => albert.embed(texts);
  }
  const { env, pipeline } = await import('@huggingface/transformers');
  env.localModelPath = `${dirname(model)}/`;
  env.allowRemoteModels = false;
  const extract = await pipeline('feature-extraction', basename(model), {
    dtype: 'fp32',
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  return async (texts) => {
    const sorted = [...texts].sort((a, b) => a.length - b.length);
    for (let start = 0; start < sorted.length; start += 32)
      await extract(sorted.slice(start, start + 32), { pooling: 'mean', normalize: true });
  };
}

async function readSentences(): Promise<string[]> {
  const rows = await Promise.all(LANGUAGES.map((language) => readSimilarities(language, 'test')));
  return Array.from({ length: TOGETHER }, (_, i) => rows[i % rows.length][Math.floor(i / rows.length)].first);
}

/** A contender's process: says when it is ready, then measures a round at every message. */
async function contend(spec: Spec): Promise<void> {
  const sentences = await readSentences();
  const embed = await openEmbed(spec);
  await embed(['ready']);
  process.send!({ load: performance.now() } satisfies Started);
  const timed = async (texts: string[]): Promise<number> => {
    const start = performance.now();
    await embed(texts);
    return performance.now() - start;
  };
  for (const text of sentences.slice(0, SINGLE)) await embed([text]);
  await embed([PARAGRAPH]);
  process.on('message', () => {
    void (async () => {
      const round: Round = { single: [], paragraph: [], sentencesPerSecond: 0 };
      for (const text of sentences.slice(0, SINGLE)) round.single.push(await timed([text]));
      for (let i = 0; i < REPEATED; i++) round.paragraph.push(await timed([PARAGRAPH]));
      round.sentencesPerSecond = (1000 * TOGETHER) / (await timed(sentences));
      process.send!({ ...round, peak: process.resourceUsage().maxRSS / 1024 });
    })();
  });
}

const next = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', (code) => reject(new Error(`a contender ended with code ${code}`)));
  });

async function start(spec: Spec): Promise<{ spec: Spec; child: ChildProcess; load: number }> {
  const child = fork(import.meta.filename, ['--contender', JSON.stringify(spec)], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...(spec.engine === 'wasm' && { ALBERTINE_ENGINE: 'wasm' }) },
  });
  const { load } = await next<Started>(child);
  return { spec, child, load };
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true, default: [] },
      peer: { type: 'string' },
      threads: { type: 'string', default: '1,2' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  const models = values.model.length > 0 ? values.model : [BUILT_IN_MODEL];
  const counts = values.threads.split(',').map((count) => wholeNumber('--threads', count)!);
  const specs = counts.flatMap((threads): Spec[] => [
    ...models.flatMap((model): Spec[] => [
      { model, engine: 'native', threads },
      { model, engine: 'wasm', threads },
    ]),
    ...(values.peer === undefined ? [] : [{ model: values.peer, engine: 'transformers.js' as const, threads }]),
  ]);
  const contenders = [];
  for (const spec of specs) contenders.push(await start(spec));
  const rounds = new Map(contenders.map((contender) => [contender, [] as (Round & { peak: number })[]]));
  for (let round = 0; round < wholeNumber('--rounds', values.rounds)!; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      contender.child.send('round');
      rounds.get(contender)!.push(await next<Round & { peak: number }>(contender.child));
    }
  }
  for (const { child } of contenders) child.removeAllListeners('exit').kill();
  const results = contenders.map((contender): Result => {
    const own = rounds.get(contender)!;
    const single = own.flatMap((round) => round.single);
    return {
      ...contender.spec,
      model: basename(contender.spec.model),
      loadMs: contender.load,
      singleMs: median(single),
      single95Ms: percentile(single, 0.95),
      paragraphMs: median(own.flatMap(({ paragraph }) => paragraph)),
      sentencesPerSecond: median(own.map(({ sentencesPerSecond }) => sentencesPerSecond)),
      peakMiB: Math.max(...own.map(({ peak }) => peak)),
    };
  });
  const columns = [
    'model',
    'engine',
    'threads',
    'load ms',
    'sentence p50 ms',
    'p95 ms',
    'paragraph ms',
    'sentences/s',
    'peak MiB',
  ];
  const rows = results.map((row) => [
    row.model,
    row.engine,
    String(row.threads),
    row.loadMs.toFixed(0),
    row.singleMs.toFixed(2),
    row.single95Ms.toFixed(2),
    row.paragraphMs.toFixed(1),
    row.sentencesPerSecond.toFixed(0),
    row.peakMiB.toFixed(0),
  ]);
  print(results, { json: values.json, tables: [markdown(columns, rows)] });
}

const spec = process.argv[2] === '--contender' ? (JSON.parse(process.argv[3]) as Spec) : undefined;
await runBench(() => (spec ? contend(spec) : main()));
