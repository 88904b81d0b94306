import { chooseMmr } from '../analysis/keywords/choose.ts';
import { rounded } from '../core/decimal.ts';
import { AlbertineError, requireInteger, requireOneOf, wrongOption } from '../core/errors.ts';
import { requireOptions, requireText, type OptionKinds } from '../core/options.ts';
import { option, prose } from '../core/prose.ts';
import type { Albert } from '../loaded/albert.ts';
import { dot } from '../metrics/similarity.ts';
import { indexedText, type Chunk } from './chunk.ts';
import type { IndexedChunks } from './chunks-node.ts';
import { ChunkFilter, type Filter } from './filter.ts';
import { fuse, LEXICAL_WEIGHT, VECTOR_WEIGHT } from './fuse.ts';
import { requireModel, type Manifest } from './generations-node.ts';
import { queryPrompt } from './prompts.ts';
import { scoreRanker, type TextRanker } from './rerank.ts';
import type { ScoredRow, VectorStore } from './stores/store.ts';
import { TopRows } from '../core/top-rows.ts';
import type { LexicalIndex } from './words/lexical.ts';

/** Ways to search. */
export const SEARCH_MODES = ['hybrid', 'vector', 'lexical'] as const;
/** One of {@link SEARCH_MODES}: by vectors, by words (BM25), or by both together. */
export type SearchMode = (typeof SEARCH_MODES)[number];

/** Options of {@link DocumentIndex.search}. */
export interface SearchOptions {
  /** Most chunks that are given. Default 10. */
  limit?: number;
  /** Default `hybrid`, which measures best; see docs/search.md. */
  mode?: SearchMode;
  /** Conditions on fields, all of which a chunk must meet. */
  filter?: Filter;
  /**
   * Maximal marginal relevance (Carbonell and Goldstein 1998): from 0, the best chunks, to 1, those least alike. Chosen
   * among the best `pool`. Default: not used.
   */
  mmr?: number;
  /**
   * `albertscore`, or a fine-tuned ranker's folder or hub id, or a ranker that is open: orders the best `pool` anew.
   * Default: not used.
   */
  rerank?: string | TextRanker;
  /** How many chunks `mmr` and `rerank` choose among. Default 50, or `limit` where that is more. */
  pool?: number;
  /**
   * Where a store finds candidates by an approximation: how many for each chunk that is wanted are compared by their
   * whole vectors; more find better and take longer. Default: that of the store, see docs/search.md.
   */
  oversample?: number;
  /** Stops with `interrupted`. */
  signal?: AbortSignal;
}

/** See `requireOptions`. */
export const SEARCH_OPTIONS: OptionKinds<SearchOptions> = {
  limit: 'number',
  mode: 'string',
  filter: 'object',
  mmr: 'number',
  rerank: 'any',
  pool: 'number',
  oversample: 'number',
  signal: 'object',
};

/** What a score is made of. */
export interface ScoreParts {
  /** Cosine of chunk and query; absent where words alone are searched. */
  vector?: number;
  /** BM25; 0 for no common word; absent where vectors alone are searched. */
  lexical?: number;
  /** That of the ranker, which the order follows. */
  rerank?: number;
}

/** A chunk that was found. */
export interface SearchHit extends Chunk {
  /** What the order follows, `mmr` aside: of a ranker, else of vectors and words together, else the only part. */
  score: number;
  /** What its score is made of. */
  scores: ScoreParts;
}

/** Chunks that each part of a hybrid search contributes. */
const CANDIDATES = 100;
/** Default of {@link SearchOptions.pool}. */
export const POOL = 50;

/** What an index is opened with. */
export interface IndexParts {
  manifest: Manifest;
  chunks: IndexedChunks;
  words: LexicalIndex;
  store: VectorStore;
  /** Opens the model the index was made with. */
  model: () => Promise<Albert>;
  ranker: (name: string) => Promise<TextRanker>;
  close: () => Promise<void>;
}

/** Documents that can be searched. Dispose it (`await using`) to free its models. */
export class DocumentIndex implements AsyncDisposable {
  /** What it was made of, and how. */
  readonly manifest: Manifest;
  private readonly parts: IndexParts;
  private readonly chunkFilter: ChunkFilter;
  private readonly searches = new Set<Promise<unknown>>();

  /** Use {@link openIndex}. */
  constructor(parts: IndexParts) {
    this.manifest = parts.manifest;
    this.parts = parts;
    this.chunkFilter = new ChunkFilter(() => parts.chunks.filtered(), parts.chunks.length);
  }

  /** All chunks in the order of files and places, read from the index when they are asked for. */
  get chunks(): IndexedChunks {
    return this.parts.chunks;
  }

  /** Their vectors. */
  get vectors(): VectorStore {
    return this.parts.store;
  }

  /**
   * The chunks that answer a query best. Throws `invalid_argument` for an empty query, for options out of range and for
   * a filter of a field that no chunk has, `weights_mismatch` where the model is not the one the index was made with.
   * `model` embeds the query, and compares tokens for `albertscore`, in place of the one that the index opens.
   */
  async search(query: string, options: SearchOptions = {}, model?: Albert): Promise<SearchHit[]> {
    const search = this.answer(query, options, model);
    this.searches.add(search);
    return await search.finally(() => this.searches.delete(search));
  }

  /** Frees the models and the store, after the searches that were begun. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.searches);
    await this.parts.close();
  }

  private async answer(query: string, options: SearchOptions, model: Albert | undefined): Promise<SearchHit[]> {
    const { limit = 10, mode = 'hybrid' } = this.check(query, options);
    const isChosen = options.mmr !== undefined || options.rerank !== undefined;
    const wanted = isChosen ? Math.max(limit, options.pool ?? POOL) : limit;
    const accept = options.filter && (await this.chunkFilter.accepted(options.filter));
    const vector = mode === 'lexical' ? undefined : await this.embed(query, { model, signal: options.signal });
    let found = await this.find({ query, vector, accept, wanted, mode, oversample: options.oversample });
    if (options.rerank !== undefined && found.length > 0)
      found = await this.rerank(query, found, { ...options, model });
    if (options.mmr !== undefined) found = await this.diversify(found, { limit, diversity: options.mmr });
    found = found.slice(0, limit);
    const chunks = await this.chunks.read(found.map(({ row }) => row));
    return found.map(({ score, scores }, i) => ({ ...chunks[i], score, scores }));
  }

  private check(query: string, options: SearchOptions): SearchOptions {
    requireText('search', query, 0);
    requireOptions('search', options, SEARCH_OPTIONS);
    if (query.trim() === '')
      throw new AlbertineError('invalid_argument', 'the query is empty', {
        value: query,
        hint: 'Give words to look for',
      });
    const { limit, mode, mmr, pool, rerank, oversample } = options;
    if (limit !== undefined) requireInteger('limit', limit, { min: 1 });
    if (mode !== undefined) requireOneOf('mode', mode, SEARCH_MODES);
    if (mmr !== undefined && !(mmr >= 0 && mmr <= 1)) throw wrongOption('mmr', 'from 0 to 1', { value: mmr });
    if (rerank !== undefined && typeof rerank !== 'string' && typeof rerank?.rank !== 'function')
      throw wrongOption('rerank', 'albertscore, a folder, a hub id or a ranker', { value: rerank });
    if (pool !== undefined) {
      requireInteger('pool', pool, { min: 1 });
      if (mmr === undefined && rerank === undefined)
        throw new AlbertineError(
          'invalid_argument',
          prose`${option('pool')} does nothing without ${option('mmr')} or ${option('rerank')}`,
          {
            value: pool,
            option: 'pool',
          },
        );
    }
    if (oversample !== undefined) {
      requireInteger('oversample', oversample, { min: 1 });
      if (mode === 'lexical' || this.vectors.oversample === undefined)
        throw new AlbertineError(
          'invalid_argument',
          prose`${option('oversample')} does nothing where ${mode === 'lexical' ? 'words alone are searched' : 'every vector is compared'}`,
          { value: oversample, option: 'oversample' },
        );
    }
    return options;
  }

  private async embed(
    query: string,
    { model: given, signal }: { model: Albert | undefined; signal: AbortSignal | undefined },
  ): Promise<Float32Array> {
    if (given) requireModel(this.manifest, given);
    const model = given ?? (await this.parts.model());
    const prompt = queryPrompt(model.prompts);
    const matrix = await model.embed([query], { normalize: true, prompt, ...(signal && { signal }) });
    return matrix.row(0);
  }

  private async find({ query, vector, accept, wanted, mode, oversample }: Wanted): Promise<FoundRow[]> {
    const depth = Math.max(wanted, CANDIDATES);
    const near = vector
      ? await this.parts.store.nearest(vector, { limit: mode === 'vector' ? wanted : depth, accept, oversample })
      : [];
    if (mode === 'vector') return near.map(({ row, score }) => ({ row, score, scores: { vector: score } }));
    const { scores: lexical, bound } = await this.parts.words.search(query);
    const worded = bestOf(lexical, { limit: mode === 'lexical' ? wanted : depth, accept });
    if (!vector) return worded.map(({ row, score }) => ({ row, score, scores: { lexical: score } }));
    const fused = fuse([
      { ranking: near, weight: VECTOR_WEIGHT, floor: near.at(-1)?.score ?? 0, ceiling: near[0]?.score ?? 0 },
      { ranking: worded, weight: LEXICAL_WEIGHT, floor: 0, ceiling: bound },
    ]).slice(0, wanted);
    const cosines = new Map(near.map(({ row, score }) => [row, score]));
    const rest = fused.filter(({ row }) => !cosines.has(row)).map(({ row }) => row);
    (await this.parts.store.read(rest)).forEach((own, i) => cosines.set(rest[i], dot(own, vector)));
    return fused.map(({ row, score }) => ({
      row,
      score,
      scores: { vector: cosines.get(row)!, lexical: lexical[row] },
    }));
  }

  private async rerank(
    query: string,
    found: readonly FoundRow[],
    { rerank, signal, model }: SearchOptions & { model: Albert | undefined },
  ): Promise<FoundRow[]> {
    using own = rerank === 'albertscore' && model ? scoreRanker(model) : undefined;
    const ranker = own ?? (typeof rerank === 'string' ? await this.parts.ranker(rerank) : rerank!);
    const texts = (await this.chunks.read(found.map(({ row }) => row))).map(indexedText);
    const scores = await ranker.rank(query, texts, signal);
    return found
      .map(({ row, scores: parts }, i) => ({ row, score: scores[i], scores: { ...parts, rerank: scores[i] } }))
      .sort((a, b) => b.score - a.score);
  }

  private async diversify(
    found: readonly FoundRow[],
    { limit, diversity }: { limit: number; diversity: number },
  ): Promise<FoundRow[]> {
    const vectors = await this.parts.store.read(found.map(({ row }) => row));
    // Scores of words have no bound of their own; beside cosines they have to be of their size.
    const best = Math.max(...found.map(({ score }) => score));
    const scores = found.map(({ score }) => (best > 1 ? score / best : score));
    const similarity = (a: number, b: number): number => dot(vectors[a], vectors[b]);
    return chooseMmr({ scores, similarity }, { topK: limit, diversity }).map((i) => found[i]);
  }
}

interface FoundRow extends ScoredRow {
  scores: ScoreParts;
}

interface Wanted {
  query: string;
  vector: Float32Array | undefined;
  accept: Uint8Array | undefined;
  wanted: number;
  mode: SearchMode;
  oversample: number | undefined;
}

function bestOf(
  scores: Float64Array,
  { limit, accept }: { limit: number; accept: Uint8Array | undefined },
): ScoredRow[] {
  const top = new TopRows(limit);
  for (let row = 0; row < scores.length; row++) if (scores[row] > 0 && accept?.[row] !== 0) top.offer(row, scores[row]);
  return top.sorted();
}

/** A hit as JSON has it: scores with the digits that they have. */
export function hitRecord({ score, scores, ...chunk }: SearchHit): object {
  const parts = Object.fromEntries(Object.entries(scores).map(([part, value]) => [part, rounded(value as number)]));
  return { score: rounded(score), scores: parts, ...chunk };
}
