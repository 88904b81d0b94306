import { rm } from 'node:fs/promises';
import { countTerms } from '../../classical/bm25.ts';
import { mixedTerms } from '../../classical/terms.ts';
import { FileSink } from '../../data/sink-node.ts';
import { PlacedFile } from '../placed-file-node.ts';
import { ByteBuffer, HEADER_BYTES, headerBytes, sectionsOf, writePosting } from './postings.ts';
import { RunReader, writeRecord } from './runs-node.ts';

/** Postings that are kept in memory, 12 bytes each, before they go into a run of their own. */
const RUN_POSTINGS = 8_000_000;

/** Bytes that are collected before they are written. */
const WRITE_BYTES = 1 << 16;

async function writeOut(bytes: ByteBuffer, sink: FileSink): Promise<void> {
  await sink.write(bytes.content);
  bytes.clear();
}

/**
 * Writes the words of documents as `postings.ts` says. Memory does not grow with them but for the distinct terms, a few
 * dozen bytes each, and 8 bytes a document: postings go sorted into runs, files of their own beside it, which are merged
 * in the end.
 */
export class PostingsWriter {
  private readonly path: string;
  private readonly lengths: number[] = [];
  private totalLength = 0;
  private readonly runs: string[] = [];
  private readonly runPostings: number;
  private ids = new Map<string, number>();
  private waiting = new WaitingPostings();

  /** `runPostings`: how many are sorted at a time. */
  constructor(path: string, { runPostings = RUN_POSTINGS }: { runPostings?: number } = {}) {
    this.path = path;
    this.runPostings = runPostings;
  }

  /** Adds the next document. */
  async add(text: string): Promise<void> {
    const terms = mixedTerms(text);
    const document = this.lengths.length;
    this.lengths.push(terms.length);
    this.totalLength += terms.length;
    for (const [term, count] of countTerms(terms)) {
      let id = this.ids.get(term);
      if (id === undefined) this.ids.set(term, (id = this.ids.size));
      this.waiting.push(id, document, count);
    }
    if (this.waiting.size >= this.runPostings) await this.writeRun();
  }

  /** Writes the file. */
  async close(): Promise<void> {
    await this.writeRun();
    const sink = await FileSink.open(this.path);
    try {
      await this.merge(sink);
    } finally {
      await sink.close();
      await this.abort();
    }
  }

  /** Removes what is beside the file. */
  async abort(): Promise<void> {
    for (const run of this.runs.splice(0)) await rm(run, { force: true });
  }

  private async writeRun(): Promise<void> {
    const path = `${this.path}.run${this.runs.length}`;
    this.runs.push(path);
    const terms = [...this.ids.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    const { order, ends, documents, counts } = this.waiting.byTerm(this.ids.size);
    const sink = await FileSink.open(path);
    const [records, postings] = [new ByteBuffer(), new ByteBuffer()];
    for (const [term, id] of terms) {
      postings.clear();
      const [from, to] = [id === 0 ? 0 : ends[id - 1], ends[id]];
      let last = 0;
      for (let i = from; i < to; i++) {
        const document = documents[order[i]];
        writePosting(postings, { document, count: counts[order[i]] }, last);
        last = document;
      }
      writeRecord(records, { term, found: to - from, last, postings: postings.content });
      if (records.length >= WRITE_BYTES) await writeOut(records, sink);
    }
    await writeOut(records, sink);
    await sink.close();
    this.ids = new Map();
    this.waiting = new WaitingPostings();
  }

  private async merge(sink: FileSink): Promise<void> {
    const readers = await Promise.all(this.runs.map(async (run) => new RunReader(await PlacedFile.open(run))));
    const [places, starts, found] = [[0], [0], [] as number[]];
    const [text, postings] = [new ByteBuffer(), new ByteBuffer()];
    await sink.write(Buffer.alloc(HEADER_BYTES));
    let postingBytes = 0;
    try {
      for (;;) {
        let term: string | undefined;
        for (const { record } of readers) if (record && (term === undefined || record.term < term)) term = record.term;
        if (term === undefined) break;
        let [count, last] = [0, 0];
        // Runs are in the order of their documents.
        for (const reader of readers) {
          if (reader.record?.term !== term) continue;
          const before = postings.length;
          reader.record.writePostings(postings, last);
          postingBytes += postings.length - before;
          count += reader.record.found;
          ({ last } = reader.record);
          reader.next();
        }
        text.append(Buffer.from(term));
        starts.push(text.length);
        places.push(postingBytes);
        found.push(count);
        if (postings.length >= WRITE_BYTES) await writeOut(postings, sink);
      }
      await writeOut(postings, sink);
    } finally {
      for (const reader of readers) await reader.file[Symbol.asyncDispose]();
    }
    const header = {
      ...{ documents: this.lengths.length, totalLength: this.totalLength, terms: found.length },
      ...{ postingBytes, termBytes: text.length },
    };
    await sink.write(Buffer.alloc(sectionsOf(header).places - HEADER_BYTES - postingBytes));
    for (const table of [
      Float64Array.from(places),
      ...[this.lengths, found, starts].map((all) => Uint32Array.from(all)),
    ])
      await sink.write(new Uint8Array(table.buffer));
    await sink.write(text.content);
    await sink.flush();
    await sink.writeAt(headerBytes(header), 0);
  }
}

/** Postings in the order of their documents, in flat arrays that grow. */
class WaitingPostings {
  size = 0;
  private ids = new Int32Array(1 << 14);
  private documents = new Uint32Array(1 << 14);
  private counts = new Uint32Array(1 << 14);

  push(id: number, document: number, count: number): void {
    if (this.size === this.ids.length) {
      const grown = <T extends Int32Array | Uint32Array>(array: T, larger: T): T => (larger.set(array), larger);
      this.ids = grown(this.ids, new Int32Array(2 * this.size));
      this.documents = grown(this.documents, new Uint32Array(2 * this.size));
      this.counts = grown(this.counts, new Uint32Array(2 * this.size));
    }
    this.ids[this.size] = id;
    this.documents[this.size] = document;
    this.counts[this.size++] = count;
  }

  /** Their places by term, in the order they have: counted and put where the count says. `ends` of each term. */
  byTerm(terms: number): { order: Uint32Array; ends: Uint32Array; documents: Uint32Array; counts: Uint32Array } {
    const ends = new Uint32Array(terms);
    for (let i = 0; i < this.size; i++) ends[this.ids[i]]++;
    for (let id = 1; id < terms; id++) ends[id] += ends[id - 1];
    const order = new Uint32Array(this.size);
    const next = ends.slice();
    for (let i = this.size - 1; i >= 0; i--) order[--next[this.ids[i]]] = i;
    return { order, ends, documents: this.documents, counts: this.counts };
  }
}
