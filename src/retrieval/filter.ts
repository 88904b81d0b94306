import { readCondition, unknownField, type FieldValue, type Filter } from '../core/filter.ts';
import { contentOf, requireComparable, type FieldContent } from '../core/filter-values.ts';
import type { Chunk } from './chunk.ts';

export { parseFilter, type Condition, type Filter } from '../core/filter.ts';

/** What every chunk has, or may have, besides the fields of its row or of the head of its file. `file` may have `*`. */
const OWN = ['file', 'title', 'heading', 'page', 'row'];

const NO_CHUNK = 'no chunk of the index has a field';

/** What filters ask for of a chunk. */
export type FilteredChunk = Pick<Chunk, 'file' | 'title' | 'headings' | 'page' | 'row' | 'fields'>;

/** A field of all chunks: for each the number of its value, or list of values. */
interface Column {
  codes: Uint32Array;
  values: readonly (readonly (FieldValue | undefined)[])[];
  content: FieldContent;
}

/**
 * Decides which chunks meet a filter. The first filter that names a field reads it of all chunks, and keeps it: 4 bytes
 * a chunk, and every value once.
 */
export class ChunkFilter {
  private readonly chunks: () => AsyncIterable<readonly FilteredChunk[]>;
  private readonly rows: number;
  private readonly columns = new Map<string, Column>();
  /** Of fields that chunks have; known when all were read once. */
  private names: ReadonlySet<string> | undefined;
  private reading: Promise<void> = Promise.resolve();

  /** `chunks` gives all of them, in order, some at a time. */
  constructor(chunks: () => AsyncIterable<readonly FilteredChunk[]>, rows: number) {
    this.chunks = chunks;
    this.rows = rows;
  }

  /**
   * One byte a chunk: 1 for those that meet every condition. Throws `invalid_argument` for a field that no chunk has,
   * naming the nearest, and for a value that none can have: an empty one where none is, a word where all are numbers.
   */
  async accepted(filter: Filter): Promise<Uint8Array> {
    const tests = Object.entries(filter).map(([name, condition]) => {
      return { name, ...readCondition(name, condition, { patterns: name === 'file' }) };
    });
    // One after the other, so that a field is not read twice; the failure of one does not concern the next.
    const names = tests.map(({ name }) => name);
    const reading = this.reading.then(() => this.readColumns(names));
    this.reading = reading.catch(() => undefined);
    await reading;
    for (const { name, compared } of tests)
      requireComparable(name, compared, { content: this.columns.get(name)!.content, place: 'in this index' });
    const accept = new Uint8Array(this.rows).fill(1);
    for (const { name, meets } of tests) {
      const { codes, values } = this.columns.get(name)!;
      const accepted = values.map((value) => value.some(meets));
      for (let row = 0; row < codes.length; row++) if (!accepted[codes[row]]) accept[row] = 0;
    }
    return accept;
  }

  private async readColumns(wanted: readonly string[]): Promise<void> {
    const missing = wanted.filter((name) => !this.columns.has(name));
    if (missing.length === 0) return;
    for (const name of missing) if (this.names && !this.names.has(name)) throw unknownField(name, this.names, NO_CHUNK);
    const columns = missing.map((name) => new ColumnBuilder(name, this.rows));
    const names = new Set(OWN);
    for await (const chunks of this.chunks())
      for (const chunk of chunks) {
        for (const name in chunk.fields) names.add(name);
        for (const column of columns) column.add(chunk);
      }
    this.names = names;
    for (const name of missing) if (!names.has(name)) throw unknownField(name, names, NO_CHUNK);
    for (const column of columns) this.columns.set(column.name, column);
  }
}

class ColumnBuilder implements Column {
  readonly name: string;
  readonly codes: Uint32Array;
  readonly values: (readonly (FieldValue | undefined)[])[] = [];
  private readonly known = new Map<FieldValue | undefined, number>();
  private row = 0;
  private held: FieldContent | undefined;

  constructor(name: string, rows: number) {
    this.name = name;
    this.codes = new Uint32Array(rows);
  }

  /** Of all chunks, once they were added. */
  get content(): FieldContent {
    return (this.held ??= contentOf(this.values.flat()));
  }

  add(chunk: FilteredChunk): void {
    const values = valuesOf(chunk, this.name);
    const key = values.length === 1 ? values[0] : JSON.stringify(values);
    let code = this.known.get(key);
    if (code === undefined) {
      this.known.set(key, (code = this.values.length));
      this.values.push(values);
    }
    this.codes[this.row++] = code;
  }
}

function valuesOf(chunk: FilteredChunk, name: string): readonly (FieldValue | undefined)[] {
  if (chunk.fields && Object.hasOwn(chunk.fields, name)) return [chunk.fields[name]];
  if (name === 'heading') return chunk.headings ?? [];
  return OWN.includes(name) ? [chunk[name as 'file' | 'title' | 'page' | 'row']] : [undefined];
}
