import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { interrupted, run, temporaryFolder } from './support.ts';

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

describe('albertine keywords --resume', () => {
  const beside = (path: string): Record<string, unknown> =>
    JSON.parse(readFileSync(`${path}.meta.json`, 'utf8')) as Record<string, unknown>;
  /** What is said after the progress. */
  const summaryOf = (stderr: string): string => stderr.slice(stderr.indexOf('note: '));
  /** What a run that was killed leaves of a finished one. */
  const killed = (whole: string, partial: string, content: string): void => {
    writeFileSync(partial, content);
    writeFileSync(`${partial}.meta.json`, JSON.stringify({ ...beside(whole), complete: false, summary: undefined }));
  };
  /** With a bad row, documents without candidates, and some that are read in several windows. */
  const many = (name: string): string =>
    write(
      name,
      Array.from({ length: 100 }, (_, i) =>
        i === 7
          ? '{"text":\n'
          : `${JSON.stringify({ text: i % 50 === 3 ? '' : i % 40 === 4 ? `${ENGLISH} ${CHINESE} `.repeat(4) : `${ENGLISH} Part ${i}.` })}\n`,
      ).join(''),
    );
  const flags = ['--max-length', '64', '--on-error', 'skip'];

  it('gives the file and the summary of a run that was never interrupted', async () => {
    const input = many('many.jsonl');
    const [whole, cut, partial] = ['whole.jsonl', 'cut.jsonl', 'cut.partial.jsonl'].map((name) => folder.path(name));
    const full = await keywords('--input', input, ...flags, '--output', whole);
    expect(full.code, full.stderr).toBe(0);
    expect(full.stderr).toMatch(
      /1 row left out\n.*row 8.*\nnote: 2 documents without a candidate\n99 documents, 3 read/,
    );
    expect(linesOf(readFileSync(whole, 'utf8'))[3]).toMatchObject({ index: 3, keywords: [] });
    expect(linesOf(readFileSync(whole, 'utf8'))[4]).toHaveProperty('windows');
    const argv = ['keywords', '--threads', '1', '--input', input, ...flags, '--output', cut];
    expect(await interrupted(argv, partial, 1)).toMatch(
      /cut\.partial\.jsonl holds the first \d+ documents?; --resume goes on after them/,
    );
    expect(existsSync(cut)).toBe(false);
    expect((await run(argv)).stderr).toMatch(/was begun by a run that did not come to its end.*--resume/);
    const check = async (message: RegExp): Promise<void> => {
      const { code, stderr } = await run([...argv, '--resume']);
      expect(stderr).toMatch(message);
      expect([code, summaryOf(stderr)]).toEqual([0, summaryOf(full.stderr)]);
      expect(readFileSync(cut, 'utf8')).toBe(readFileSync(whole, 'utf8'));
      expect(beside(cut)).toEqual(beside(whole));
    };
    await check(/^going on after [\d,]+ documents?\n/);
    // All is there.
    await check(/^going on after 99 documents\n/);
    // What a kill tears off is cut off, and what tells where the file is from must be there.
    const lines = readFileSync(whole, 'utf8').split('\n').slice(0, 60);
    killed(whole, partial, `${lines.join('\n')}\n{"index":60,"keyw`);
    await check(/^going on after 60 documents\n/);
    killed(whole, partial, `${lines.slice(1).join('\n')}\n`);
    expect((await run([...argv, '--resume'])).stderr).toMatch(/row 1: a line is missing or out of order/);
    writeFileSync(`${partial}.meta.json`, '{"kind":"albertine scores"}');
    expect((await run([...argv, '--resume'])).stderr).toMatch(
      /cut\.partial\.jsonl\.meta\.json to tell what it was made/,
    );
  }, 300_000);

  it('refuses what was made from something else', async () => {
    const [input, stop, output] = [
      write('two.txt', `${ENGLISH}\n`),
      write('more.words', 'cells\n'),
      folder.path('o.jsonl'),
    ];
    const given = ['--input', input, '--stop-words', `en,${stop}`, '-q'];
    expect((await keywords(...given, '--output', output)).code).toBe(0);
    const before = readFileSync(output, 'utf8');
    const refused = async (argv: string[], message: RegExp): Promise<void> => {
      const { code, stderr } = await keywords(...argv, '--output', output, '--resume');
      expect([code === 0, stderr], argv.join(' ')).toEqual([false, expect.stringMatching(message)]);
      expect(readFileSync(output, 'utf8')).toBe(before);
      expect(existsSync(folder.path('o.partial.jsonl'))).toBe(false);
    };
    await refused(
      [...given, '--top-k', '3'],
      /cannot continue .*o\.jsonl: --top-k was not given when it was begun, and is 3/,
    );
    await refused([...given, '--no-header'], /--no-header|header/);
    await refused([...given.slice(0, 2), '-q'], /--stop-words was \["en"\] when it was begun, and is not given now/);
    await refused(
      [...given.slice(0, 2), '--stop-words', `en,${stop},${input}`],
      /two\.txt was not read when it was begun/,
    );
    await refused([ENGLISH, '--stop-words', `en,${stop}`], /two\.txt was read when it was begun/);
    await refused(['-', '--stop-words', `en,${stop}`], /--resume reads the texts again .* standard input cannot be/);
    await refused([...given, '--overwrite'], /give one of them/);
    writeFileSync(stop, 'film\n');
    await refused(given, /more\.words has changed since it was begun/);
    writeFileSync(stop, 'cells\n');
    // A file that only has another name is the same.
    const moved = folder.path('moved.txt');
    copyFileSync(input, moved);
    const again = await keywords('--input', moved, ...given.slice(2), '--output', output, '--resume');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect((await keywords(...given, '--resume')).stderr).toMatch(/--resume needs --output/);
  });

  it('says that there is nothing to read, as embed and predict do', async () => {
    const empty = write('empty.jsonl', '');
    const output = folder.path('none.jsonl');
    const { code, stderr } = await keywords('--input', empty, '--output', output);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^note: .*empty\.jsonl holds no rows\n0 documents\n/)]);
    expect(readFileSync(output, 'utf8')).toBe('');
    expect(beside(output)).toMatchObject({ complete: true, summary: { documents: 0 } });
  });
});
