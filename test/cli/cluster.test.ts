import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { records, readJson, run, temporaryFolder, type CliResult } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const CARD = ['Where is my card?', 'where  is MY card?', 'My card has not arrived.', 'My card has not arrived yet.'];
const RAIN = ['今天北京下了大雨。', '今天北京下大雨。', '今天上海下了大雨。', '今天北京下了大雨。'];
const ROWS = [...CARD, ...RAIN, 'Perovskite solar cells are cheap.'].map((body, id) => ({ id, body }));

let input: string;
beforeAll(() => {
  input = folder.path('rows.jsonl');
  writeFileSync(input, ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
const body = ['--text-field', 'body', '--threads', '1'];
const duplicates = (...argv: string[]): Promise<CliResult> => run(['duplicates', ...argv]);
const cluster = (...argv: string[]): Promise<CliResult> => run(['cluster', ...argv]);

describe('albertine duplicates', () => {
  it('gives equal texts first, then near ones, with their rows', async () => {
    const { code, stdout, stderr } = await duplicates(input, ...body, '--threshold', '0.85');
    expect(code, stderr).toBe(0);
    const pairs = records(stdout);
    expect(
      pairs.slice(0, 2).map(({ firstRow, secondRow, score, exact }) => [firstRow, secondRow, score, exact]),
    ).toEqual([
      [1, 2, 1, true],
      [5, 8, 1, true],
    ]);
    const near = pairs.slice(2);
    expect(near.map(({ exact }) => exact)).toEqual(near.map(() => false));
    expect(near.some(({ firstRow, secondRow }) => firstRow === 3 && secondRow === 4)).toBe(true);
    expect(near.some(({ firstRow, secondRow }) => firstRow === 5 && secondRow === 6)).toBe(true);
    expect(near.every(({ score }) => (score as number) >= 0.85)).toBe(true);
    expect(stderr).toMatch(/9 texts, 2 equal to an earlier one\n\d+ pairs: equal, or near .* 0\.85\nmodel=\w+;/);
  });

  it('gives groups of copies and near ones, and the file without them, as it was', async () => {
    const output = folder.path('groups.csv');
    const { code } = await duplicates(input, ...body, '--threshold', '0.85', '--groups', '--output', output, '-q');
    expect(code).toBe(0);
    const lines = readFileSync(output, 'utf8').trimEnd().split('\n');
    expect(lines[0]).toBe('group,row,text');
    const groupOf = new Map(lines.slice(1).map((line) => line.split(',').slice(0, 2).reverse() as [string, string]));
    expect(groupOf.get('1')).toBe(groupOf.get('2'));
    expect(groupOf.get('3')).toBe(groupOf.get('4'));
    expect(groupOf.get('5')).toBe(groupOf.get('8'));
    expect(groupOf.has('9')).toBe(false);

    const kept = folder.path('kept.jsonl');
    const said = await duplicates(input, ...body, '--threshold', '0.85', '--keep', 'first', '--output', kept);
    expect(said.stderr).toMatch(/kept; left out 2 equal and \d near ones/);
    const rows = records(readFileSync(kept, 'utf8'));
    expect(rows.every((row) => JSON.stringify(row) === JSON.stringify(ROWS[row['id'] as number]))).toBe(true);
    expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining([0, 2, 4, 8]));
    expect(rows.some(({ id }) => [1, 3, 5, 7].includes(id as number))).toBe(false);
    const meta = readJson(`${kept}.meta.json`);
    expect(meta).toMatchObject({ texts: 9, exactCopies: 2, threshold: 0.85, kept: rows.length });
    expect(meta['fingerprint']).toMatch(/^model=/);
  });

  it('finds equal texts without a model, of text files as text', async () => {
    const text = folder.path('lines.txt');
    writeFileSync(text, ['ａ b', 'A  B', '', 'c', ''].join('\n'));
    const found = await duplicates(text, '--exact', '--model', 'no-such', '-q');
    expect(found.stderr).toContain('--model does nothing with it');
    expect(records((await duplicates(text, '--exact', '-q')).stdout)).toMatchObject([
      { firstRow: 1, secondRow: 2, exact: true },
    ]);
    const output = folder.path('distinct.txt');
    const { code, stderr } = await duplicates(text, '--exact', '--keep', 'first', '--output', output);
    expect([code, stderr]).toEqual([
      0,
      '4 texts, 1 equal to an earlier one\n3 rows kept; left out 1 equal and 0 near ones\n',
    ]);
    expect(readFileSync(output, 'utf8')).toBe('ａ b\n\nc\n');
  });

  it('takes vectors that were made before, and refuses others', async () => {
    const vectors = folder.path('v.npy');
    await run(['embed', '--input', input, ...body, '--output', vectors, '-q']);
    const wanted = await duplicates(input, ...body, '--threshold', '0.8');
    const found = await duplicates(input, ...body, '--threshold', '0.8', '--vectors', vectors);
    const pairs = (text: string): unknown[] => records(text).map(({ firstRow, secondRow }) => [firstRow, secondRow]);
    expect(pairs(found.stdout)).toEqual(pairs(wanted.stdout));
    const other = folder.path('other.txt');
    writeFileSync(other, 'a\nb\n');
    expect((await duplicates(other, '--vectors', vectors)).stderr).toContain('v.npy has 9 vectors and ');
  });

  it('limits pairs and says so', async () => {
    const { stdout, stderr } = await duplicates(input, ...body, '--threshold', '0.8', '--max-pairs', '3');
    expect(records(stdout)).toHaveLength(3);
    expect(stderr).toContain('there are more: raise --max-pairs');
    const summary = await duplicates(input, ...body, '--threshold', '0.8', '--max-pairs', '3', '--json');
    expect(JSON.parse(summary.stdout)).toMatchObject({ pairs: 3, limited: true, texts: 9 });
  });

  it('says that there are fewer distinct texts than clusters, and gives those that there are', async () => {
    const copies = folder.path('copies.txt');
    writeFileSync(copies, 'My card is lost.\n'.repeat(40));
    const { code, stderr } = await cluster(copies, '--clusters', '2', '--threads', '1');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('cluster 0, 40 texts: ');
    expect(stderr).toContain(
      'note: 2 clusters were asked for, and there are fewer distinct texts, by their vectors: 1\n',
    );
    expect(stderr).not.toContain('moving');
    writeFileSync(copies, `${'My card is lost.\n'.repeat(5)}${'今天北京下了大雨。\n'.repeat(7)}`);
    const output = folder.path('copies.csv');
    const { stdout } = await cluster(copies, '-n', '4', '--threads', '1', '--output', output, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      clustersAsked: 4,
      converged: true,
      clusters: [{ size: 7 }, { size: 5 }],
    });
    expect(readFileSync(output, 'utf8').trim().split('\n')).toHaveLength(13);
    expect((await cluster(copies, '-n', '13', '--threads', '1')).stderr).toContain('12 rows are no 13 clusters');
  });

  it('compares the chunks of an index', async () => {
    for (const [i, text] of [CARD[2], CARD[3], RAIN[0], RAIN[0]].entries())
      writeFileSync(folder.path(`d${i}.md`), text);
    const index = folder.path('index');
    const files = [0, 1, 2, 3].map((i) => folder.path(`d${i}.md`));
    const built = await run(['index', 'build', ...files, '--output', index, '--threads', '1', '-q']);
    expect(built.code, built.stderr).toBe(0);
    const { stdout, code, stderr } = await duplicates('--index', index, '--threads', '1');
    expect(code, stderr).toBe(0);
    const [equal, near] = records(stdout);
    expect(equal).toMatchObject({ exact: true, firstFile: files[2], secondFile: files[3], firstStart: 0 });
    expect(near).toMatchObject({ exact: false, firstFile: files[0], secondFile: files[1] });
    expect(stderr).toMatch(/model=\w+;/);
    const grouped = await cluster('--index', index, '--clusters', '2', '--json');
    expect((JSON.parse(grouped.stdout) as { clusters: unknown[] }).clusters).toHaveLength(2);
  });

  it('refuses what would do nothing, in one line, and leaves files alone', async () => {
    const taken = folder.path('taken.jsonl');
    writeFileSync(taken, 'mine\n');
    for (const [argv, message] of [
      [[], 'nothing to read'],
      [[folder.path('none.csv')], 'no file at'],
      [[input, '--input', input], 'either a file or --input'],
      [[input, '--keep', 'first', '--groups'], 'two kinds of output'],
      [[input, '--groups', '--top-k', '3'], '--top-k is for pairs'],
      [[input, '--exact', '--threshold', '0.5'], '--threshold does nothing'],
      [[input, '--threshold', '2'], 'at most 1'],
      [[input, '--index', 'x'], 'give no file'],
      [['--index', folder.path('none')], 'no index at'],
      [['-', '--keep', 'first'], 'reads its input twice'],
      [[input, '--vectors', 'v.npy', '--model', 'x'], '--model does nothing'],
      [[input, '--output', folder.path('x.txt')], '--output must end in'],
      [[input, ...body, '--output', taken], 'exists already'],
      [[input, ...body, '--output', input], 'rows.jsonl'],
      [[input], 'no field "text"'],
    ] as [string[], string][]) {
      const { code, stderr } = await duplicates(...argv);
      expect(code, argv.join(' ')).not.toBe(0);
      expect(stderr).toContain(message);
    }
    expect(readFileSync(taken, 'utf8')).toBe('mine\n');
    const empty = folder.path('empty.txt');
    writeFileSync(empty, '');
    expect((await duplicates(empty)).stderr).toContain('has no texts to compare');
  });
});

describe('albertine cluster', () => {
  it('says what clusters are about, and puts what is near nothing into none', async () => {
    const output = folder.path('clusters.jsonl');
    const argv = [input, ...body, '--threshold', '0.7', '--min-size', '2'];
    const { code, stderr, stdout } = await cluster(...argv, '--output', output);
    expect(code, stderr).toBe(0);
    expect(stdout).toBe('');
    const rows = records(readFileSync(output, 'utf8'));
    expect(rows.map(({ row }) => row)).toEqual(ROWS.map((_, i) => i + 1));
    expect(rows[8]).toMatchObject({ cluster: -1, text: 'Perovskite solar cells are cheap.' });
    expect(new Set(rows.slice(4, 8).map((row) => row['cluster'])).size).toBe(1);
    expect(rows[4]['cluster']).not.toBe(rows[2]['cluster']);
    expect(rows.filter((row) => row['cluster'] !== -1).every(({ similarity }) => (similarity as number) >= 0.7)).toBe(
      true,
    );
    expect(stderr).toMatch(/4 texts: .*大雨/);
    expect(stderr).toMatch(/9 texts, \d clusters, [1-5] in none\nmodel=\w+;/);
    const meta = readJson(`${output}.meta.json`);
    const json = JSON.parse((await cluster(...argv, '--json')).stdout) as Record<string, unknown>;
    expect(json).toEqual(meta);
    expect(json).toMatchObject({ texts: 9, method: 'communities', threshold: 0.7, minSize: 2 });
  });

  it('says what to do where there is no cluster', async () => {
    const { code, stderr } = await cluster(input, ...body);
    expect(code).toBe(0);
    expect(stderr).toContain('9 texts, 0 clusters, 9 in none\nnote: no text has so many near it: lower --threshold');
  });

  it('makes as many clusters as are asked for, and measures them beside labels', async () => {
    const labelled = folder.path('labelled.csv');
    const lines = ROWS.slice(0, 8).map(({ body: text, id }) => `"${text}",${id < 4 ? 'card' : 'rain'}`);
    writeFileSync(labelled, `text,label\n${lines.join('\n')}\n`);
    const argv = [labelled, '--clusters', '2', '--threads', '1'];
    const { stdout } = await cluster(...argv, '--label-field', 'label', '--json');
    const summary = JSON.parse(stdout) as Record<string, unknown>;
    expect(summary).toMatchObject({ method: 'k-means', seed: 1, outliers: 0, converged: true });
    expect(summary['agreement']).toEqual({
      adjustedRandIndex: 1,
      homogeneity: 1,
      completeness: 1,
      vMeasure: 1,
      purity: 1,
    });
    expect((summary['clusters'] as { size: number }[]).map(({ size }) => size)).toEqual([4, 4]);
    const said = await cluster(...argv, '--label-field', 'label');
    expect(said.stderr).toContain('labels: adjusted Rand index 1.0000, V-measure 1.0000');
  });

  it('refuses what would do nothing', async () => {
    for (const [argv, message] of [
      [[input, '--clusters', '2', '--threshold', '0.5'], '--threshold is not for k-means'],
      [[input, '--method', 'communities', '--clusters', '2'], '--clusters is not for communities'],
      [[input, '--seed', '2'], '--seed is not for communities'],
      [[input, '--method', 'k-means'], 'needs --clusters'],
      [[input, '--stop-words', 'de'], 'takes en, zh'],
      [[input, '-q'], 'there is nothing else'],
      [[input, ...body, '--clusters', '20'], '9 rows are no 20 clusters'],
      [[input, ...body, '--label-field', 'nope'], 'row 1 has no field "nope"'],
      [['--index', 'x', '--label-field', 'a'], '--index has none'],
      [[input, '--output', folder.path('c.npy')], '--output must end in'],
    ] as [string[], string][]) {
      const { code, stderr } = await cluster(...argv);
      expect(code, argv.join(' ')).not.toBe(0);
      expect(stderr).toContain(message);
    }
  });

  it('stops when it is interrupted, and leaves nothing', async () => {
    const output = folder.path('stopped.jsonl');
    const { code } = await run(['cluster', input, ...body, '--output', output], { signal: AbortSignal.abort() });
    expect(code).not.toBe(0);
    expect(existsSync(output)).toBe(false);
    expect(existsSync(folder.path('stopped.partial.jsonl'))).toBe(false);
  });
});
