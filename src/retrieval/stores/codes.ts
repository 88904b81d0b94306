import { createRandom } from '../../core/random.ts';
import { dotAt } from '../../metrics/similarity.ts';

/** A form of vectors that is smaller than float32. */
export interface VectorCode {
  /** Bytes of a vector. */
  readonly rowBytes: number;
  /** For each row that is wanted, how many are to be compared by their whole vectors; measured by bench/retrieval. */
  readonly oversample: number;
  /** Rows that are to be compared so however few are wanted, unless a search says how many for each. */
  readonly least: number;
  /** Writes the form of a vector of length 1. */
  encode(vector: Float32Array, into: Uint8Array): void;
  /** About the cosine with a query, but for a factor, of any row of many that lie one after the other. */
  scorer(codes: Uint8Array, query: Float32Array): (row: number) => number;
}

/** One byte a number, of which the largest of the vector is 127; after the float32 that they are multiplied by. */
export function int8Code(dimensions: number): VectorCode {
  const rowBytes = 4 + Math.ceil(dimensions / 4) * 4;
  return {
    rowBytes,
    oversample: 4,
    least: 100,
    encode(vector, into) {
      const scale = Math.fround(vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127) || 1;
      new Float32Array(into.buffer, into.byteOffset, 1)[0] = scale;
      const codes = new Int8Array(into.buffer, into.byteOffset + 4, dimensions);
      for (let k = 0; k < dimensions; k++) codes[k] = Math.round(vector[k] / scale);
    },
    scorer({ buffer, byteOffset, byteLength }, query) {
      const codes = new Int8Array(buffer, byteOffset, byteLength);
      const scales = new Float32Array(buffer, byteOffset, byteLength / 4);
      const padded = new Float32Array(rowBytes - 4);
      padded.set(query);
      return (row) => dotAt(padded, codes, row * rowBytes + 4) * scales[(row * rowBytes) / 4];
    },
  };
}

/**
 * One bit a number: the signs of the vector after a random rotation, which spreads what it says evenly over all of them
 * (without it twice as many right candidates are missed); as in RaBitQ (Gao and Long 2024). The query stays as it is: a
 * score is the sum of its numbers with the signs of the row, eight of them looked up at a time.
 */
export function binaryCode(dimensions: number): VectorCode {
  const rotation = new Rotation(dimensions);
  const rowBytes = rotation.size / 8;
  return {
    rowBytes,
    oversample: 16,
    least: 1000,
    encode(vector, into) {
      const rotated = rotation.apply(vector);
      for (let byte = 0; byte < rowBytes; byte++) {
        let bits = 0;
        for (let k = 0; k < 8; k++) if (rotated[8 * byte + k] >= 0) bits |= 1 << k;
        into[byte] = bits;
      }
    },
    scorer(codes, query) {
      const sums = sumsOfSigns(rotation.apply(query));
      return (row) => sumAt(sums, codes, row * rowBytes);
    },
  };
}

/** The sum of what is looked up for the bytes from a place on. */
function sumAt(sums: Float32Array, codes: Uint8Array, at: number): number {
  const end = sums.length;
  let s0 = 0;
  let s1 = 0;
  for (let k = 0; k < end; k += 512, at += 2) {
    s0 += sums[k + codes[at]];
    s1 += sums[k + 256 + codes[at + 1]];
  }
  return s0 + s1;
}

/** For every eight numbers and every byte their sum with the signs that the byte has: a set bit is plus. */
function sumsOfSigns(vector: Float32Array): Float32Array {
  const sums = new Float32Array(32 * vector.length);
  for (let first = 0; first < vector.length; first += 8) {
    for (let byte = 0; byte < 256; byte++) {
      let sum = 0;
      for (let k = 0; k < 8; k++) sum += byte & (1 << k) ? vector[first + k] : -vector[first + k];
      sums[32 * first + byte] = sum;
    }
  }
  return sums;
}

/** Never to be changed: bits of indexes were made with it. */
const ROTATION_SEED = 20_240_611;
const ROUNDS = 3;

/**
 * The same random rotation for all vectors of a size: filled up with zeros to a power of two, then three times signs by
 * chance and the Walsh-Hadamard transform, whose scale is of no account here.
 */
class Rotation {
  /** Numbers of what comes out, 16 at least. */
  readonly size: number;
  private readonly signs: Int8Array;

  constructor(dimensions: number) {
    this.size = Math.max(16, 2 ** Math.ceil(Math.log2(dimensions)));
    const random = createRandom(ROTATION_SEED);
    this.signs = Int8Array.from({ length: ROUNDS * this.size }, () => (random.uniform() < 0.5 ? -1 : 1));
  }

  apply(vector: Float32Array): Float32Array {
    const { size, signs } = this;
    const out = new Float32Array(size);
    out.set(vector);
    for (let round = 0; round < ROUNDS; round++) {
      for (let k = 0; k < size; k++) out[k] *= signs[round * size + k];
      for (let half = 1; half < size; half *= 2)
        for (let first = 0; first < size; first += 2 * half)
          for (let k = first; k < first + half; k++) {
            const [a, b] = [out[k], out[k + half]];
            out[k] = a + b;
            out[k + half] = a - b;
          }
    }
    return out;
  }
}
