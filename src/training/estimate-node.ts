import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { AlbertineError } from '../core/errors.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { Arena } from './arena.ts';
import type { LayerwiseNetwork, SaveActivations, TrainingBatch } from './layerwise.ts';
import type { StepData } from './trainer.ts';

/** What a run will cost, measured on one step before it starts. */
export interface RunEstimate {
  secondsPerStep: number;
  totalSeconds: number;
  tokensPerSecond: number;
  /** Resident memory after the probe step, in bytes. */
  residentBytes: number;
}

/** Runs one step's data twice (the first run compiles) and scales up. */
export async function estimateRun(probe: { data: StepData; stepsLeft: number; run: (batch: TrainingBatch) => Promise<void> }): Promise<RunEstimate> {
  const { data, stepsLeft, run } = probe;
  await run(data.microBatches[0]);
  const started = performance.now();
  for (const batch of data.microBatches) await run(batch);
  const secondsPerStep = (performance.now() - started) / 1000;
  return { secondsPerStep, totalSeconds: secondsPerStep * stepsLeft, tokensPerSecond: data.tokens / secondsPerStep, residentBytes: process.memoryUsage.rss() };
}

/** Memory this process may still take: free memory of the machine or of the cgroup, whichever is less. */
export function availableMemory(): number {
  const read = (path: string): number | undefined => {
    try {
      const value = Number(readFileSync(path, 'utf8').trim());
      return Number.isFinite(value) ? value : undefined;
    } catch {
      return undefined;
    }
  };
  const meminfo = (() => {
    try {
      const line = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'));
      return line ? Number(line[1]) * 1024 : undefined;
    } catch {
      return undefined;
    }
  })();
  const limit = read('/sys/fs/cgroup/memory.max');
  const used = read('/sys/fs/cgroup/memory.current');
  const free = meminfo ?? freemem();
  return limit !== undefined && used !== undefined ? Math.min(free, limit - used) : free;
}

/** Throws `out_of_memory` with advice when the activations of the largest micro-batch cannot fit. */
export function requireMemory(config: AlbertConfig, arena: Arena, network: LayerwiseNetwork, plan: { microBatches: readonly TrainingBatch[]; saveActivations: SaveActivations }): void {
  const executed = config.numHiddenLayers * config.innerGroupNum;
  const kept = plan.saveActivations === 'all' ? executed : plan.saveActivations === 'none' ? 1 : Math.max(1, plan.saveActivations);
  let needed = 0;
  for (const { batchSize, sequenceLength } of plan.microBatches) {
    const hidden = 4 * batchSize * sequenceLength * config.hiddenSize * (executed + 3);
    needed = Math.max(needed, hidden + (kept + 1) * network.memory({ batch: batchSize, sequence: sequenceLength }).perKeptLayer);
  }
  const available = availableMemory();
  if (needed > available) {
    const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
    throw new AlbertineError('out_of_memory', `a training step needs about ${gigabytes(needed)} beyond the ${gigabytes(arena.byteLength)} of weights and moments, ${gigabytes(available)} are free`, {
      value: needed,
      hint: "Lower the tokens per micro-batch or the maximum length, or set saveActivations to 'none'.",
    });
  }
}
