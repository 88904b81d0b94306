import type { NpyDtype } from '../../data/npy.ts';
import { binarizeVectors, quantizeVectors, type VectorRanges } from '../../model/pooling.ts';

/** How a vector's numbers are stored. */
export type VectorType = 'none' | 'int8' | 'binary';

/** Turns float vectors into what is stored. */
export interface VectorEncoder {
  dtype: NpyDtype;
  /** Numbers (bytes, for packed bits) per vector. */
  width: number;
  /** For the sidecar. */
  details: Record<string, unknown>;
  encode(vector: Float32Array): { stored: ArrayLike<number>; clipped: number };
}

/** Encoder for vectors of `dimensions` numbers; int8 needs the `ranges`. */
export function createVectorEncoder(type: VectorType, dimensions: number, ranges?: VectorRanges): VectorEncoder {
  if (type === 'binary') {
    return {
      dtype: 'uint8',
      width: Math.ceil(dimensions / 8),
      details: { quantization: { type, dimensions, bitOrder: 'most significant first' } },
      encode: (vector) => ({ stored: binarizeVectors(vector, dimensions), clipped: 0 }),
    };
  }
  if (type === 'int8' && ranges) {
    return {
      dtype: 'int8',
      width: dimensions,
      details: {
        quantization: {
          type,
          formula: '(q + 128) * step + min',
          min: Array.from(ranges.min),
          step: Array.from(ranges.step),
        },
      },
      encode: (vector) => ({
        stored: quantizeVectors(vector, dimensions, ranges).values,
        clipped: countClipped(vector, ranges),
      }),
    };
  }
  return { dtype: 'float32', width: dimensions, details: {}, encode: (vector) => ({ stored: vector, clipped: 0 }) };
}

/** Ranges of every dimension over some vectors. */
export function calibrate(vectors: readonly Float32Array[], dimensions: number): VectorRanges {
  const data = new Float32Array(vectors.length * dimensions);
  vectors.forEach((vector, row) => data.set(vector, row * dimensions));
  return quantizeVectors(data, dimensions).ranges;
}

/** The ranges in a sidecar; undefined if it has none. */
export function storedRanges(metadata: Record<string, unknown> | undefined): VectorRanges | undefined {
  const stored = metadata?.['quantization'] as { min?: number[]; step?: number[] } | undefined;
  return stored?.min && stored.step
    ? { min: Float32Array.from(stored.min), step: Float32Array.from(stored.step) }
    : undefined;
}

/** Values that fall more than half a step outside their range. */
function countClipped(vector: Float32Array, { min, step }: VectorRanges): number {
  let clipped = 0;
  for (let i = 0; i < vector.length; i++) {
    const position = step[i] === 0 ? (vector[i] === min[i] ? 0 : -1) : (vector[i] - min[i]) / step[i];
    if (position < -0.5 || position > 255.5) clipped++;
  }
  return clipped;
}
