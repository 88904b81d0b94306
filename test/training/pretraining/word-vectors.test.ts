import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { initialiseWeights } from '../../../src/checkpoint/initialise.ts';
import { presetConfig } from '../../../src/model/presets.ts';
import type { OpenSource } from '../../../src/training/pretraining/corpus.ts';
import { factorise, type SparseMatrix } from '../../../src/training/pretraining/sparse-svd.ts';
import { countWords } from '../../../src/training/pretraining/word-counts.ts';
import { applyWordCounts, cooccurrenceVectors } from '../../../src/training/pretraining/word-vectors.ts';

/** A source of one block a document. */
function sourceOf(name: string, documents: readonly (readonly number[])[], weight = 1): OpenSource {
  return {
    name,
    weight,
    content: 0,
    blockTokens: 512,
    tokens: documents.flat().length,
    documents: documents.length,
    segments: documents.length,
    blocks: documents.length,
    read: async (block) => ({
      firstDocument: block,
      tokens: Uint16Array.from(documents[block]),
      segmentEnds: Uint16Array.of(documents[block].length),
      documentEnds: Uint16Array.of(1),
    }),
  };
}

function sparse(rows: number[][]): SparseMatrix {
  const entries = rows.flatMap((row) => row.flatMap((value, column) => (value === 0 ? [] : [{ value, column }])));
  let count = 0;
  return {
    rows: rows.length,
    columns: rows[0].length,
    columnIds: Uint16Array.from(entries, ({ column }) => column),
    values: Float32Array.from(entries, ({ value }) => value),
    rowEnds: Uint32Array.from(rows, (row) => (count += row.filter((value) => value !== 0).length)),
  };
}

describe('word counts', () => {
  it('weighs neighbours by distance and stays inside documents', async () => {
    const counts = await countWords(
      [
        sourceOf('a', [
          [5, 6, 7],
          [6, 5],
        ]),
      ],
      { vocabSize: 8, window: 2, contexts: 8 },
    );
    const between = (token: number, context: number): number =>
      counts.neighbours[token * 8 + counts.contexts.indexOf(context)];
    expect([...counts.occurrences]).toEqual([0, 0, 0, 0, 0, 2, 2, 1]);
    expect(counts.tokens).toBe(5);
    expect([...counts.contexts.subarray(0, 3)]).toEqual([5, 6, 7]);
    expect(between(5, 6)).toBe(2);
    expect(between(7, 5)).toBe(0.5);
    expect(between(5, 7)).toBe(0.5);
    expect(between(7, 7)).toBe(0);
  });

  it('reads no more than asked for, by weight', async () => {
    const documents = Array.from({ length: 100 }, () => [5, 5, 5, 5]);
    const counts = await countWords(
      [
        sourceOf('a', documents, 3),
        sourceOf(
          'b',
          documents.map((ids) => ids.map(() => 6)),
        ),
      ],
      { vocabSize: 8, maxTokens: 800 },
    );
    expect(counts.occurrences[5]).toBe(400);
    expect(counts.occurrences[6]).toBe(200);
  });

  it('refuses to count nothing, and more contexts than columns have numbers', async () => {
    await expect(countWords([sourceOf('a', [[5, 6]], 0.4)], { vocabSize: 8 })).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(/no token to count.*\(a\)/) as string,
    });
    await expect(countWords([sourceOf('a', [[5, 6]])], { vocabSize: 8, contexts: 65_537 })).rejects.toThrow(
      /contexts must be an integer >= 1 and <= 65536/,
    );
  });
});

describe('factorisation', () => {
  it('finds the singular values and left vectors of a known matrix', () => {
    // Diagonal in rotated axes: A = U diag(5, 3, 1) V', with Householder reflections for U and V.
    const reflect = (normal: number[]): number[][] => {
      const squares = normal.reduce((sum, x) => sum + x * x, 0);
      return normal.map((a, i) => normal.map((b, j) => Number(i === j) - (2 * a * b) / squares));
    };
    const u = reflect([1, 2, -1, 0.5, 3]);
    const v = reflect([2, -1, 1]);
    const sigma = [5, 3, 1];
    const rows = u.map((row) => v.map((_, j) => sigma.reduce((sum, s, k) => sum + row[k] * s * v[j][k], 0)));
    const { left, singularValues } = factorise(sparse(rows), { rank: 2, random: createRandom(1) });
    expect(singularValues[0]).toBeCloseTo(5, 5);
    expect(singularValues[1]).toBeCloseTo(3, 5);
    for (const k of [0, 1]) {
      const sign = Math.sign(left[k] * u[0][k]);
      u.forEach((row, i) => expect(sign * left[i * 2 + k]).toBeCloseTo(row[k], 4));
    }
  });
});

describe('co-occurrence vectors', () => {
  /** Two topics whose words are interchangeable: 10-14 and 20-24. */
  async function topicCounts(): ReturnType<typeof countWords> {
    const random = createRandom(3);
    const documents = Array.from({ length: 300 }, (_, i) =>
      Array.from({ length: 20 }, () => (i % 2 === 0 ? 10 : 20) + random.integer(5)),
    );
    return countWords([sourceOf('a', documents)], { vocabSize: 30 });
  }
  const cosine = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, x, i) => sum + x * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);

  it('puts words of one topic together', async () => {
    const vectors = cooccurrenceVectors(await topicCounts(), { width: 4, deviation: 0.02 });
    const row = (id: number): Float32Array => vectors.subarray(id * 4, id * 4 + 4);
    expect(cosine(row(10), row(13))).toBeGreaterThan(0.9);
    expect(Math.abs(cosine(row(10), row(23)))).toBeLessThan(0.5);
    expect(row(5).every((value) => value === 0)).toBe(true);
    expect(Math.sqrt(vectors.reduce((sum, x) => sum + x * x, 0) / vectors.length)).toBeCloseTo(0.02, 6);
  });

  it('replaces embeddings and decoder bias, and leaves unseen tokens as they were', async () => {
    const config = { ...presetConfig('tiny'), vocabSize: 30, embeddingSize: 4 };
    const weights = initialiseWeights(config, 1, { heads: ['maskedLm'] });
    const before = (weights.get('albert.embeddings.word_embeddings.weight')!.data as Float32Array).slice();
    const counts = await topicCounts();
    applyWordCounts(weights, counts, { deviation: 0.02 });
    const after = weights.get('albert.embeddings.word_embeddings.weight')!.data as Float32Array;
    expect([...after.subarray(20, 24)]).toEqual([...before.subarray(20, 24)]);
    expect([...after.subarray(40, 44)]).not.toEqual([...before.subarray(40, 44)]);
    // softmax(bias) is the unigram distribution, half a count added to each token.
    const bias = weights.get('predictions.bias')!.data as Float32Array;
    const normaliser = bias.reduce((sum, x) => sum + Math.exp(x), 0);
    expect(Math.exp(bias[12]) / normaliser).toBeCloseTo((counts.occurrences[12] + 0.5) / (counts.tokens + 15), 6);
  });
});
