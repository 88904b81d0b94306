import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Agent } from 'node:https';
import { request as httpsRequest } from 'node:https';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { SessionThread } from '../../src/runtime/session-thread-node.ts';
import { createApiKey } from '../../src/server/keys.ts';
import { startServer, type AlbertineServer, type ServerOptions } from '../../src/server/server.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { TASK_FOLDERS, writeSmallFolder } from './models.ts';

const folder = temporaryFolder();
const started: AlbertineServer[] = [];
afterEach(async () => {
  for (const server of started.splice(0)) await server.close();
});
afterAll(() => folder.remove());

/** Of the small network, unless models are named. */
const start = async (options: ServerOptions = {}): Promise<AlbertineServer> => {
  const models = { small: writeSmallFolder(folder.path('small'), TASK_FOLDERS['masked']) };
  const server = await startServer({ port: 0, log: 'silent', models, ...options });
  started.push(server);
  return server;
};
const embed = (server: AlbertineServer, input: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ input }),
  });
const metric = async (server: AlbertineServer, name: string): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1) ?? 0,
  );
};

describe('what is too much', () => {
  it('is refused before any work, with the time to come again; what is accepted is answered', async () => {
    const server = await start({ queueTokens: 9600, batchWait: 400, batchTokens: 100_000 });
    const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'the cat sat on mat '.repeat(80)}`);
    const responses = await Promise.all(texts.map((text) => embed(server, text)));
    const statuses = responses.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    const refused = responses.find(({ status }) => status === 429)!;
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'overloaded' } });
    expect(await metric(server, 'albertine_refused_requests_total{reason="overloaded"}')).toBe(
      statuses.filter((status) => status === 429).length,
    );
    expect(await metric(server, 'albertine_pending_tokens')).toBe(0);
    expect((await embed(server, 'again')).status).toBe(200);
  });

  it('names the limit of a request and of a body', async () => {
    const server = await start({ requestTokens: 50, maxBody: 0.01 });
    const tokens = await embed(server, 'the cat sat on mat '.repeat(30));
    expect(tokens.status).toBe(413);
    expect(await tokens.json()).toMatchObject({
      error: { message: expect.stringMatching(/may have 50 tokens, this one has 15\d/) },
    });
    const body = await embed(server, 'x'.repeat(20_000));
    expect(body.status).toBe(413);
    expect(await body.json()).toMatchObject({ error: { code: 'too_large' } });
  });

  it('a deadline gives up what is not answered in time', async () => {
    const server = await start({ deadline: 0.05 });
    const response = await embed(
      server,
      Array.from({ length: 400 }, (_, i) => `${i} ${'the cat sat on mat '.repeat(40)}`),
    );
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ error: { code: 'timed_out' } });
    expect(await metric(server, 'albertine_waiting_tokens')).toBe(0);
  });

  it('refuses single texts too that come while a pass is under way, and answers probes meanwhile', async () => {
    const server = await start({ models: { built: 'albertine-nano-en-zh' }, queueTokens: 2048, batchTokens: 4096 });
    const long = embed(server, 'many words '.repeat(200));
    await expect.poll(() => metric(server, 'albertine_pending_tokens')).toBeGreaterThan(0);
    const burst = Array.from({ length: 200 }, (_, i) => embed(server, `${i} ${'some words '.repeat(40)}`));
    const statuses = (await Promise.all(burst)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect((await long).status).toBe(200);

    let passed = false;
    const pass = embed(
      server,
      Array.from({ length: 24 }, () => 'many words '.repeat(200)),
    ).then(() => (passed = true));
    let probes = 0;
    while (!passed) if ((await fetch(`${server.url}/health`)).ok && !passed) probes++;
    await pass;
    // Between the layers of a pass on the same thread there are some too.
    expect(probes).toBeGreaterThan(20);
  });

  it('one large request does not hold up a small one', async () => {
    const server = await start();
    const large = embed(
      server,
      Array.from({ length: 4000 }, (_, i) => `${i} ${'the cat sat on mat '.repeat(20)}`),
    );
    let isDone = false;
    void large.then(() => (isDone = true));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await embed(server, 'small')).status).toBe(200);
    expect(isDone).toBe(false);
    expect((await large).status).toBe(200);
  });

  it('a client that hangs up stops costing', async () => {
    const server = await start();
    const controller = new AbortController();
    const body = JSON.stringify({
      input: Array.from({ length: 8000 }, (_, i) => `${i} ${'the cat sat on mat '.repeat(20)}`),
    });
    const gone = fetch(`${server.url}/v1/embeddings`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: controller.signal },
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    controller.abort();
    await expect(gone).rejects.toThrow();
    await expect.poll(() => metric(server, 'albertine_pending_tokens'), { timeout: 5000 }).toBe(0);
    const done = await metric(server, 'albertine_tokens_total{model="small",kind="text"}');
    expect(done).toBeLessThan(1_500_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await metric(server, 'albertine_tokens_total{model="small",kind="text"}')).toBe(done);
  });
});

describe('who may ask', () => {
  it('keys: their hashes alone are stored, each with its own rate', async () => {
    const [alice, bob] = [createApiKey('alice'), createApiKey('bob')];
    const keys = folder.path('keys.json');
    writeFileSync(keys, JSON.stringify({ keys: [{ ...alice.entry, requestsPerMinute: 2 }, bob.entry] }));
    expect(readFileSync(keys, 'utf8')).not.toContain(alice.key);
    const server = await start({ keys });
    const as = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
    expect((await embed(server, 'a')).status).toBe(401);
    const wrong = await embed(server, 'a', as(`${alice.key}x`));
    expect(wrong.status).toBe(401);
    expect(await wrong.json()).toMatchObject({ error: { type: 'authentication_error' } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await embed(server, 'a', as(alice.key))).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await embed(server, 'a', as(bob.key))).status).toBe(200);
    for (const path of ['/health', '/v2/health/ready', '/metrics'])
      expect((await fetch(server.url + path)).status).toBe(200);
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
    // What may be looked at may not be asked.
    const root = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"inputs":"a"}' };
    expect((await fetch(server.url, root)).status).toBe(401);
    expect((await fetch(server.url, { ...root, headers: { ...root.headers, ...as(bob.key) } })).status).not.toBe(401);
  });

  it('a file of keys that is none is refused', async () => {
    const keys = folder.path('bad.json');
    writeFileSync(keys, JSON.stringify({ keys: [{ name: 'alice', key: 'secret' }] }));
    await expect(start({ keys })).rejects.toThrow(/the sha256 of alice is none.*--new-key/);
  });

  it('pages of named origins', async () => {
    const server = await start({ corsOrigin: ['https://a.example'] });
    const ask = (origin: string): Promise<Response> => embed(server, 'a', { origin });
    expect((await ask('https://a.example')).headers.get('access-control-allow-origin')).toBe('https://a.example');
    expect((await ask('https://b.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('a browser may ask whether it may ask, which has no key', async () => {
    const keys = folder.path('cors-keys.json');
    writeFileSync(keys, JSON.stringify({ keys: [createApiKey('page').entry] }));
    const server = await start({ keys, corsOrigin: ['https://a.example'] });
    const preflight = await fetch(`${server.url}/v1/embeddings`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://a.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://a.example');
    const refused = await embed(server, 'a', { origin: 'https://a.example' });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, 'https://a.example']);
  });

  it('over TLS', async () => {
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => folder.path(name));
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${key} -out ${cert} -days 2 -subj /CN=localhost`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    const server = await start({ tlsCert: cert, tlsKey: key });
    expect(server.url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      const agent = new Agent({
        ca: readFileSync(cert),
        servername: 'localhost',
        checkServerIdentity: () => undefined,
      });
      httpsRequest(`${server.url}/health`, { agent }, (response) => resolve(response.statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
    await expect(start({ tlsCert: cert })).rejects.toThrow(/belong together/);
  });
});

describe('models', () => {
  it('are opened when asked for, and the one used longest ago goes', async () => {
    const models = Object.fromEntries(
      ['classify', 'tag', 'answer'].map((name) => [name, writeSmallFolder(folder.path(name), TASK_FOLDERS[name])]),
    );
    const server = await start({ models, lazy: true, modelMemory: 0.06 });
    const loaded = async (): Promise<boolean[]> =>
      Promise.all(
        Object.keys(models).map(async (name) => {
          const response = await fetch(`${server.url}/v2/models/${name}/ready`);
          return ((await response.json()) as { ready: boolean }).ready;
        }),
      );
    expect(await loaded()).toEqual([false, false, false]);
    expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(503);
    const use = (model: string): Promise<Response> =>
      fetch(`${server.url}/embed`, {
        ...{
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model, inputs: 'a cat' }),
        },
      });
    expect((await use('classify')).status).toBe(200);
    expect((await use('tag')).status).toBe(200);
    expect((await use('answer')).status).toBe(200);
    expect(await loaded()).toEqual([false, false, true]);
    expect((await use('classify')).status).toBe(200);
    expect(await metric(server, 'albertine_model_changes_total{model="tag",what="evicted"}')).toBe(1);
  });

  it('are opened anew when their folder has changed, and stay as they were when it is damaged', async () => {
    const path = writeSmallFolder(folder.path('changing'), TASK_FOLDERS['classify']);
    const lines: string[] = [];
    const logStream = { write: (line: string) => void lines.push(line) };
    const server = await start({ models: { changing: path }, log: 'error', logStream });
    const fingerprint = async (): Promise<string> =>
      ((await (await embed(server, 'a cat')).json()) as { fingerprint: string }).fingerprint;
    const before = await fingerprint();
    const other = writeSmallFolder(folder.path('other'), { ...TASK_FOLDERS['classify'], seed: 8 });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    cpSync(`${other}/model.safetensors`, `${path}/model.safetensors`);
    await expect.poll(fingerprint, { timeout: 15_000, interval: 300 }).not.toBe(before);
    const after = await fingerprint();
    rmSync(`${path}/config.json`);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    for (let i = 0; i < 4; i++) {
      expect(await fingerprint()).toBe(after);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    rmSync(path, { recursive: true });
    for (let look = 0; look < 3; look++) {
      await new Promise((resolve) => setTimeout(resolve, 2100));
      expect(await fingerprint()).toBe(after);
    }
    // What is gone is told once, not at every look.
    expect(lines.filter((line) => line.includes('ENOENT'))).toHaveLength(1);
  }, 60_000);
});

it('--dtype int8 quantises what is stored in f32, and texts computed together get the bits they have alone', async () => {
  const server = await start({ dtype: 'int8' });
  const vector = async (input: string): Promise<string> => {
    const { data, fingerprint } = (await (await embed(server, input)).json()) as {
      data: [{ embedding: number[] }];
      fingerprint: string;
    };
    expect(fingerprint).toContain('dtype=int8-mixed');
    return JSON.stringify(data[0].embedding);
  };
  const texts = ['a cat', 'the dog ran', 'a blue tree', 'the sun', 'red house', 'a moon'];
  const together = await Promise.all(texts.map(vector));
  for (const [i, text] of texts.entries()) expect(await vector(text)).toBe(together[i]);
});

it('is not well when the thread that computes has ended', async () => {
  const server = await start();
  const statuses = async (): Promise<number[]> =>
    await Promise.all(
      ['/health', '/v2/health/live', '/v2/health/ready'].map(async (path) => (await fetch(server.url + path)).status),
    );
  expect(await statuses()).toEqual([200, 200, 200]);
  const ended = vi.spyOn(SessionThread.prototype, 'hasEnded', 'get').mockReturnValue(true);
  expect(await statuses()).toEqual([503, 503, 503]);
  ended.mockRestore();
});

describe('closing', () => {
  it('answers what has begun, and takes no more', async () => {
    const server = await start();
    const begun = embed(
      server,
      Array.from({ length: 1000 }, (_, i) => `${i} ${'the cat sat on mat '.repeat(10)}`),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    const closed = server.close();
    expect((await begun).status).toBe(200);
    await closed;
    await expect(embed(server, 'a')).rejects.toThrow();
  });

  it('a taken port is said to be', async () => {
    const server = await start();
    await expect(start({ port: Number(new URL(server.url).port) })).rejects.toThrow(/cannot listen on .*: it is taken/);
  });
});

it('traces that are asked for and cannot be made are said at the start', async () => {
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:1';
  try {
    await expect(start()).rejects.toMatchObject({
      code: 'runtime_unavailable',
      message: expect.stringMatching(/OTEL_EXPORTER_OTLP_ENDPOINT asks for traces.* npm install @opentelemetry\/api/),
    });
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  }
});

it('broken requests hurt nobody', async () => {
  const server = await start({ deadline: 2 });
  const { hostname, port } = new URL(server.url);
  const raw = (bytes: string, { end = true } = {}): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => (end ? socket.end(bytes) : socket.write(bytes)));
      let answer = '';
      socket.on('data', (data) => (answer += data.toString()));
      socket.on('close', () => resolve(answer)).on('error', () => resolve(answer));
      setTimeout(() => socket.destroy(), 1500);
    });
  const head = 'POST /v1/embeddings HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
  const answers = await Promise.all([
    raw('\x00\xff\x16\x03 nonsense\r\n\r\n'),
    raw(`${head}content-length: 5\r\n\r\n{"inp`),
    raw(`${head}content-length: 50\r\n\r\n{"inp`),
    raw(`${head}content-length: -1\r\n\r\n`),
    raw(`${head}transfer-encoding: chunked\r\n\r\nzz\r\n`),
    raw(`${head}x: ${'y'.repeat(40_000)}\r\n\r\n`),
    raw(head, { end: false }),
    raw('GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
  ]);
  expect(answers.at(-1)).toContain('200 OK');
  expect(answers.join('')).not.toMatch(/node_modules|\n\s+at /);
  expect((await embed(server, 'still there')).status).toBe(200);
}, 20_000);
