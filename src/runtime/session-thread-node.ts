import type { Worker } from 'node:worker_threads';
import { AlbertineError } from '../core/errors.ts';
import { ThreadGate } from '../core/thread-gate.ts';
import { startThread } from '../core/thread-node.ts';
import { loadOrt, type Ort, type OrtModule, type OrtTensor } from './ort.ts';
import type { RunnableSession, SessionHost } from './sessions.ts';

/** A tensor on its way between threads. */
export interface SentTensor {
  type: OrtTensor['type'];
  dims: readonly number[];
  data: ArrayBufferView;
}

/** What the thread is asked. */
export type SessionTask =
  | { create: { model: Uint8Array; options: OrtModule.InferenceSession.SessionOptions } }
  | { run: { session: number; feeds: Record<string, SentTensor>; fetches: readonly string[] } }
  | { release: number }
  | { end: true };

/** What the thread is started with. */
export interface SessionWorkerData {
  /** Memory of the `ThreadGate` before ONNX Runtime. */
  gate: SharedArrayBuffer;
}

/** How long the end of the process waits for a run, in milliseconds. */
const EXIT_WAIT = 10_000;

/** What it answers: the number of a new session, or the results of a run. */
export type SessionAnswer =
  { id: number; session?: number; results?: Record<string, SentTensor> } | { id: number; error: string };

interface Pending {
  resolve(answer: { session?: number; results?: Record<string, SentTensor> }): void;
  reject(error: unknown): void;
}

/**
 * A thread that makes and runs the sessions of every model that is opened with it as `sessions`, one run after the
 * other. ONNX Runtime computes on the thread that asks, so that a process that has other things to do (a server) cannot
 * do them meanwhile; with this it can. A run takes about 0.2 ms more, and copies what goes in and comes out. The thread
 * keeps the process alive only while it has something to do.
 *
 * ONNX Runtime aborts the whole process when its thread is stopped in the middle of a call. So the thread is never
 * stopped: it is asked to end, and the end of the process waits for the call.
 */
export class SessionThread implements SessionHost, AsyncDisposable {
  private readonly worker: Worker;
  private readonly ort: Ort;
  private readonly gate = new ThreadGate();
  private readonly pending = new Map<number, Pending>();
  private failure: AlbertineError | undefined;
  private hasExited = false;
  private lastId = 0;

  private constructor(ort: Ort) {
    this.ort = ort;
    const workerData: SessionWorkerData = { gate: this.gate.memory };
    this.worker = startThread(new URL('./session-worker-node.js', import.meta.url), workerData);
    this.worker.unref();
    this.worker.on('message', (answer: SessionAnswer) => this.receive(answer));
    this.worker.on('error', (cause) => this.end(failed(`the session thread failed: ${cause.message}`, cause)));
    process.once('exit', this.holdBack);
    this.worker.on('exit', () => {
      this.hasExited = true;
      process.off('exit', this.holdBack);
      this.end(failed('the session thread has ended'));
    });
  }

  /** Starts the thread. Throws `runtime_unavailable` as models do that are opened without it. */
  static async open(): Promise<SessionThread> {
    return new SessionThread((await loadOrt()).ort);
  }

  /** Whether it has ended, so that nothing it was asked or will be asked is answered. */
  get hasEnded(): boolean {
    return this.failure !== undefined;
  }

  async create(model: Uint8Array, options: OrtModule.InferenceSession.SessionOptions): Promise<RunnableSession> {
    const { session } = await this.ask({ create: { model, options } }, [model.buffer as ArrayBuffer]);
    return {
      run: (feeds, fetches) => this.run(session!, feeds, fetches),
      // The end of the thread has released it too.
      release: async () => void (await this.ask({ release: session! }).catch(() => undefined)),
    };
  }

  /** Ends the thread after the run it is at; what it has not done yet is rejected with `disposed`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasExited) return;
    const ended = new Promise((resolve) => this.worker.once('exit', resolve));
    this.end(new AlbertineError('disposed', 'the session thread has been closed'));
    this.gate.close();
    // Otherwise a process that waits for nothing else ends before this has.
    this.worker.ref();
    this.worker.postMessage({ id: ++this.lastId, end: true });
    await ended;
  }

  /** The process ends and stops its threads: this one not before it has left ONNX Runtime. */
  private readonly holdBack = (): void => {
    this.gate.close();
    this.gate.waitUntilLeft(EXIT_WAIT);
  };

  private async run(
    session: number,
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
  ): Promise<Record<string, OrtTensor>> {
    const sent: Record<string, SentTensor> = {};
    for (const [name, { type, dims, data }] of Object.entries(feeds))
      // A view would take the whole buffer along that it looks at, and a buffer that is handed over is lost here.
      sent[name] = { type, dims, data: (data as Uint8Array).slice() };
    const { results } = await this.ask(
      { run: { session, feeds: sent, fetches: Object.keys(fetches) } },
      buffersOf(sent),
    );
    return Object.fromEntries(
      Object.entries(results!).map(([name, { type, dims, data }]) => [
        name,
        new this.ort.Tensor(type as 'float32', data as Float32Array, dims),
      ]),
    );
  }

  private ask(
    task: SessionTask,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<{ session?: number; results?: Record<string, SentTensor> }> {
    if (this.failure) return Promise.reject(this.failure);
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      if (this.pending.size === 0) this.worker.ref();
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...task }, transfer);
    });
  }

  private receive(answer: SessionAnswer): void {
    const pending = this.pending.get(answer.id);
    // Rejected meanwhile: the thread is at its end.
    if (!pending) return;
    this.pending.delete(answer.id);
    if (this.pending.size === 0) this.worker.unref();
    if ('error' in answer) pending.reject(new Error(answer.error));
    else pending.resolve(answer);
  }

  /** Nothing is answered from now on. */
  private end(reason: AlbertineError): void {
    this.failure ??= reason;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }
}

const failed = (message: string, cause?: unknown): AlbertineError =>
  new AlbertineError('runtime_failed', message, { cause });

/** The memory of tensors, to be handed over. */
export const buffersOf = (tensors: Readonly<Record<string, SentTensor>>): ArrayBuffer[] => [
  ...new Set(Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer)),
];
