import { openFolder } from '../core/files-node.ts';
import { AlbertineError } from '../core/errors.ts';
import { pick } from '../core/pick.ts';
import { openSafetensors } from '../checkpoint/safetensors.ts';
import { NodeAlbert } from '../loaded/load-node.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { FineTuneRunOptions } from '../training/run/options.ts';
import { RunFinished } from '../training/run/run-folder-node.ts';
import type { Tracker } from '../training/trackers/tracker.ts';
import type { MeasuredName } from './objectives.ts';
import type { TrialJob, TrialMessage } from './trial-job.ts';

/** Passes over the held-out rows, by which the latency is measured: so many, or as many as fit into the time. */
const LATENCY_PASSES = 5;
const LATENCY_MS = 3000;

/** How a run reaches the study, and the study the run. */
export interface TrialChannel {
  tell(message: TrialMessage): void;
  signal: AbortSignal;
}

/** Trains and measures in this process; tells how it goes, and at last how it ended. Never rejects. */
export async function runTrial(job: TrialJob, channel: TrialChannel): Promise<void> {
  try {
    const outcome = await train(job, channel);
    const measured = outcome === 'finished' ? await measure(job, channel) : {};
    channel.tell({ kind: 'ended', outcome, measured });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    channel.tell({ kind: 'failed', ...(error instanceof AlbertineError && { code: error.code }), message });
  }
}

async function train({ task, options }: TrialJob, { tell, signal }: TrialChannel): Promise<'finished' | 'stopped'> {
  const { fineTune } = await taskNamed(task).load();
  const tracker: Tracker = {
    scalars: (_step, values) => {
      if (Object.keys(values).some((name) => name.startsWith('evaluation/'))) tell({ kind: 'evaluated' });
    },
    text: () => undefined,
    histogram: () => undefined,
    hyperParameters: () => undefined,
    close: async () => undefined,
  };
  try {
    const { outcome } = await fineTune({
      ...(options as unknown as FineTuneRunOptions),
      trackers: [tracker],
      signal,
      onProgress: ({ done, total, unit }) => {
        if (unit === 'steps' && total) tell({ kind: 'progress', share: done / total });
      },
      onEstimate: ({ residentBytes, peakBytes = residentBytes }) =>
        tell({ kind: 'estimate', residentBytes, peakBytes }),
      onEvent: (event, _message, { parts }) => tell({ kind: 'event', event, parts }),
    });
    return outcome === 'interrupted' ? 'stopped' : 'finished';
  } catch (error) {
    if (error instanceof RunFinished) return 'finished';
    throw error;
  }
}

async function measure(job: TrialJob, { signal }: TrialChannel): Promise<Partial<Record<MeasuredName, number>>> {
  const measured: Partial<Record<MeasuredName, number>> = {};
  if (job.measure.includes('parameters')) measured.parameters = await countWeights(job.options.output);
  if (job.measure.includes('latency')) measured.latency = await measureLatency(job, signal);
  return measured;
}

async function countWeights(folder: string): Promise<number> {
  const { tensors } = await openSafetensors(await openFolder(folder), 'model.safetensors');
  let count = 0;
  for (const { shape } of tensors.values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** Milliseconds a row: what the task's own evaluation takes, reading the file among it, as fast as it was seen to be. */
async function measureLatency({ task, options }: TrialJob, signal: AbortSignal): Promise<number> {
  const manual = taskNamed(task);
  const { evaluate } = await manual.load();
  const { threads, evaluation, train } = options as {
    threads?: number;
    evaluation?: string | string[];
    train?: string | string[];
  };
  using model = await NodeAlbert.load(options.output, threads === undefined ? {} : { threads });
  // Lengths are those that the model was trained with.
  const names = Object.keys(manual.evaluate.settings).filter((name) => name !== 'maxLength');
  const asking = { ...pick(options, names), signal };
  const pass = async (): Promise<number> => {
    const started = performance.now();
    let rows = 0;
    for (const path of [evaluation ?? train ?? []].flat()) rows += (await evaluate(model, path, asking)).count;
    return (performance.now() - started) / rows;
  };
  let fastest = await pass();
  const begun = performance.now();
  for (let i = 0; i < LATENCY_PASSES && performance.now() - begun < LATENCY_MS; i++)
    fastest = Math.min(fastest, await pass());
  return fastest;
}
