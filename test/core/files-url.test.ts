import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { droppedFiles } from '../../src/core/files-dropped.ts';
import { urlFiles } from '../../src/core/files-url.ts';

const FILES: Readonly<Record<string, string>> = {
  '/model/config.json': '{}',
  '/model/spiece.model': 'pieces',
  '/headless/config.json': '{}',
  '/headless/vocab.txt': 'a',
};
let server: Server;
let base: string;
let requests: { method: string | undefined; url: string | undefined; headers: IncomingMessage['headers'] }[] = [];

beforeAll(async () => {
  server = createServer(({ method, url, headers }, response) => {
    requests.push({ method, url, headers });
    const content = FILES[url ?? ''];
    if (url?.startsWith('/headless/') && method === 'HEAD') response.writeHead(405).end();
    else if (url?.startsWith('/private/')) response.writeHead(401, 'Unauthorized').end();
    else if (content === undefined) response.writeHead(404).end();
    else
      response
        .writeHead(200, { 'content-type': 'application/octet-stream' })
        .end(method === 'HEAD' ? undefined : content);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  requests = [];
});

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('urlFiles', () => {
  it.each(['/model', '/model/', '/headless'])('finds the usual files at %s and fetches each once', async (path) => {
    const files = urlFiles(`${base}${path}`);
    expect(await files.list()).toEqual(
      path === '/headless' ? ['config.json', 'vocab.txt'] : ['config.json', 'spiece.model'],
    );
    expect(await files.list()).toHaveLength(2);
    expect([
      text(await files.read('config.json')),
      await files.size('config.json'),
      text(await files.read('config.json', 1, 2)),
    ]).toEqual(['{}', 2, '}']);
    expect(
      requests.filter(({ method, url }) => method === 'GET' && url === `${path.replace(/\/$/, '')}/config.json`),
    ).toHaveLength(1);
  });

  it('asks for nothing where the names are given, and sends the headers', async () => {
    const files = urlFiles(new URL('/model', base), { names: ['config.json'], headers: { authorization: 'Bearer x' } });
    expect(await files.list()).toEqual(['config.json']);
    expect(requests).toEqual([]);
    await files.read('config.json');
    expect(requests[0].headers).toMatchObject({ authorization: 'Bearer x' });
  });

  it('names address and status', async () => {
    await expect(urlFiles(`${base}/nowhere`).list()).rejects.toMatchObject({
      code: 'file_not_found',
      message: `${base}/nowhere/config.json: the server answers 404 Not Found. Check the address; it must be the folder of the model`,
    });
    await expect(urlFiles(`${base}/private`).list()).rejects.toMatchObject({ code: 'unauthorized', value: 401 });
    await expect(urlFiles('http://127.0.0.1:1/x').list()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:1\/x\/config\.json cannot be fetched: /),
    });
    expect(() => urlFiles('models/mine')).toThrow('a model\'s address must be a URL, got "models/mine"');
  });
});

describe('droppedFiles', () => {
  const dropped = (
    name: string,
    content: string,
    webkitRelativePath = '',
  ): { name: string; size: number; webkitRelativePath: string; slice: Blob['slice'] } => {
    const blob = new Blob([content]);
    return { name, size: blob.size, webkitRelativePath, slice: (start, end) => blob.slice(start, end) };
  };

  it('names files below the folder that was chosen, and reads parts of them', async () => {
    const files = droppedFiles([
      dropped('config.json', '{}', 'mine/config.json'),
      dropped('config.json', '[1]', 'mine/1_Pooling/config.json'),
      dropped('spiece.model', 'pieces'),
    ]);
    expect(await files.list()).toEqual(['config.json', 'spiece.model']);
    expect([
      text(await files.read('1_Pooling/config.json')),
      text(await files.read('spiece.model', 1, 3)),
      await files.size('config.json'),
    ]).toEqual(['[1]', 'ie', 2]);
    await expect(files.read('vocab.txt')).rejects.toMatchObject({
      code: 'file_not_found',
      message: 'the dropped files have no file vocab.txt',
    });
  });
});
