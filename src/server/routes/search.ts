import { Type } from '../typebox.ts';
import { hitRecord, type SearchOptions } from '../../retrieval/document-index.ts';
import type { Filter } from '../../retrieval/filter.ts';
import type { App } from '../app-type.ts';
import { ask, type ServerParts } from '../asking.ts';

const SearchBody = Type.Object(
  {
    index: Type.String(),
    query: Type.String(),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'default: 10' })),
    mode: Type.Optional(
      Type.Union([Type.Literal('hybrid'), Type.Literal('vector'), Type.Literal('lexical')], {
        description: 'default: hybrid',
      }),
    ),
    filter: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'by field: a value, a list of values, or { not, min, max }',
      }),
    ),
    mmr: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { additionalProperties: false },
);

/** Passages of indexed documents. */
export function searchRoutes(app: App, parts: ServerParts): void {
  app.get('/v1/indexes', { schema: { tags: ['albertine'], summary: 'The indexes that can be searched' } }, () => ({
    indexes: parts.indexes.all.map(({ name, model, opened: { manifest } }) => ({
      ...{ name, model, chunks: manifest.chunks, files: manifest.files.length },
      ...{ fingerprint: manifest.fingerprint, writtenAt: manifest.writtenAt },
    })),
  }));
  const schema = { tags: ['albertine'], summary: 'Searches documents by meaning and words', body: SearchBody };
  app.post('/v1/search', { schema }, async (request, reply) => {
    const { index: name, query, filter, ...options } = request.body;
    const index = await parts.indexes.find(name);
    const given: SearchOptions = { ...options, ...(filter && { filter: filter as Filter }) };
    return await ask(parts, { request, reply, model: index.model, texts: [query] }, async ({ network }) => {
      const hits = await index.opened.search(query, given, network);
      return {
        index: name,
        model: index.model,
        fingerprint: network.fingerprint,
        results: hits.map(hitRecord),
      };
    });
  });
}
