import { join } from 'node:path';
import { countOf } from '../core/count.ts';
import { pick } from '../core/pick.ts';
import { toJson } from '../data/json.ts';
import { FileSink } from '../data/sink-node.ts';
import type { Chunk } from './chunk.ts';
import { damaged, notTogether } from './damaged.ts';
import type { FilteredChunk } from './filter.ts';
import { MANIFEST } from './generations-node.ts';
import { PlacedFile } from './placed-file-node.ts';

/** Chunks as JSON, one a line. */
const CHUNKS = 'chunks.jsonl';
/** Where the lines begin, and the end of the last: float64, little-endian. */
const OFFSETS = 'chunks.offsets';
/** What filters ask for of each chunk, as JSON, one a line: read in place of the texts, which are most of `chunks.jsonl`. */
const FIELDS = 'fields.jsonl';
const FILTERED = ['file', 'title', 'headings', 'page', 'row', 'fields'] as const;

/** Bytes that are read at a time where all chunks are. */
const READ_BYTES = 1 << 20;
const LINE_FEED = 10;

/** Writes the chunks of a generation. */
export class ChunkWriter {
  private readonly sinks: { chunks: FileSink; offsets: FileSink; fields: FileSink };
  private position = 0;

  private constructor(sinks: ChunkWriter['sinks']) {
    this.sinks = sinks;
  }

  /** Into a folder. */
  static async open(folder: string): Promise<ChunkWriter> {
    const [chunks, offsets, fields] = await Promise.all(
      [CHUNKS, OFFSETS, FIELDS].map((name) => FileSink.open(join(folder, name))),
    );
    const writer = new ChunkWriter({ chunks, offsets, fields });
    await writer.writeOffset();
    return writer;
  }

  async write(chunk: Chunk): Promise<void> {
    const line = Buffer.from(`${toJson(chunk)}\n`);
    await this.sinks.chunks.write(line);
    this.position += line.length;
    await this.writeOffset();
    await this.sinks.fields.write(`${toJson(pick(chunk, FILTERED))}\n`);
  }

  /** Finishes the files, or gives them up. Safe to call twice. */
  async close(): Promise<void> {
    for (const sink of Object.values(this.sinks)) await (sink as FileSink).close();
  }

  private async writeOffset(): Promise<void> {
    await this.sinks.offsets.write(new Uint8Array(Float64Array.of(this.position).buffer));
  }
}

/**
 * The chunks of an index in their order, read from its folder when they are asked for: none of them is kept in memory,
 * but for 8 bytes that say where it stands.
 */
export class IndexedChunks implements AsyncDisposable {
  private readonly folder: string;
  private readonly file: PlacedFile;
  private readonly fieldsFile: PlacedFile | undefined;
  private readonly offsets: Float64Array;

  private constructor({ folder, file, fieldsFile, offsets }: ChunkFiles) {
    this.folder = folder;
    this.file = file;
    this.fieldsFile = fieldsFile;
    this.offsets = offsets;
  }

  /** Those of a generation, of which there are to be `count`. Throws `invalid_file` where they are damaged. */
  static async open(folder: string, count: number): Promise<IndexedChunks> {
    const path = join(folder, CHUNKS);
    const file = await PlacedFile.open(path).catch((cause: Error) => {
      throw damaged(path, `it cannot be read (${cause.message})`, cause);
    });
    const fieldsFile = await PlacedFile.openIfThere(join(folder, FIELDS));
    try {
      await using table = await PlacedFile.openIfThere(join(folder, OFFSETS));
      // Those of the first version have no table.
      const offsets = table
        ? new Float64Array((await table.read(0, 8 * Math.floor(table.size / 8))).buffer as ArrayBuffer)
        : await findOffsets(file);
      const places = join(folder, OFFSETS);
      if (offsets.at(-1) !== file.size)
        throw notTogether([path, places], `${file.size} bytes, and a last place of ${offsets.at(-1) ?? 'none'}`);
      if (offsets.length - 1 !== count)
        throw notTogether(
          [table ? places : path, join(folder, MANIFEST)],
          `${countOf(offsets.length - 1, 'chunk')}, and ${count}`,
        );
      return new IndexedChunks({ folder, file, fieldsFile, offsets });
    } catch (error) {
      await file[Symbol.asyncDispose]();
      await fieldsFile?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How many there are. */
  get length(): number {
    return this.offsets.length - 1;
  }

  /** Those of some rows, in the order of these; a row counts from 0. Throws `invalid_file` where they are damaged. */
  async read(rows: readonly number[]): Promise<Chunk[]> {
    return await Promise.all(
      rows.map(async (row) => {
        if (!(row in this.offsets) || row === this.length) throw new RangeError(`no chunk ${row} of ${this.length}`);
        return this.chunkOf(await this.file.read(this.offsets[row], this.offsets[row + 1]));
      }),
    );
  }

  /** Those from a row to before another, read some at a time. */
  async *range(from: number, to: number): AsyncGenerator<Chunk> {
    for await (const lines of linesOf(this.file, this.offsets[from], this.offsets[to]))
      for (const line of lines) yield this.chunkOf(line);
  }

  /** All of them. */
  [Symbol.asyncIterator](): AsyncGenerator<Chunk> {
    return this.range(0, this.length);
  }

  /** What filters ask for of every chunk, some at a time. */
  async *filtered(): AsyncGenerator<FilteredChunk[]> {
    const file = this.fieldsFile ?? this.file;
    const path = join(this.folder, this.fieldsFile ? FIELDS : CHUNKS);
    let count = 0;
    for await (const lines of linesOf(file, 0, file.size)) {
      count += lines.length;
      yield lines.map((line) =>
        parse(line, (cause) => damaged(path, `a line of it is no JSON (${cause.message})`, cause)),
      );
    }
    if (count !== this.length)
      throw notTogether([path, join(this.folder, OFFSETS)], `${countOf(count, 'chunk')}, and ${this.length}`);
  }

  /** Lets go of the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
    await this.fieldsFile?.[Symbol.asyncDispose]();
  }

  private chunkOf(line: Buffer): Chunk {
    return parse(line, (cause) =>
      notTogether(
        [join(this.folder, CHUNKS), join(this.folder, OFFSETS)],
        `at a place that one gives, the other has no JSON (${cause.message})`,
      ),
    ) as Chunk;
  }
}

function parse(line: Buffer, failure: (cause: Error) => Error): FilteredChunk {
  try {
    return JSON.parse(line.toString()) as FilteredChunk;
  } catch (cause) {
    throw failure(cause as Error);
  }
}

interface ChunkFiles {
  folder: string;
  file: PlacedFile;
  fieldsFile: PlacedFile | undefined;
  offsets: Float64Array;
}

async function* linesOf(file: PlacedFile, from: number, to: number): AsyncGenerator<Buffer[]> {
  let rest = Buffer.alloc(0);
  for (let at = from; at < to; at += READ_BYTES) {
    const bytes = Buffer.concat([rest, await file.read(at, Math.min(to, at + READ_BYTES))]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      lines.push(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    yield lines;
  }
  if (rest.length > 0) yield [rest];
}

async function findOffsets(file: PlacedFile): Promise<Float64Array> {
  const offsets = [0];
  for await (const lines of linesOf(file, 0, file.size))
    for (const { length } of lines) offsets.push(offsets.at(-1)! + length + 1);
  return Float64Array.from(offsets);
}
