import type { PlacedFile } from '../placed-file-node.ts';
import { varintBytes, readVarint, type ByteBuffer } from './postings.ts';

/** Bytes that are read of a run at a time, at least. */
const READ_BYTES = 1 << 16;

/** A term of a run: some of its postings, those of documents that follow each other. */
export interface TermRecord {
  term: string;
  /** Documents that have it. */
  found: number;
  /** The last of them. */
  last: number;
  postings: Uint8Array;
}

/** Adds a record: its length, then the bytes of the term and the term, `found`, `last`, and the postings. */
export function writeRecord(to: ByteBuffer, { term, found, last, postings }: TermRecord): void {
  const name = Buffer.from(term);
  const bytes = [name.length, found, last].reduce((sum, value) => sum + varintBytes(value), 0);
  to.varint(bytes + name.length + postings.length);
  to.varint(name.length);
  to.append(name);
  to.varint(found);
  to.varint(last);
  to.append(postings);
}

class ReadRecord implements TermRecord {
  readonly term: string;
  readonly found: number;
  readonly last: number;
  readonly postings: Uint8Array;

  constructor(bytes: Buffer) {
    const [length, start] = readVarint(bytes, 0);
    this.term = bytes.toString('utf8', start, start + length);
    let at: number;
    [this.found, at] = readVarint(bytes, start + length);
    [this.last, at] = readVarint(bytes, at);
    this.postings = bytes.subarray(at);
  }

  /** Adds the postings as they stand after those of the document `before`. */
  writePostings(to: ByteBuffer, before: number): void {
    const [code, at] = readVarint(this.postings, 0);
    to.varint(code - 2 * before);
    to.append(this.postings.subarray(at));
  }
}

/** Reads the terms of a run, one after the other. */
export class RunReader {
  readonly file: PlacedFile;
  /** The one that it is at; undefined after the last. */
  record: ReadRecord | undefined;
  private buffer = Buffer.alloc(0);
  private at = 0;
  private position = 0;

  constructor(file: PlacedFile) {
    this.file = file;
    this.next();
  }

  next(): void {
    // A length has 8 bytes at most.
    this.need(8);
    if (this.at === this.buffer.length) {
      this.record = undefined;
      return;
    }
    const [length, start] = readVarint(this.buffer, this.at);
    this.at = start;
    this.need(length);
    this.record = new ReadRecord(this.buffer.subarray(this.at, this.at + length));
    this.at += length;
  }

  /** Has `bytes` in the buffer, or what there is. Records that were given keep the memory that they lie in. */
  private need(bytes: number): void {
    const rest = this.buffer.subarray(this.at);
    if (rest.length >= bytes || this.position === this.file.size) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes, READ_BYTES) + rest.length);
    larger.set(rest);
    const read = this.file.readSync(larger.subarray(rest.length), this.position);
    this.position += read;
    this.buffer = larger.subarray(0, rest.length + read);
    this.at = 0;
  }
}
