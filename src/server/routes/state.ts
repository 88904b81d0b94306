import type { App } from '../app-type.ts';
import type { ServerParts } from '../asking.ts';

/** Whether it is well, for probes and scrapers. */
export function stateRoutes(app: App, { metrics, pool, computes }: ServerParts): void {
  const schema = { tags: ['state'], summary: 'Whether the server answers' };
  for (const path of ['/', '/health', '/ping'])
    app.get(path, { schema }, (_request, reply) =>
      computes()
        ? reply.send({ status: 'ok' })
        : reply.code(503).send({ status: 'the thread that computes has ended' }),
    );
  app.get('/metrics', { schema: { tags: ['state'], summary: 'Figures for Prometheus' } }, async (_request, reply) => {
    void reply.type(metrics.registry.contentType);
    return await metrics.registry.metrics();
  });
  app.get('/v2/health/live', { schema }, (_request, reply) =>
    reply.code(computes() ? 200 : 503).send({ live: computes() }),
  );
  app.get(
    '/v2/health/ready',
    { schema: { ...schema, summary: 'Whether the first model is open' } },
    (_request, reply) => {
      const ready = computes() && pool.isLoaded(pool.names[0]);
      return reply.code(ready ? 200 : 503).send({ ready });
    },
  );
}
