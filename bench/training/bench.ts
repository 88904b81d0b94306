/**
 * The full training step (forward, backward, clipping, AdamW) against PyTorch on the same machine: tokens a second and
 * peak memory.
 *
 *     npx tsx bench/training/bench.ts [--rounds 10] [--threads 2] [--quick] [--only '(8,128)']
 *
 * Every contender is a process of its own. They take one step each in turns, and ratios are medians over the rounds, so
 * that the machine's slow phases cancel. PyTorch is the one of `$PYTHON`, or of the first python3 that has it; it is
 * left out with the reason where it is absent, `torch.compile` where it fails (it needs PyTorch 2 and a C++ compiler),
 * and Hugging Face's `transformers` where they are not installed. `PyTorch` is a model written for speed in
 * torch_step.py, `transformers` the one that people use.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AlbertConfig } from '../../src/model/config.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { defaultThreads } from '../../src/runtime/threads.ts';
import { median } from '../inference/harness.ts';
import { Contender } from './contender.ts';
import type { Job, Turn } from './step.ts';

const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const quick = process.argv.includes('--quick');
const rounds = flag('rounds', quick ? 3 : 10);
const threads = flag('threads', defaultThreads());
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The first Python that has PyTorch: the one named by PYTHON, the one on the path, or the system's. */
const python =
  [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', 'import torch']).status === 0,
  ) ?? 'python3';

/**
 * Kernels that PyTorch's OpenBLAS or MKL may be told to use; what they choose by themselves is not always their best.
 */
const KERNELS: NodeJS.ProcessEnv[] = [
  {},
  ...['HASWELL', 'ZEN', 'SKYLAKEX', 'COOPERLAKE'].map((name) => ({ OPENBLAS_CORETYPE: name })),
  ...['AVX2', 'AVX512'].map((name) => ({ MKL_ENABLE_INSTRUCTIONS: name })),
];

const startOurs = (job: Job): Promise<Contender | string> =>
  Contender.start(process.execPath, ['--import', 'tsx', here('step.ts'), JSON.stringify(job)]);
const startTorch = (job: Job, kernels: NodeJS.ProcessEnv): Promise<Contender | string> =>
  Contender.start(python, [here('torch_step.py'), JSON.stringify(job)], {
    OMP_NUM_THREADS: String(job.threads),
    ...kernels,
  });

/** Ways to run PyTorch besides the plain one. */
const VARIANTS: Record<string, Partial<Job>> = {
  'PyTorch, torch.compile': { compile: true },
  transformers: { transformers: true },
};

interface Torch {
  kernels: NodeJS.ProcessEnv;
  variants: Record<string, Partial<Job>>;
}

/** Milliseconds of a step and the version, or why it does not run. */
async function probe(
  job: Job,
  kernels: NodeJS.ProcessEnv,
): Promise<{ milliseconds: number; version: string } | string> {
  const started = await startTorch(
    { ...job, config: { ...job.config, numHiddenLayers: 1, vocabSize: 1000 }, batch: 2 },
    kernels,
  );
  if (typeof started === 'string') return started;
  await using contender = started;
  const turns: Turn[] = [];
  for (let i = 0; i < 9; i++) turns.push(await contender.step());
  return { milliseconds: median(turns.map(({ milliseconds }) => milliseconds)), version: contender.version };
}

/**
 * PyTorch's fastest kernels here and which variants work, or why it cannot run. One layer on few tokens tells: the
 * wrong kernels can be 20 times slower. A kernel that this processor does not have ends the process, which leaves it
 * out.
 */
async function bestTorch(job: Job): Promise<Torch | { reason: string }> {
  const usable: { kernels: NodeJS.ProcessEnv; milliseconds: number; version: string }[] = [];
  let reason = '';
  for (const kernels of KERNELS) {
    const result = await probe(job, kernels);
    if (typeof result === 'string') reason ||= result;
    else usable.push({ kernels, ...result });
  }
  if (usable.length === 0) return { reason };
  usable.sort((a, b) => a.milliseconds - b.milliseconds);
  const [{ kernels, version }] = usable;
  const named = (env: NodeJS.ProcessEnv): string =>
    Object.entries(env)
      .map((entry) => entry.join('='))
      .join() || 'its own choice';
  console.log(
    `PyTorch ${version}; one layer with ${usable.map((entry) => `${named(entry.kernels)} ${entry.milliseconds.toFixed(0)} ms`).join(', ')}`,
  );
  const variants: Record<string, Partial<Job>> = {};
  for (const [name, variant] of Object.entries(VARIANTS)) {
    const result = await probe({ ...job, ...variant }, kernels);
    if (typeof result === 'string') console.log(`${name} is left out: ${result}`);
    else {
      variants[name] = variant;
      console.log(`${name} ${result.version}: ${result.milliseconds.toFixed(0)} ms`);
    }
  }
  console.log('');
  return { kernels, variants };
}

/**
 * Floating-point operations of the matrix products of one step: the backward pass has two products for each of the
 * forward pass.
 */
function productFlops(config: AlbertConfig, batch: number, sequence: number): number {
  const { hiddenSize: h, intermediateSize: i, embeddingSize: e } = config;
  const perToken = config.numHiddenLayers * config.innerGroupNum * (4 * h * h + 2 * h * i + 2 * sequence * h) + e * h;
  return 3 * 2 * batch * sequence * perToken;
}

interface Case {
  name: string;
  config: AlbertConfig;
  batch: number;
  sequence: number;
}

const CASES: Case[] = [
  { name: 'base (8,128)', config: presetConfig('base-v2'), batch: 8, sequence: 128 },
  { name: 'base (16,128)', config: presetConfig('base-v2'), batch: 16, sequence: 128 },
  { name: 'small (32,64)', config: presetConfig('small'), batch: 32, sequence: 64 },
];

const PRODUCT = 'product',
  OURS = 'albertine',
  PEER = 'PyTorch';

/**
 * Milliseconds between turns: OpenMP's threads spin on for 200 after a step, and would do so in the next contender's.
 */
const PAUSE = 300;

/** All contenders of a case, warm. */
async function startAll(
  { config, batch, sequence }: Case,
  torch: Torch | { reason: string },
): Promise<Map<string, Contender>> {
  const job: Job = { config, batch, sequence, threads };
  const half = config.numHiddenLayers / 2;
  const starts: [string, () => Promise<Contender | string>][] = [
    [PRODUCT, () => startOurs({ ...job, gemm: true })],
    [OURS, () => startOurs(job)],
    ...('kernels' in torch ? Object.entries({ [PEER]: {}, ...torch.variants }) : []).map(
      ([name, variant]): [string, () => Promise<Contender | string>] => [
        name,
        () => startTorch({ ...job, ...variant }, (torch as Torch).kernels),
      ],
    ),
    [`${OURS}, saveActivations ${half}`, () => startOurs({ ...job, saveActivations: half })],
    [`${OURS}, saveActivations none`, () => startOurs({ ...job, saveActivations: 'none' })],
  ];
  const contenders = new Map<string, Contender>();
  for (const [name, start] of starts) {
    const contender = await start();
    if (typeof contender === 'string') throw new Error(`${name}: ${contender}`);
    contenders.set(name, contender);
  }
  return contenders;
}

async function measureCase(entry: Case, torch: Torch | { reason: string }): Promise<string[]> {
  const { name, config, batch, sequence } = entry;
  const contenders = await startAll(entry, torch);
  const turns = new Map([...contenders.keys()].map((contender) => [contender, [] as Turn[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [contender, process] of contenders) {
      await setTimeout(PAUSE);
      turns.get(contender)!.push(await process.step());
    }
  }
  for (const process of contenders.values()) await process[Symbol.asyncDispose]();
  const peer = turns.get(PEER);
  // The ratio of neighbours in time, then its median.
  const speed = (own: readonly Turn[]): string =>
    peer
      ? `${median(own.map(({ milliseconds }, round) => peer[round].milliseconds / milliseconds)).toFixed(2)} x`
      : '-';
  const rate = ({ milliseconds }: Turn): number => (1000 * batch * sequence) / milliseconds;
  const peak = turns.get(PRODUCT)!.map(({ gigaflops }) => gigaflops!);
  return [...turns]
    .filter(([contender]) => contender !== PRODUCT)
    .map(([contender, own]) => {
      const share = median(
        own.map(({ milliseconds }, round) => productFlops(config, batch, sequence) / milliseconds / 1e6 / peak[round]),
      );
      const update = own.some(({ optimizerMilliseconds }) => optimizerMilliseconds === undefined)
        ? '-'
        : `${(100 * median(own.map((turn) => turn.optimizerMilliseconds! / turn.milliseconds))).toFixed(1)} %`;
      return `| ${[
        name,
        contender,
        median(own.map(({ milliseconds }) => milliseconds)).toFixed(0),
        Math.round(median(own.map(rate))),
        speed(own),
        (own.at(-1)!.peakBytes / 1e6).toFixed(0),
        peer ? `${(own.at(-1)!.peakBytes / peer.at(-1)!.peakBytes).toFixed(2)} x` : '-',
        `${(100 * share).toFixed(0)} %`,
        update,
      ].join(' | ')} |`;
    });
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${threads} threads, Node ${process.version}, ${rounds} rounds\n`,
);
const torch = await bestTorch({ ...CASES[0], threads });
if ('reason' in torch) console.log(`PyTorch is left out: ${torch.reason}\n`);
console.log(
  '| shape | contender | ms a step | tokens/s | to PyTorch | peak RSS MB | to PyTorch | of GEMM peak | clip + AdamW |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
const only = process.argv.indexOf('--only');
const cases = only < 0 ? CASES : CASES.filter(({ name }) => name.includes(process.argv[only + 1]));
for (const entry of quick ? cases.slice(0, 1) : cases)
  for (const row of await measureCase(entry, torch)) console.log(row);
