import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { symmetricEigen } from '../../src/core/symmetric-eigen.ts';
import { EXAMPLE } from '../../web/src/map/examples.ts';
import { groupsOf } from '../../web/src/map/groups.ts';
import { principalComponents } from '../../web/src/map/pca.ts';
import { formatOfName, formatOfText, readTextRows } from '../../web/src/map/rows.ts';
import { isInside, nearest, onCanvas, viewOfAll, zoomed } from '../../web/src/map/view.ts';

/* What the playground computes in the page. */
describe('principal components', () => {
  it('are those of the eigenvectors of the covariance', () => {
    const random = createRandom(3);
    const size = 8;
    const spread = [5, 3, 1, 1, 0.5, 0.5, 0.2, 0.1];
    const vectors = Array.from({ length: 60 }, () => spread.map((scale) => scale * random.normal() + 4));
    const mean = spread.map((_, i) => vectors.reduce((sum, row) => sum + row[i], 0) / vectors.length);
    const centred = vectors.map((row) => row.map((value, i) => value - mean[i]));
    const covariance = new Float64Array(size * size);
    for (const row of centred)
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) covariance[i * size + j] += row[i] * row[j];
    const total = spread.reduce((sum, _, i) => sum + covariance[i * size + i], 0);
    const { values } = symmetricEigen(covariance, size);
    const largest = [...values].sort((a, b) => b - a);
    const { points, shares } = principalComponents(vectors);
    expect(shares[0]).toBeCloseTo(largest[0] / total, 6);
    expect(shares[1]).toBeCloseTo(largest[1] / total, 6);
    const sum = (product: (point: [number, number]) => number): number =>
      points.reduce((all, point) => all + product(point), 0);
    expect(sum(([x]) => x * x)).toBeCloseTo(largest[0], 2);
    expect(Math.abs(sum(([x, y]) => x * y)) / total).toBeLessThan(1e-4);
    expect(principalComponents(vectors)).toEqual({ points, shares });
  });

  it('of equal vectors are nothing, not NaN', () => {
    expect(principalComponents([new Float32Array([0.1, 2]), ...[1, 2].map(() => [Math.fround(0.1), 2])])).toEqual({
      points: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      shares: [0, 0],
    });
  });
});

describe('rows', () => {
  const read = (text: string, format = formatOfText(text)) => readTextRows(new Blob([text]), 'here', format);

  it('are told apart by what was pasted, or by the name of the file', () => {
    expect(formatOfText('{"text":"a"}\n{"text":"b"}')).toBe('jsonl');
    expect(formatOfText('label,text\nx,"a, b"')).toBe('csv');
    expect(formatOfText('"Text"\tlabel\na\tb')).toBe('tsv');
    expect(formatOfText('Hello, world\nsecond, line')).toBe('txt');
    expect(['a.CSV', 'b.jsonl', 'c.md', 'd'].map(formatOfName)).toEqual(['csv', 'jsonl', 'txt', 'txt']);
  });

  it('keep their fields; bad ones are counted', async () => {
    const csv = await read('label,text\nx,"a, b"\ny\nz,猫');
    expect(csv).toMatchObject({ fields: ['label', 'text'], textField: 'text', skipped: 1, issue: { row: 3 } });
    expect(csv.rows).toEqual([
      { label: 'x', text: 'a, b' },
      { label: 'z', text: '猫' },
    ]);
    const lines = await read('{"id":1,"words":"one long sentence"}\n\n{"id":2,"words":"b"}');
    expect(lines).toMatchObject({ textField: 'words', rows: [{ id: '1' }, { id: '2' }], skipped: 0 });
    expect((await read('a\n\n  \nb\n')).rows).toEqual([{ text: 'a' }, { text: 'b' }]);
    await expect(read('{"a"\n{"b"', 'jsonl')).rejects.toThrow('none of 2 rows could be used');
  });

  it('of the example are all good', async () => {
    const { rows, skipped } = await read(EXAMPLE);
    expect([rows.length, skipped]).toEqual([27, 0]);
    expect(groupsOf(rows.map(({ subject }) => subject)).groups.map(({ count }) => count)).toEqual([9, 9, 9]);
  });
});

describe('groups', () => {
  it('are the most frequent values, and the others', () => {
    const values = [...'aaabbcdefgh', undefined, ''] as (string | undefined)[];
    const { groups, of } = groupsOf(values);
    expect(groups.map(({ name, colour, count }) => [name, colour, count])).toEqual([
      ['a', 1, 3],
      ['b', 2, 2],
      ['c', 3, 1],
      ['d', 4, 1],
      ['e', 5, 1],
      ['f', 6, 1],
      [undefined, 0, 4],
    ]);
    expect(of).toEqual([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6]);
  });

  it('of many numbers are fifths', () => {
    const { groups, of } = groupsOf(Array.from({ length: 50 }, (_, i) => String(i)));
    expect(groups.map(({ count }) => count)).toEqual([10, 10, 9, 10, 11]);
    expect([of[0], of[49]]).toEqual([0, 4]);
  });
});

describe('the view', () => {
  const points = [
    [-1, 0],
    [1, 0],
    [0, 0.5],
  ] as const;
  const size = { width: 448, height: 300 };

  it('shows every point, upwards, and zooms around a pixel', () => {
    const view = viewOfAll(points, size);
    expect(points.map((point) => onCanvas(view, point))).toEqual([
      [24, 200],
      [424, 200],
      [224, 100],
    ]);
    const closer = zoomed(view, 2, [224, 100]);
    expect(onCanvas(closer, points[2])).toEqual([224, 100]);
    expect(onCanvas(closer, points[0])).toEqual([-176, 300]);
    expect([nearest(points, view, [228, 104]), nearest(points, view, [300, 200])]).toEqual([2, undefined]);
  });

  it('knows what a lasso is around', () => {
    const line = [
      [0, 0],
      [10, 0],
      [5, 5],
      [10, 10],
      [0, 10],
    ] as const;
    expect([isInside([2, 5], line), isInside([8, 5], line), isInside([9, 9.5], line), isInside([-1, 5], line)]).toEqual(
      [true, false, true, false],
    );
  });
});
