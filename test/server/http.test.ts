import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whatIsWrong } from '../../src/server/validation.ts';
import { createApiKey } from '../../src/server/keys.ts';
import { startServer, type AlbertineServer } from '../../src/server/server.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { TASK_FOLDERS, writeSmallFolder } from './models.ts';

const folder = temporaryFolder();
let open: AlbertineServer;
let closed: AlbertineServer;
beforeAll(async () => {
  const models = { secret: writeSmallFolder(folder.path('small'), TASK_FOLDERS['masked']) };
  const { entry } = createApiKey('alice');
  writeFileSync(folder.path('keys.json'), JSON.stringify({ keys: [entry] }));
  const common = { port: 0, log: 'silent', models, maxBody: 1 } as const;
  open = await startServer(common);
  closed = await startServer({ ...common, keys: folder.path('keys.json') });
}, 30_000);
afterAll(async () => {
  await open.close();
  await closed.close();
  folder.remove();
});

interface Told {
  status: number;
  headers: Headers;
  message: string;
  code: string | undefined;
}
async function ask(path: string, options: RequestInit = {}, server = open): Promise<Told> {
  const response = await fetch(server.url + path, options);
  const body = JSON.parse((await response.text()) || 'null') as { error?: { message: string; code: string } | string };
  const error = body?.error;
  return {
    status: response.status,
    headers: response.headers,
    message: typeof error === 'string' ? error : (error?.message ?? ''),
    code: typeof error === 'string' ? undefined : error?.code,
  };
}
const json = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

describe('a wrong method', () => {
  it.each([
    ['GET', '/v1/embeddings', 'POST'],
    ['DELETE', '/v1/predict', 'POST'],
    ['PUT', '/v2/models/secret/infer', 'POST'],
    ['POST', '/v1/models', 'GET, HEAD'],
    ['PATCH', '/', 'GET, HEAD, POST'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('%s %s', async (method, path, allow) => {
    const { status, headers, code, message } = await ask(`${path}?a=b`, { method });
    expect([status, code, headers.get('allow')]).toEqual([405, 'method_not_allowed', allow]);
    expect(message).toBe(`${path} takes ${allow}, not ${method}`);
  });

  it('is not one where there is no such path', async () => {
    for (const path of ['/nothing', '/v1/embeddings/more', '/v2/models//infer', '/v1.models']) {
      const { status, headers, message } = await ask(path);
      expect([status, headers.get('allow'), message]).toEqual([404, null, `there is no GET ${path}`]);
    }
  });
});

describe('a body', () => {
  it('of another type than JSON is refused with what to send', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const told = await ask('/v1/embeddings', { method: 'POST', headers, body: '{"input":"a"}' });
    expect(told).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(told.message).toMatch(/^a body of the type "application\/x-www-form-urlencoded" is not read: send JSON/);
  });

  it('that is compressed is refused as such', async () => {
    const body = new Uint8Array(gzipSync(JSON.stringify({ input: 'a' })));
    const told = await ask('/v1/embeddings', { ...json('', { 'content-encoding': 'gzip' }), body });
    expect(told).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(told.message).toBe('compressed bodies are not read (content-encoding gzip): send the JSON as it is');
    expect((await ask('/v1/embeddings', json({ input: 'a' }, { 'content-encoding': 'identity' }))).status).toBe(200);
  });

  it('that is no JSON, or has names that are not taken over, is told apart', async () => {
    expect((await ask('/v1/embeddings', json('{"input":"a"'))).message).toMatch(/^the body is not JSON: /);
    for (const body of ['{"input":"a","__proto__":{"b":1}}', '{"constructor":{"prototype":{}}}'])
      expect(await ask('/v1/embed', json(body))).toMatchObject({
        status: 400,
        message: expect.stringContaining('a body may have no field "__proto__"'),
      });
    expect((await ask('/v1/embed', json(''))).message).toContain('empty');
  });

  it('that is too large is answered though it is still being sent', async () => {
    const large = JSON.stringify({ input: 'x'.repeat(8 * 2 ** 20) });
    for (let i = 0; i < 3; i++)
      expect(await ask('/v1/embeddings', json(large))).toMatchObject({
        status: 413,
        code: 'too_large',
        message: 'a request may have 1 MB, this one has more',
      });
    const { status, text } = await slowly(large);
    expect(status).toBe(413);
    expect(text).toContain('too_large');
    // The same without a length, which is only known to be too large when it has come.
    expect((await slowly(large, { chunked: true })).status).toBe(413);
    // Nor does one without a key lose its answer.
    expect((await ask('/v1/embeddings', json(large), closed)).status).toBe(401);
  });

  it('that never comes to its end is given up', async () => {
    const socket = connect(Number(new URL(open.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /v1/embed HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n{',
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    expect((await ask('/health')).status).toBe(200);
  });
});

/** Sends all of a body before it reads the answer, as many clients do. */
async function slowly(body: string, { chunked = false } = {}): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const length = chunked ? {} : { 'content-length': body.length };
    const headers = { 'content-type': 'application/json', ...length };
    const request = httpRequest(`${open.url}/v1/embeddings`, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    request.on('error', reject);
    const step = (from: number): void => {
      if (from >= body.length) request.end();
      else request.write(body.slice(from, from + 2 ** 20), () => setTimeout(() => step(from + 2 ** 20), 5));
    };
    step(0);
  });
}

describe('what is wrong with a request is named', () => {
  it.each([
    ['/v1/embed', { texts: ['a'], option: {} }, 'body has a field "option" that is not known. Did you mean "options"?'],
    [
      '/v1/embed',
      { texts: ['a'], options: { zzz: 1 } },
      'body/options has a field "zzz" that is not known. It may have layers, layerCombination, pooling, normalize, prompt, dimensions, longText, maxLength, stride',
    ],
    ['/v1/embed', { texts: 'a' }, 'body/texts must be a list, got "a"'],
    ['/v1/embed', { texts: ['a', 3] }, 'body/texts/1 must be a text, got 3'],
    [
      '/v1/embed',
      { texts: ['a'], options: { pooling: 'meen' } },
      'body/options/pooling must be "mean" or "cls" or "max" or "mean_sqrt" or "weighted" or "pooler", got "meen". Did you mean "mean"?',
    ],
    [
      '/v1/embed',
      { texts: ['a'], options: { dimensions: 0.5 } },
      'body/options/dimensions must be a whole number, got 0.5',
    ],
    ['/v1/score', { candidates: ['a'], references: [3] }, 'body/references/0 must be a text or a list, got 3'],
    ['/v1/score', { candidates: ['a'], references: [['b', null]] }, 'body/references/0/1 must be a text, got null'],
    ['/v1/score', { candidates: ['a'] }, "body must have required property 'references'"],
    ['/v1/embeddings', { input: { a: 1 } }, 'body/input must be a text or a list'],
  ])('%s %j', async (path, body, message) => {
    const told = await ask(path, json(body));
    expect(told.status).toBe(400);
    expect(told.message).toContain(message);
  });

  it('of alternatives that which came furthest', () => {
    const rule = (instancePath: string, type: string) => ({
      instancePath,
      keyword: 'type',
      params: { type },
      data: true,
    });
    const rules = [rule('/input', 'string'), rule('/input/9', 'string'), rule('/input/10', 'integer')];
    expect(whatIsWrong(rules, 'body')).toBe('body/input/10 must be a whole number, got true');
  });
});

describe('with keys', () => {
  it('the description of the routes is public, and says nothing of the models', async () => {
    for (const path of ['/openapi.json', '/docs', '/docs/', '/docs/json']) {
      const response = await fetch(closed.url + path);
      expect(response.status, path).toBe(200);
      expect(await response.text()).not.toContain('secret');
    }
  });

  it('no other route is', async () => {
    const { paths } = (await (await fetch(`${closed.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const asked: string[] = [];
    for (const [path, methods] of Object.entries(paths))
      for (const method of Object.keys(methods)) {
        const url = closed.url + path.replace(/\{[^}]+\}/g, 'secret');
        const { status } = await fetch(url, { method: method.toUpperCase() });
        if (status === 401) asked.push(`${method} ${path}`);
        else expect(path, method).toMatch(/^\/(|health|ping|metrics|v2\/health\/(live|ready))$/);
      }
    expect(asked).toEqual(
      expect.arrayContaining(['post /v1/embeddings', 'get /v1/models', 'get /v1/about', 'get /info']),
    );
    expect((await ask('/docs', { method: 'POST' }, closed)).status).toBe(405);
  });
});
