import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { buildIndex, updateIndex } from '../../src/retrieval/build-node.ts';
import type { SearchHit } from '../../src/retrieval/document-index.ts';
import { openIndex } from '../../src/retrieval/open-node.ts';
import { openTestDatabase } from './database.ts';
import { storeKind } from '../../src/retrieval/stores/kinds-node.ts';

const postgres = await openTestDatabase();
afterAll(() => postgres.close());

const folder = mkdtempSync(join(tmpdir(), 'albertine-store-index-'));
const docs = join(folder, 'docs');
let model: NodeAlbert;
beforeAll(async () => {
  model = await loadModel(undefined, { threads: 1 });
  mkdirSync(docs);
});
afterAll(() => {
  model[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});
const lancedb = '@lancedb/lancedb';
const isLanceThere = await import(lancedb).then(
  () => true,
  () => false,
);

const WAYS = [
  ['int8', { vectors: 'int8' }, true],
  ['binary', { vectors: 'binary' }, true],
  ['lancedb (skipped without @lancedb/lancedb)', { store: 'lancedb' }, isLanceThere],
  // PGlite has one connection at a time; here a build has its transaction open while another is asked.
  [
    'pgvector (skipped without ALBERTINE_TEST_DATABASE_URL)',
    { store: 'pgvector', database: postgres.url },
    postgres.isServer,
  ],
] as const;

const rowsOf = (hits: readonly SearchHit[]): object[] =>
  hits.map(({ text, score }) => ({ text, score: Number(score.toFixed(4)) }));

describe.each(WAYS)('an index in %s', (name, how, isThere) => {
  it.skipIf(!isThere)(
    'finds, filters, updates and replaces as one of f32 does',
    async () => {
      const index = join(folder, name.slice(0, 8).trim());
      const plain = `${index}-f32`;
      const { database } = how as { database?: string };
      const given = database === undefined ? {} : { database };
      const write = (texts: readonly string[]): void =>
        writeFileSync(join(docs, 'rows.jsonl'), texts.map((text, year) => JSON.stringify({ text, year })).join('\n'));
      const compare = async (): Promise<void> => {
        await using a = await openIndex(index, { model, ...given });
        await using b = await openIndex(plain, { model });
        for (const options of [{}, { mode: 'vector' }, { filter: { year: { min: 2 } } }, { mmr: 0.5 }] as const)
          expect(rowsOf(await a.search('火车 in the garden', options))).toEqual(
            rowsOf(await b.search('火车 in the garden', options)),
          );
      };
      write(['The garden is green.', '火车晚上离开。', 'Roses need water.', '我喜欢绿茶。']);
      await buildIndex(index, model, { sources: [docs], ...how });
      await buildIndex(plain, model, { sources: [docs] });
      await compare();
      write(['The garden is green.', '火车晚上离开。', 'Bread wants salt.', '我喜欢绿茶。', 'One more.']);
      for (const [one, options] of [
        [index, given],
        [plain, {}],
      ] as const)
        expect(await updateIndex(one, model, options)).toMatchObject({ embedded: 2, chunks: 5, notRemoved: [] });
      await compare();
      expect(readdirSync(index).sort()).toEqual(['000002', 'albertine-index.json']);
      const manifest = readFileSync(join(index, '000002', 'manifest.json'), 'utf8');
      const { id, store } = JSON.parse(manifest) as { id: string; store: { name: 'pgvector'; database: string } };
      await buildIndex(index, model, { sources: [docs], overwrite: true, ...how });
      await compare();
      if (store.name !== 'pgvector') return;
      expect(manifest).not.toContain(new URL(postgres.url).password);
      // Neither the generation that was updated nor the index that was replaced has left a table.
      const kind = await storeKind('pgvector');
      for (const generation of ['000001', '000002']) {
        const place = { folder: '', name: `${id}_${generation}`, settings: store, database: postgres.url };
        await expect(kind.open(place)).rejects.toThrow(/does not exist/);
      }
      const now = JSON.parse(readFileSync(join(index, '000003', 'manifest.json'), 'utf8')) as { id: string };
      await kind.remove({ folder: '', name: `${now.id}_000003`, settings: store, database: postgres.url });
    },
    60_000,
  );
});

it('an index of float32 refuses what does nothing', async () => {
  await using opened = await openIndex(join(folder, 'int8-f32'), { model });
  await expect(opened.search('a', { oversample: 3 })).rejects.toThrow(/oversample does nothing where every vector/);
  await using small = await openIndex(join(folder, 'int8'), { model });
  expect((await small.search('the garden', { oversample: 1 }))[0].text).toBe('The garden is green.');
  await expect(small.search('a', { oversample: 3, mode: 'lexical' })).rejects.toThrow(/words alone/);
});
