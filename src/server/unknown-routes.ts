import type { App } from './app-type.ts';

/** A path with the methods that it is answered for. */
interface KnownRoute {
  pattern: RegExp;
  methods: readonly string[];
}

/**
 * Answers what no route takes: 405 with the methods that the path has, 404 for a path that there is none of. To be called
 * before any route is added.
 */
export function answerUnknownRoutes(app: App): void {
  const known: KnownRoute[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const methods = [method].flat().filter((name) => name !== 'OPTIONS');
    if (methods.length > 0) known.push({ pattern: patternOf(url), methods });
  });
  app.setNotFoundHandler((request, reply) => {
    const [path] = request.url.split('?');
    const allowed = [...new Set(known.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
    if (allowed.length === 0 || request.method === 'OPTIONS')
      return reply.code(404).send({ error: { code: 'not_found', message: `there is no ${request.method} ${path}` } });
    const allow = allowed.sort().join(', ');
    return reply
      .code(405)
      .header('allow', allow)
      .send({ error: { code: 'method_not_allowed', message: `${path} takes ${allow}, not ${request.method}` } });
  });
}

/** Parameters stand for a part of a path, an asterisk for any rest. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replace(/:[^/]+/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
