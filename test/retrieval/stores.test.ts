import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { dot } from '../../src/metrics/similarity.ts';
import { databaseUrl, withoutPassword } from '../../src/retrieval/stores/database-url.ts';
import { ExactStore } from '../../src/retrieval/stores/exact-node.ts';
import { storeKind, storeSettings } from '../../src/retrieval/stores/kinds-node.ts';
import { createLance } from '../../src/retrieval/stores/lancedb-node.ts';
import { nearestAccepted } from '../../src/retrieval/stores/widening.ts';
import { loadOptional } from '../../src/retrieval/stores/optional.ts';
import { openTestDatabase } from './database.ts';
import type { ScoredRow, StorePlace, VectorStore } from '../../src/retrieval/stores/store.ts';

const database = await openTestDatabase();
afterAll(() => database.close());
const DATABASE = database.url;

const folder = mkdtempSync(join(tmpdir(), 'albertine-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const random = createRandom(5);
const [ROWS, DIMENSIONS] = [3000, 20];

function vectors(rows: number): Float32Array {
  const data = Float32Array.from({ length: rows * DIMENSIONS }, () => random.normal());
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS);
    const length = Math.hypot(...own);
    own.forEach((value, k) => (own[k] = value / length));
  }
  return data;
}
const data = vectors(ROWS);
const exact = new ExactStore(data, DIMENSIONS);
const queries = Array.from({ length: 20 }, () => vectors(1));

async function written(place: StorePlace, rows = data): Promise<VectorStore> {
  const kind = await storeKind(place.settings.name);
  const writer = await kind.create(place, DIMENSIONS);
  for (let at = 0; at < rows.length; at += 700 * DIMENSIONS) await writer.write(rows.slice(at, at + 700 * DIMENSIONS));
  await writer.close();
  return await kind.open(place);
}
const placeOf = (settings: StorePlace['settings'], name: string): StorePlace => ({
  ...{ folder: mkdtempSync(join(folder, 'g')), name, settings },
  database: settings.name === 'pgvector' ? DATABASE : undefined,
});

/** The same rows, with scores of which float32 allows. */
function expectSame(found: readonly ScoredRow[], expected: readonly ScoredRow[]): void {
  expect(found.map(({ row }) => row)).toEqual(expected.map(({ row }) => row));
  found.forEach(({ score }, i) => expect(score).toBeCloseTo(expected[i].score, 5));
}

/** What every store has to do. `share`: of the right rows that are to be found without a filter. */
async function check(store: VectorStore, share: number): Promise<void> {
  expect([store.rows, store.dimensions]).toEqual([ROWS, DIMENSIONS]);
  const few = Uint8Array.from({ length: ROWS }, (_, row) => (row % 100 === 3 ? 1 : 0));
  const many = Uint8Array.from({ length: ROWS }, (_, row) => (row % 3 > 0 ? 1 : 0));
  let right = 0;
  for (const query of queries) {
    const found = await store.nearest(query, { limit: 10 });
    const expected = await exact.nearest(query, { limit: 10 });
    const rows = new Set(expected.map(({ row }) => row));
    right += found.filter(({ row }) => rows.has(row)).length;
    for (const { row, score } of found)
      expect(score).toBeCloseTo(dot(data.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS), query), 5);
    expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a));
    expectSame(
      await store.nearest(query, { limit: 50, accept: few }),
      await exact.nearest(query, { limit: 50, accept: few }),
    );
    const accepted = await store.nearest(query, { limit: 10, accept: many });
    expect(accepted.length).toBe(10);
    for (const { row } of accepted) expect(many[row]).toBe(1);
  }
  expect(right / (10 * queries.length)).toBeGreaterThanOrEqual(share);
  expect(await store.nearest(queries[0], { limit: 5, accept: new Uint8Array(ROWS) })).toEqual([]);
  const rows = [5, 2999, 0, 1234];
  expect(await store.read(rows)).toEqual(rows.map((row) => data.slice(row * DIMENSIONS, (row + 1) * DIMENSIONS)));
  expect(await store.read([])).toEqual([]);
}

describe('vectors in files', () => {
  it.each([
    ['f32', 1],
    ['int8', 1],
    ['binary', 0.9],
  ] as const)('in %s are found', async (format, share) => {
    await using store = await written(placeOf({ name: 'exact', vectors: format }, 'a'));
    expect(store.oversample).toBe({ f32: undefined, int8: 4, binary: 16 }[format]);
    await check(store, share);
    const all = await store.nearest(queries[0], { limit: 10, oversample: ROWS / 10 });
    expectSame(all, await exact.nearest(queries[0], { limit: 10 }));
  });

  it('take the memory that is promised, and are refused when they do not fit each other', async () => {
    for (const [format, bytes] of [
      ['int8', 24],
      ['binary', 4],
    ] as const) {
      const place = placeOf({ name: 'exact', vectors: format }, 'a');
      await (await written(place))[Symbol.asyncDispose]();
      const path = join(place.folder, `vectors.${format}`);
      expect(readFileSync(path).length).toBe(ROWS * bytes);
      truncateSync(path, 100);
      await expect((await storeKind('exact')).open(place)).rejects.toThrow(
        /vectors\.\w+ and vectors\.npy do not belong together: 100 bytes/,
      );
    }
  });
});

describe('LanceDB', async () => {
  const name = '@lancedb/lancedb';
  const isThere = await import(name).then(
    () => true,
    () => false,
  );
  it.skipIf(!isThere)('finds what comparing all finds (skipped without @lancedb/lancedb)', async () => {
    const place = placeOf({ name: 'lancedb' }, 'a');
    await using store = await written(place);
    expect(store.oversample).toBeUndefined();
    await check(store, 1);
  });

  it.skipIf(!isThere)(
    'is approximate where there are many vectors, filters included (skipped without it)',
    async () => {
      const place = placeOf({ name: 'lancedb' }, 'a');
      const writer = await createLance(place, DIMENSIONS, 1000);
      await writer.write(data);
      await writer.close();
      await using store = await (await storeKind('lancedb')).open(place);
      expect(store.oversample).toBe(4);
      await check(store, 0.9);
    },
  );

  it('widens its search until a mask leaves enough rows', async () => {
    // Rows that are far from the query.
    const worst = await exact.nearest(
      queries[0].map((value) => -value),
      { limit: 1500 },
    );
    const accept = new Uint8Array(ROWS);
    for (const { row } of worst) accept[row] = 1;
    const limits: number[] = [];
    const found = await nearestAccepted({ rows: ROWS, wanted: 10, accept, accepted: 1500 }, (limit) => {
      limits.push(limit);
      return exact.nearest(queries[0], { limit });
    });
    expect(found).toEqual(await exact.nearest(queries[0], { limit: 10, accept }));
    expect(limits).toEqual([30, 120, 480, 1920]);
  });
});

describe('PostgreSQL', () => {
  const itOnServer = it.skipIf(!database.isServer);
  it('finds what comparing all finds', async () => {
    const place = placeOf({ name: 'pgvector' }, `albertine_test${process.pid}_000001`);
    const kind = await storeKind('pgvector');
    const store = await written(place);
    await check(store, 1);
    await store[Symbol.asyncDispose]();
    await kind.remove(place);
    await expect(kind.open(place)).rejects.toThrow(/does not exist/);
  });

  itOnServer(
    'connects again when the server has ended the connection (skipped without ALBERTINE_TEST_DATABASE_URL)',
    async () => {
      const name = `albertine_test${process.pid}_000003`;
      const place = placeOf({ name: 'pgvector' }, name);
      const kind = await storeKind('pgvector');
      const store = await written(place);
      const other = 'pg';
      const { default: pg } = (await import(other)) as {
        default: {
          Client: new (url: string) => {
            connect(): Promise<void>;
            query(text: string): Promise<unknown>;
            end(): Promise<void>;
          };
        };
      };
      const client = new pg.Client(DATABASE);
      await client.connect();
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'albertine' AND query LIKE '%${name}%'`,
      );
      await client.end();
      await vi.waitFor(async () => expect((await store.nearest(queries[0], { limit: 3 })).length).toBe(3));
      await store[Symbol.asyncDispose]();
      await kind.remove(place);
    },
  );

  itOnServer('has nothing of a build that was given up (skipped without it)', async () => {
    const place = placeOf({ name: 'pgvector' }, `albertine_test${process.pid}_000002`);
    const kind = await storeKind('pgvector');
    const writer = await kind.create(place, DIMENSIONS);
    await writer.write(data.slice(0, DIMENSIONS * 10));
    await expect(kind.open(place)).rejects.toThrow(/does not exist/);
    await writer.abort();
    await expect(kind.open(place)).rejects.toThrow(/does not exist/);
  });

  itOnServer('says of a wrong password which database it is for, and no password (skipped without it)', async () => {
    const url = new URL(DATABASE);
    url.password = 'wrong-secret';
    const place = { ...placeOf({ name: 'pgvector' }, 'albertine_x_000001'), database: url.href };
    const error = await (await storeKind('pgvector')).open(place).then(
      () => undefined,
      (failure: Error) => failure,
    );
    expect(error!.message).toMatch(/cannot connect to the database .*28P01/);
    expect(JSON.stringify([error!.message, error, String(error!.cause)])).not.toMatch(/wrong-secret/);
  });

  it('is named by a URL that is kept without its password', () => {
    const secret = 'postgresql://me:pass%40word@db.example:5433/notes?sslmode=require&password=other';
    expect(withoutPassword(secret)).toBe('postgresql://me@db.example:5433/notes?sslmode=require');
    expect(withoutPassword('postgres:///notes?host=/run/postgresql')).toBe(
      'postgres:///notes?host=%2Frun%2Fpostgresql',
    );
    const settings = { database: 'postgresql://stored/x' };
    expect(databaseUrl({ settings }, {})).toBe('postgresql://stored/x');
    expect(databaseUrl({ settings }, { ALBERTINE_DATABASE_URL: secret })).toBe(secret);
    expect(databaseUrl({ database: 'postgres://given/x', settings }, { ALBERTINE_DATABASE_URL: secret })).toBe(
      'postgres://given/x',
    );
    expect(() => databaseUrl({}, {})).toThrow(/needs database, or the variable ALBERTINE_DATABASE_URL/);
    expect(() => databaseUrl({ database: 'mysql://me:geheim@x/y' }, {})).toThrow(/must be like postgresql:/);
    expect(() => databaseUrl({ database: 'mysql://me:geheim@x/y' }, {})).not.toThrow(/geheim/);
  });
});

describe('stores', () => {
  it('are chosen by options that do something', () => {
    expect(storeSettings({})).toEqual({ name: 'exact' });
    expect(storeSettings({ vectors: 'int8' })).toEqual({ name: 'exact', vectors: 'int8' });
    expect(storeSettings({ store: 'pgvector', database: 'postgres://a:b@c/d' })).toEqual({
      name: 'pgvector',
      database: 'postgres://a@c/d',
    });
    expect(() => storeSettings({ store: 'lancedb', vectors: 'int8' })).toThrow(
      /vectors does nothing without store 'exact'/,
    );
    expect(() => storeSettings({ database: 'postgres://a/b' })).toThrow(/does nothing without store 'pgvector'/);
    expect(() => storeSettings({ store: 'faiss' as 'exact' })).toThrow(/one of exact, lancedb, pgvector/);
    expect(() => storeSettings({ vectors: 'int4' as 'int8' })).toThrow(/one of f32, int8, binary/);
  });

  it('that need a package which is not there say how to install it', async () => {
    const name = 'albertine-no-such-package';
    await expect(loadOptional('lancedb', name, async () => (await import(name)) as unknown)).rejects.toMatchObject({
      code: 'runtime_unavailable',
      hint: 'npm install albertine-no-such-package',
    });
  });
});
