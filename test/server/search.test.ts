import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { buildIndex, updateIndex } from '../../src/retrieval/build-node.ts';
import { openIndex } from '../../src/retrieval/open-node.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { TASK_FOLDERS, writeSmallFolder } from './models.ts';

const folder = temporaryFolder();
const NANO = 'albertine-nano-en-zh';
const [source, index, small] = ['rows.jsonl', 'index', 'small'].map((name) => folder.path(name));
let [server, nano]: [AlbertineServer, NodeAlbert] = [undefined!, undefined!];
beforeAll(async () => {
  const rows = [
    { text: 'The ferry leaves at noon.', lang: 'en' },
    { text: '轮渡中午十二点开。', lang: 'zh' },
  ];
  writeFileSync(source, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  nano = await loadModel(undefined, { threads: 1 });
  await buildIndex(index, nano, { sources: [source], model: NANO });
  const other = writeSmallFolder(folder.path('classify'), TASK_FOLDERS['classify']);
  const ranker = writeSmallFolder(folder.path('ranker'), TASK_FOLDERS['rank']);
  await buildIndex(small, nano, { sources: [source], model: NANO, vectors: 'int8' });
  server = await startServer({
    ...{ port: 0, log: 'silent', threads: 1 },
    ...{ models: { other, nano: NANO, ranker }, indexes: { travel: index, small } },
  });
}, 60_000);
afterAll(async () => {
  await server.close();
  nano[Symbol.dispose]();
  folder.remove();
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function post(payload: object): Promise<{ status: number; body: any }> {
  const { statusCode, body } = await server.app.inject({ method: 'POST', url: '/v1/search', payload });
  return { status: statusCode, body: JSON.parse(body) };
}

describe('indexes of a server', () => {
  it('are listed with the model that they were made with', async () => {
    const { body } = await server.app.inject({ method: 'GET', url: '/v1/indexes' });
    const alike = { model: 'nano', chunks: 2, files: 1, fingerprint: nano.fingerprint };
    expect(JSON.parse(body)).toMatchObject({
      indexes: [
        { name: 'travel', ...alike },
        { name: 'small', ...alike },
      ],
    });
  });

  it('are reranked as the library does, by a model that is served or by its own', async () => {
    const query = 'when does the ferry leave?';
    await using opened = await openIndex(index, { model: nano });
    const ranker = folder.path('ranker');
    for (const [name, rerank] of [
      ['albertscore', 'albertscore'],
      ['ranker', ranker],
    ]) {
      const { status, body } = await post({ index: 'travel', query, rerank: name, pool: 2, limit: 1 });
      expect(status, JSON.stringify(body)).toBe(200);
      const [hit] = await opened.search(query, { rerank, pool: 2, limit: 1 });
      expect(body.results).toHaveLength(1);
      expect(body.results[0]).toMatchObject({ text: hit.text, row: hit.row });
      expect(body.results[0].scores.rerank).toBeCloseTo(hit.scores.rerank!, 6);
      expect(body.results[0].score).toBe(body.results[0].scores.rerank);
      expect(body.ranker).toEqual({ model: name, fingerprint: expect.stringMatching(/^model=/) });
    }
    const mmr = await post({ index: 'travel', query, mmr: 0.5, pool: 2 });
    expect(mmr.body).not.toHaveProperty('ranker');
    expect(mmr.body.results).toHaveLength(2);
    const oversampled = await post({ index: 'small', query, oversample: 8, mode: 'vector' });
    expect(oversampled.body.results.map(({ row }: { row: number }) => row)).toEqual([1, 2]);
    const { body: description } = await server.app
      .inject({ method: 'GET', url: '/openapi.json' })
      .then((answer) => ({ body: JSON.parse(answer.body) as { paths: Record<string, object> } }));
    const fields = JSON.stringify(description.paths['/v1/search']);
    for (const field of ['rerank', 'pool', 'oversample']) expect(fields).toContain(`"${field}":{`);
  });

  it('are searched, with filters, and seen anew after an update', async () => {
    const { status, body } = await post({ index: 'travel', query: 'when does the ferry leave?', limit: 1 });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      index: 'travel',
      model: 'nano',
      results: [{ text: 'The ferry leaves at noon.', row: 1 }],
    });
    expect(Object.keys(body.results[0].scores)).toEqual(['vector', 'lexical']);
    const chinese = await post({ index: 'travel', query: 'ferry', mode: 'vector', filter: { lang: ['zh'] } });
    expect(chinese.body.results.map(({ row }: { row: number }) => row)).toEqual([2]);
    writeFileSync(source, `${JSON.stringify({ text: 'The tram is free.' })}\n`);
    await updateIndex(index, nano);
    const after = await post({ index: 'travel', query: 'tram', mode: 'lexical' });
    expect(after.body.results.map(({ text }: { text: string }) => text)).toEqual(['The tram is free.']);
  });

  it('say what is wrong', async () => {
    expect(await post({ index: 'travle', query: 'a' })).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found', message: 'there is no index "travle". Did you mean travel?' } },
    });
    expect(await post({ index: 'travel', query: 'a', rerank: '/etc' })).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found', message: 'there is no model "/etc". There are other, nano, ranker' } },
    });
    for (const [payload, message] of [
      [{ index: 'travel', query: ' ' }, /query is empty/],
      [{ index: 'travel' }, /query/],
      [{ index: 'travel', query: 'a', filter: { x: 1 } }, /no chunk of the index has a field/],
      [{ index: 'travel', query: 'a', mode: 'best' }, /mode/],
      [{ index: 'travel', query: 'a', oversample: 4 }, /oversample does nothing where every vector is compared/],
      [{ index: 'small', query: 'a', oversample: 4, mode: 'lexical' }, /oversample does nothing where words alone/],
      [{ index: 'small', query: 'a', oversample: 0 }, /body\/oversample/],
      [{ index: 'travel', query: 'a', pool: 4 }, /pool does nothing without mmr or rerank/],
      [
        { index: 'travel', query: 'a', rerank: 'other' },
        /the model other cannot be asked for rerank. It can be asked for/,
      ],
      [{ index: 'travel', query: 'a', filter: { row: { min: 'abc' } } }, /field row holds numbers .*"abc"/],
      [{ index: 'travel', query: 'a', filter: { file: '' } }, /field file holds text .* empty value. Write a value/],
    ] as const) {
      const { status, body } = await post(payload);
      expect(status).toBe(400);
      expect(body.error.message).toMatch(message);
    }
  });

  it('need their model', async () => {
    const other = folder.path('classify');
    const starting = startServer({ port: 0, log: 'silent', models: { other }, indexes: { travel: index } });
    await expect(starting).rejects.toThrow(/the index travel was made with albertine-nano-en-zh .*Serve it too/);
  });
});
