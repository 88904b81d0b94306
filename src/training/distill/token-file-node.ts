import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';

/** Numbers held before they are written. */
const BUFFERED = 1 << 16;

/**
 * Token sequences in a file, so that millions of texts take a few bytes of memory each: written one after the other,
 * then read in any order.
 */
export class TokenFile implements Disposable {
  private readonly path: string;
  private readonly file: number;
  private readonly buffer = new Int32Array(BUFFERED);
  private waiting = 0;
  private written = 0;
  /** Where each sequence ends, in tokens. */
  private readonly ends: number[] = [];

  /** Replaces the file. */
  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, 'w+');
  }

  /** Sequences. */
  get length(): number {
    return this.ends.length;
  }

  /** Tokens of all sequences. */
  get tokenCount(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** Appends a sequence. */
  add(ids: Int32Array): void {
    if (this.waiting + ids.length > BUFFERED) this.flush();
    if (ids.length > BUFFERED) this.write(ids);
    else {
      this.buffer.set(ids, this.waiting);
      this.waiting += ids.length;
    }
    this.ends.push(this.tokenCount + ids.length);
  }

  /** Tokens of a sequence. */
  lengthOf(index: number): number {
    return this.ends[index] - (index === 0 ? 0 : this.ends[index - 1]);
  }

  /** The ids of a sequence. */
  sequence(index: number): Int32Array {
    if (this.waiting > 0) this.flush();
    const ids = new Int32Array(this.lengthOf(index));
    const bytes = Buffer.from(ids.buffer);
    let done = 0;
    while (done < bytes.length) {
      const got = readSync(this.file, bytes, done, bytes.length - done, 4 * (this.ends[index] - ids.length) + done);
      if (got === 0) throw new Error(`${this.path} ended early`);
      done += got;
    }
    return ids;
  }

  /** Closes and removes the file: it is made again from the texts. */
  [Symbol.dispose](): void {
    closeSync(this.file);
    rmSync(this.path, { force: true });
  }

  private flush(): void {
    this.write(this.buffer.subarray(0, this.waiting));
    this.waiting = 0;
  }

  private write(ids: Int32Array): void {
    const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.file, bytes, done, bytes.length - done, 4 * this.written + done);
    this.written += ids.length;
  }
}
