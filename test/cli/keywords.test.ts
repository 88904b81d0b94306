import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { run, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const ENGLISH =
  'Solar cells turn light into electricity.\nThin-film solar cells are cheap, and perovskite is a thin film.';
const CHINESE = '深度学习利用多层神经网络处理图像和语音。训练神经网络需要大量的数据。';

interface Line {
  index: number;
  keywords: { text: string; score: number; offsets: [number, number][] }[];
}
const linesOf = (stdout: string): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const write = (name: string, content: string): string => {
  writeFileSync(folder.path(name), content);
  return folder.path(name);
};
const keywords = (...argv: string[]): ReturnType<typeof run> => run(['keywords', '--threads', '1', ...argv]);

describe('albertine keywords', () => {
  it('writes a line a document with offsets, the same for a file as for arguments', async () => {
    const input = write(
      'docs.jsonl',
      [ENGLISH, CHINESE, ''].map((body, id) => `${JSON.stringify({ id, body })}\n`).join(''),
    );
    const output = folder.path('k.jsonl');
    const written = await keywords('--input', input, '--text-field', 'body', '--top-k', '3', '--output', output);
    expect(written.code).toBe(0);
    expect(written.stderr).toMatch(
      /1 document without a candidate\n3 documents\nmodel=\w+;.*keywords=isolated:combined/,
    );
    const lines = linesOf(readFileSync(output, 'utf8'));
    expect(lines.map(({ index, keywords: own }) => [index, own.length])).toEqual([
      [0, 3],
      [1, 3],
      [2, 0],
    ]);
    expect(Object.keys(lines[0].keywords[0])).toEqual(['text', 'score', 'offsets']);
    for (const { text, offsets } of lines[1].keywords)
      for (const [start, end] of offsets) expect(CHINESE.slice(start, end)).toBe(text);
    const { stdout } = await keywords(ENGLISH, CHINESE, '--top-k', '3', '-q');
    expect(linesOf(stdout)).toEqual(lines.slice(0, 2));
  });

  it('takes whole files, given candidates, patterns, n-grams and stop words', async () => {
    const [a, b] = [write('a.txt', ENGLISH), write('b.md', `# ${CHINESE}\n`)];
    const whole = linesOf((await keywords('--documents', a, b, '-q')).stdout);
    expect(whole.map(({ keywords: own }) => own.length > 1)).toEqual([true, true]);
    const list = write('phrases.txt', 'thin film\nsolar cells\nmoon\n神经网络\n');
    const given = linesOf((await keywords('--documents', a, b, '--candidates', list, '-q')).stdout);
    expect(given.map(({ keywords: own }) => own.map(({ text }) => text).sort())).toEqual([
      ['Solar cells', 'thin film'].map((text) => text.replace('Solar', 'solar')).sort(),
      ['神经网络'],
    ]);
    const matched = linesOf((await keywords(ENGLISH, '--pattern', 'perov\\p{L}+', '-q')).stdout);
    expect(matched[0].keywords.map(({ text }) => text)).toEqual(['perovskite']);
    const stop = write('stop.words', 'cells\n');
    const pairs = linesOf((await keywords(ENGLISH, '--ngrams', '2', '--stop-words', `en,${stop}`, '-q')).stdout);
    expect(pairs[0].keywords.map(({ text }) => text).sort()).toEqual(['Thin-film solar', 'thin film']);
  });

  it('refuses what would do nothing, in one line', async () => {
    const file = write('c.txt', ENGLISH);
    for (const [argv, message] of [
      [[ENGLISH, '--method', 'max-sum', '--diversity', '0.5'], '--diversity is for --method mmr'],
      [[ENGLISH, '--ngrams', '3-1'], 'a range, such as 1-3'],
      [[ENGLISH, '--ngrams', '1', '--pattern', 'a'], 'two ways to find candidates'],
      [[ENGLISH, '--stop-words', 'de'], 'de is neither en, zh nor none'],
      [[ENGLISH, '--stop-words', 'none,en'], '--stop-words none goes with no other list'],
      [[ENGLISH, '--pattern', '('], '--pattern: Invalid regular expression'],
      [[ENGLISH, '--documents', file], '--documents takes whole files'],
      [['--documents', folder.path('none.txt')], 'no file at'],
      [['--documents', file, '--output', file], 'c.txt'],
      [[ENGLISH, '--output', folder.path('k.csv')], '--output must end in .jsonl'],
    ] as const) {
      const { code, stderr } = await keywords(...argv);
      expect([1, 2], argv.join(' ')).toContain(code);
      expect(stderr).toContain(message);
    }
  });
});
