/**
 * The full training step (forward, backward, clipping, AdamW) against PyTorch on the same machine: tokens a second and peak memory.
 *
 *     npx tsx bench/training/bench.ts [--rounds 5] [--seconds 10] [--threads 2] [--quick] [--only '(8,128)']
 *
 * Every contender runs in a process of its own, in turns, so that a slow phase of the machine hits all of them. PyTorch is the one of
 * `$PYTHON`, or of the first python3 that has it; it is left out with the reason where it is absent, `torch.compile` where it fails
 * (it needs PyTorch 2 and a C++ compiler), and Hugging Face's `transformers` where they are not installed. `PyTorch` is a model written for
 * speed in torch_step.py, `transformers` the one that people use. Medians over rounds of medians over steps.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { AlbertConfig } from '../../src/model/config.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { defaultThreads } from '../../src/runtime/threads.ts';
import type { Job, Measurement } from './step.ts';

const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const quick = process.argv.includes('--quick');
const rounds = flag('rounds', quick ? 1 : 5);
const seconds = flag('seconds', quick ? 2 : 10);
const threads = flag('threads', defaultThreads());
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** The first Python that has PyTorch: the one named by PYTHON, the one on the path, or the system's. */
const python = [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find((command) => spawnSync(command, ['-c', 'import torch']).status === 0) ?? 'python3';

/** Kernels that PyTorch's OpenBLAS or MKL may be told to use; what they choose by themselves is not always their best. */
const KERNELS: NodeJS.ProcessEnv[] = [
  {}, ...['HASWELL', 'ZEN', 'SKYLAKEX', 'COOPERLAKE'].map((name) => ({ OPENBLAS_CORETYPE: name })), ...['AVX2', 'AVX512'].map((name) => ({ MKL_ENABLE_INSTRUCTIONS: name })),
];

function runOurs(job: Job): Measurement {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', here('step.ts'), JSON.stringify(job)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Measurement;
}

type TorchResult = Measurement & { version: string };

function runTorch(job: Job, kernels: NodeJS.ProcessEnv): TorchResult | string {
  const env = { ...process.env, OMP_NUM_THREADS: String(job.threads), ...kernels };
  const { stdout, stderr, status, error } = spawnSync(python, [here('torch_step.py'), JSON.stringify(job)], { encoding: 'utf8', env });
  if (error) return `no Python: ${error.message}`;
  return status === 0 ? (JSON.parse(stdout) as TorchResult) : stderr.trim().split('\n').at(-1) ?? 'failed';
}

/** Ways to run PyTorch besides the plain one. */
const VARIANTS = { 'PyTorch, torch.compile': { compile: true }, transformers: { transformers: true } } satisfies Record<string, Partial<Job>>;

interface Torch { kernels: NodeJS.ProcessEnv; variants: Record<string, Partial<Job>> }

/**
 * PyTorch's fastest kernels here and which variants work, or why it cannot run. One layer on few tokens tells: the wrong kernels can be
 * 20 times slower. A kernel that this processor does not have ends the process, which leaves it out.
 */
function bestTorch(job: Job): Torch | { reason: string } {
  const probe: Job = { ...job, config: { ...job.config, numHiddenLayers: 1, vocabSize: 1000 }, batch: 2, seconds: 1 };
  const tried = KERNELS.map((kernels) => ({ kernels, result: runTorch(probe, kernels) }));
  const usable = tried.filter((entry): entry is { kernels: NodeJS.ProcessEnv; result: TorchResult } => typeof entry.result !== 'string');
  if (usable.length === 0) return { reason: tried[0].result as string };
  usable.sort((a, b) => a.result.milliseconds - b.result.milliseconds);
  const [{ kernels, result: { version } }] = usable;
  const named = (env: NodeJS.ProcessEnv): string => Object.entries(env).map((entry) => entry.join('=')).join() || 'its own choice';
  console.log(`PyTorch ${version}; one layer with ${usable.map((entry) => `${named(entry.kernels)} ${entry.result.milliseconds.toFixed(0)} ms`).join(', ')}`);
  const working = Object.entries(VARIANTS).filter(([name, variant]) => {
    const result = runTorch({ ...probe, ...variant }, kernels);
    console.log(typeof result === 'string' ? `${name} is left out: ${result}` : `${name} ${result.version}: ${result.milliseconds.toFixed(0)} ms`);
    return typeof result !== 'string';
  });
  console.log('');
  return { kernels, variants: Object.fromEntries(working) };
}

/** Floating-point operations of the matrix products of one step: the backward pass has two products for each of the forward pass. */
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

interface Sample { contender: string; result: Measurement }

function measureCase({ name, config, batch, sequence }: Case, torch: Torch | { reason: string }): string[] {
  const job: Job = { config, batch, sequence, threads, seconds };
  const samples: Sample[] = [];
  let peak = 0;
  for (let round = 0; round < rounds; round++) {
    peak = Math.max(peak, runOurs({ ...job, seconds: Math.min(2, seconds), gemm: true }).gigaflops!);
    samples.push({ contender: 'albertine', result: runOurs(job) });
    if ('kernels' in torch) samples.push({ contender: 'PyTorch', result: runTorch(job, torch.kernels) as TorchResult });
    if ('kernels' in torch) for (const [contender, variant] of Object.entries(torch.variants)) samples.push({ contender, result: runTorch({ ...job, ...variant }, torch.kernels) as TorchResult });
    const half = config.numHiddenLayers / 2;
    samples.push({ contender: `albertine, saveActivations ${half}`, result: runOurs({ ...job, saveActivations: half }) });
    samples.push({ contender: 'albertine, saveActivations none', result: runOurs({ ...job, saveActivations: 'none' }) });
  }
  const of = (contender: string): Measurement[] => samples.filter((sample) => sample.contender === contender).map(({ result }) => result);
  const rate = (result: Measurement): number => (1000 * batch * sequence) / result.milliseconds;
  // The ratio of neighbours in time, then its median: the machine's slow phases cancel.
  const ratio = (contender: string): string => {
    const [own, other] = [of(contender), of('PyTorch')];
    return other.length === 0 ? '-' : `${median(own.map((result, i) => rate(result) / rate(other[i]))).toFixed(2)} x`;
  };
  const memory = (contender: string): string => {
    const other = of('PyTorch');
    return other.length === 0 ? '-' : `${(median(of(contender).map((r) => r.peakBytes)) / median(other.map((r) => r.peakBytes))).toFixed(2)} x`;
  };
  return [...new Set(samples.map(({ contender }) => contender))].map((contender) => {
    const results = of(contender);
    const update = results[0].optimizerMilliseconds === undefined ? '-' : `${(100 * median(results.map((r) => r.optimizerMilliseconds! / r.milliseconds))).toFixed(1)} %`;
    const share = `${(100 * median(results.map((r) => productFlops(config, batch, sequence) / r.milliseconds / 1e6 / peak))).toFixed(0)} %`;
    return `| ${[name, contender, median(results.map((r) => r.milliseconds)).toFixed(0), Math.round(median(results.map(rate))), ratio(contender),
      (median(results.map((r) => r.peakBytes)) / 1e6).toFixed(0), memory(contender), share, update].join(' | ')} |`;
  });
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${threads} threads, Node ${process.version}, ${rounds} rounds of ${seconds} s\n`);
const torch = bestTorch({ ...CASES[0], threads, seconds });
if ('reason' in torch) console.log(`PyTorch is left out: ${torch.reason}\n`);
console.log('| shape | contender | ms a step | tokens/s | to PyTorch | peak RSS MB | to PyTorch | of GEMM peak | clip + AdamW |');
console.log('|---|---|---|---|---|---|---|---|---|');
const only = process.argv.indexOf('--only');
const cases = only < 0 ? CASES : CASES.filter(({ name }) => name.includes(process.argv[only + 1]));
for (const entry of quick ? cases.slice(0, 1) : cases) for (const row of measureCase(entry, torch)) console.log(row);
