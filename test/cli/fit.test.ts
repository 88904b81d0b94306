import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadFittedClassifier } from '../../src/tasks/fit/fit-node.ts';
import { temporaryFolder, writeRows } from '../training/small-run.ts';
import { run } from './support.ts';

const folder = temporaryFolder();
const path = (name: string): string => folder.path(name);
const TOPICS = {
  weather: [
    'It rains again today.',
    'Snow fell all night.',
    'A warm wind blows.',
    '今天下大雨。',
    '明天会很冷。',
    'The sun shines.',
  ],
  food: [
    'Bread needs flour.',
    'The soup is too salty.',
    'We baked a cake.',
    '这道菜很好吃。',
    '我想喝汤。',
    'Cook the rice slowly.',
  ],
  money: [
    'The bank raised its rates.',
    'Stocks fell sharply.',
    'He paid the bill.',
    '股票下跌了。',
    '银行提高了利率。',
    'She saves money.',
  ],
};
const rows = Object.entries(TOPICS).flatMap(([label, texts]) => texts.map((text) => ({ text, label })));
const NEW = ['Heavy rain is expected.', 'They ate rice and bread.', '银行卡里没有钱。'];
let train: string;
beforeAll(() => {
  train = writeRows(path('train.jsonl'), rows);
});
afterAll(() => folder.remove());

const fit = async (name: string, ...more: string[]): Promise<Awaited<ReturnType<typeof run>>> =>
  run(['fit', '--train', train, '--output', path(name), '--threads', '1', ...more]);
const labelsOf = async (name: string): Promise<string[]> => {
  const { stdout } = await run(['predict', path(name), ...NEW, '-q']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { label: string }).label);
};

describe('albertine fit', () => {
  it('learns a classifier that evaluate and predict open', async () => {
    const { code, stdout, stderr } = await fit('both');
    expect(code).toBe(0);
    expect(stdout).toBe(`${path('both')}\n`);
    expect(stderr).toMatch(/18 rows, 384 numbers of the vectors and \d+ terms: svm, C [\d.]+/);
    expect(stderr).toMatch(/accuracy 0\.\d{4} by cross-validation/);
    for (const file of ['fit.json', 'fit.safetensors', 'README.md', 'encoder/config.json'])
      expect(existsSync(path(`both/${file}`)), file).toBe(true);
    expect(await labelsOf('both')).toEqual(['weather', 'food', 'money']);
    // What was written before there were pairs, and still is of single texts.
    const stored = JSON.parse(readFileSync(path('both/fit.json'), 'utf8')) as object;
    expect(stored).toMatchObject({ albertineFit: 1 });
    expect(stored).not.toHaveProperty('pairs');
    const evaluated = await run(['evaluate', path('both'), '--data', train, '--json']);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ problem: 'singleLabel', count: 18, accuracy: 1 });
  });

  it.each(['logistic', 'ridge', 'knn', 'centroid'])('with %s: probabilities that sum to 1', async (classifier) => {
    expect((await fit(classifier, '--classifier', classifier, '-q')).code).toBe(0);
    using opened = await loadFittedClassifier(path(classifier));
    const answers = await opened.predict(NEW);
    for (const { labels } of answers)
      expect(Math.abs(labels.reduce((sum, { score }) => sum + score, 0) - 1)).toBeLessThan(1e-5);
    expect(answers.map(({ label }) => label)).toEqual(['weather', 'food', 'money']);
  });

  it('gives the same answers in one batch as one by one, and after saving as before', async () => {
    const { stdout } = await fit('again', '--features', 'both', '--classifier', 'knn', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      classifier: 'knn',
      trainRows: 18,
      labels: ['food', 'money', 'weather'],
    });
    using opened = await loadFittedClassifier(path('again'));
    const together = await opened.predict(NEW);
    for (const [i, text] of NEW.entries()) expect((await opened.predict([text]))[0]).toEqual(together[i]);
  });

  it('of words alone has no encoder', async () => {
    expect((await fit('words', '--features', 'words', '-q')).code).toBe(0);
    expect(existsSync(path('words/encoder'))).toBe(false);
    const { stdout } = await run(['predict', path('words'), 'A warm wind', '今天下大雨', '-q']);
    expect(stdout.match(/"label":"weather","score"/g)?.length).toBeGreaterThanOrEqual(2);
  });

  it('learns several labels, and numbers', async () => {
    const many = writeRows(
      path('many.jsonl'),
      rows.map(({ text, label }, i) => ({ text, label: i % 2 === 0 ? [label] : [label, 'odd'] })),
    );
    expect((await fit('many', '--train', many, '--problem', 'multiLabel', '-q')).code).toBe(0);
    const { stdout } = await run(['predict', path('many'), NEW[0], '-q']);
    expect(JSON.parse(stdout)).toMatchObject({ assigned: expect.arrayContaining(['weather']) as unknown });
    const numbers = writeRows(
      path('numbers.jsonl'),
      rows.map(({ text }) => ({ text, label: text.length })),
    );
    expect((await fit('numbers', '--train', numbers, '--problem', 'regression', '-q')).code).toBe(0);
    const answer = JSON.parse((await run(['predict', path('numbers'), NEW[0], '-q'])).stdout) as { value: number };
    expect(Number.isFinite(answer.value)).toBe(true);
  });

  it('refuses what makes no sense, and leaves nothing behind', async () => {
    const one = writeRows(path('one.jsonl'), rows.slice(0, 4));
    for (const [flags, message] of [
      [['--classifier', 'logistic', '--problem', 'regression', '--label-field', 'text'], /must be a number/],
      [['--train', one], /all rows have the same label/],
      [['--strengths', 'x'], /strengths must be numbers above 0, got "x"/],
      [['--classifier', 'knn', '--balance-classes'], /balance-classes must be left out/],
      [['--metric', 'acuracy'], /metric must be a figure of singleLabel/],
      [['--metric', 'r2'], /metric must be a figure that singleLabel has on these rows/],
      [['--classifier', 'centroid', '--strengths', '3'], /strengths must be left out/],
      [['--classifier', 'knn', '--strengths', '99'], /strengths must be no more neighbours than the 18 rows, got 99/],
      [['--features', 'words', '--model', path('both/encoder')], /model must be left out: words need none/],
      [['--classifier', 'logistic', '--strengths', '3', '--folds', '4'], /folds must be left out: one strength \(3\)/],
      [['--classifier', 'logistic', '--strengths', '3', '--metric', 'macroF1'], /metric must be left out/],
      [['--label-separator', ';'], /label-separator must be left out/],
    ] as const) {
      const { code, stderr } = await fit('refused', ...flags);
      expect([1, 2], stderr).toContain(code);
      expect(stderr).toMatch(message);
      expect(existsSync(path('refused'))).toBe(false);
    }
    const other = await run(['embed', '--model', path('both'), 'a']);
    expect(other.stderr).toMatch(
      /is a fitted classifier, which this command does not take\. evaluate, predict and robustness do/,
    );
    const pair = await run(['predict', path('both'), 'a', '--pair', 'b']);
    expect(pair.stderr).toMatch(/this model was learned on single texts, and a pair of texts was given/);
    expect((await fit('both')).stderr).toMatch(/holds a fitted classifier already/);
  });

  it('learns pairs of texts, which evaluate and predict take by their fields', async () => {
    const flags = ['--text-field', 'first', '--pair-field', 'second'];
    const texts = rows.map(({ text }) => text);
    // Whether the second text says the same: it is the first one again, or another one.
    const pairs = texts.flatMap((text, i) => [
      { first: text, second: text, label: 'same' },
      { first: text, second: texts[(i + 7) % texts.length], label: 'other' },
    ]);
    const data = writeRows(path('pairs.jsonl'), pairs);
    for (const features of ['both', 'words', 'embedding']) {
      const name = `pairs-${features}`;
      const fitted = await fit(name, '--train', data, ...flags, '--features', features, '--eval', data);
      expect([fitted.code, fitted.stderr]).toEqual([0, expect.stringContaining('--pair-field NAME')]);
      expect(fitted.stderr).toContain('36 pairs of the 36 held out are in --train too');
      const evaluated = await run(['evaluate', path(name), '--data', data, ...flags, '--json']);
      expect(JSON.parse(evaluated.stdout)).toMatchObject({ count: 36, accuracy: 1 });
      const answered = await run(['predict', path(name), NEW[0], '--pair', NEW[0], '-q']);
      expect(JSON.parse(answered.stdout)).toMatchObject({ label: 'same' });
    }
    const file = await run(['predict', path('pairs-both'), data, ...flags, '-q']);
    expect(file.stdout.match(/"index":\d+,"label":"other"/g)).toHaveLength(18);
    expect(readFileSync(path('pairs-both/README.md'), 'utf8')).toContain('--pair "another"');
    const single = await run(['predict', path('pairs-both'), 'a']);
    expect(single.stderr).toMatch(/learned on pairs of texts, and one text alone was given/);
    const without = await run(['evaluate', path('pairs-both'), '--data', data, '--text-field', 'first']);
    expect(without.stderr).toMatch(/learned on pairs of texts, and one text alone was given/);
  });

  it('answers as after saving when pairs are asked of nearest neighbours, and learns numbers of pairs', async () => {
    const pairs = rows.map(({ text }, i) => ({ text, pair: rows[(i * 5) % rows.length].text, label: i % 4 }));
    const data = writeRows(path('scored.jsonl'), pairs);
    const train = ['--train', data, '--pair-field', 'pair', '-q'];
    expect((await fit('near', ...train, '--classifier', 'knn')).code).toBe(0);
    using near = await loadFittedClassifier(path('near'));
    const together = await near.predict(pairs);
    for (const [i, { text, pair }] of pairs.entries()) {
      expect((await near.predict([{ text, pair }]))[0].label).toBe(together[i].label);
      const counts = near.encoder!.tokenizer.encodeIds(text).length + near.encoder!.tokenizer.encodeIds(pair).length;
      expect(together[i].tokenCount).toBe(counts);
    }
    expect((await fit('scored', ...train, '--problem', 'regression')).code).toBe(0);
    const { stdout } = await run(['predict', path('scored'), pairs[0].text, '--pair', pairs[0].pair, '-q']);
    expect(Number.isFinite((JSON.parse(stdout) as { value: number }).value)).toBe(true);
  });

  it('says where no word is known, and answers with what is most frequent', async () => {
    const uneven = writeRows(path('uneven.jsonl'), [...rows, ...rows.filter(({ label }) => label === 'money')]);
    const flags = ['--train', uneven, '--features', 'words', '--classifier', 'knn', '-q'];
    expect((await fit('unknown', ...flags)).code).toBe(0);
    const { stdout, stderr } = await run(['predict', path('unknown'), 'Zyzzyva qwertz', 'A warm wind', '-q']);
    const [unknown, known] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(unknown).toMatchObject({ label: 'money', score: 0.5, noKnownWords: true, tokenCount: 0 });
    expect(known).not.toHaveProperty('noKnownWords');
    expect(stderr).toMatch(/note: 1 text has no word that was learned/);
    const data = writeRows(path('unknown.jsonl'), [{ text: 'Zyzzyva', label: 'food' }, rows[0]]);
    const evaluated = await run(['evaluate', path('unknown'), '--data', data]);
    expect(evaluated.stderr).toMatch(/note: 1 text has no word that was learned/);
  });

  it('replaces a folder whole: no file of another encoder stays', async () => {
    writeFileSync(path('both/encoder/vocab.txt'), 'of another model\n');
    expect((await fit('both', '--overwrite', '-q')).code).toBe(0);
    expect(existsSync(path('both/encoder/vocab.txt'))).toBe(false);
    expect(await labelsOf('both')).toEqual(['weather', 'food', 'money']);
  });

  it('writes into no folder of other files, and says which held-out texts were learned', async () => {
    mkdirSync(path('mine'));
    writeFileSync(path('mine/README.md'), 'mine');
    const { code, stderr } = await fit('mine', '--overwrite');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/holds other files .*Choose another folder/)]);
    expect(readFileSync(path('mine/README.md'), 'utf8')).toBe('mine');
    expect((await fit('seen', '--eval', train, '--features', 'words')).stderr).toMatch(
      /18 texts of the 18 held out are in --train too/,
    );
  });

  it('says what is wrong with a folder', async () => {
    const stored = JSON.parse(readFileSync(path('words/fit.json'), 'utf8')) as object;
    writeFileSync(path('words/fit.json'), JSON.stringify({ ...stored, albertineFit: 9 }));
    const { stderr } = await run(['predict', path('words'), 'a']);
    expect(stderr).toMatch(/is of version 9, and 1 is read here/);
  });
});
