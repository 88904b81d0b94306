import { AlbertineError } from '../core/errors.ts';
import type { EncoderBatch } from './batch.ts';
import type { AlbertEncoder } from './encoder.ts';

/** Spread of cosines: the smallest, the mean, and the value that one in twenty lies below. */
export interface CosineSummary {
  min: number;
  mean: number;
  p5: number;
}

/**
 * How close one depth of a network is to another network's: over its tokens, and over the texts' mean-pooled vectors.
 */
export interface LayerDrift {
  /** 0 is the mapped embeddings, d the output of depth d. */
  depth: number;
  tokens: CosineSummary;
  pooled: CosineSummary;
}

/**
 * Cosines between the hidden states of two encoders of one shape, at every depth, on batches without padding.
 * `reference` is the exact (f32) one.
 */
export async function measureDrift(
  reference: AlbertEncoder,
  other: AlbertEncoder,
  batches: Iterable<EncoderBatch>,
): Promise<LayerDrift[]> {
  const { hiddenSize, numHiddenLayers } = reference.config;
  const depths = Array.from({ length: numHiddenLayers + 1 }, (_, depth) => ({
    depth,
    tokens: [] as number[],
    pooled: [] as number[],
  }));
  for (const batch of batches) {
    const expected = (await reference.forward(batch, { layers: 'all' })).hiddenStates;
    const actual = (await other.forward(batch, { layers: 'all' })).hiddenStates;
    for (const { depth, tokens, pooled } of depths) {
      const [a, b] = [expected.get(depth)!, actual.get(depth)!];
      for (let at = 0; at < a.length; at += hiddenSize)
        tokens.push(cosine(a.subarray(at, at + hiddenSize), b.subarray(at, at + hiddenSize)));
      const size = batch.sequenceLength * hiddenSize;
      for (let row = 0; row < batch.batchSize; row++) {
        pooled.push(
          cosine(
            sumRows(a.subarray(row * size, (row + 1) * size), hiddenSize),
            sumRows(b.subarray(row * size, (row + 1) * size), hiddenSize),
          ),
        );
      }
    }
  }
  if (depths[0].tokens.length === 0)
    throw new AlbertineError('invalid_argument', 'measuring drift needs at least one text', { value: batches });
  return depths.map(({ depth, tokens, pooled }) => ({ depth, tokens: summarise(tokens), pooled: summarise(pooled) }));
}

/** Cosine of two vectors; 1 when both are zero. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa === 0 && bb === 0 ? 1 : dot / Math.sqrt(aa * bb);
}

function sumRows(matrix: Float32Array, width: number): Float64Array {
  const sum = new Float64Array(width);
  for (let i = 0; i < matrix.length; i++) sum[i % width] += matrix[i];
  return sum;
}

/** Minimum, mean and fifth percentile (nearest rank). */
function summarise(values: number[]): CosineSummary {
  const sorted = Float64Array.from(values).sort();
  return {
    min: sorted[0],
    mean: sorted.reduce((a, b) => a + b, 0) / sorted.length,
    p5: sorted[Math.max(0, Math.ceil(sorted.length * 0.05) - 1)],
  };
}
