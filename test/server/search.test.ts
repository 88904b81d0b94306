import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { buildIndex, updateIndex } from '../../src/retrieval/build-node.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { TASK_FOLDERS, writeSmallFolder } from './models.ts';

const folder = temporaryFolder();
const NANO = 'albertine-nano-en-zh';
const [source, index] = [folder.path('rows.jsonl'), folder.path('index')];
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
  server = await startServer({
    ...{ port: 0, log: 'silent', threads: 1 },
    ...{ models: { other, nano: NANO }, indexes: { travel: index } },
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
    expect(JSON.parse(body)).toMatchObject({
      indexes: [{ name: 'travel', model: 'nano', chunks: 2, files: 1, fingerprint: nano.fingerprint }],
    });
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
    for (const [payload, message] of [
      [{ index: 'travel', query: ' ' }, /query is empty/],
      [{ index: 'travel' }, /query/],
      [{ index: 'travel', query: 'a', filter: { x: 1 } }, /no chunk of the index has a field/],
      [{ index: 'travel', query: 'a', mode: 'best' }, /mode/],
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
