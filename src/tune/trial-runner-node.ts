import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireUnlocked } from '../core/lock-node.ts';
import { Prose } from '../core/prose.ts';
import { startProcess } from '../core/process-node.ts';
import { parseMetrics, type RunInfo } from '../training/report/run-record.ts';
import type { RunEvaluation, TrialEnd, TrialJob, TrialListener, TrialMessage, TrialRunner } from './trial-job.ts';

/** A trial's process that outlives a killed study saves a checkpoint and ends; the next study waits so long for it. */
const LOCK_WAIT_MS = 120_000;
const LOCK_POLL_MS = 250;
/** Of what a process that crashed wrote last. */
const TAIL_CHARACTERS = 2000;

/** Runs trials in processes of their own: a crash, or memory that ends, is the trial's and not the study's. */
export const processRunner: TrialRunner = (job, listener) => {
  let stop = (): void => undefined;
  let stopped = false;
  const ended = (async (): Promise<TrialEnd> => {
    await waitUntilFree(job.options.output);
    if (stopped) return { outcome: 'stopped' };
    return await new Promise((resolve) => {
      stop = startTrial(job, listener, resolve);
    });
  })().catch((error: unknown): TrialEnd => ({ outcome: 'failed', message: String(error) }));
  return {
    stop: () => {
      stopped = true;
      stop();
    },
    ended,
  };
};

/** Starts the process; returns how it is stopped. */
function startTrial(job: TrialJob, listener: TrialListener, onEnd: (end: TrialEnd) => void): () => void {
  const { output } = job.options;
  const child = startProcess(new URL('./trial-main-node.js', import.meta.url));
  let tail = '';
  let end: TrialEnd | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-TAIL_CHARACTERS);
  });
  child.on('message', (message: TrialMessage) => {
    if (message.kind === 'evaluated') report(output, listener);
    else if (message.kind === 'estimate') listener.onEstimate(message);
    else if (message.kind === 'event') listener.onEvent(message.event, new Prose(message.parts));
    else if (message.kind === 'progress') listener.onProgress(message.share);
    else if (message.kind === 'failed')
      end = { outcome: 'failed', ...(message.code && { code: message.code }), message: message.message };
    else end = message.outcome === 'stopped' ? { outcome: 'stopped' } : finished(output, message.measured);
  });
  child.on('error', (error) => {
    end ??= { outcome: 'failed', message: error.message };
    onEnd(end);
  });
  child.on('close', (code, signal) => {
    if (existsSync(join(output, 'run.json'))) report(output, listener);
    onEnd(end ?? crashed(code, signal, tail));
  });
  child.send({ job: { ...job, options: { ...job.options, ...startOptions(output) } } });
  return () => {
    if (child.connected) child.send({ stop: true });
  };
}

/** Continues what the folder has; what is there without a run is what a process left that was killed at its start. */
function startOptions(output: string): { resume: true } | { overwrite: true } {
  return existsSync(join(output, 'run.json')) ? { resume: true } : { overwrite: true };
}

async function waitUntilFree(folder: string): Promise<void> {
  const until = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      return await requireUnlocked(folder);
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
  }
}

function report(folder: string, listener: TrialListener): void {
  const { totalSteps, config } = readInfo(folder);
  if (typeof config?.['metric'] === 'string') listener.onMetric(config['metric']);
  listener.onEvaluations(evaluationsOf(folder), totalSteps);
}

function readInfo(folder: string): RunInfo {
  try {
    return JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunInfo;
  } catch {
    return {};
  }
}

function evaluationsOf(folder: string): RunEvaluation[] {
  try {
    return [...parseMetrics(readFileSync(join(folder, 'events.jsonl'), 'utf8'), 'events.jsonl').evaluations];
  } catch {
    return [];
  }
}

function finished(folder: string, measured: Extract<TrialEnd, { outcome: 'finished' }>['measured']): TrialEnd {
  const { bestCheckpoint } = readInfo(folder);
  const evaluations = evaluationsOf(folder);
  const best = evaluations.find(({ step }) => step === bestCheckpoint?.step) ?? evaluations.at(-1);
  return { outcome: 'finished', metrics: best?.metrics ?? {}, measured };
}

/**
 * What a run's folder says of it, for runners of other kinds.
 *
 * @internal
 */
export const trialFigures = { report, finished };

function crashed(code: number | null, signal: NodeJS.Signals | null, tail: string): TrialEnd {
  const isMemory = /heap out of memory|Cannot allocate|bad_alloc/i.test(tail);
  const how = signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`;
  const why = isMemory ? ': out of memory' : signal === 'SIGKILL' ? ', as the system does when memory ends' : '';
  const last = tail.trim().split('\n').at(-1) ?? '';
  return {
    outcome: 'failed',
    ...((isMemory || signal === 'SIGKILL') && { code: 'out_of_memory' }),
    message: `${how}${why}${why === '' && last !== '' ? `: ${last}` : ''}`,
  };
}
