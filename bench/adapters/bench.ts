/**
 * What an adapter gives up and what it saves, beside training the whole model.
 *
 *     npx tsx bench/adapters/bench.ts [--model FOLDER] [--tasks sst2,chnsenticorp,weibo-ner] [--rows 100,1000,all]
 *         [--systems full,lora/per-depth,...] [--seeds 1,2,3] [--output .runs/adapters] [--threads 1] [--show]
 *
 * Every run is a process of its own (its memory and time are measured) and a line of `OUTPUT/results.jsonl`; what is
 * there is not done again, so the bench can be stopped and started, and `--show` trains nothing. A system is `full`
 * (the whole model) or a method and a scope of `finetune --adapter`. The seed chooses the rows, their order, the fresh
 * head and the adapter. 20 epochs of 100 rows, 8 of 1,000, 3 of all, in steps of 16 (all: 32) rows, four evaluations, the package's
 * default rates (of adapters 10 times the model's), at most 128 tokens; the weights that did best on dev are judged on
 * test. Data sets lie in `../shared/data` or `$ALBERTINE_DATA`.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom, shuffle } from '../../src/core/random.ts';
import { DATA } from '../pretraining/data.ts';
import { spreadOf } from '../pretraining/cells.ts';
import { markdown, mean, runBench, wholeNumber } from '../pretraining/command.ts';
import { TASKS as TEXT_TASKS } from '../pretraining/tasks.ts';
import { machine } from '../inference/report.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SYSTEMS = [
  'full',
  ...['lora', 'adapter', 'prefix', 'bitfit', 'ia3'].flatMap((name) => [`${name}/groups`, `${name}/per-depth`]),
];
const SCHEDULES: Record<string, { epochs: number; batchSize: number }> = {
  100: { epochs: 20, batchSize: 16 },
  1000: { epochs: 8, batchSize: 16 },
  all: { epochs: 3, batchSize: 32 },
};

/** Files of a split, as `finetune` reads them: rows as their lines, before them a header. */
interface Split {
  header: string;
  rows: string[];
  between: string;
}
interface BenchTask {
  verb: string;
  ending: string;
  metric: string;
  read(): Promise<Record<'train' | 'dev' | 'test', Split>>;
}

const csv = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const texts = (name: 'sst2' | 'chnsenticorp'): BenchTask => ({
  verb: 'classify',
  ending: 'csv',
  metric: 'accuracy',
  read: async () => {
    const data = await TEXT_TASKS[name].read();
    const split = (part: 'train' | 'dev' | 'test'): Split => ({
      header: 'text,label\n',
      rows: data[part].map(({ text, label }) => `${csv(text)},${label}`),
      between: '\n',
    });
    return { train: split('train'), dev: split('dev'), test: split('test') };
  },
});
const TASKS: Record<string, BenchTask> = {
  sst2: texts('sst2'),
  chnsenticorp: texts('chnsenticorp'),
  'weibo-ner': {
    verb: 'tag',
    ending: 'conll',
    metric: 'f1',
    read: () => {
      const split = (part: string): Split => ({
        header: '',
        rows: readFileSync(join(DATA, 'weibo-ner', `${part}.all.bmes`), 'utf8')
          .trim()
          .split(/\n\s*\n/),
        between: '\n\n',
      });
      return Promise.resolve({ train: split('train'), dev: split('dev'), test: split('test') });
    },
  },
};

/** One run: what was asked, and what came of it. */
interface Result {
  task: string;
  rows: string;
  system: string;
  seed: number;
  /** Of the test rows. */
  score: number;
  seconds: number;
  /** Largest resident memory of training, MiB. */
  memory: number;
  /** Of what was saved, without the run's records. */
  bytes: number;
  /** Numbers trained, the head's among them. */
  trained: number;
}

const cli = (args: readonly string[]): { stdout: string; stderr: string } => {
  const child = spawnSync(
    '/usr/bin/env',
    ['time', '-v', process.execPath, '--import', 'tsx', 'src/cli/main.ts', ...args],
    {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    },
  );
  if (child.status !== 0) throw new Error(child.stderr.split('\n').slice(-40).join('\n'));
  return child;
};

async function runOne(
  cell: Pick<Result, 'task' | 'rows' | 'system' | 'seed'>,
  { work, model, threads }: { work: string; model: string | undefined; threads: number },
): Promise<Result> {
  const { verb, ending, metric, read } = TASKS[cell.task];
  const data = await read();
  const file = (name: string, { header, rows, between }: Split): string => {
    const path = join(work, `${name}.${ending}`);
    writeFileSync(path, header + rows.join(between) + '\n');
    return path;
  };
  const random = createRandom(cell.seed);
  const some =
    cell.rows === 'all' ? data.train.rows : shuffle([...data.train.rows], random).slice(0, Number(cell.rows));
  const output = join(work, 'run');
  const [method, scope] = cell.system.split('/');
  const { epochs, batchSize } = SCHEDULES[cell.rows];
  // Four evaluations: more of them would take longer than the training of a hundred rows.
  const evaluateEvery = Math.ceil(Math.floor((some.length * epochs) / batchSize) / 4);
  const started = performance.now();
  const trained = cli([
    'finetune',
    verb,
    ...['--train', file('train', { ...data.train, rows: some }), '--eval', file('dev', data.dev)],
    ...['--output', output, '--overwrite', '--epochs', String(epochs), '--batch-size', String(batchSize)],
    ...[
      '--max-length',
      '128',
      '--seed',
      String(cell.seed),
      '--evaluate-every',
      String(evaluateEvery),
      '--threads',
      String(threads),
      '--no-tensorboard',
    ],
    ...(model === undefined ? [] : ['--model', model]),
    ...(method === 'full' ? [] : ['--adapter', method, '--adapter-scope', scope]),
  ]);
  const seconds = (performance.now() - started) / 1000;
  const memory = Number(/Maximum resident set size \(kbytes\): (\d+)/.exec(trained.stderr)![1]) / 1024;
  const judged = JSON.parse(
    cli(['evaluate', output, '--data', file('test', data.test), '--json', '--threads', String(threads)]).stdout,
  ) as Record<string, number>;
  const info = JSON.parse(cli(['info', output, '--json']).stdout) as {
    parameters: { total: number };
    adapter?: { trainable: number };
  };
  const weights = join(output, method === 'full' ? 'model.safetensors' : 'adapter_model.safetensors');
  const bytes = statSync(weights).size;
  rmSync(output, { recursive: true });
  const score = judged[metric] ?? judged['microF1'];
  return { ...cell, score, seconds, memory, bytes, trained: info.adapter?.trainable ?? info.parameters.total };
}

const MANUAL = {
  model: { type: 'string' },
  tasks: { type: 'string' },
  rows: { type: 'string' },
  systems: { type: 'string' },
  seeds: { type: 'string' },
  output: { type: 'string' },
  threads: { type: 'string' },
  show: { type: 'boolean' },
} as const;

await runBench(async () => {
  const { values } = parseArgs({ options: MANUAL });
  const list = (text: string | undefined, all: readonly string[]): string[] => text?.split(',') ?? [...all];
  const output = resolve(values.output ?? '.runs/adapters');
  const path = join(output, 'results.jsonl');
  mkdirSync(join(output, 'work'), { recursive: true });
  const load = (): Result[] =>
    existsSync(path)
      ? readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Result)
      : [];
  const cells = list(values.tasks, Object.keys(TASKS)).flatMap((task) =>
    list(values.rows, Object.keys(SCHEDULES)).flatMap((rows) =>
      list(values.seeds, ['1', '2', '3']).flatMap((seed) =>
        list(values.systems, SYSTEMS).map((system) => ({ task, rows, system, seed: Number(seed) })),
      ),
    ),
  );
  const key = ({ task, rows, system, seed }: (typeof cells)[number]): string => [task, rows, system, seed].join(' ');
  const how = {
    work: join(output, 'work'),
    model: values.model,
    threads: wholeNumber('--threads', values.threads) ?? 1,
  };
  for (const cell of values.show ? [] : cells) {
    if (load().some((done) => key(done) === key(cell))) continue;
    const result = await runOne(cell, how);
    appendFileSync(path, `${JSON.stringify(result)}\n`);
    console.error(`${key(cell)}: ${result.score.toFixed(4)}, ${result.seconds.toFixed(0)} s`);
  }
  const wanted = new Set(cells.map(key));
  const results = load().filter((result) => wanted.has(key(result)));
  for (const task of new Set(results.map((result) => result.task))) {
    const own = results.filter((result) => result.task === task);
    const rowsOf = (system: string, rows: string): Result[] =>
      own.filter((result) => result.system === system && result.rows === rows);
    const columns = [...new Set(own.map(({ rows }) => rows))];
    const table = SYSTEMS.filter((system) => own.some((result) => result.system === system)).map((system) => {
      const all = own.filter((result) => result.system === system);
      return [
        system,
        ...columns.map((rows) => {
          const scores = rowsOf(system, rows).map(({ score }) => 100 * score);
          return scores.length === 0
            ? ''
            : `${mean(scores).toFixed(1)}${scores.length > 1 ? ` ± ${spreadOf(scores).deviation.toFixed(1)}` : ''} (${scores.length})`;
        }),
        mean(all.map(({ trained }) => trained)).toFixed(0),
        (mean(all.map(({ bytes }) => bytes)) / 1e6).toFixed(2),
        mean(all.map(({ memory }) => memory)).toFixed(0),
        ...columns.map((rows) => {
          const times = rowsOf(system, rows).map(({ seconds }) => seconds);
          return times.length === 0 ? '' : mean(times).toFixed(0);
        }),
      ];
    });
    console.log(
      `\n${task}, ${TASKS[task].metric} in % (seeds)\n\n${markdown(['system', ...columns.map((rows) => `${rows} rows`), 'numbers trained', 'file, MB', 'peak, MiB', ...columns.map((rows) => `s, ${rows}`)], table)}\n`,
    );
  }
  console.log(`\n${machine()}\n`);
});
