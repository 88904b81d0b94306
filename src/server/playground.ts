import fastifyStatic from '@fastify/static';
import type { App } from './app-type.ts';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AlbertineError } from '../core/errors.ts';

/** Where the page lives. */
export const PLAYGROUND_PATH = '/playground/';

/** The page may load and ask what this server has, and nothing else; no page may frame it. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

/** The folder of the built page, the same from `src` and from `dist`. Throws `file_not_found` where it was not built. */
export function playgroundFolder(given = resolve(import.meta.dirname, '../../dist/playground')): string {
  if (existsSync(join(given, 'index.html'))) return given;
  throw new AlbertineError('file_not_found', `the playground is not built: there is no index.html in ${given}`, {
    value: given,
    hint: 'npm run build builds it; the published package has it',
  });
}

/** The page, with names that carry a hash kept by the browser for good, and the document asked for every time. */
export function servePlayground(app: App, folder: string): void {
  app.get('/playground', { schema: { hide: true } }, (_request, reply) => reply.redirect('playground/', 308));
  void app.register(fastifyStatic, {
    root: folder,
    prefix: PLAYGROUND_PATH,
    decorateReply: false,
    cacheControl: false,
    setHeaders(reply, path) {
      const hashed = /[\\/]assets[\\/]/.test(path);
      void reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      for (const [name, value] of Object.entries(HEADERS)) void reply.header(name, value);
    },
  });
}
