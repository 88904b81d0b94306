import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { AlbertineError } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import type { Arena } from './arena.ts';
import type { BatchShape, TrainingBatch } from './layerwise.ts';
import type { StepData } from './trainer-options.ts';

/** What a run will cost, measured on a few of its steps before it starts. */
export interface RunEstimate {
  /** Steps that are left. */
  steps: number;
  /** Mean of the steps that were measured. */
  secondsPerStep: number;
  /** Training and evaluations; reading and saving are not in it. */
  totalSeconds: number;
  /** Real tokens of training, padding not counted. */
  tokensPerSecond: number;
  /** Resident memory after the probed steps, in bytes. */
  residentBytes: number;
  /**
   * Resident memory that the run will reach about, in bytes, see {@link projectPeak}. Absent where activations are in a
   * graphics processor.
   */
  peakBytes?: number;
}

/** What decides about the memory of a run besides the steps that are probed. */
export interface MemoryPlan {
  /** Bytes of activations of a micro-batch of this shape. */
  activationBytes: (batch: BatchShape) => number;
  /** The same for the largest micro-batch of the run. */
  largestBytes: number;
  /** What is first used after the probes: moments, the best weights, a checkpoint in the making. */
  laterBytes: number;
  /** Whether the run evaluates, which has graphs of its own. */
  evaluates: boolean;
}

/** What evaluations added to the memory of runs, as a share of what training had added: 5 to 17 % were measured. */
const EVALUATION_SHARE = 1 / 6;

/** A forward and backward pass costs about three forward passes. */
const PASSES_PER_STEP = 3;
const MAX_PROBES = 4;
const MAX_PROBE_SECONDS = 20;

/** What {@link estimateRun} measures. */
export interface Probe {
  /** First step to run, and the end of the run. */
  from: number;
  to: number;
  stepData: (step: number) => Promise<StepData> | StepData;
  /** Whether making a step's data counts: it may ask a teacher. Not where the probe reads what the run has at hand. */
  timesData?: boolean;
  /** Runs one micro-batch forwards and backwards; its gradients are thrown away. */
  run: (batch: TrainingBatch) => Promise<unknown>;
  /** Tokens of all evaluations to come. */
  evaluationTokens: number;
  /** Absent where micro-batches take none of the process's memory. */
  memory?: MemoryPlan;
}

/**
 * Runs the data of up to four steps, spread over the rest of the run so that they have different shapes, and scales up.
 * A first pass over the first step compiles, allocates, and is not timed. Stops probing after 20 seconds.
 */
export async function estimateRun(probe: Probe): Promise<RunEstimate> {
  const { from, to, stepData, memory } = probe;
  const before = process.memoryUsage.rss();
  let probedBytes = 0;
  const run = (batch: TrainingBatch): Promise<unknown> => {
    probedBytes = Math.max(probedBytes, memory?.activationBytes(batch) ?? 0);
    return probe.run(batch);
  };
  const steps = to - from;
  const probes = [
    ...new Set(Array.from({ length: MAX_PROBES }, (_, i) => from + Math.floor((i * steps) / MAX_PROBES))),
  ];
  for (const batch of (await stepData(from)).microBatches) await run(batch);
  let seconds = 0;
  let tokens = 0;
  let probed = 0;
  for (const step of probes) {
    const asked = performance.now();
    const data = await stepData(step);
    const started = probe.timesData ? asked : performance.now();
    for (const batch of data.microBatches) await run(batch);
    seconds += (performance.now() - started) / 1000;
    tokens += data.tokens;
    probed++;
    if (seconds > MAX_PROBE_SECONDS) break;
  }
  const tokensPerSecond = tokens / seconds;
  return {
    steps,
    secondsPerStep: seconds / probed,
    tokensPerSecond,
    totalSeconds: (seconds / probed) * steps + probe.evaluationTokens / (PASSES_PER_STEP * tokensPerSecond),
    residentBytes: process.memoryUsage.rss(),
    ...(memory && { peakBytes: projectPeak({ before, now: process.memoryUsage.rss(), probedBytes, ...memory }) }),
  };
}

/**
 * Resident memory that a run will reach about: what the probes added grows with the activations, since the runtime's
 * own memory for a shape does. Within 15 % of what fine-tuning and pretraining of the built-in model and fine-tuning of
 * base then took.
 */
export function projectPeak(
  measured: Omit<MemoryPlan, 'activationBytes'> & { before: number; now: number; probedBytes: number },
): number {
  const { before, now, probedBytes, largestBytes, laterBytes, evaluates } = measured;
  const scale =
    (probedBytes > 0 ? Math.max(1, largestBytes / probedBytes) : 1) * (evaluates ? 1 + EVALUATION_SHARE : 1);
  return before + Math.max(now - before, 0) * scale + laterBytes;
}

/** Memory this process may still take: free memory of the machine or of the cgroup (v2, then v1), whichever is less. */
export function availableMemory(readFile: (path: string) => string = (path) => readFileSync(path, 'utf8')): number {
  const read = (path: string): string | undefined => {
    try {
      return readFile(path).trim();
    } catch {
      return undefined;
    }
  };
  const number = (path: string): number => Number(read(path) ?? NaN);
  const meminfo = /MemAvailable:\s+(\d+) kB/.exec(read('/proc/meminfo') ?? '');
  const free = meminfo ? Number(meminfo[1]) * 1024 : freemem();
  const limits = [
    number('/sys/fs/cgroup/memory.max') - number('/sys/fs/cgroup/memory.current'),
    number('/sys/fs/cgroup/memory/memory.limit_in_bytes') - number('/sys/fs/cgroup/memory/memory.usage_in_bytes'),
  ];
  return Math.min(free, ...limits.filter(Number.isFinite));
}

/** Throws `out_of_memory` with advice when the activations of the largest micro-batch cannot fit into what is free. */
export function requireMemory(needed: number, arena: Arena, available = availableMemory()): void {
  if (needed <= available) return;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(2)} GB`;
  throw new AlbertineError(
    'out_of_memory',
    `a training step needs about ${gigabytes(needed)} beyond the ${gigabytes(arena.byteLength)} of weights and moments, ${gigabytes(available)} are free`,
    {
      value: needed,
      hint: prose`Lower ${option('microBatchTokens')} or the maximum length, or use ${option('saveActivations', 'none')}`,
    },
  );
}
