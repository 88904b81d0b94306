import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom, shuffle } from '../../src/core/random.ts';
import { sentences, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';
import { interrupted, run } from './support.ts';

const folder = temporaryFolder();
const path = (name: string): string => folder.path(name);
afterAll(() => folder.remove());
let data: string;
/** Model of words: a small one, for speed. */
let words: string;
const fit = async (name: string, train: string, ...more: string[]): Promise<void> => {
  const fitted = await run(['fit', '--train', train, '--output', path(name), '--threads', '1', '-q', ...more]);
  expect(fitted.code, fitted.stderr).toBe(0);
};
const robustness = (...argv: string[]): ReturnType<typeof run> => run(['robustness', '--threads', '1', ...argv]);
const single = ['--classifier', 'logistic', '--strengths', '3'];

beforeAll(async () => {
  words = await writeTinyModel(path('words-model'));
  data = writeRows(path('held.jsonl'), sentences(60, 4));
  await fit('fitted', writeRows(path('train.jsonl'), sentences(120, 1)), ...single);
  await fit('words', path('train.jsonl'), ...single, '--features', 'words');
}, 60_000);

describe('albertine robustness of folders of albertine fit', () => {
  const short = ['--perturbations', 'typos,case', '--severities', '0.5'];

  it('has the figure of evaluate, records that give it, and the fingerprint of what was learned', async () => {
    const output = path('records.jsonl');
    const { code, stdout, stderr } = await robustness(path('fitted'), '--data', data, ...short, '-o', output, '--json');
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as { clean: { mean: number }; fingerprint: string; conditions: object[] };
    const evaluated = await run(['evaluate', path('fitted'), '--data', data, '--json', '--threads', '1']);
    expect(report.clean.mean).toBe((JSON.parse(evaluated.stdout) as { accuracy: number }).accuracy);
    expect(report.fingerprint).toMatch(/^fit=[0-9a-f]{16};model=[0-9a-f]{16};tokenizer=/);
    const records = readFileSync(output, 'utf8').trim().split('\n');
    const right = records.slice(0, 60).map((line) => (JSON.parse(line) as { right: number }).right);
    expect(report.conditions).toHaveLength(2);
    expect(report.conditions[0]).toMatchObject({
      perturbation: 'typos',
      value: right.reduce((sum, one) => sum + one, 0) / 60,
    });
    // Learned on other rows, it is another one.
    const rows = shuffle(sentences(60, 9), createRandom(1));
    await fit('other', writeRows(path('other.jsonl'), rows), ...single);
    const other = await robustness(path('other'), '--data', data, ...short, '--json');
    expect((JSON.parse(other.stdout) as { fingerprint: string }).fingerprint).not.toBe(report.fingerprint);
  }, 60_000);

  it('attacks them with the words of a model, those on words alone too', async () => {
    const attack = [
      '--attack',
      '--attack-limit',
      '5',
      '--queries',
      '20',
      '--words-model',
      words,
      '--perturbations',
      'case',
      '--limit',
      '20',
    ];
    const { code, stdout, stderr } = await robustness(path('words'), '--data', data, ...attack, '--json');
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as { fingerprint: string; attacks: object[] };
    expect(report).toMatchObject({ rows: 20, attacks: [{ search: 'greedy', rows: 5 }] });
    expect(report.fingerprint).toMatch(/^fit=[0-9a-f]{16}$/);
  }, 60_000);

  it('takes several labels, and refuses numbers and flags that are not theirs', async () => {
    const several = sentences(40, 2).map(({ text, label }) => ({ text, label: [label] }));
    const numbers = sentences(40, 2).map(({ text, label }) => ({ text, label: label.length }));
    await fit('several', writeRows(path('several.jsonl'), several), '--problem', 'multiLabel', '--strengths', '1');
    await fit('numbers', writeRows(path('numbers.jsonl'), numbers), '--problem', 'regression', '--strengths', '1');
    const found = await robustness(path('several'), '--data', path('several.jsonl'), ...short, '--json');
    expect(JSON.parse(found.stdout)).toMatchObject({ metric: 'macroF1', rows: 40 });
    const refused = await robustness(path('numbers'), '--data', path('numbers.jsonl'), ...short);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/this model is a regression/)]);
    const pairs = await robustness(path('fitted'), '--data', data, '--pair-field', 'pair');
    expect([pairs.code, pairs.stderr]).toEqual([
      1,
      expect.stringMatching(/learned on single texts, and a pair of texts was given/),
    ]);
  }, 60_000);
});

describe('albertine robustness --resume', () => {
  const beside = (file: string): { noted: { conditions: object[] } } =>
    JSON.parse(readFileSync(`${file}.meta.json`, 'utf8')) as { noted: { conditions: object[] } };
  // Numbers are in few texts: conditions without a changed row have figures that are no numbers.
  const given = ['--perturbations', 'numbers,typos,deletion', '--severities', '0.2,0.6', '--limit', '30', '--json'];

  it('gives the file and the report of a run that was never interrupted', async () => {
    const [whole, cut, partial] = ['whole.jsonl', 'cut.jsonl', 'cut.partial.jsonl'].map(path);
    const full = await robustness(path('fitted'), '--data', data, ...given, '-o', whole);
    expect(full.code, full.stderr).toBe(0);
    expect(full.stdout).toContain('"consistency":null');
    const argv = ['robustness', path('fitted'), '--threads', '1', '--data', data, ...given, '-o', cut];
    expect(await interrupted(argv, partial, 30)).toMatch(
      /cut\.partial\.jsonl holds the first \d+ answers; --resume goes on after them/,
    );
    expect((await run(argv)).stderr).toMatch(/was begun by a run that did not come to its end.*--resume/);
    const check = async (after: number): Promise<void> => {
      const { code, stderr, stdout } = await run([...argv, '--resume']);
      expect([code, stderr]).toEqual([0, expect.stringMatching(`going on after ${after} answers\n`)]);
      expect(stdout).toBe(full.stdout);
      expect(readFileSync(cut, 'utf8')).toBe(readFileSync(whole, 'utf8'));
      expect(beside(cut)).toEqual(beside(whole));
    };
    /** What a kill leaves: so many lines, a torn one, and notes of so many conditions. */
    const killed = (lines: number, conditions: number): void => {
      const records = readFileSync(whole, 'utf8').split('\n').slice(0, lines);
      writeFileSync(partial, `${records.join('\n')}\n{"index":1,"pert`);
      const { noted, ...rest } = beside(whole);
      const notes = { ...rest, complete: false, noted: { conditions: noted.conditions.slice(0, conditions) } };
      writeFileSync(`${partial}.meta.json`, JSON.stringify(notes));
    };
    // In the middle of the rows of a condition, before it was noted, and with fewer rows than are noted.
    killed(75, 2);
    await check(60);
    killed(120, 3);
    await check(90);
    killed(35, 3);
    await check(30);
    // All is there: an attack after it may have been interrupted.
    await check(180);
  }, 120_000);

  it('refuses what was made from something else, and needs a file', async () => {
    const output = path('origin.jsonl');
    const argv = [path('fitted'), '--data', data, '--perturbations', 'case', '-o', output, '-q'];
    expect((await robustness(...argv)).code).toBe(0);
    const before = readFileSync(output, 'utf8');
    for (const [more, message] of [
      [['--seed', '2'], /cannot continue .*origin\.jsonl: --seed was not given when it was begun, and is 2 now/],
      [['--limit', '10'], /--limit was not given/],
      [['--examples', '1'], /--examples was not given/],
      [['--severities', '0.2'], /--severities was not given/],
      [['--label-field', 'label'], /--label-field was not given/],
      [['--overwrite'], /give one of them/],
    ] as const) {
      const { code, stderr } = await robustness(...argv, ...more, '--resume');
      expect([code === 0, stderr], more.join(' ')).toEqual([false, expect.stringMatching(message)]);
    }
    const model = await robustness(path('words'), ...argv.slice(1), '--resume');
    expect(model.stderr).toMatch(/it was begun with another model \(fit=/);
    const other = await robustness(argv[0], '--data', path('train.jsonl'), ...argv.slice(3), '--resume');
    expect(other.stderr).toMatch(/train\.jsonl has changed since it was begun/);
    expect(readFileSync(output, 'utf8')).toBe(before);
    expect(existsSync(path('origin.partial.jsonl'))).toBe(false);
    expect((await robustness(...argv.slice(0, 5), '--resume')).stderr).toMatch(/--resume needs --output/);
    // What an attack does is not in the file; but its words are looked up with those of synonyms.
    const attack = ['--attack', '--attack-limit', '2', '--queries', '5', '--words-model', words];
    expect(await robustness(...argv, ...attack, '--resume')).toMatchObject({ code: 0 });
    const near = [path('fitted'), '--data', data, '--perturbations', 'synonyms', '--limit', '4', '-q'];
    const made = [...near, '-o', path('near.jsonl')];
    expect((await robustness(...made, '--words-model', words)).code).toBe(0);
    expect((await robustness(...made, ...attack, '--resume')).stderr).toMatch(
      /--attack was not given when it was begun/,
    );
    const meant = await robustness(...made, '--words-model', words, '--meaning', '0.5', '--resume');
    expect(meant.stderr).toMatch(/--meaning was not given when it was begun/);
  }, 60_000);
});
