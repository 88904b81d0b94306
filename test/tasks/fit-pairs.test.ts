import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { neighbourTargets } from '../../src/classical/neighbours.ts';
import { SparseFeatures } from '../../src/classical/features.ts';
import { WordFeatures } from '../../src/classical/word-features.ts';
import { pairColumns, pairVectors, pairWords } from '../../src/tasks/fit/pair-features.ts';

/** `test/oracle/make_pair_features_golden.py` */
const golden = JSON.parse(
  readFileSync(new URL('../oracle/goldens/pair-features.json', import.meta.url), 'utf8'),
) as Record<'u' | 'v' | 'vectors', number[]> & { pairs: [string, string][]; terms: string[]; words: number[][] };

describe('features of pairs of texts', () => {
  it("of words are those of scikit-learn's tf-idf put together", () => {
    const [first, second] = [0, 1].map((side) => golden.pairs.map((pair) => pair[side]));
    const words = WordFeatures.learn([...first, ...second], { wordNgrams: 2, sublinear: true });
    expect(words.toJSON().terms).toEqual(golden.terms);
    const found = pairWords(words.of(first), words.of(second));
    expect(found.columns).toBe(pairColumns(golden.terms.length));
    golden.words.forEach((expected, row) => {
      const dense = new Float64Array(found.columns);
      found.addTo(row, 1, { vector: dense });
      expected.forEach((value, column) => expect(Math.abs(dense[column] - value)).toBeLessThan(1e-8));
      // Sparse: nothing that is zero is stored, and columns are in order.
      const { indices, values } = found.entries[row];
      expect(values.every((value) => value !== 0)).toBe(true);
      expect([...indices]).toEqual([...indices].sort((a, b) => a - b));
    });
  });

  it('of vectors are their distances and products', () => {
    const [u, v] = [golden.u, golden.v].map((data) => ({ data: Float32Array.from(data), dimensions: 4 }));
    const { data, dimensions } = pairVectors(u, v);
    expect(dimensions).toBe(8);
    golden.vectors.forEach((value, i) => expect(Math.abs(data[i] - value)).toBeLessThan(1e-6));
  });
});

describe('nearest neighbours of sparse rows', () => {
  const row = (...columns: number[]) => ({
    indices: Int32Array.from(columns),
    values: new Float64Array(columns.length).fill(1),
  });
  const known = {
    features: new SparseFeatures([row(0), row(1), row(1), row(2)], 3),
    targets: { values: Float64Array.of(0, 1, 1, 1), outputs: 1 },
  };

  it('count no row that shares nothing, and where there is none all rows', async () => {
    const [found] = await neighbourTargets(new SparseFeatures([row(0), row(1), row()], 3), known, [3]);
    expect([...found]).toEqual([0, 1, 0.75]);
  });
});
