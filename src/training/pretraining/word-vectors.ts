import { AlbertineError } from '../../core/errors.ts';
import { createRandom } from '../../core/random.ts';
import type { Weights } from '../../model/parameters.ts';
import { factorise, type SparseMatrix } from './sparse-svd.ts';
import type { WordCounts } from './word-counts.ts';

/** Flattens the distribution of contexts, so that rare ones are not overrated (Levy, Goldberg and Dagan 2015). */
const CONTEXT_SMOOTHING = 0.75;

/**
 * Vectors of tokens from how often they stand beside others: positive pointwise mutual information, factorised by a
 * truncated singular value decomposition with the square roots of the singular values (Levy, Goldberg and Dagan 2015,
 * "Improving Distributional Similarity with Lessons Learned from Word Embeddings"). Returns `[vocabSize, width]` with a
 * root mean square of `deviation`; tokens without neighbours get zeros. Deterministic, on any number of threads.
 */
export function cooccurrenceVectors(
  counts: WordCounts,
  options: { width: number; deviation: number; seed?: number },
): Float32Array {
  const { width, deviation, seed = 0 } = options;
  const { contexts, occurrences } = counts;
  if (width > contexts.length)
    throw new AlbertineError(
      'invalid_argument',
      `${contexts.length} contexts give at most ${contexts.length} dimensions, not ${width}`,
      { value: width },
    );
  const { left, singularValues } = factorise(positiveInformation(counts), { rank: width, random: createRandom(seed) });
  const vectors = new Float32Array(occurrences.length * width);
  let squares = 0;
  for (let i = 0; i < vectors.length; i++) {
    vectors[i] = left[i] * Math.sqrt(singularValues[i % width]);
    squares += vectors[i] ** 2;
  }
  const factor = deviation / Math.sqrt(squares / vectors.length || 1);
  return vectors.map((value) => value * factor);
}

/** Logarithm of how much more often two tokens are neighbours than by chance, where that is positive. */
function positiveInformation({ neighbours, occurrences, contexts }: WordCounts): SparseMatrix {
  const rows = occurrences.length;
  const columns = contexts.length;
  const rowSums = new Float64Array(rows);
  const columnSums = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      rowSums[row] += neighbours[at];
      columnSums[column] += neighbours[at];
    }
  }
  const chance = columnSums.map((sum) => sum ** CONTEXT_SMOOTHING);
  const total = chance.reduce((a, b) => a + b, 0);
  const information = (row: number, column: number): number =>
    Math.log((neighbours[row * columns + column] * total) / (rowSums[row] * chance[column]));
  const rowEnds = new Uint32Array(rows);
  // An upper bound: neighbours by less than chance give no entry. Growing arrays of numbers would take several times
  // the memory.
  const most = neighbours.reduce((count, sum) => count + Number(sum > 0), 0);
  const columnIds = new Uint16Array(most);
  const values = new Float32Array(most);
  let entries = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = neighbours[row * columns + column] > 0 ? information(row, column) : 0;
      if (value > 0) {
        columnIds[entries] = column;
        values[entries++] = value;
      }
    }
    rowEnds[row] = entries;
  }
  return { rows, columns, rowEnds, columnIds: columnIds.subarray(0, entries), values: values.subarray(0, entries) };
}

const WORD = 'albert.embeddings.word_embeddings.weight';
const DECODER_BIAS = 'predictions.bias';

/**
 * Starts a masked language model from counts instead of chance: word embeddings from {@link cooccurrenceVectors}, and
 * the decoder's bias at the logarithm of each token's frequency. Rows of tokens that never occurred keep their random
 * values. `weights` is changed in place.
 */
export function applyWordCounts(
  weights: Weights,
  counts: WordCounts,
  options: { deviation: number; seed?: number },
): void {
  const word = weights.get(WORD);
  const bias = weights.get(DECODER_BIAS);
  if (!word || !bias)
    throw new AlbertineError('invalid_argument', `word counts need ${WORD} and ${DECODER_BIAS}`, {
      value: [...weights.keys()],
    });
  const [vocabSize, width] = word.shape;
  const vectors = cooccurrenceVectors(counts, { width, ...options });
  for (let id = 0; id < vocabSize; id++) {
    const vector = vectors.subarray(id * width, (id + 1) * width);
    if (vector.some((value) => value !== 0)) (word.data as Float32Array).set(vector, id * width);
  }
  // The mean is left out: a constant changes no probability, and biases near zero decay less.
  const logs = Float64Array.from(counts.occurrences, (count) => Math.log((count + 0.5) / counts.tokens));
  const mean = logs.reduce((a, b) => a + b, 0) / vocabSize;
  logs.forEach((value, id) => ((bias.data as Float32Array)[id] = value - mean));
}
