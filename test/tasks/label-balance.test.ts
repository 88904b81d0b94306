import { describe, expect, it } from 'vitest';
import { describeClasses, describeMultiLabels } from '../../src/tasks/classify/label-balance.ts';

const labels = ['a', 'b', 'c'];
/** `counts` times a row with these labels. */
const rowsOf = (...counts: [count: number, target: number[]][]): { targets: number[][]; labels: string[] } => ({
  labels,
  targets: counts.flatMap(([count, target]) => Array.from({ length: count }, () => target)),
});
const namesOf = (...counts: [count: number, target: number[]][]): string[] =>
  rowsOf(...counts).targets.map(([target]) => labels[target]);

describe('balance of classes', () => {
  it('lists the classes with what always answering the largest is right in', () => {
    expect(describeClasses(namesOf([6, [0]], [4, [1]]))).toEqual({
      summary: 'labels: a 6 (60.0 %), b 4 (40.0 %); always answering the most frequent one is right in 60.0 %',
      warnings: [],
    });
    expect(describeClasses(namesOf([9, [0]], [3, [1]])).summary).toMatch(
      /; the largest class has 3\.0 times the rows of the smallest: macroF1 says more than accuracy, and balanceClasses/,
    );
  });
});

describe('balance of labels of which a row may have several', () => {
  it('counts rows by label and rows without any', () => {
    // a on 30 of 50 rows, b on 20, c on 12; always a is wrong in 20 + 20 + 12 of 150 decisions.
    const train = rowsOf([20, [0, 1]], [10, [0]], [12, [2]], [8, []]);
    expect(describeMultiLabels(train, train)).toEqual({
      summary:
        'labels: a 30 (60.0 %), b 20 (40.0 %), c 12 (24.0 %); 1.24 labels a row, 8 rows without any (16.0 %); giving every row the labels that most rows have has hammingLoss 0.3467',
      warnings: [],
    });
    expect(describeMultiLabels(rowsOf([30, [0]], [10, [1]], [10, [2]]), train)).toMatchObject({
      summary: expect.stringMatching(
        /; the most frequent label has 3\.0 times the rows of the rarest: macroF1/,
      ) as string,
      warnings: [],
    });
  });

  it('warns of a label on 9 rows, not of one on 10', () => {
    const held = rowsOf([1, labels.map((_, index) => index)]);
    expect(describeMultiLabels(rowsOf([30, [0]], [10, [1]], [9, [2]]), held).warnings).toEqual([
      expect.stringMatching(
        /^labels on fewer than 10 training rows: c 9 \(1 of 3\); that is too little to learn them by/,
      ),
    ]);
    expect(describeMultiLabels(rowsOf([30, [0]], [10, [1, 2]]), held).warnings).toEqual([]);
  });

  it('warns of labels that never or always occur, and of rows that mostly have none', () => {
    const held = rowsOf([1, labels.map((_, index) => index)]);
    const { summary, warnings } = describeMultiLabels(rowsOf([10, [0, 1]], [10, [0]]), rowsOf([5, [1]]));
    expect(summary).not.toContain('Infinity');
    expect(warnings).toEqual([
      expect.stringMatching(/^labels on fewer than 10 training rows: c 0 \(1 of 3\)/),
      'labels on every training row: a; there is nothing to tell apart',
      expect.stringMatching(/^labels on no held-out row: a, c \(2 of 3\)/),
    ]);
    const mixed = rowsOf([15, [0, 1, 2]], [15, []]);
    expect(describeMultiLabels(mixed, held).warnings).toEqual([]);
    expect(
      describeMultiLabels({ ...mixed, targets: [...mixed.targets, ...rowsOf([1, []]).targets] }, held).warnings,
    ).toEqual([expect.stringMatching(/^16 of 31 training rows have no label/)]);
    // Nothing held out: nothing to say of it.
    expect(describeMultiLabels(mixed, rowsOf()).warnings).toEqual([]);
  });
});
