import { parentPort, workerData } from 'node:worker_threads';
import { ThreadGate } from '../core/thread-gate.ts';
import { loadOrt, quietBeside, setWasmThreads, type Ort, type OrtModule, type OrtTensor } from './ort.ts';
import {
  buffersOf,
  type SentTensor,
  type SessionAnswer,
  type SessionTask,
  type SessionWorkerData,
} from './session-thread-node.ts';

// Entry of a worker thread, see SessionThread: every message is a task, every reply its answer.
const gate = new ThreadGate((workerData as SessionWorkerData).gate);
const sessions = new Map<number, OrtModule.InferenceSession>();
let lastSession = 0;

type Result = Omit<Exclude<SessionAnswer, { error: string }>, 'id'>;

async function perform(task: Exclude<SessionTask, { end: true }>): Promise<Result> {
  // Nobody waits for the answer any more.
  if (!gate.enter()) throw new Error('the session thread has been closed');
  try {
    return await performInside(task);
  } finally {
    gate.leave();
  }
}

async function performInside(task: Exclude<SessionTask, { end: true }>): Promise<Result> {
  const { ort, engine } = await loadOrt();
  if ('create' in task) {
    const { model, options } = task.create;
    if (engine === 'wasm') setWasmThreads(ort, options.intraOpNumThreads ?? 1);
    for (const device of options.executionProviders ?? []) if (typeof device === 'string') quietBeside(ort, device);
    sessions.set(++lastSession, await ort.InferenceSession.create(model, options));
    return { session: lastSession };
  }
  if ('release' in task) {
    await sessions.get(task.release)?.release();
    sessions.delete(task.release);
    return {};
  }
  return { results: await run(ort, task.run) };
}

async function run(
  ort: Ort,
  { session, feeds, fetches }: Extract<SessionTask, { run: unknown }>['run'],
): Promise<Record<string, SentTensor>> {
  const tensors = Object.entries(feeds).map(([name, { type, dims, data }]) => [
    name,
    new ort.Tensor(type as 'float32', data as Float32Array, dims),
  ]);
  const results = await sessions.get(session)!.run(Object.fromEntries(tensors) as Record<string, OrtTensor>, fetches);
  const sent = Object.entries(results).map(([name, { type, dims, data }]) => [
    name,
    { type, dims, data: data as unknown as ArrayBufferView },
  ]);
  return Object.fromEntries(sent) as Record<string, SentTensor>;
}

/** One after the other: two runs at once would only fight for the cores. */
let last: Promise<unknown> = Promise.resolve();

parentPort!.on('message', ({ id, ...task }: SessionTask & { id: number }) => {
  if ('end' in task) {
    // The thread ends when it has nothing left to do.
    void last.then(() => parentPort!.close());
    return;
  }
  last = last
    .then(() => perform(task))
    .then(
      (result) => parentPort!.postMessage({ id, ...result }, buffersOf(result.results ?? {})),
      (error: unknown) =>
        parentPort!.postMessage({ id, error: error instanceof Error ? error.message : String(error) }),
    );
});
