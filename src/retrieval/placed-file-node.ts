import { readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** libuv reads at most 2 GiB at once. */
const MAX_READ = 2 ** 30;

/** A file that is read at places. It stays open, so that an update that removes its name does not disturb a search. */
export class PlacedFile implements AsyncDisposable {
  /** In bytes. */
  readonly size: number;
  private readonly file: FileHandle;

  private constructor(file: FileHandle, size: number) {
    this.file = file;
    this.size = size;
  }

  /** Throws Node's error where there is none. */
  static async open(path: string): Promise<PlacedFile> {
    const file = await open(path);
    return new PlacedFile(file, (await file.stat()).size);
  }

  /** The same; undefined where there is none. */
  static async openIfThere(path: string): Promise<PlacedFile | undefined> {
    return await PlacedFile.open(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
  }

  /** Bytes from `start` to before `end`; fewer where the file ends. In memory of their own, from its beginning on. */
  async read(start: number, end: number): Promise<Buffer> {
    const bytes = Buffer.from(new ArrayBuffer(Math.max(0, Math.min(end, this.size) - start)));
    for (let done = 0; done < bytes.length;) {
      const length = Math.min(bytes.length - done, MAX_READ);
      const { bytesRead } = await this.file.read(bytes, done, length, start + done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  }

  /** Fills `into` from `start` on, at once: many small reads cost less so than each with a wait. Returns how many bytes. */
  readSync(into: Uint8Array, start: number): number {
    let done = 0;
    while (done < into.length) {
      const read = readSync(this.file.fd, into, done, into.length - done, start + done);
      if (read === 0) break;
      done += read;
    }
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close();
  }
}
