import { padPieces } from '../model/batch.ts';
import type { AlbertConfig } from '../model/config.ts';
import { bucketWithin } from '../data/batches.ts';
import { float32, int64, type HostTensor } from '../runtime/tensor.ts';
import type { EmbeddingPooling } from './contrastive-head.ts';
import type { TrainingBatch } from './layerwise.ts';

/**
 * Token sequences one after the other in one growing array: a million sentences take four bytes a token and hardly
 * anything besides.
 */
export class TokenTable {
  private tokens = new Int32Array(1024);
  /** Where each sequence ends. */
  private readonly ends: number[] = [];
  private longest = 0;

  /** Sequences. */
  get length(): number {
    return this.ends.length;
  }

  /** Tokens of all sequences. */
  get tokenCount(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** Tokens of the longest sequence; 0 when there is none. */
  get maxLength(): number {
    return this.longest;
  }

  /** Appends a sequence; the ids are copied. */
  add(ids: Int32Array): void {
    const start = this.tokenCount;
    const end = start + ids.length;
    if (end > this.tokens.length) {
      const grown = new Int32Array(Math.max(end, Math.ceil(this.tokens.length * 1.5)));
      grown.set(this.tokens.subarray(0, start));
      this.tokens = grown;
    }
    this.tokens.set(ids, start);
    this.ends.push(end);
    if (ids.length > this.longest) this.longest = ids.length;
  }

  /** The ids of a sequence: a view, valid until the next {@link TokenTable.add}. */
  sequence(index: number): Int32Array {
    return this.tokens.subarray(index === 0 ? 0 : this.ends[index - 1], this.ends[index]);
  }

  /** All ids, for hashing. */
  all(): Int32Array {
    return this.tokens.subarray(0, this.tokenCount);
  }
}

/** Tokenised rows for sentence embeddings: texts, pairs of texts, or pairs with scores. */
export interface SentenceRows {
  /** Texts of row i at `i * textsPerRow`, special tokens included. */
  sequences: TokenTable;
  /** 1 for texts alone, 2 for pairs. */
  textsPerRow: 1 | 2;
  /** One a row; `scored` only. */
  scores?: readonly number[];
}

/** Rows in {@link SentenceRows}. */
export function rowCount({ sequences, textsPerRow }: SentenceRows): number {
  return sequences.length / textsPerRow;
}

/** Tokens of a row's longest text. */
export function longestText({ sequences, textsPerRow }: SentenceRows, row: number): number {
  const first = sequences.sequence(row * textsPerRow).length;
  return textsPerRow === 1 ? first : Math.max(first, sequences.sequence(row * textsPerRow + 1).length);
}

/** Some of the rows, copied. */
export function selectRows({ sequences, textsPerRow, scores }: SentenceRows, rows: readonly number[]): SentenceRows {
  const selected = new TokenTable();
  for (const row of rows)
    for (let text = 0; text < textsPerRow; text++) selected.add(sequences.sequence(row * textsPerRow + text));
  return { sequences: selected, textsPerRow, ...(scores && { scores: rows.map((row) => scores[row]) }) };
}

/** Pads sequences to a rectangle with what pooling needs. */
export function padSequences(
  sequences: readonly Int32Array[],
  config: AlbertConfig,
  pooling: EmbeddingPooling,
): TrainingBatch {
  const batchSize = sequences.length;
  const sequenceLength = bucketWithin(config.maxPositionEmbeddings)(
    sequences.reduce((longest, { length }) => Math.max(longest, length), 1),
  );
  const batch = padPieces(
    sequences.map((ids) => ({ ids })),
    { sequenceLength, padTokenId: config.padTokenId },
  );
  const weights = new Float32Array(batchSize * sequenceLength);
  sequences.forEach((ids, row) =>
    weights.fill(1 / ids.length, row * sequenceLength, row * sequenceLength + ids.length),
  );
  const feeds: Record<string, HostTensor> =
    pooling === 'mean'
      ? { poolingWeights: float32([batchSize, 1, sequenceLength], weights) }
      : {
          firstTokens: int64(
            [batchSize],
            Array.from({ length: batchSize }, (_, row) => row * sequenceLength),
          ),
        };
  return { ...batch, headFeeds: feeds };
}
