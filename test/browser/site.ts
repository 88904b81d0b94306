import { createReadStream, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';
import type { AddressInfo } from 'node:net';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/**
 * A static server: every mount is a folder under a path. `/broken/` answers 503, `/pages/` a page for everything, as
 * many hosts do for unknown addresses.
 */
export async function serve(
  mounts: Readonly<Record<string, string>>,
  options: { isolated?: boolean } = {},
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://host').pathname));
    if (path.startsWith('/broken/')) return void response.writeHead(503).end();
    if (path.startsWith('/pages/'))
      return void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>');
    const mount = Object.keys(mounts)
      .sort((a, b) => b.length - a.length)
      .find((prefix) => path.startsWith(prefix));
    const file = mount === undefined ? undefined : join(mounts[mount], path.slice(mount.length) || 'index.html');
    const info = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
    if (!info?.isFile()) return void response.writeHead(404).end();
    const isolation = options.isolated
      ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
      : {};
    response.writeHead(200, {
      'content-type': TYPES[extname(file!)] ?? 'application/octet-stream',
      'content-length': info.size,
      ...isolation,
    });
    if (request.method === 'HEAD') response.end();
    else createReadStream(file!).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
