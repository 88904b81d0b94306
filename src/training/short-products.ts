import type { AlbertConfig } from '../model/config.ts';

/**
 * True for so few rows that products as wide as the embeddings must run on one thread. With fewer rows than columns
 * ONNX Runtime divides the columns among threads, and strips of 64 or fewer are added in another order: the weights
 * would depend on the number of threads.
 */
export function isShortProduct(rows: number, { embeddingSize }: AlbertConfig): boolean {
  return rows < embeddingSize;
}
