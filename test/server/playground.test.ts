import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/loaded/load-node.ts';
import { padPieces } from '../../src/model/batch.ts';
import { createApiKey } from '../../src/server/keys.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { temporaryFolder } from '../training/small-run.ts';

/* What the server has for the playground: its files, attention, logs of runs. */
const folder = temporaryFolder();
const page = folder.path('page');
const runs = folder.path('runs');
let server: AlbertineServer;

beforeAll(async () => {
  mkdirSync(`${page}/assets`, { recursive: true });
  writeFileSync(`${page}/index.html`, '<!doctype html>page');
  writeFileSync(`${page}/assets/a-12345678.js`, 'script');
  for (const name of ['first', 'second', 'no-run', 'linked-log']) mkdirSync(`${runs}/${name}`, { recursive: true });
  writeFileSync(`${runs}/first/metrics.jsonl`, '{"step":1,"loss":2}\n{"step":2,"lo');
  writeFileSync(`${runs}/first/events.jsonl`, '{"step":1,"event":"note","message":"嗨"}\n');
  writeFileSync(`${runs}/first/run.json`, '{"totalSteps":9}');
  writeFileSync(`${runs}/second/metrics.jsonl`, '{"step":1,"loss":1}\n'.repeat(60_000));
  writeFileSync(`${runs}/second/run.json`, '{"outcome":"finished"}');
  writeFileSync(folder.path('metrics.jsonl'), 'secret\n');
  symlinkSync(folder.path('metrics.jsonl'), `${runs}/linked-log/metrics.jsonl`);
  symlinkSync(`${runs}/first`, `${runs}/linked`);
  server = await startServer({ port: 0, log: 'silent', playground: true, playgroundFolder: page, runs });
}, 60_000);
afterAll(async () => {
  await server.close();
  folder.remove();
});

const get = async (url: string) => {
  const { statusCode, headers, body } = await server.app.inject({ method: 'GET', url });
  return { status: statusCode, headers, body };
};

describe('the page', () => {
  it('is served with its policy; only files whose names carry a hash are kept', async () => {
    const { status, headers, body } = await get('/playground/');
    expect([status, body, headers['cache-control']]).toEqual([200, '<!doctype html>page', 'no-cache']);
    expect(headers['content-security-policy']).toMatch(/^default-src 'self'; /);
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'content-type': 'text/html; charset=utf-8' });
    const asset = await get('/playground/assets/a-12345678.js');
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await get('/playground')).headers.location).toBe('playground/');
  });

  it('is nothing but its folder', async () => {
    for (const path of ['../metrics.jsonl', '%2e%2e/metrics.jsonl', '..%2fmetrics.jsonl', 'nothing', 'assets/'])
      expect((await get(`/playground/${path}`)).status, path).not.toBe(200);
    expect(Object.keys(server.app.swagger().paths ?? {}).filter((path) => path.includes('playground'))).toEqual([]);
  });

  it('is there without a key, what it shows is not', async () => {
    const { key, entry } = createApiKey('me');
    writeFileSync(folder.path('keys.json'), JSON.stringify({ keys: [entry] }));
    const keys = folder.path('keys.json');
    const options = {
      port: 0,
      log: 'silent',
      lazy: true,
      playground: true,
      playgroundFolder: page,
      runs,
      keys,
    } as const;
    await using guarded = await startServer(options);
    const ask = (url: string, headers = {}) => guarded.app.inject({ method: 'GET', url, headers });
    for (const url of ['/playground/', '/playground/assets/a-12345678.js'])
      expect((await ask(url)).statusCode, url).toBe(200);
    for (const url of ['/v1/about', '/v1/runs', '/v1/runs/first/events'])
      expect((await ask(url)).statusCode, url).toBe(401);
    expect((await ask('/v1/runs', { authorization: `Bearer ${key}` })).statusCode).toBe(200);
  });

  it('is only there when it is asked for, and says when it was not built', async () => {
    await using plain = await startServer({ port: 0, log: 'silent', lazy: true });
    for (const url of ['/playground/', '/v1/runs'])
      expect((await plain.app.inject({ method: 'GET', url })).statusCode, url).toBe(404);
    await expect(startServer({ port: 0, lazy: true, playground: true, playgroundFolder: runs })).rejects.toMatchObject({
      code: 'file_not_found',
      message: expect.stringContaining('the playground is not built'),
    });
    await expect(startServer({ port: 0, lazy: true, runs: `${runs}/none` })).rejects.toMatchObject({
      code: 'file_not_found',
    });
  });
});

describe('/v1/attention', () => {
  const post = async (payload: object) => {
    const response = await server.app.inject({ method: 'POST', url: '/v1/attention', payload });
    return { status: response.statusCode, body: JSON.parse(response.body) };
  };

  it('is that of the encoder, by depth, head, query and key', async () => {
    const text = 'a cat 睡觉';
    const { status, body } = await post({ text });
    expect(status).toBe(200);
    using model = await loadModel(undefined);
    const { ids, typeIds, tokens, offsets } = model.tokenizer.encode(text);
    expect(body.tokens).toEqual(tokens.map((token, i) => ({ token, start: offsets[i][0], end: offsets[i][1] })));
    const batch = padPieces([{ ids, typeIds }], { sequenceLength: ids.length, padTokenId: model.config.padTokenId });
    const { attentions } = await model.encoder.forward(batch, { attentions: true });
    expect(body.attentions.length).toBe(attentions.length);
    attentions.forEach((depth, d) => {
      const flat: number[] = body.attentions[d].flat(2);
      expect(flat.length).toBe(depth.length);
      expect(Math.max(...flat.map((value, i) => Math.abs(value - depth[i])))).toBeLessThan(6e-5);
    });
    expect(body.fingerprint).toBe(model.fingerprint);
  });

  it('is of a sentence or two', async () => {
    const { status, body } = await post({ text: 'water the flowers '.repeat(50) });
    expect(status).toBe(413);
    expect(body.error.message).toBe(
      'the text has 152 tokens; attention is shown of up to 128. Send a sentence or two of it',
    );
  });
});

describe('/v1/runs', () => {
  const events = async (name: string, from = '0-0') => {
    const { status, body } = await get(`/v1/runs/${name}/events?from=${from}`);
    return { status, body: JSON.parse(body) };
  };

  it('lists folders with a log of their own', async () => {
    const { runs: listed } = JSON.parse((await get('/v1/runs')).body);
    expect(listed.map(({ name }: { name: string }) => name).sort()).toEqual(['first', 'second']);
    expect(listed.find(({ name }: { name: string }) => name === 'second').outcome).toBe('finished');
  });

  it('gives whole lines, and later those that came since', async () => {
    const first = await events('first');
    expect(first.body).toMatchObject({
      metrics: '{"step":1,"loss":2}\n',
      events: '{"step":1,"event":"note","message":"嗨"}\n',
      more: false,
      restarted: false,
      info: { totalSteps: 9 },
    });
    expect((await events('first', first.body.next)).body).toMatchObject({ metrics: '', next: first.body.next });
    appendFileSync(`${runs}/first/metrics.jsonl`, 'ss":1}\n');
    expect((await events('first', first.body.next)).body.metrics).toBe('{"step":2,"loss":1}\n');
  });

  it('gives a long log in parts, and one that was begun anew from its beginning', async () => {
    let [from, text, parts, more] = ['0-0', '', 0, true];
    for (; more; parts++) {
      const { body } = await events('second', from);
      text += body.metrics;
      ({ next: from, more } = body);
    }
    expect([text.length, parts]).toEqual([1_200_000, 2]);
    writeFileSync(`${runs}/second/metrics.jsonl`, '{"step":1,"loss":7}\n');
    expect((await events('second', from)).body).toMatchObject({ restarted: true, metrics: '{"step":1,"loss":7}\n' });
  });

  it('leaves the folder for nobody', async () => {
    for (const name of ['..', '%2e%2e', '..%2f', '%2e%2e%2fpage', 'linked', 'linked-log', 'no-run', 'first%2f..', '.'])
      expect((await events(name)).status, name).toBe(404);
    expect((await events('firs')).body.error.message).toBe('there is no run "firs". Did you mean first?');
    expect((await events('first', '3')).status).toBe(400);
    expect((await events('first', '-1-0')).status).toBe(400);
  });
});
