import { AlbertineError, requireInteger } from '../../core/errors.ts';
import type { OpenSource } from './corpus.ts';
import { Permutation } from './permutation.ts';

/** Options of {@link countWords}. */
export interface WordCountOptions {
  vocabSize: number;
  /** Tokens to read at most, spread over all blocks as the sources' weights ask. Default 20 million. */
  maxTokens?: number;
  /** Furthest distance at which two tokens of a document count as neighbours, with weight 1 / distance. Default 5. */
  window?: number;
  /** Only the most frequent tokens count as neighbours, at most 65,536. Default 4,096. */
  contexts?: number;
  seed?: number;
}

/** How often tokens occur, alone and beside each other. */
export interface WordCounts {
  tokens: number;
  /** By token id. */
  occurrences: Float64Array;
  /** Token ids of the contexts, most frequent first. */
  contexts: Int32Array;
  /** `[vocabSize, contexts]`: sum of 1 / distance over all occurrences within the window. */
  neighbours: Float32Array;
}

/** Columns of a `SparseMatrix` are 16-bit numbers. */
const MAX_CONTEXTS = 2 ** 16;

type Blocks = { source: OpenSource; index: number }[];

/**
 * Reads token shards twice, for the frequencies and for the neighbours; memory is that of `neighbours`
 * (`4 * vocabSize * contexts` bytes) and one block. Throws `invalid_data` when there is no token to count.
 */
export async function countWords(sources: readonly OpenSource[], options: WordCountOptions): Promise<WordCounts> {
  const { vocabSize, seed = 0 } = options;
  const maxTokens = requireInteger('maxTokens', options.maxTokens ?? 20_000_000, { min: 1 });
  const window = requireInteger('window', options.window ?? 5, { min: 1 });
  const blocks = sampleBlocks(sources, maxTokens, seed);
  const occurrences = new Float64Array(vocabSize);
  for (const { source, index } of blocks) for (const id of (await source.read(index)).tokens) occurrences[id]++;
  const tokens = occurrences.reduce((a, b) => a + b, 0);
  if (tokens === 0)
    throw new AlbertineError(
      'invalid_data',
      `the shards give no token to count: every source has too few blocks for its weight (${sources.map(({ name }) => name).join(', ')})`,
      { value: sources.length, hint: 'Raise the weights, or start from random word embeddings' },
    );
  const contexts = Int32Array.from(occurrences.keys())
    .sort((a, b) => occurrences[b] - occurrences[a] || a - b)
    .subarray(
      0,
      Math.min(vocabSize, requireInteger('contexts', options.contexts ?? 4096, { min: 1, max: MAX_CONTEXTS })),
    );
  const columns = new Int32Array(vocabSize).fill(-1);
  contexts.forEach((id, column) => (columns[id] = column));
  const neighbours = new Float32Array(vocabSize * contexts.length);
  for (const { source, index } of blocks) {
    const { tokens: ids, segmentEnds, documentEnds } = await source.read(index);
    let start = 0;
    for (const segments of documentEnds) {
      const end = segmentEnds[segments - 1];
      for (let at = start; at < end; at++) {
        const column = columns[ids[at]];
        if (column < 0) continue;
        for (let other = Math.max(start, at - window); other < Math.min(end, at + window + 1); other++) {
          if (other !== at) neighbours[ids[other] * contexts.length + column] += 1 / Math.abs(other - at);
        }
      }
      start = end;
    }
  }
  return { tokens, occurrences, contexts, neighbours };
}

/** Blocks of every source in a fixed random order, in proportion to its weight, up to the number of tokens. */
function sampleBlocks(sources: readonly OpenSource[], maxTokens: number, seed: number): Blocks {
  const weighted = sources.reduce((sum, { tokens, weight }) => sum + tokens * weight, 0);
  const passes = Math.min(1, maxTokens / weighted);
  return sources
    .filter(({ blocks }) => blocks > 0)
    .flatMap((source) => {
      const permutation = new Permutation(source.blocks, seed);
      const count = Math.min(source.blocks, Math.round(source.blocks * source.weight * passes));
      return Array.from({ length: count }, (_, i) => ({ source, index: permutation.at(i) }));
    });
}
