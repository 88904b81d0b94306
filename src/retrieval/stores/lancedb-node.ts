import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { TopRows } from '../../core/top-rows.ts';
import { dot } from '../../metrics/similarity.ts';
import { loadOptional } from './optional.ts';
import type { NearestOptions, ScoredRow, StorePlace, VectorStore, VectorStoreKind, VectorWriter } from './store.ts';
import { nearestAccepted } from './widening.ts';

/** What is used of LanceDB and Apache Arrow, which are no dependencies: only who asks for this store installs them. */
interface Column {
  toArray(): ArrayLike<number>;
}
interface ArrowTable {
  getChild(name: string): Column & { data: readonly { children: readonly { values: Float32Array }[] }[] };
}
interface Query {
  select(columns: string[]): this;
  toArrow(): Promise<ArrowTable>;
}
interface VectorQuery extends Query {
  distanceType(name: 'cosine'): this;
  limit(rows: number): this;
  nprobes(partitions: number): this;
  ef(candidates: number): this;
  refineFactor(factor: number): this;
  bypassVectorIndex(): this;
}
interface LanceTable {
  add(data: unknown): Promise<unknown>;
  countRows(): Promise<number>;
  createIndex(column: string, options: { config: unknown }): Promise<void>;
  listIndices(): Promise<readonly unknown[]>;
  query(): { nearestTo(vector: Float32Array): VectorQuery };
  schema(): Promise<{ fields: readonly { name: string; type: { listSize: number } }[] }>;
  takeOffsets(rows: readonly number[]): Query;
  close(): void;
}
interface Connection {
  createTable(name: string, data: unknown): Promise<LanceTable>;
  openTable(name: string): Promise<LanceTable>;
  close(): void;
}
interface Lance {
  connect(path: string): Promise<Connection>;
  Index: { hnswSq(options: object): unknown };
}
interface Arrow {
  Field: new (name: string, type: unknown, nullable: boolean) => unknown;
  FixedSizeList: new (size: number, field: unknown) => unknown;
  Float32: new () => unknown;
  Int32: new () => unknown;
  Table: new (columns: Record<string, unknown>) => unknown;
  Vector: new (data: unknown[]) => unknown;
  makeData(parts: object): unknown;
}

const FOLDER = 'lance';
const TABLE = 'vectors';
/** Rows that are given to LanceDB at a time: each becomes a file. */
const BATCH_ROWS = 32_768;
/** Vectors from which on they are not all compared. */
const INDEXED_ROWS = 50_000;
/** Default of `oversample`: LanceDB's refine factor. */
const REFINE = 4;
/** Candidates that the graph is searched for, at least. */
const LEAST_CANDIDATES = 200;
/** Vectors of one graph at most. */
const GRAPH_ROWS = 1_000_000;
/** What a graph is built with: measured by bench/retrieval/stores.ts, half the time of LanceDB's defaults. */
const GRAPH = { distanceType: 'cosine', m: 16, efConstruction: 100, maxIterations: 5, sampleRate: 64 };
/** Rows that a filter leaves up to which they are read and compared one by one. */
const COMPARED_ROWS = 20_000;

/** The package, in the last version for Node 20, and what brings it. */
const PACKAGE: string = '@lancedb/lancedb';
const INSTALLED = `${PACKAGE}@0.22`;

/** Throws `runtime_unavailable` where LanceDB is not installed. */
async function importLance(): Promise<{ lance: Lance; arrow: Arrow }> {
  // LanceDB tells on standard error of every table that it makes.
  process.env['LANCEDB_LOG'] ??= 'error';
  return await loadOptional('lancedb', INSTALLED, async () => {
    const lance = (await import(PACKAGE)) as Lance;
    // The Arrow that LanceDB itself has: tables of another copy, even of the same version, it takes for empty ones.
    const require = createRequire(createRequire(import.meta.url).resolve(PACKAGE));
    return { lance, arrow: require('apache-arrow') as Arrow };
  });
}

/** Vectors in a LanceDB table; opened when it is asked for. */
class LanceStore implements VectorStore {
  readonly rows: number;
  readonly dimensions: number;
  readonly oversample: number | undefined;
  private readonly connection: Connection;
  private readonly table: LanceTable;

  constructor(parts: { connection: Connection; table: LanceTable }, shape: Shape) {
    this.connection = parts.connection;
    this.table = parts.table;
    this.rows = shape.rows;
    this.dimensions = shape.dimensions;
    this.oversample = shape.isIndexed ? REFINE : undefined;
  }

  /**
   * With a filter that leaves few rows, all of them are compared. With another as many more rows are asked for as the
   * filter takes away, and more again, until enough are left: LanceDB does not know the fields of chunks.
   */
  async nearest(query: Float32Array, { limit, accept, oversample = REFINE }: NearestOptions): Promise<ScoredRow[]> {
    if (!accept) return await this.found(query, { limit: Math.min(limit, this.rows), oversample });
    const accepted = accept.reduce((sum, is) => sum + (is === 0 ? 0 : 1), 0);
    const wanted = Math.min(limit, accepted);
    if (accepted <= COMPARED_ROWS) return await this.compared(query, { accept, wanted });
    return await nearestAccepted({ rows: this.rows, wanted, accept, accepted }, (all) =>
      this.found(query, { limit: all, oversample }),
    );
  }

  async read(rows: readonly number[]): Promise<Float32Array[]> {
    const found = new Map<number, Float32Array>();
    for (let from = 0; from < rows.length; from += BATCH_ROWS) {
      const table = await this.table
        .takeOffsets(rows.slice(from, from + BATCH_ROWS))
        .select(['row', 'vector'])
        .toArrow();
      const vectors = table.getChild('vector').data.flatMap((part) => {
        const { values } = part.children[0];
        return Array.from({ length: values.length / this.dimensions }, (_, i) =>
          values.subarray(i * this.dimensions, (i + 1) * this.dimensions),
        );
      });
      Array.from(table.getChild('row').toArray()).forEach((row, i) => found.set(row, vectors[i]));
    }
    return rows.map((row) => found.get(row)!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.table.close();
    this.connection.close();
    return Promise.resolve();
  }

  /** The nearest of all rows. */
  private async found(
    query: Float32Array,
    { limit, oversample }: { limit: number; oversample: number },
  ): Promise<ScoredRow[]> {
    const asked = this.table.query().nearestTo(query).distanceType('cosine').limit(limit).select(['row', '_distance']);
    const candidates = Math.max(LEAST_CANDIDATES, Math.ceil(1.5 * limit * oversample));
    if (this.oversample === undefined || candidates > this.rows / 10) asked.bypassVectorIndex();
    else asked.nprobes(graphsOf(this.rows)).ef(candidates).refineFactor(oversample);
    const table = await asked.toArrow();
    const distances = table.getChild('_distance').toArray();
    return Array.from(table.getChild('row').toArray(), (row, i) => ({ row, score: 1 - distances[i] })).sort(
      (a, b) => b.score - a.score || a.row - b.row,
    );
  }

  private async compared(
    query: Float32Array,
    { accept, wanted }: { accept: Uint8Array; wanted: number },
  ): Promise<ScoredRow[]> {
    const rows = [...accept.keys()].filter((row) => accept[row] !== 0);
    const top = new TopRows(wanted);
    (await this.read(rows)).forEach((vector, i) => top.offer(rows[i], dot(vector, query)));
    return top.sorted();
  }
}

interface Shape {
  rows: number;
  dimensions: number;
  isIndexed: boolean;
}

const graphsOf = (rows: number): number => Math.ceil(rows / GRAPH_ROWS);

interface LanceParts {
  lance: Lance;
  arrow: Arrow;
  indexedRows: number;
}

class LanceWriter implements VectorWriter {
  private readonly indexedRows: number;
  private readonly folder: string;
  private readonly dimensions: number;
  private readonly lance: Lance;
  private readonly arrow: Arrow;
  private connection: Connection | undefined;
  private table: LanceTable | undefined;
  private waiting: Float32Array[] = [];
  private waitingRows = 0;
  private rows = 0;

  constructor(folder: string, dimensions: number, { lance, arrow, indexedRows }: LanceParts) {
    this.indexedRows = indexedRows;
    this.folder = folder;
    this.dimensions = dimensions;
    this.lance = lance;
    this.arrow = arrow;
  }

  async write(vectors: Float32Array): Promise<void> {
    this.waiting.push(vectors);
    this.waitingRows += vectors.length / this.dimensions;
    if (this.waitingRows >= BATCH_ROWS) await this.flush();
  }

  async close(): Promise<void> {
    await this.flush();
    const taken = (await this.table?.countRows()) ?? 0;
    if (taken !== this.rows)
      throw new AlbertineError('runtime_failed', `LanceDB has taken ${taken} vectors of ${this.rows}`, {
        value: taken,
      });
    if (this.rows >= this.indexedRows) {
      const config = this.lance.Index.hnswSq({ ...GRAPH, numPartitions: graphsOf(this.rows) });
      await this.table!.createIndex('vector', { config });
    }
    this.release();
  }

  async abort(): Promise<void> {
    this.release();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async flush(): Promise<void> {
    if (this.waitingRows === 0) return;
    const data = new Float32Array(this.waitingRows * this.dimensions);
    let at = 0;
    for (const vectors of this.waiting) {
      data.set(vectors, at);
      at += vectors.length;
    }
    const table = this.arrowTable(data);
    this.connection ??= await this.lance.connect(this.folder);
    if (this.table) await this.table.add(table);
    else this.table = await this.connection.createTable(TABLE, table);
    this.rows += this.waitingRows;
    this.waiting = [];
    this.waitingRows = 0;
  }

  /** `[rows, dimensions]`, with their numbers. */
  private arrowTable(data: Float32Array): unknown {
    const { Field, FixedSizeList, Float32, Int32, Table, Vector, makeData } = this.arrow;
    const length = data.length / this.dimensions;
    const row = makeData({ type: new Int32(), data: Int32Array.from({ length }, (_, i) => this.rows + i) });
    const numbers = makeData({ type: new Float32(), data });
    const type = new FixedSizeList(this.dimensions, new Field('item', new Float32(), true));
    const vector = makeData({ type, length, nullCount: 0, child: numbers });
    return new Table({ row: new Vector([row]), vector: new Vector([vector]) });
  }

  private release(): void {
    this.table?.close();
    this.connection?.close();
    this.table = undefined;
    this.connection = undefined;
  }
}

/** Writes a table, with an index where there are `indexedRows` vectors or more. */
export async function createLance(
  { folder }: Pick<StorePlace, 'folder'>,
  dimensions: number,
  indexedRows = INDEXED_ROWS,
): Promise<VectorWriter> {
  return new LanceWriter(join(folder, FOLDER), dimensions, { ...(await importLance()), indexedRows });
}

/**
 * A LanceDB table in the folder of the index: exact up to {@link INDEXED_ROWS} vectors, then a graph of
 * neighbours over vectors of one byte a number (IVF_HNSW_SQ), whose candidates are compared again by their whole vectors.
 */
export const lanceStore: VectorStoreKind = {
  name: 'lancedb',
  create: (place, dimensions) => createLance(place, dimensions),
  async open({ folder }) {
    const { lance } = await importLance();
    const connection = await lance.connect(join(folder, FOLDER));
    const table = await connection.openTable(TABLE).catch((cause: Error) => {
      connection.close();
      throw new AlbertineError('invalid_file', `no LanceDB table in ${join(folder, FOLDER)} (${cause.message})`, {
        cause,
      });
    });
    const { fields } = await table.schema();
    return new LanceStore(
      { connection, table },
      {
        rows: await table.countRows(),
        dimensions: fields.find(({ name }) => name === 'vector')!.type.listSize,
        isIndexed: (await table.listIndices()).length > 0,
      },
    );
  },
  remove: async () => undefined,
};
