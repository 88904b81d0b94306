import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSineClassifier } from '../analysis/sine-classifier.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { run } from './support.ts';

const folder = temporaryFolder();
const path = (name: string): string => folder.path(name);
let model: string;
let own: string[];
beforeAll(async () => {
  model = await writeSineClassifier(path('model'), { labels: ['bad', 'good'] });
  writeFileSync(path('t.csv'), 'text,label\nthe {who} was good,good\na very bad {who},bad\none long {who},\n');
  const groups = [{ name: 'things', slot: 'who', groups: { films: ['film', 'story'], people: ['actor'] } }];
  writeFileSync(path('g.json'), JSON.stringify(groups));
  own = ['--templates', path('t.csv'), '--groups', path('g.json'), '--samples', '100', '--threads', '1'];
});
afterAll(() => folder.remove());

describe('albertine bias', () => {
  it('prints figures of groups and gaps, and makes a page', async () => {
    const { code, stdout } = await run(['bias', model, ...own, '--html', path('page.html')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/things: 3 templates, 2 with a label/);
    expect(stdout).toMatch(/films +2 +0\.\d{4} +[01]\.\d{4}/);
    expect(stdout).toMatch(/2 gaps, \d with a corrected p below 0.05/);
    const page = readFileSync(path('page.html'), 'utf8');
    expect(page).toContain('films − people');
    expect(page).not.toMatch(/<script|https?:\/\//);
  });

  it('ends with 1 where a gap is over the limit, after the figures', async () => {
    const strict = await run(['bias', model, ...own, '--fail-over', '0', '--json']);
    expect(strict.code).toBe(1);
    expect(strict.stderr).toMatch(/the largest gap is \d\.\d{4} \(things, films and people, .*\), over the limit of 0/);
    const { gaps } = JSON.parse(strict.stdout) as { gaps: { difference: number }[] };
    expect(gaps).toHaveLength(2);
    expect((await run(['bias', model, ...own, '--fail-over', '1'])).code).toBe(0);
  });

  it('tests associations of vectors, by itself where there is no classifier', async () => {
    const set = (name: string, words: string) => ({ name, words: words.split(' ') });
    const tests = [
      {
        name: 'mine',
        X: set('x', 'good fine great'),
        Y: set('y', 'bad poor awful'),
        A: set('a', 'film story'),
        B: set('b', 'music plot'),
      },
    ];
    writeFileSync(path('w.json'), JSON.stringify(tests));
    writeFileSync(path('s.txt'), 'the {word}\na {word}\n');
    const { code, stdout } = await run([
      'bias',
      model,
      '--weat',
      path('w.json'),
      '--sentences',
      path('s.txt'),
      '--threads',
      '1',
      '--json',
    ]);
    expect(code).toBe(0);
    const { associations } = JSON.parse(stdout) as { associations: { kind: string; permutations: number }[] };
    expect(associations.map(({ kind, permutations }) => [kind, permutations])).toEqual([
      ['WEAT', 20],
      ['SEAT', 924],
    ]);
    const plain = await run([
      'bias',
      'albertine-nano-en-zh',
      '--sentences',
      path('s.txt'),
      '--samples',
      '50',
      '--language',
      'zh',
      '--threads',
      '1',
      '-q',
    ]);
    expect(plain.code).toBe(0);
    expect(plain.stdout).toMatch(/WEAT +[+-]\d\.\d{4}/);
  });

  it('prints the lists that are shipped', async () => {
    const { stdout } = await run(['bias', '--print-lists']);
    const lists = JSON.parse(stdout) as Record<string, Record<'en' | 'zh', object[]>>;
    expect(Object.keys(lists)).toEqual(['templates', 'groups', 'weat', 'sentences']);
    expect(lists['groups'].zh).toHaveLength(5);
  });

  it('refuses what does not fit, in one line', async () => {
    writeFileSync(path('bad.txt'), '{nobody} came\n');
    const refused: [string[], RegExp, number][] = [
      [['bias'], /name a model/, 2],
      [['bias', model, '--weat', '--templates', path('t.csv')], /--templates is for templates, not for --weat/, 2],
      [['bias', model, '--templates', path('bad.txt')], /slot \{nobody\}, which no group fills.*\{person\}/, 1],
      [['bias', model, '--class', 'z', '--threads', '1'], /no label "z"/, 2],
      [['bias', model, ...own, '--language', 'zh'], /none of them is used/, 2],
      [['bias', model, '--groups', path('none.json')], /no file at/, 1],
      [['bias', 'albertine-nano-en-zh', '--class', 'a', '--threads', '1'], /this model has no classifier/, 2],
    ];
    for (const [argv, message, code] of refused) {
      const result = await run(argv);
      expect(result.stderr).toMatch(message);
      expect({ argv, code: result.code }).toEqual({ argv, code });
    }
  });
});
