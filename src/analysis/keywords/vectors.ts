import { normalizeVector } from '../../model/pooling.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { TokenEmbedding } from '../../loaded/embed-tokens.ts';
import type { Candidate } from './candidates.ts';

/** What a candidate is compared by. */
export const KEYWORD_VECTORS = ['isolated', 'contextual', 'both'] as const;
/**
 * One of {@link KEYWORD_VECTORS}: `isolated` embeds every candidate as a text of its own; `contextual` takes the mean
 * of its tokens inside the document, over all occurrences, in one pass; `both` means the two cosines.
 */
export type KeywordVectors = (typeof KEYWORD_VECTORS)[number];

/**
 * A document and its candidates as vectors of length 1 (of zeros where there is no token), so that products are
 * cosines.
 */
export interface DocumentVectors {
  document: Float32Array;
  candidates: Float32Array[];
  /** Windows that the document was read in. */
  windows: number;
}

/** Options of embedding that both kinds share. */
export interface VectorOptions {
  maxLength?: number;
  batchTokens?: number;
  signal?: AbortSignal;
}

/** What the document counts beside the seeds, as KeyBERT has it. */
const [DOCUMENT_WEIGHT, SEED_WEIGHT] = [0.75, 0.25];

/** Vectors of one document; it is read apart from all others, so that those cannot matter. */
export async function vectorsOf(
  model: Albert,
  { text, candidates, seeds }: { text: string; candidates: readonly Candidate[]; seeds: readonly string[] },
  { vectors, ...options }: VectorOptions & { vectors: KeywordVectors },
): Promise<DocumentVectors> {
  if (vectors === 'isolated') return await isolatedVectors(model, { text, candidates, seeds }, options);
  const contextual = await contextualVectors(model, { text, candidates, seeds }, options);
  if (vectors === 'contextual') return contextual;
  const isolated = await isolatedVectors(model, { text, candidates, seeds }, options);
  return {
    document: joined(isolated.document, contextual.document),
    candidates: isolated.candidates.map((vector, i) => joined(vector, contextual.candidates[i])),
    windows: contextual.windows,
  };
}

type Parts = { text: string; candidates: readonly Candidate[]; seeds: readonly string[] };

async function isolatedVectors(model: Albert, parts: Parts, options: VectorOptions): Promise<DocumentVectors> {
  const { text, candidates, seeds } = parts;
  const matrix = await model.embed([text, ...seeds, ...candidates.map((candidate) => candidate.text)], options);
  const rows = Array.from({ length: matrix.rows }, (_, i) => matrix.row(i));
  return {
    document: guided(rows[0], rows.slice(1, 1 + seeds.length)),
    candidates: rows.slice(1 + seeds.length).map(normalizeVector),
    windows: matrix.texts[0].windows,
  };
}

async function contextualVectors(model: Albert, parts: Parts, options: VectorOptions): Promise<DocumentVectors> {
  const { text, candidates, seeds } = parts;
  const { maxLength, batchTokens } = options;
  const [{ tokens, windows }] = await model.embedTokens([text], {
    includeSpecialTokens: false,
    ...(maxLength !== undefined && { maxLength }),
    ...(batchTokens !== undefined && { batchTokens }),
  });
  const width = model.config.hiddenSize;
  // Of tokens too: the mean of theirs is what the document's is.
  const matrix =
    seeds.length > 0 ? await model.embed(seeds, { ...options, pooling: 'mean', normalize: false }) : undefined;
  return {
    document: guided(
      meanOf(width, tokens),
      seeds.map((_, i) => matrix!.row(i)),
    ),
    candidates: candidates.map(({ offsets }) =>
      normalizeVector(
        meanOf(
          width,
          offsets.flatMap(([start, end]) => tokensWithin(tokens, start, end)),
        ),
      ),
    ),
    windows,
  };
}

/** Tokens that share a character with a range. */
function tokensWithin(tokens: readonly TokenEmbedding[], start: number, end: number): TokenEmbedding[] {
  let [low, high] = [0, tokens.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens[middle].end > start) high = middle;
    else low = middle + 1;
  }
  let next = low;
  while (next < tokens.length && tokens[next].start < end) next++;
  return tokens.slice(low, next);
}

function meanOf(width: number, tokens: readonly TokenEmbedding[]): Float32Array {
  const mean = new Float32Array(width);
  for (const { embedding } of tokens) for (let i = 0; i < width; i++) mean[i] += embedding[i] / tokens.length;
  return mean;
}

function guided(document: Float32Array, seeds: readonly Float32Array[]): Float32Array {
  if (seeds.length === 0) return normalizeVector(document.slice());
  return normalizeVector(
    document.map(
      (value, i) =>
        DOCUMENT_WEIGHT * value + (SEED_WEIGHT * seeds.reduce((sum, seed) => sum + seed[i], 0)) / seeds.length,
    ),
  );
}

/** Two vectors of length 1 as one, whose products with others are the means of theirs. */
function joined(a: Float32Array, b: Float32Array): Float32Array {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both.map((value) => value * Math.SQRT1_2);
}
