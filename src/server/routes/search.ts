import { Type } from '../typebox.ts';
import { hitRecord, POOL, type SearchHit, type SearchOptions } from '../../retrieval/document-index.ts';
import type { Filter } from '../../retrieval/filter.ts';
import type { Albert } from '../../loaded/albert.ts';
import { modelRanker } from '../../retrieval/rerank.ts';
import { Reranker } from '../../tasks/rank/reranker.ts';
import type { App } from '../app-type.ts';
import { ask, type ServerParts } from '../asking.ts';
import type { ServedIndex } from '../served-indexes.ts';

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
    mmr: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'from 0, the best of the pool, to 1, those least alike' }),
    ),
    rerank: Type.Optional(
      Type.String({
        description: 'orders the pool anew: albertscore, or the name of a ranker that this server has as a model',
      }),
    ),
    pool: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'passages that rerank and mmr choose among; default: 50',
      }),
    ),
    oversample: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description:
          'where vectors are int8 or binary, or in LanceDB or PostgreSQL: candidates compared by their whole vectors, for each passage wanted',
      }),
    ),
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
    const { index: name, query, filter, rerank, ...options } = request.body;
    const index = await parts.indexes.find(name);
    const given: SearchOptions = { ...options, ...(filter && { filter: filter as Filter }) };
    const tokens = rerank === undefined ? 0 : rankedTokens(index, query, given);
    return await ask(parts, { request, reply, model: index.model, texts: [query], tokens }, async ({ network }) => {
      const { hits, ranker } = await found(parts, { index, query, rerank, given, network });
      return {
        index: name,
        model: index.model,
        fingerprint: network.fingerprint,
        ...(ranker && { ranker }),
        results: hits.map(hitRecord),
      };
    });
  });
}

/**
 * Tokens that a ranker reads: passages as long as those of the index are on average, each with the query, of which
 * characters are counted, which are not fewer.
 */
function rankedTokens(
  { opened: { manifest } }: ServedIndex,
  query: string,
  { limit = 10, pool = POOL }: SearchOptions,
): number {
  const passages = Math.min(manifest.chunks, Math.max(limit, pool));
  return Math.ceil(passages * (query.length + manifest.tokens / Math.max(1, manifest.chunks)));
}

interface Found {
  hits: SearchHit[];
  /** Who has put them in order, where that was a ranker. */
  ranker?: { model: string; fingerprint: string };
}

/**
 * Searches with models that the server has open alone: a request can name no folder, and nothing is downloaded. Throws
 * `not_found` for a ranker that is not served, `unsupported` for a model that is none.
 */
async function found(
  { pool }: ServerParts,
  asked: { index: ServedIndex; query: string; rerank: string | undefined; given: SearchOptions; network: Albert },
): Promise<Found> {
  const { index, query, rerank, given, network } = asked;
  if (rerank === undefined) return { hits: await index.opened.search(query, given, network) };
  if (rerank === 'albertscore') {
    const hits = await index.opened.search(query, { ...given, rerank }, network);
    return { hits, ranker: { model: rerank, fingerprint: network.fingerprint } };
  }
  return await pool.use(rerank, async (served) => {
    served.requireOutputs('rerank', 1);
    const ranker = modelRanker(Reranker.from(served.network));
    const hits = await index.opened.search(query, { ...given, rerank: ranker }, network);
    return { hits, ranker: { model: rerank, fingerprint: served.network.fingerprint } };
  });
}
