import type { Worker } from 'node:worker_threads';
import { AlbertineError } from '../../core/errors.ts';
import { openFolder } from '../../core/files-node.ts';
import { startThread } from '../../core/thread-node.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import { DocumentEncoder, type EncodedDocuments, type EncodeJob, type EncoderSettings } from './document-encoder.ts';

/** Encodes jobs somewhere; results come in any order. */
export interface EncoderPool {
  /** Jobs that may be under way at once without waiting for each other. */
  readonly size: number;
  run(job: EncodeJob): Promise<EncodedDocuments>;
  close(): Promise<void>;
}

/** Encoders on `workers` threads, each with its own tokeniser; with 0, one on the calling thread. */
export async function openEncoderPool(
  tokenizerFolder: string,
  settings: EncoderSettings,
  workers: number,
): Promise<EncoderPool> {
  if (workers === 0) {
    const encoder = new DocumentEncoder(await loadTokenizer(await openFolder(tokenizerFolder)), settings);
    return { size: 1, run: async (job) => encoder.encode(job), close: async () => undefined };
  }
  const threads = Array.from({ length: workers }, () => new EncoderThread(tokenizerFolder, settings));
  return {
    size: workers,
    // The thread with the fewest jobs waiting; the first of those.
    run: (job) => threads.reduce((best, thread) => (thread.waiting < best.waiting ? thread : best)).run(job),
    close: async () => void (await Promise.all(threads.map((thread) => thread.close()))),
  };
}

interface Pending {
  resolve(result: EncodedDocuments): void;
  reject(error: unknown): void;
}

class EncoderThread {
  private readonly worker: Worker;
  /** A thread answers in the order of its jobs. */
  private readonly pending: Pending[] = [];
  private failure: AlbertineError | undefined;

  constructor(tokenizerFolder: string, settings: EncoderSettings) {
    this.worker = startThread(new URL('./tokenize-worker-node.js', import.meta.url), { tokenizerFolder, settings });
    this.worker.on('message', (reply: { result: EncodedDocuments } | { error: string }) => {
      const job = this.pending.shift()!;
      if ('result' in reply) job.resolve(reply.result);
      else job.reject(new AlbertineError('runtime_failed', `encoding failed: ${reply.error}`));
    });
    this.worker.on('error', (cause) =>
      this.fail(new AlbertineError('runtime_failed', `an encoder thread failed: ${cause.message}`, { cause })),
    );
    this.worker.on('exit', (code) =>
      this.fail(new AlbertineError('runtime_failed', `an encoder thread ended with code ${code}`, { value: code })),
    );
  }

  get waiting(): number {
    return this.pending.length;
  }

  run(job: EncodeJob): Promise<EncodedDocuments> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve, reject });
      this.worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private fail(error: AlbertineError): void {
    this.failure ??= error;
    for (const job of this.pending.splice(0)) job.reject(this.failure);
  }
}
