import { SparseFeatures, type SparseRow } from '../../classical/features.ts';
import type { TextVectors } from './text-features.ts';

/** Numbers of a pair beside those of its terms. */
const SIMILARITIES = 3;

/** Vectors u and v of two texts as |u - v| and u * v (Conneau et al. 2017, without u and v themselves). */
export function pairVectors(first: TextVectors, second: TextVectors): TextVectors {
  const { dimensions } = first;
  const data = new Float32Array(2 * first.data.length); // [rows, 2 * dimensions]
  for (let i = 0; i < first.data.length; i++) {
    const [u, v] = [first.data[i], second.data[i]];
    const start = 2 * dimensions * Math.floor(i / dimensions);
    data[start + (i % dimensions)] = Math.abs(u - v);
    data[start + dimensions + (i % dimensions)] = u * v;
  }
  return { data, dimensions: 2 * dimensions };
}

/** Numbers of a pair's words, where texts have `terms` of them. */
export const pairColumns = (terms: number): number => 2 * terms + SIMILARITIES;

/**
 * Tf-idf of two texts as what they share and where they differ: the smaller weight of every term, the difference of
 * the two, the cosine, and the part of each text's (squared) weights whose terms the other one has. The last two tell
 * the texts apart: of an entailment the second is covered by the first.
 */
export function pairWords(first: SparseFeatures, second: SparseFeatures): SparseFeatures {
  const { columns } = first;
  return new SparseFeatures(
    first.entries.map((row, i) => pairRow(row, second.entries[i], columns)),
    pairColumns(columns),
  );
}

function pairRow(first: SparseRow, second: SparseRow, columns: number): SparseRow {
  const shared: [column: number, value: number][] = [];
  const different: [column: number, value: number][] = [];
  let [cosine, coveredFirst, coveredSecond] = [0, 0, 0];
  for (const [column, a, b] of merged(first, second)) {
    if (a > 0 && b > 0) {
      shared.push([column, Math.min(a, b)]);
      cosine += a * b;
      coveredFirst += a * a;
      coveredSecond += b * b;
    }
    if (a !== b) different.push([columns + column, Math.abs(a - b)]);
  }
  const all = [
    ...shared,
    ...different,
    ...[cosine, coveredFirst, coveredSecond].flatMap((value, i): [number, number][] =>
      value > 0 ? [[2 * columns + i, value]] : [],
    ),
  ];
  return { indices: Int32Array.from(all, ([column]) => column), values: Float64Array.from(all, ([, value]) => value) };
}

/** Columns that either row has, ascending, with both values. */
function* merged(first: SparseRow, second: SparseRow): Generator<[column: number, first: number, second: number]> {
  let [i, j] = [0, 0];
  while (i < first.indices.length || j < second.indices.length) {
    const [a, b] = [first.indices[i] ?? Infinity, second.indices[j] ?? Infinity];
    const column = Math.min(a, b);
    yield [column, a === column ? first.values[i++] : 0, b === column ? second.values[j++] : 0];
  }
}
