import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readExamples, sortLabels } from '../../src/data/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-dataset-'));
afterAll(() => rmSync(folder, { recursive: true }));
function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('examples', () => {
  it('has one label a row, with a sorted vocabulary', async () => {
    const set = await readExamples(file('a.csv', 'text,label\ngood,pos\nbad, neg\n,pos\n'));
    expect(set).toMatchObject({
      problem: 'singleLabel',
      labels: ['neg', 'pos'],
      emptyTexts: 1,
      report: { rows: 3, skipped: 0 },
    });
    expect(set.examples.map(({ label, target, row }) => [label, target, row])).toEqual([
      ['pos', 1, 2],
      ['neg', 0, 3],
      ['pos', 1, 4],
    ]);
  });

  it('sorts numbers as numbers', () => {
    expect(sortLabels(['10', '9', '-1'])).toEqual(['-1', '9', '10']);
    expect(sortLabels(['10', '9', 'b', 'B'])).toEqual(['10', '9', 'B', 'b']);
  });

  it('keeps to the labels of a trained model', async () => {
    const path = file('b.jsonl', '{"text":"a","label":1}\n{"text":"b","label":7}\n{"text":"c","label":true}\n');
    const set = await readExamples(path, { labels: ['0', '1', 'true'], onError: 'skip' });
    expect(set.examples.map(({ target }) => target)).toEqual([1, 2]);
    expect(set.report.issues).toEqual([
      { row: 2, reason: 'the label "7" is not among the known ones: ["0","1","true"]' },
    ]);
    await expect(readExamples(path, { labels: ['0', '1'] })).rejects.toThrow(/b\.jsonl, row 2: the label "7"/);
  });

  it('has any number of labels, from strings and arrays', async () => {
    const set = await readExamples(
      file(
        'c.jsonl',
        '{"text":"a","label":"x|y"}\n{"text":"b","label":["z","x","z"]}\n{"text":"c","label":""}\n{"text":"d","label":null}\n',
      ),
      { problem: 'multiLabel', labelSeparator: '|', onError: 'skip' },
    );
    expect(set.labels).toEqual(['x', 'y', 'z']);
    expect(set.examples.map(({ target }) => target)).toEqual([[0, 1], [0, 2], []]);
    expect(set.report.issues[0]).toMatchObject({ row: 4 });
  });

  it('has numbers and pairs', async () => {
    const set = await readExamples(file('d.tsv', 'a\tb\tscore\nx\ty\t4.5\nx\tz\thigh\nx\tz\t\n'), {
      problem: 'regression',
      textField: 'a',
      pairField: 'b',
      labelField: 'score',
      onError: 'skip',
    });
    expect(set.examples).toEqual([{ text: 'x', pair: 'y', label: '4.5', target: 4.5, row: 2 }]);
    expect(set.report).toMatchObject({
      rows: 1,
      skipped: 2,
      issues: [{ row: 3, reason: 'field "score" must be a number, got "high"' }, { row: 4 }],
    });
  });

  it('names missing fields and unusable files', async () => {
    await expect(readExamples(file('e.csv', 'sentence,label\na,1\n'))).rejects.toThrow(
      /no field "text"; the fields present are "sentence", "label"/,
    );
    await expect(readExamples(file('f.csv', 'text,label\na,\nb,\n'), { onError: 'skip' })).rejects.toThrow(
      /none of 2 rows could be used.*The first bad row is 2/,
    );
  });
});

const shared = resolve(import.meta.dirname, '../../../shared/data');
describe.skipIf(!existsSync(shared))('real sets (skipped where the data is absent)', () => {
  it('reads a Chinese set with bare quotes completely', async () => {
    const set = await readExamples(join(shared, 'chnsenticorp/train.tsv'), {
      header: false,
      textField: '0',
      labelField: '1',
    });
    expect([set.examples.length, set.labels]).toEqual([9600, ['negative', 'positive']]);
    expect(set.examples.some(({ text }) => text.startsWith('"PC卡插槽1 x Express扩展卡插槽"为什么'))).toBe(true);
  });

  it('reads quoted CSV with line breaks completely', async () => {
    const set = await readExamples(join(shared, 'banking77/train.csv'), { labelField: 'category' });
    expect([set.examples.length, set.labels.length]).toEqual([10003, 77]);
  });
});
