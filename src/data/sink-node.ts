import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { makeFolder } from '../core/files-node.ts';
import { explainSystemError } from '../core/system-errors.ts';

/** Bytes written in order, to a file or to standard output, collected into large writes. */
export interface Sink {
  /** Resolves when the bytes are taken; waits while the receiver is slower than the writer. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Hands everything written so far to the operating system. */
  flush(): Promise<void>;
  /** Flushes and lets go of the file. Safe to call twice. */
  close(): Promise<void>;
}

const BUFFER_BYTES = 256 * 1024;

/** Slow producers lose at most this much work if the process is killed. */
export const FLUSH_INTERVAL_MS = 1000;

/** A file {@link Sink} that can also rewrite bytes at a position. */
export class FileSink implements Sink {
  private buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  private used = 0;
  private flushedAt = performance.now();
  private position: number;
  private file: FileHandle | undefined;

  private constructor(file: FileHandle, position: number) {
    this.file = file;
    this.position = position;
  }

  /** Creates the file and its folders, or keeps its first `keepBytes` bytes and continues after them. */
  static async open(path: string, keepBytes = 0): Promise<FileSink> {
    await makeFolder(dirname(path));
    const file = await open(path, keepBytes > 0 ? 'r+' : 'w').catch((cause: Error) => {
      throw (
        explainSystemError(cause) ??
        new AlbertineError('invalid_argument', `cannot write ${path}: ${cause.message}`, { value: path, cause })
      );
    });
    if (keepBytes > 0) await file.truncate(keepBytes);
    return new FileSink(file, keepBytes);
  }

  async write(content: Uint8Array | string): Promise<void> {
    this.openFile();
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const flushed = this.used + bytes.length > BUFFER_BYTES ? this.flush() : undefined;
    if (bytes.length > BUFFER_BYTES) {
      const start = this.position;
      this.position += bytes.length;
      await Promise.all([flushed, this.writeAt(bytes, start)]);
      return;
    }
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
    await flushed;
    if (performance.now() - this.flushedAt >= FLUSH_INTERVAL_MS) await this.flush();
  }

  /** Overwrites bytes that were flushed before. */
  async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    const file = this.openFile();
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  async flush(): Promise<void> {
    this.flushedAt = performance.now();
    if (this.used === 0) return;
    const full = this.buffer.subarray(0, this.used);
    const start = this.position;
    // State moves on before the wait, so that a write that is not awaited cannot spoil the order.
    this.buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    this.used = 0;
    this.position += full.length;
    await this.writeAt(full, start);
  }

  async close(): Promise<void> {
    if (!this.file) return;
    try {
      await this.flush();
      // Before the file takes its final name; a pipe or a device has nothing to be kept.
      await this.file.sync().catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EINVAL' && error.code !== 'EROFS' && error.code !== 'ENOTSUP') throw error;
      });
    } finally {
      const { file } = this;
      this.file = undefined;
      await file.close();
    }
  }

  private openFile(): FileHandle {
    if (!this.file) throw new AlbertineError('disposed', 'the output is closed already');
    return this.file;
  }
}

/**
 * Standard output as a {@link Sink}, each write at once so that a reader sees records as they are made.
 * Throws `interrupted` when the reader has gone (`| head`).
 */
export function stdoutSink(): Sink {
  // The stream also emits what the callback gets, which ends the process if nobody listens.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => undefined);
  const write = (bytes: Uint8Array | string): Promise<void> =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (cause) => {
        if (!cause) resolve();
        else if ((cause as NodeJS.ErrnoException).code !== 'EPIPE') reject(cause);
        else reject(new AlbertineError('interrupted', 'the reader of standard output has gone', { cause }));
      });
    });
  return { write, flush: async () => undefined, close: async () => undefined };
}
