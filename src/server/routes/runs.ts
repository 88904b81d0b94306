import { Type } from '../typebox.ts';
import type { App } from '../app-type.ts';
import type { ServerParts } from '../asking.ts';
import { listRuns, readRunLines } from '../run-files.ts';

/** `/v1/runs`: the logs of training runs in a folder, while they go on. Only with the setting `runs`. */
export function runRoutes(app: App, { settings: { runs: root } }: ServerParts): void {
  if (root === undefined) return;
  const tags = ['albertine'];
  app.get('/v1/runs', { schema: { tags, summary: 'Training runs, the last changed first' } }, async () => ({
    runs: await listRuns(root),
  }));
  const params = Type.Object({ name: Type.String() });
  const querystring = Type.Object({
    from: Type.Optional(Type.String({ description: 'the "next" of the last answer; default: the beginning' })),
  });
  app.get(
    '/v1/runs/:name/events',
    { schema: { tags, summary: 'Lines of the logs of a run, from a place on', params, querystring } },
    async ({ params: { name }, query: { from } }, reply) => {
      void reply.header('cache-control', 'no-store');
      return { name, ...(await readRunLines(root, name, from)) };
    },
  );
}
