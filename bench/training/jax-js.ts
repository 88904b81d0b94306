/**
 * One transformer layer forwards and backwards against `@jax-js/jax` on the same machine: milliseconds and peak memory.
 *
 *     npm install --prefix FOLDER @jax-js/jax
 *     npx tsx bench/training/jax-js.ts --peer FOLDER [--rounds 5] [--seconds 10] [--threads 2] [--shape tiny|narrow|base]
 *
 * First the gradients of all weights and of the input are compared on the same values. Then every contender runs in a
 * process of its own, in turns. jax-js runs on WebAssembly, once as installed (in Node that is one thread) and once
 * with its worker pool.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { defaultThreads } from '../../src/runtime/threads.ts';
import { median } from '../inference/harness.ts';
import type { LayerCheck, LayerJob, LayerMeasurement, LayerShape } from './jax-js-layer.ts';
import { peerVersion } from './jax-js-peer.ts';

const SHAPES: Readonly<Record<string, LayerShape>> = {
  tiny: { batch: 2, sequence: 16, hidden: 64, heads: 4, intermediate: 256 },
  narrow: { batch: 32, sequence: 64, hidden: 256, heads: 4, intermediate: 1024 },
  base: { batch: 8, sequence: 128, hidden: 768, heads: 12, intermediate: 3072 },
};
/** Largest difference of gradients allowed, relative to each tensor's largest gradient. */
const TOLERANCE = 1e-5;

const { values: flags } = parseArgs({
  options: {
    peer: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    threads: { type: 'string' },
    shape: { type: 'string', multiple: true },
  },
});
const rounds = Number(flags.rounds ?? 5);
const seconds = Number(flags.seconds ?? 10);
const threads = Number(flags.threads ?? defaultThreads());

function run<T>(job: Omit<LayerJob, 'seconds'> & { seconds?: number }): T {
  const file = fileURLToPath(new URL('jax-js-layer.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', file, JSON.stringify({ seconds, ...job })],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

interface Variant extends Pick<LayerJob, 'contender' | 'threads'> {
  name: string;
}

function variants(): Variant[] {
  return [
    { name: 'albertine', contender: 'albertine', threads },
    ...(threads > 1 ? [{ name: `jax-js, its pool on ${threads} workers`, contender: 'jax-js', threads } as const] : []),
    { name: 'jax-js as installed, one thread', contender: 'jax-js', threads: 1 },
  ];
}

function measureShape(shape: LayerShape, peer: string): string[] {
  const contenders = variants();
  const results: LayerMeasurement[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round++)
    contenders.forEach(({ contender, threads: own }, i) =>
      results[i].push(run<LayerMeasurement>({ contender, threads: own, shape, peer })),
    );
  return contenders.map(({ name }, i) => {
    // The ratio of neighbours in time, then its median: the machine's slow phases cancel.
    const ratio = median(results[i].map(({ milliseconds }, round) => milliseconds / results[0][round].milliseconds));
    const memory = median(results[i].map(({ peakBytes }, round) => peakBytes / results[0][round].peakBytes));
    return `| (${shape.batch},${shape.sequence}) H ${shape.hidden} | ${[
      name,
      median(results[i].map(({ milliseconds }) => milliseconds)).toFixed(1),
      `${ratio.toFixed(2)} x`,
      results[i].map(({ runs }) => runs).reduce((a, b) => a + b),
      (median(results[i].map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0),
      `${memory.toFixed(2)} x`,
    ].join(' | ')} |`;
  });
}

function compare(peer: string, { name, ...variant }: Variant): void {
  const { largest, tensors } = run<LayerCheck>({ ...variant, shape: SHAPES['tiny'], peer, check: true });
  // Written this way round so that NaN fails.
  if (!(largest <= TOLERANCE))
    throw new Error(
      `${name}: the gradients differ by more than ${TOLERANCE}: ${tensors.map(({ name, difference }) => `${name} ${difference.toExponential(1)}`).join(', ')}`,
    );
  console.log(
    `${name}: gradients of ${tensors.length} tensors agree with ours; largest difference ${largest.toExponential(1)} of a tensor's largest gradient (${tensors[0].name}), allowed ${TOLERANCE.toExponential()}`,
  );
}

const unknown = flags.shape?.find((name) => !Object.hasOwn(SHAPES, name));
if (unknown !== undefined) throw new Error(`--shape must be one of ${Object.keys(SHAPES).join(', ')}, got ${unknown}`);
const version = peerVersion(flags.peer);
if ('reason' in version) {
  console.log(`skipped: ${version.reason}`);
} else {
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'}, ${threads} threads, Node ${process.version}, @jax-js/jax ${version.version}, ${rounds} rounds of ${seconds} s\n`,
  );
  for (const variant of variants()) if (variant.contender === 'jax-js') compare(flags.peer!, variant);
  console.log('\n| input | contender | ms forwards and backwards | to albertine | runs | peak RSS MB | to albertine |');
  console.log('|---|---|---|---|---|---|---|');
  for (const name of flags.shape ?? ['narrow', 'base'])
    for (const row of measureShape(SHAPES[name], flags.peer!)) console.log(row);
}
