import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder, writeRows } from '../training/small-run.ts';
import { interrupted, run } from './support.ts';

const folder = temporaryFolder();
const people = ['The cat sat on the mat.', '今天北京下了大雨。', 'He went home early.', 'A good film about music.'];
const good = ['A cat sat on a mat.', '北京今天雨很大。', 'He went home.', 'A film about music, and a good one.'];
const bad = ['Stocks fell.', '他喜欢读小说。', 'Bread needs time.', 'Water the plants.'];
const path = (name: string): string => folder.path(name);
const write = (name: string, texts: readonly string[]): string => {
  writeFileSync(path(name), `${texts.join('\n')}\n`);
  return path(name);
};
let files: string[];
beforeAll(() => {
  write('people.txt', people);
  write('good.txt', good);
  write('bad.txt', bad);
  files = ['score', '--candidates', path('good.txt'), '--references', path('people.txt'), '--threads', '1'];
});
afterAll(() => folder.remove());

const records = (stdout: string): Record<string, number>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);

describe('albertine score', () => {
  it('writes a line a pair and a summary with its fingerprint', async () => {
    const { code, stdout, stderr } = await run([...files, '--metrics', 'albertscore,bleu,chrf,rougeL,cosine']);
    expect(code).toBe(0);
    const rows = records(stdout);
    expect(rows.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(Object.keys(rows[0])).toEqual(['index', 'precision', 'recall', 'f1', 'bleu', 'chrf++', 'rougeL', 'cosine']);
    for (const { precision, recall, f1 } of rows)
      expect(Math.abs(f1 - (2 * precision * recall) / (precision + recall))).toBeLessThan(1e-6);
    expect(stderr).toMatch(/4 pairs\n +precision +0\.\d{4} +\(95 %: 0\.\d+ to 0\.\d+\)/);
    expect(stderr).toMatch(/bleu +[\d.]+ +\(95 %: [\d.]+ to [\d.]+\) +corpus [\d.]+/);
    expect(stderr).toMatch(/model=\w+;tokenizer=\w+;dtype=f32;layers=6;.*albertscore/);
  });

  it('gives the summary alone as JSON, with weights and rescaled', async () => {
    const { stdout } = await run([...files, '--json', '--idf', '--rescale']);
    const summary = JSON.parse(stdout) as { pairs: number; layer: number; fingerprint: string; baseline: object };
    expect(summary).toMatchObject({ pairs: 4, layer: 6, emptyPairs: 0, skippedRows: 0, baseline: { idf: true } });
    expect(summary.fingerprint).toMatch(/idf=4:\w+;rescaled=\w{8}$/);
  });

  it('takes several references from files or a field, the best or their mean', async () => {
    const two = [...files.slice(0, 4), path('bad.txt'), path('people.txt'), '--threads', '1', '-q'];
    const best = records((await run(two)).stdout);
    const alone = records((await run([...files, '-q'])).stdout);
    expect(best).toEqual(alone);
    const mean = records((await run([...two, '--several', 'mean'])).stdout);
    expect(mean[0].f1).toBeLessThan(best[0].f1);
    const input = writeRows(
      path('both.jsonl'),
      good.map((mt, i) => ({ mt, refs: [bad[i], people[i]] })),
    );
    const fields = ['--candidate-field', 'mt', '--reference-field', 'refs', '--threads', '1', '-q'];
    expect(records((await run(['score', '--input', input, ...fields])).stdout)).toEqual(best);
  });

  it('says whether systems differ, and shows what matches', async () => {
    const page = path('heat.html');
    const { stdout, stderr } = await run([
      ...files,
      '--compare',
      path('bad.txt'),
      '--html',
      page,
      '-o',
      path('s.jsonl'),
    ]);
    expect(stdout).toBe('');
    const lines = records(readFileSync(path('s.jsonl'), 'utf8')) as unknown as { candidates: string; index: number }[];
    expect(lines.map(({ candidates, index }) => [candidates, index])).toEqual(
      ['good.txt', 'bad.txt'].flatMap((name) => [0, 1, 2, 3].map((index) => [path(name), index])),
    );
    expect(stderr).toMatch(/bad\.txt: f1 -0\.\d{4} \(95 %: -0\.\d+ to -0\.\d+\), p 0\.\d+/);
    const html = readFileSync(page, 'utf8');
    expect(html.match(/<section>/g)).toHaveLength(4);
    expect(html).toContain('北京今天雨很大。');
    expect(html).not.toContain('<script');
  });

  it('chooses the depth by what people say', async () => {
    const input = writeRows(path('judged.jsonl'), [
      ...good.map((candidate, i) => ({ candidate, reference: people[i], score: 80 + i })),
      ...bad.map((candidate, i) => ({ candidate, reference: people[i], score: 10 + i })),
    ]);
    const { stdout } = await run(['score', '--input', input, '--layer', 'auto', '--human-field', 'score', '--json']);
    const { layers, layer, correlations } = JSON.parse(stdout) as {
      layers: { layer: number; pearson: number }[];
      layer: number;
      correlations: Record<string, { pearson: number }>;
    };
    expect(layers.map((one) => one.layer)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(layers.find((one) => one.layer === layer)!.pearson).toBe(Math.max(...layers.map(({ pearson }) => pearson)));
    expect(correlations['f1'].pearson).toBeGreaterThan(0.8);
    const without = await run(['score', '--input', input, '--layer', 'auto', '-q']);
    expect(without).toMatchObject({ code: 2, stderr: expect.stringMatching(/numbers of people/) as string });
  });

  it('is rescaled by a baseline of a corpus, for the same scores alone', async () => {
    const output = path('baseline.json');
    const made = await run(['score', 'baseline', '--input', write('all.txt', [...people, ...bad]), '--output', output]);
    expect(made).toMatchObject({ code: 0, stdout: `${output}\n` });
    expect(made.stderr).toMatch(/unrelated texts \(2,000 pairs\): precision -?0\.\d+/);
    const rescaled = records((await run([...files, '--rescale', output, '-q'])).stdout);
    const plain = records((await run([...files, '-q'])).stdout);
    expect(rescaled[0].f1).toBeLessThan(plain[0].f1);
    const other = await run([...files, '--rescale', output, '--layer', '2', '-q']);
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^albertine: --rescale was made with/) as string,
    });
  });

  it('never writes over what it reads, or what is there already', async () => {
    const page = path('kept.html');
    writeFileSync(page, 'precious');
    const idf = write('idf.jsonl', ['{"text":"a"}', '{"text":"b"}']);
    for (const [flags, message] of [
      [['--html', page], /kept\.html exists already/],
      [['--html', path('people.txt'), '--overwrite'], /people\.txt/],
      [['--html', path('same.jsonl'), '-o', path('same.jsonl')], /same\.jsonl/],
      [['--idf', idf, '-o', idf, '--overwrite'], /idf\.jsonl/],
      [['--compare', write('short.txt', bad.slice(1)), '-o', path('half.jsonl')], /short\.txt ends after 3 rows/],
    ] as const) {
      const result = await run([...files, ...flags, '-q']);
      expect(result.code, flags.join(' ')).toBe(1);
      expect(result.stderr).toMatch(message);
    }
    expect(readFileSync(page, 'utf8')).toBe('precious');
    expect(readFileSync(path('people.txt'), 'utf8')).toBe(`${people.join('\n')}\n`);
    expect(readFileSync(idf, 'utf8')).toContain('"text":"a"');
    expect(existsSync(path('half.jsonl'))).toBe(false);
  });

  it('leaves pairs out of the picture that none can be made of', async () => {
    const long = write('long.txt', [...good.slice(0, 3), Array.from({ length: 400 }, (_, i) => `word${i}`).join(' ')]);
    const page = path('long.html');
    const { code, stderr } = await run(['score', '--candidates', long, ...files.slice(3), '--html', page]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/token similarities of 3 pairs; 1 pair of more than 160 tokens left out/);
    expect(stderr).toMatch(/1 text read in several windows/);
  });

  it('refuses what does not go together, and leaves nothing', async () => {
    const output = path('refused.jsonl');
    for (const [argv, code, message] of [
      [['score', '--candidates', path('good.txt')], 2, /--candidates needs --references/],
      [['score'], 1, /give --candidates and --references, or one --input/],
      [
        ['score', '--candidates', write('three.txt', good.slice(1)), '--references', path('people.txt')],
        1,
        /three\.txt ends after 3 rows, the other files go on/,
      ],
      [[...files, '--rescale', path('people.txt')], 1, /people\.txt is not JSON/],
      [[...files, '--on-error', 'skip'], 2, /--on-error skip would put rows of two files out of step/],
      [[...files, '--metrics', 'bleu', '--idf'], 2, /--idf is for the metric albertscore/],
      [[...files, '--metrics', 'bleu,bleu'], 2, /metrics/],
      [[...files, '--html-pairs', '3'], 2, /--html-pairs is for --html/],
      [['score', '--candidates', '-', '--references', '-'], 2, /cannot both be standard input/],
      [[...files, '--metrics', 'meteor'], 2, /--metrics must be one of albertscore/],
      [
        ['score', '--candidates', '-', '--references', path('people.txt'), '--idf'],
        2,
        /--idf reads the texts twice, which standard input cannot be/,
      ],
      [
        ['score', '--input', path('people.txt'), '--text-field', 'x'],
        2,
        /--text-field is for --candidates and --references/,
      ],
      [['score', '--input', path('people.txt'), '--compare', path('bad.txt')], 2, /--compare is for files/],
    ] as const) {
      const result = await run([...argv, '-q', '-o', output]);
      expect(result.stderr, argv.join(' ')).toMatch(message);
      expect(result.code, result.stderr).toBe(code);
      expect(existsSync(output)).toBe(false);
    }
  });
});

describe('figures of albertine score', () => {
  it('takes the layer by lower numbers where they are better, and says undefined where there is no correlation', async () => {
    const judged = (name: string, score: (i: number) => number): string =>
      writeRows(path(name), [
        ...good.map((candidate, i) => ({ candidate, reference: people[i], score: score(80 + i) })),
        ...bad.map((candidate, i) => ({ candidate, reference: people[i], score: score(10 + i) })),
      ]);
    const auto = ['--layer', 'auto', '--human-field', 'score', '--threads', '1'];
    const chosen = async (file: string): Promise<{ layer: number; direction: string }> =>
      JSON.parse((await run(['score', '--input', file, ...auto, '--json'])).stdout) as never;
    const up = await chosen(judged('up.jsonl', (value) => value));
    const down = await chosen(judged('down.jsonl', (value) => 100 - value));
    expect([up.direction, down.direction, down.layer]).toEqual(['higher', 'lower', up.layer]);
    const same = judged('same.jsonl', () => 5);
    const { stderr } = await run(['score', '--input', same, '--human-field', 'score', '-o', path('same-out.jsonl')]);
    expect(stderr).toMatch(/f1 and people: Pearson undefined, Spearman undefined, Kendall undefined/);
    expect(stderr).not.toMatch(/NaN/);
    const { stdout } = await run(['score', '--input', same, '--human-field', 'score', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      correlations: { f1: { pearson: null, spearman: null, kendall: null } },
    });
    expect((await run(['score', '--input', same, ...auto])).stderr).toMatch(/numbers of people are all the same/);
  });

  it('tests BLEU of systems on the corpus, and counts ROUGE as told', async () => {
    const { stdout } = await run([...files, '--compare', path('bad.txt'), '--metrics', 'bleu,chrf,rouge1', '--json']);
    const { compared, metrics, signatures } = JSON.parse(stdout) as {
      compared: { metrics: Record<string, { corpus: number }>; tests: Record<string, { difference: number }> }[];
      metrics: Record<string, { corpus: number }>;
      signatures: Record<string, string>;
    };
    const [{ metrics: other, tests }] = compared;
    for (const name of ['bleu', 'chrf++'])
      expect(Math.abs(tests[name].difference - (other[name].corpus - metrics[name].corpus))).toBeLessThan(1e-9);
    expect(signatures).toMatchObject({ rouge1: 'tokens=auto;stemmer=none' });
    const english = ['score', '--candidates', write('run.txt', ['he runs daily']), '--references'];
    const rouge = async (...more: string[]): Promise<number> =>
      records(
        (await run([...english, write('ran.txt', ['he running day']), '--metrics', 'rouge1', '-q', ...more])).stdout,
      )[0]['rouge1'];
    expect(await rouge()).toBeCloseTo(1 / 3, 6);
    expect(await rouge('--rouge-stemmer')).toBeCloseTo(2 / 3, 6);
    expect((await run([...files, '--rouge-stemmer'])).stderr).toMatch(/--rouge-stemmer is for --metrics rouge1/);
  });
});

describe('albertine score --resume', () => {
  /** More than a block of pairs, so that there is something to go on from. */
  const many = Array.from({ length: 1100 }, (_, i) => `${i}`);
  const long = ['score', '--metrics', 'albertscore,bleu', '--idf', '--layer', '1', '--threads', '1'];
  const pairs = (): string[] => [
    ...['--candidates', write('many.txt', many), '--compare', write('more.txt', many.toReversed())],
    ...[
      '--references',
      write(
        'many-people.txt',
        many.map((text) => `${text}.`),
      ),
    ],
  ];

  it('gives the file and the summary of a run that was never interrupted', async () => {
    const [whole, cut, partial] = [path('whole.jsonl'), path('cut.jsonl'), path('cut.partial.jsonl')];
    const full = await run([...long, ...pairs(), '-o', whole, '--json']);
    expect(full.code, full.stderr).toBe(0);
    const argv = [...long, ...pairs(), '-o', cut, '--json'];
    expect(await interrupted(argv, partial, 1030)).toMatch(
      /cut\.partial\.jsonl holds the first 1,\d+ scores; --resume goes on after them/,
    );
    expect(existsSync(cut)).toBe(false);
    expect((await run(argv)).stderr).toMatch(/was begun by a run that did not come to its end.*--resume/);
    // What a kill tears off is cut off. How far the run came depends on the machine; from here on it does not.
    const lines = readFileSync(partial, 'utf8').split('\n').slice(0, 1030);
    writeFileSync(partial, `${lines.join('\n')}\n{"candidates":"x","ind`);
    const last = await run([...argv, '--resume']);
    expect(last.stderr).toMatch(/going on after 1,024 pairs/);
    expect(last.code, last.stderr).toBe(0);
    expect(readFileSync(cut, 'utf8')).toBe(readFileSync(whole, 'utf8'));
    expect(last.stdout).toBe(full.stdout);
    const beside = (name: string): unknown => JSON.parse(readFileSync(`${name}.meta.json`, 'utf8'));
    expect(beside(cut)).toEqual(beside(whole));
    expect(beside(cut)).toMatchObject({ complete: true, summary: JSON.parse(full.stdout) as object });
    // All is there: the last block is made again.
    const again = await run([...argv, '--resume']);
    expect([again.code, again.stdout]).toEqual([0, full.stdout]);
    expect(readFileSync(cut, 'utf8')).toBe(readFileSync(whole, 'utf8'));
  }, 300_000);

  it('refuses what was made from something else', async () => {
    const output = path('origin.jsonl');
    const argv = [...files, '-o', output];
    expect((await run([...argv, '-q'])).code).toBe(0);
    const before = readFileSync(output, 'utf8');
    const moved = write('moved.txt', people);
    for (const [more, message] of [
      [['--layer', '2'], /cannot continue .*origin\.jsonl: --layer was not given when it was begun, and is 2 now/],
      [['--metrics', 'albertscore,bleu'], /--metrics was \["albertscore"\] when it was begun/],
      [['--idf'], /--idf was not given/],
      [['--compare', path('bad.txt')], /bad\.txt was not read when it was begun/],
      [['--overwrite'], /give one of them/],
    ] as const) {
      const { code, stderr } = await run([...argv, ...more, '--resume', '-q']);
      expect([code === 0, stderr], more.join(' ')).toEqual([false, expect.stringMatching(message)]);
      expect(readFileSync(output, 'utf8')).toBe(before);
    }
    const other = ['score', '--candidates', path('bad.txt'), '--references', path('people.txt'), '--threads', '1'];
    expect((await run([...other, '-o', output, '--resume', '-q'])).stderr).toMatch(/bad\.txt has changed since it was/);
    // A file that only has another name is the same.
    const renamed = ['score', '--candidates', path('good.txt'), '--references', moved, '--threads', '1'];
    expect(await run([...renamed, '-o', output, '--resume', '-q'])).toMatchObject({ code: 0, stderr: '' });
    expect((await run([...files, '--resume'])).stderr).toMatch(/--resume needs --output/);
    const piped = ['score', '--candidates', '-', '--references', path('people.txt'), '-o', output, '--resume'];
    expect((await run(piped)).stderr).toMatch(/--resume reads the texts twice, which standard input cannot be/);
  });
});
