import { AlbertineError } from '../../core/errors.ts';
import { databaseUrl, DATABASE_VARIABLE } from './database-url.ts';
import { loadOptional } from './optional.ts';
import type { NearestOptions, ScoredRow, StorePlace, VectorStore, VectorStoreKind, VectorWriter } from './store.ts';

/** What is used of `pg`, which is no dependency: only who asks for this store installs it. */
interface Client {
  connect(): Promise<unknown>;
  query(text: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: () => void): unknown;
}
interface Pg {
  Client: new (options: { connectionString: string; application_name: string }) => Client;
}

const PACKAGE: string = 'pg';
/** Vectors from which on they are not all compared. */
const INDEXED_ROWS = 50_000;
/** Default of `oversample`: the candidates of the index (`hnsw.ef_search`) for each row that is wanted. */
const OVERSAMPLE = 2;
/** What pgvector has as `ef_search` at least here, and at most. */
const CANDIDATES = { least: 200, most: 1000 };
/** Rows that a filter leaves up to which they are named one by one; of more, a bit for each row of all is sent. */
const NAMED_ROWS = 1000;
const INSERTED_ROWS = 1000;

/**
 * A connection. Errors say which database, never by what password: neither the URL nor the message of the driver is
 * repeated, but its code, such as `28P01` for a wrong password.
 */
async function connect({ database, settings }: Pick<StorePlace, 'database' | 'settings'>): Promise<Client> {
  const url = databaseUrl({ database, settings });
  const module = await loadOptional('pgvector', PACKAGE, async () => (await import(PACKAGE)) as Pg & { default?: Pg });
  const { Client: PgClient } = module.default ?? module;
  const client = new PgClient({ connectionString: url, application_name: 'albertine' });
  // The next query reports it; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect().catch((error: Error & { code?: string }) => {
    const { hostname, pathname } = new URL(url);
    throw new AlbertineError(
      'runtime_failed',
      `cannot connect to the database ${pathname.slice(1)} at ${hostname || 'this machine'} (${error.code ?? (/password must be/.test(error.message) ? 'no password' : error.name)})`,
      {
        hint: `Give its URL with the password as --database or ${DATABASE_VARIABLE}, or the password alone as PGPASSWORD`,
      },
    );
  });
  return client;
}

/** The error of a query, which says what PostgreSQL says. */
const failed = (cause: unknown): AlbertineError =>
  new AlbertineError('runtime_failed', `PostgreSQL: ${(cause as Error).message}`, { cause });

const run = async (client: Client, text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> =>
  (
    await client.query(text, values).catch((cause: unknown) => {
      throw failed(cause);
    })
  ).rows;

/** `[0.1,0.2]`, as pgvector reads it. */
const literal = (vector: Float32Array): string => `[${vector.join(',')}]`;
const parsed = (text: string): Float32Array => Float32Array.from(JSON.parse(text) as number[]);

class PgvectorStore implements VectorStore {
  readonly rows: number;
  readonly dimensions: number;
  readonly oversample: number | undefined;
  private readonly place: StorePlace;
  private readonly table: string;
  private client: Client | undefined;
  /** A connection does one thing at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(place: StorePlace, client: Client, shape: { rows: number; dimensions: number; isIndexed: boolean }) {
    this.place = place;
    this.table = tableOf(place);
    this.keep(client);
    this.rows = shape.rows;
    this.dimensions = shape.dimensions;
    this.oversample = shape.isIndexed ? OVERSAMPLE : undefined;
  }

  /**
   * Without a filter by the index, where there is one. With a filter all accepted rows are compared, since an index
   * gives its nearest ones first and may leave none of them.
   */
  async nearest(query: Float32Array, { limit, accept, oversample = OVERSAMPLE }: NearestOptions): Promise<ScoredRow[]> {
    const text = literal(query);
    const select = `SELECT row, 1 - (vector <=> $1::vector) AS score FROM`;
    const order = `ORDER BY vector <=> $1::vector LIMIT $2`;
    const rows = await this.alone(async (client) => {
      if (accept) {
        const { condition, value } = conditionOf(accept);
        const accepted = `WITH accepted AS MATERIALIZED (SELECT row, vector FROM ${this.table} WHERE ${condition})`;
        return await run(client, `${accepted} ${select} accepted ${order}`, [text, limit, value]);
      }
      if (this.oversample === undefined) return await run(client, `${select} ${this.table} ${order}`, [text, limit]);
      const candidates = Math.min(CANDIDATES.most, Math.max(CANDIDATES.least, limit * oversample));
      await run(client, `SET hnsw.ef_search = ${candidates}`);
      // The index gives no more than its candidates.
      await run(client, `SET enable_indexscan = ${limit <= candidates ? 'on' : 'off'}`);
      return await run(client, `${select} ${this.table} ${order}`, [text, limit]);
    });
    return rows
      .map(({ row, score }) => ({ row: Number(row), score: Number(score) }))
      .sort((a, b) => b.score - a.score || a.row - b.row);
  }

  async read(rows: readonly number[]): Promise<Float32Array[]> {
    const text = `SELECT row, vector::text AS vector FROM ${this.table} WHERE row = ANY($1::int[])`;
    const found = await this.alone((client) => run(client, text, [rows]));
    const vectors = new Map(found.map(({ row, vector }) => [Number(row), parsed(vector as string)]));
    return rows.map((row) => vectors.get(row)!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.last.catch(() => undefined);
    await this.client?.end().catch(() => undefined);
  }

  private keep(client: Client): Client {
    this.client = client;
    // A server that was started anew, or that ends connections which do nothing: the next search connects again.
    client.on('end', () => {
      if (this.client === client) this.client = undefined;
    });
    return client;
  }

  private async alone<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const next = this.last
      .catch(() => undefined)
      .then(async () => await work(this.client ?? this.keep(await connect(this.place))));
    this.last = next;
    return await next;
  }
}

function conditionOf(accept: Uint8Array): { condition: string; value: unknown } {
  const rows = [...accept.keys()].filter((row) => accept[row] !== 0);
  if (rows.length <= NAMED_ROWS) return { condition: 'row = ANY($3::int[])', value: rows };
  const bits = Buffer.alloc(Math.ceil(accept.length / 8));
  for (const row of rows) bits[row >> 3] |= 1 << (row & 7);
  return { condition: 'get_bit($3::bytea, row) = 1', value: bits };
}

/** Writes a table in one transaction: of a build that is killed nothing is left. */
class PgvectorWriter implements VectorWriter {
  private readonly client: Client;
  private readonly table: string;
  private readonly dimensions: number;
  private rows = 0;

  constructor(client: Client, table: string, dimensions: number) {
    this.client = client;
    this.table = table;
    this.dimensions = dimensions;
  }

  async begin(): Promise<void> {
    const { client, table, dimensions } = this;
    await run(client, 'CREATE EXTENSION IF NOT EXISTS vector');
    await run(client, 'BEGIN');
    // Of a build that was killed after its table was complete and before the index named it.
    await run(client, `DROP TABLE IF EXISTS ${table}`);
    await run(client, `CREATE TABLE ${table} (row integer NOT NULL, vector vector(${dimensions}) NOT NULL)`);
  }

  async write(vectors: Float32Array): Promise<void> {
    const { dimensions, table } = this;
    const count = vectors.length / dimensions;
    for (let from = 0; from < count; from += INSERTED_ROWS) {
      const to = Math.min(count, from + INSERTED_ROWS);
      const rows = Array.from({ length: to - from }, (_, i) => this.rows + from + i);
      const texts = rows.map((_, i) => literal(vectors.subarray((from + i) * dimensions, (from + i + 1) * dimensions)));
      await run(
        this.client,
        `INSERT INTO ${table} SELECT row, vector::vector FROM unnest($1::int[], $2::text[]) AS new (row, vector)`,
        [rows, texts],
      );
    }
    this.rows += count;
  }

  async close(): Promise<void> {
    const { client, table } = this;
    await run(client, `ALTER TABLE ${table} ADD PRIMARY KEY (row)`);
    if (this.rows >= INDEXED_ROWS) await run(client, `CREATE INDEX ON ${table} USING hnsw (vector vector_cosine_ops)`);
    await run(client, 'COMMIT');
    await run(client, `ANALYZE ${table}`);
    await client.end();
  }

  async abort(): Promise<void> {
    // The end of the connection takes the transaction back, too.
    await this.client.query('ROLLBACK').catch(() => undefined);
    await this.client.query(`DROP TABLE IF EXISTS ${this.table}`).catch(() => undefined);
    await this.client.end().catch(() => undefined);
  }
}

const tableOf = ({ name }: StorePlace): string => {
  if (!/^\w+$/.test(name)) throw new AlbertineError('invalid_file', `${name} is no name of a table`, { value: name });
  return `"${name}"`;
};

/** A table of a PostgreSQL database with the extension `vector`, named by index and generation. */
export const pgvectorStore: VectorStoreKind = {
  name: 'pgvector',
  async create(place, dimensions) {
    const client = await connect(place);
    const writer = new PgvectorWriter(client, tableOf(place), dimensions);
    await writer.begin().catch(async (error: unknown) => {
      await client.end();
      throw error;
    });
    return writer;
  },
  async open(place) {
    const client = await connect(place);
    const table = tableOf(place);
    try {
      const [shape] = await run(
        client,
        `SELECT (SELECT max(row) + 1 FROM ${table}) AS rows, (SELECT vector_dims(vector) FROM ${table} LIMIT 1) AS dimensions,
          (SELECT count(*) FROM pg_indexes WHERE tablename = $1 AND indexdef LIKE '%USING hnsw%') AS indexes`,
        [place.name],
      );
      return new PgvectorStore(place, client, {
        rows: Number(shape['rows']),
        dimensions: Number(shape['dimensions']),
        isIndexed: Number(shape['indexes']) > 0,
      });
    } catch (error) {
      await client.end();
      throw error;
    }
  },
  async remove(place) {
    const client = await connect(place);
    try {
      await run(client, `DROP TABLE IF EXISTS ${tableOf(place)}`);
    } finally {
      await client.end();
    }
  },
};
