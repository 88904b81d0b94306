import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import type { ProbeReport } from '../../src/analysis/probe/probe.ts';
import { temporaryFolder, writeRows } from '../training/small-run.ts';
import { run } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const path = (name: string): string => folder.path(name);

const animals = ['cat', 'dog', 'horse', '猫', '狗', '马'];
const food = ['bread', 'cheese', 'soup', '面包', '奶酪', '汤'];
const labelled = writeRows(
  path('labelled.jsonl'),
  Array.from({ length: 90 }, (_, i) => {
    const word = (i % 2 ? food : animals)[Math.floor(i / 2) % 6];
    return { sentence: `${word} number ${i}`, topic: i % 2 ? 'food' : 'animal' };
  }),
);
const columns = path('words.conll');
writeFileSync(
  columns,
  Array.from({ length: 20 }, (_, i) => `Anna B-PER\nSmith${i} I-PER\nsleeps O\n\nRain O\nfell${i} O\n\n`).join(''),
);
const table = path('table.csv');
writeFileSync(table, `text,label\n${Array.from({ length: 20 }, (_, i) => `cat ${i},${i % 2 ? 'a' : 'b'}\n`).join('')}`);
const usual = ['--layers', '0,-1', '--threads', '1'];

describe('albertine probe', () => {
  it('probes tasks of files, and writes a table, JSON and a page', async () => {
    const [json, html] = [path('report.json'), path('report.html')];
    const tasks = [`--task=topic=${labelled}`, `--task=names=${columns},${columns}`];
    const fields = ['--text-field', 'sentence', '--label-field', 'topic'];
    const extras = ['--control', '--mdl', '--knn', '-o', json, '--html', html];
    const { code, stdout, stderr } = await run(['probe', ...tasks, ...fields, ...extras, ...usual]);
    expect(stderr).not.toMatch(/albertine:/);
    expect(code).toBe(0);
    expect(stdout).toMatch(/topic: accuracy on 18 texts, 2 labels, majority 50.0, words alone [\d.]+/);
    expect(stdout).toMatch(/names: f1 on 100 words, 2 labels/);
    expect(stdout).toMatch(/\n {2}untrained albertine-nano-en-zh +[\d.]+[* ] +[\d.]+[* ] /);
    expect(stdout).toMatch(/\n {4}selectivity +-?[\d.]+/);
    expect(stdout).toMatch(/albertine-nano-en-zh: model=\w+;tokenizer=\w+/);
    const report = JSON.parse(readFileSync(json, 'utf8')) as ProbeReport;
    expect(report.networks).toHaveLength(2);
    expect(report.tasks.map(({ rows }) => rows)).toEqual([
      { train: 63, development: 9, test: 18 },
      { train: expect.any(Number) as number, development: expect.any(Number) as number, test: 100 },
    ]);
    const [topic] = report.networks[0].tasks;
    expect(topic.layers.map(({ layer }) => layer)).toEqual([0, 6]);
    expect(topic.layers[0].test.value).toBeGreaterThan(0.8);
    expect(readFileSync(html, 'utf8')).toMatch(/<h2>untrained albertine-nano-en-zh<\/h2>/);
    const again = await run(['probe', ...tasks, ...fields, ...usual, '-o', json]);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toMatch(/report\.json exists already/);
  });

  it('runs on built-in tasks and on raw text', async () => {
    const built = await run(['probe', '--only', 'tense', '--limit', '40', '--no-floor', '--json', ...usual]);
    const report = JSON.parse(built.stdout) as ProbeReport;
    expect(report.tasks).toMatchObject([{ name: 'tense', rows: { train: 40, development: 20, test: 20 } }]);
    expect(report.networks).toHaveLength(1);
    const raw = path('raw.txt');
    writeFileSync(raw, Array.from({ length: 150 }, (_, i) => `The ${i} men walked home by day ${i % 9}.\n`).join(''));
    const text = await run(['probe', '--text', raw, '--only', 'swap', '--no-floor', ...usual]);
    expect(text.stdout).toMatch(/swap: accuracy on 30 texts, 2 labels/);
    expect(text.stderr).toMatch(/note: .*raw\.txt: no probe sentenceOrder, 0 rows of at least 100/);
  });

  it('says what is wrong', async () => {
    const task = `--task=topic=${labelled}`;
    for (const [argv, message] of [
      [['--task', 'labelled.csv'], /It must be name=file/],
      [['--task', `topic:guess=${labelled}`], /kind must be one of classify, similarity, tags/],
      [['--kind', 'tags'], /--kind is for --task/],
      [[`--task=a=${table}`, '--column', '2'], /--column is for tags in columns \(CoNLL\), and there is no such task/],
      [[`--task=a=${table}`, '--tag-column', '2'], /--tag-column is for tags in columns/],
      [[`--task=a=${table}`, '--score-field', 'text'], /--score-field is for similarities/],
      [[`--task=a=${columns}`, '--tags-field', 'x'], /--tags-field is for tags in rows/],
      [[`--task=a=${columns}`, '--label-field', 'x'], /--label-field is for labels/],
      [[`--task=a=${columns}`, '--text-field', 'x'], /--text-field is for --text and tasks of texts/],
      [['--no-header'], /--no-header is for --task and --text/],
      [[task], /has the fields sentence, topic: neither text with label/],
      [[task, '--text-field', 'sentence', '--label-field', 'topic', '--word-pooling', 'first'], /is for tags/],
      [['--only', 'sharedParts', '--mdl'], /--mdl is for labels/],
      [['--only', 'nothing'], /there is no task nothing; the tasks are topic/],
      [['-o', path('report.csv')], /--output must end in \.json/],
    ] as const) {
      const { code, stderr } = await run(['probe', ...argv]);
      expect(code, stderr).not.toBe(0);
      expect(stderr).toMatch(message);
    }
  });
});
