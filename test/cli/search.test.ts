import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TASK_FOLDERS, writeSmallFolder } from '../server/models.ts';
import { run, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

interface Line {
  query: number;
  rank: number;
  score: number;
  scores: Record<string, number>;
  file: string;
  start: number;
  end: number;
  text: string;
}
const linesOf = (stdout: string): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('albertine index and search', () => {
  const docs = folder.path('docs');
  const index = folder.path('my-index');
  const search = (...argv: string[]): ReturnType<typeof run> => run(['search', index, '--threads', '1', ...argv]);
  beforeAll(() => {
    mkdirSync(docs);
    writeFileSync(
      join(docs, 'a.md'),
      '# Tea\n\nGreen tea wants water of eighty degrees.\n\n## 绿茶\n\n绿茶要用八十度的水。\n',
    );
    writeFileSync(join(docs, 'b.txt'), 'The ferry to the island leaves at noon.\n');
    writeFileSync(join(docs, 'c.png'), '');
  });

  it('builds, says what it did, and refuses to build over it', async () => {
    const built = await run(['index', 'build', docs, '--output', index, '--threads', '1']);
    expect(built).toMatchObject({ code: 0, stdout: `${index}\n` });
    expect(built.stderr).toMatch(
      /^note: 1 file of other kinds left out: \.png \(1\)\n2 files \(2 added\), 3 chunks of \d+ tokens, 3 embedded\nmodel=/,
    );
    const again = await run(['index', 'build', docs, '--output', index]);
    expect([again.code, again.stderr]).toEqual([
      1,
      `albertine: ${index} holds an index already. Choose another --output, or replace it with --overwrite\n`,
    ]);
  });

  it('finds passages for people and for programs', async () => {
    const found = linesOf((await search('how hot should the water be', '轮渡几点开', '--limit', '2', '--json')).stdout);
    expect(found.map(({ query, rank }) => [query, rank])).toEqual([
      [0, 1],
      [0, 2],
      [1, 1],
      [1, 2],
    ]);
    expect(Object.keys(found[0].scores)).toEqual(['vector', 'lexical']);
    for (const { file, start, end, text } of found) expect(readFileSync(file, 'utf8').slice(start, end)).toBe(text);
    const { stdout } = await search('ferry', '--mode', 'lexical');
    expect(stdout).toMatch(/^1\. .*b\.txt:0-39 {2}\d\.\d{3} \(lexical \d\.\d{3}\)\n {3}The ferry to the island/);
    expect((await search('nowhere', '--mode', 'lexical')).stdout).toBe('nothing found\n\n');
    expect((await search('water', '--filter', 'file=*b.txt', '--json')).stdout).toContain('ferry');
  });

  it('updates, and says what an index holds', async () => {
    writeFileSync(join(docs, 'b.txt'), 'The ferry leaves at one.\n');
    const updated = await run(['index', 'update', index, '--threads', '1']);
    expect(updated.stderr).toContain('2 files (1 changed, 1 unchanged), 3 chunks');
    expect(updated.stderr).toContain('1 embedded');
    const { stdout } = await run(['index', 'info', index]);
    expect(JSON.parse(stdout)).toMatchObject({ model: 'albertine-nano-en-zh', files: 2, chunks: 3 });
  });

  it('tells wrong use in a line', async () => {
    const cases: [string[], RegExp, number][] = [
      [['search', index], /give a query/, 2],
      [['search', folder.path('none'), 'a'], /no index at .*Make one: albertine index build/, 1],
      [['search', index, 'a', '--filter', 'colour'], /a filter must be like lang=zh/, 2],
      [['search', index, 'a', '--pool', '3'], /--pool does nothing/, 2],
      [['search', index, 'a', '--filter', 'lnag=en'], /no chunk of the index has a field/, 2],
      [
        ['search', index, 'a', '--filter', 'file='],
        /the field file holds text .* empty value. Write a value, such as/,
        2,
      ],
      [['index', 'build', folder.path('gone'), '-o', folder.path('i')], /no file or folder at/, 1],
      [['index', 'build', docs, '-o', docs, '--threads', '1'], /is also read/, 1],
      [['index', 'update', docs], /is no index/, 1],
      [['index', 'make'], /unknown command 'make'/, 2],
    ];
    for (const [argv, message, code] of cases) {
      const result = await run(argv);
      expect(result.stderr).toMatch(message);
      expect([argv.join(' '), result.code]).toEqual([argv.join(' '), code]);
    }
  });

  it('orders what it found anew by a ranker of a folder', async () => {
    const ranker = writeSmallFolder(folder.path('ranker'), TASK_FOLDERS['rank']);
    const { code, stdout, stderr } = await search('when does the ferry leave', '--rerank', ranker, '--json');
    expect(code, stderr).toBe(0);
    const scores = linesOf(stdout).map(({ score, scores: { rerank } }) => [score, rerank]);
    expect(scores.length).toBeGreaterThan(1);
    for (const [score, rerank] of scores) expect(score).toBe(rerank);
    expect(scores.map(([score]) => score)).toEqual(scores.map(([score]) => score).sort((a, b) => b - a));
  });
});
