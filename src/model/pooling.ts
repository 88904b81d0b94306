import type { Encoding } from '../tokenizer/tokenizer.ts';

/** Ways to make one vector of a text's token vectors. */
export const POOLINGS = ['mean', 'cls', 'max', 'mean_sqrt', 'weighted', 'pooler'] as const;
/**
 * `mean`: average over all tokens, special ones included (as sentence-transformers does); `mean_sqrt`: sum over
 * sqrt(count); `weighted`: average weighted by position 1, 2, 3 ...; `max`: maximum per dimension; `cls`: first token;
 * `pooler`: the checkpoint's pooler (`tanh` of a dense layer) on the first token.
 */
export type Pooling = (typeof POOLINGS)[number];

/**
 * Pools one row of a batch: token vectors `[length, width]` starting at `start` in `hidden`, into
 * `out[at .. at + width]`. `pooler` is computed elsewhere and not accepted here.
 */
export function poolRow(
  pooling: Exclude<Pooling, 'pooler'>,
  hidden: Float32Array,
  row: { start: number; length: number; width: number },
  out: Float32Array,
): void {
  const { start, length, width } = row;
  if (pooling === 'cls') {
    out.set(hidden.subarray(start, start + width));
    return;
  }
  if (pooling === 'max') {
    out.set(hidden.subarray(start, start + width));
    for (let token = 1; token < length; token++) {
      const at = start + token * width;
      for (let i = 0; i < width; i++) if (hidden[at + i] > out[i]) out[i] = hidden[at + i];
    }
    return;
  }
  const sums = new Float64Array(width);
  for (let token = 0; token < length; token++) {
    const at = start + token * width;
    const weight = pooling === 'weighted' ? token + 1 : 1;
    for (let i = 0; i < width; i++) sums[i] += weight * hidden[at + i];
  }
  const divisor =
    pooling === 'mean' ? length : pooling === 'mean_sqrt' ? Math.sqrt(length) : (length * (length + 1)) / 2;
  for (let i = 0; i < width; i++) out[i] = sums[i] / divisor;
}

/** Scales a vector to length 1 in place; a zero vector stays zero. */
export function normalizeVector(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares > 0) {
    const factor = 1 / Math.sqrt(squares);
    for (let i = 0; i < vector.length; i++) vector[i] *= factor;
  }
  return vector;
}

/** Keeps the first `dimensions` entries (Matryoshka cut) and rescales to length 1. */
export function cutDimensions(vector: Float32Array, dimensions: number): Float32Array {
  return normalizeVector(vector.slice(0, dimensions));
}

/** Vectors of words: the mean over each word's tokens, in text order. `vectors: [tokens, width]`. */
export function poolWords(
  encoding: Pick<Encoding, 'wordIds' | 'offsets'>,
  vectors: Float32Array,
  width: number,
): { start: number; end: number; vector: Float32Array }[] {
  const words = new Map<number, { start: number; end: number; vector: Float32Array; count: number }>();
  encoding.wordIds.forEach((word, token) => {
    if (word === null) return;
    const [start, end] = encoding.offsets[token];
    const entry = words.get(word) ?? { start, end, vector: new Float32Array(width), count: 0 };
    entry.start = Math.min(entry.start, start);
    entry.end = Math.max(entry.end, end);
    entry.count++;
    for (let i = 0; i < width; i++) entry.vector[i] += vectors[token * width + i];
    words.set(word, entry);
  });
  return [...words.values()].map(({ start, end, vector, count }) => ({
    start,
    end,
    vector: vector.map((value) => value / count),
  }));
}

/**
 * Scalar quantisation of vectors to int8 with one range per dimension, `value ≈ (q + 128) * step + min`.
 * `ranges` come from the vectors themselves when not given; keep them to quantise queries alike.
 */
export function quantizeVectors(
  data: Float32Array,
  dimensions: number,
  ranges?: VectorRanges,
): { values: Int8Array; ranges: VectorRanges } {
  const used = ranges ?? vectorRanges(data, dimensions);
  const values = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const column = i % dimensions;
    const step = used.step[column];
    values[i] =
      step === 0 ? -128 : Math.max(-128, Math.min(127, Math.round((data[i] - used.min[column]) / step) - 128));
  }
  return { values, ranges: used };
}

/** Minimum and step of every dimension. */
export interface VectorRanges {
  /** Smallest value of each dimension. */
  min: Float32Array;
  /** Distance between neighbouring bytes, of each dimension. */
  step: Float32Array;
}

function vectorRanges(data: Float32Array, dimensions: number): VectorRanges {
  const min = new Float32Array(dimensions).fill(Infinity);
  const max = new Float32Array(dimensions).fill(-Infinity);
  for (let i = 0; i < data.length; i++) {
    const column = i % dimensions;
    if (data[i] < min[column]) min[column] = data[i];
    if (data[i] > max[column]) max[column] = data[i];
  }
  return { min, step: min.map((low, column) => (max[column] > low ? (max[column] - low) / 255 : 0)) };
}

/**
 * Binary quantisation: one bit per dimension (1 where positive), most significant bit first, packed into bytes per row.
 */
export function binarizeVectors(data: Float32Array, dimensions: number): Uint8Array {
  const rows = data.length / dimensions;
  const bytes = Math.ceil(dimensions / 8);
  const packed = new Uint8Array(rows * bytes);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dimensions; i++)
      if (data[row * dimensions + i] > 0) packed[row * bytes + (i >> 3)] |= 128 >> (i & 7);
  }
  return packed;
}
