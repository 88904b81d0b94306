import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { attackRows } from '../../src/analysis/robustness/attack.ts';
import { measureRobustness, perturbTexts, type RobustnessRecord } from '../../src/analysis/robustness/measure.ts';
import { inFormOf, modelPerturbations } from '../../src/analysis/robustness/model-perturbations.ts';
import { openRobustnessData } from '../../src/analysis/robustness/open-node.ts';
import { robustnessPage } from '../../src/analysis/robustness/page.ts';
import { WordVectors } from '../../src/analysis/robustness/word-vectors.ts';
import { mapSpan } from '../../src/perturbation/perturbation.ts';
import { PERTURBATIONS, perturbationsNamed } from '../../src/perturbation/registry.ts';
import { createRandom } from '../../src/core/random.ts';
import { answerRewriting } from '../../src/tasks/answer/rewriting.ts';
import { classifyRewriting } from '../../src/tasks/classify/rewriting.ts';
import { taskNamed, TASKS } from '../../src/tasks/registry.ts';
import type { RewritableData } from '../../src/tasks/rewriting.ts';
import { tagRewriting } from '../../src/tasks/tag/rewriting.ts';
import { run } from '../cli/support.ts';
import { FIXTURES } from '../tasks/fixtures.ts';
import { LEARNS, sentences, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const CASES = {
  classify: FIXTURES['classify'],
  tag: FIXTURES['tag'],
  answer: FIXTURES['answer'],
  pairs: {
    task: 'classify',
    options: { pairField: 'pair', wordsBaseline: false },
    data: (path: string, rows: number, seed: number) =>
      writeRows(
        `${path}.jsonl`,
        sentences(rows, seed).map((row) => ({ ...row, pair: 'the film' })),
      ),
  },
  multiLabel: {
    task: 'classify',
    options: { problem: 'multiLabel' },
    data: (path: string, rows: number, seed: number) =>
      writeRows(
        `${path}.jsonl`,
        sentences(rows, seed).map(({ text, label }) => ({
          text,
          label: text.includes('film') ? [label, 'film'] : [label],
        })),
      ),
  },
} as const;
type Case = keyof typeof CASES;
const paths: Partial<Record<Case, { model: string; data: string }>> = {};
const open = async (name: Case): Promise<{ model: NodeAlbert; source: RewritableData }> => {
  const model = await loadModel(paths[name]!.model, { threads: 1 });
  const { options = {} } = CASES[name] as { options?: Record<string, unknown> };
  const reading = 'pairField' in options ? { pairField: options['pairField'] } : {};
  return { model, source: await openRobustnessData(model, paths[name]!.data, reading) };
};

beforeAll(async () => {
  const start = await writeTinyModel(folder.path('start'));
  for (const [name, one] of Object.entries(CASES) as [Case, (typeof CASES)[Case]][]) {
    const output = folder.path(name);
    const data = one.data(folder.path(`${name}-held`), 60, 4);
    const task = taskNamed('task' in one && one.task !== undefined ? one.task : name);
    const train = one.data(folder.path(`${name}-train`), 120, 1);
    const { options = {} } = one as { options?: object };
    await (
      await task.load()
    ).fineTune({ model: start, train, evaluation: data, output, ...LEARNS, ...options, epochs: 4 } as never);
    paths[name] = { model: output, data };
  }
}, 120_000);

describe.each(Object.keys(CASES) as Case[])('robustness of %s', (name) => {
  it('has the figure of evaluate, and figures that follow from the records', async () => {
    const { model, source } = await open(name);
    using opened = model;
    expect(opened.loaded.heads.length).toBe(1);
    const records: RobustnessRecord[] = [];
    const report = await measureRobustness(source, {
      perturbations: perturbationsNamed(['typos', 'deletion', 'numbers'], ['en']),
      severities: [0.2, 0.6],
      onRecord: (record) => void records.push(record),
    });
    const { evaluate } = await taskNamed(report.task).load();
    const given = name === 'pairs' ? { pairField: 'pair' } : {};
    const { metrics } = await evaluate(model, paths[name]!.data, given);
    expect(report.clean.mean).toBeCloseTo(metrics[report.metric], 12);
    expect(report.fingerprint).toBe(model.fingerprint);
    expect(report.conditions.map(({ perturbation, severity }) => `${perturbation} ${severity}`)).toEqual([
      'typos 0.2',
      'typos 0.6',
      'deletion 0.2',
      'deletion 0.6',
      'numbers 0.2',
      'numbers 0.6',
    ]);
    for (const condition of report.conditions) {
      const own = records.filter(
        (one) => one.perturbation === condition.perturbation && one.severity === condition.severity,
      );
      expect(own.length).toBe(60);
      expect(condition.changed).toBe(own.filter(({ changed }) => changed).length);
      expect(condition.difference.mean).toBeCloseTo(condition.value - report.clean.mean, 12);
      expect(condition.failures.length).toBe(Math.min(5, condition.worse));
      if (name === 'multiLabel' || name === 'tag') continue;
      expect(condition.value).toBeCloseTo(own.reduce((sum, { right }) => sum + right, 0) / 60, 12);
      if (condition.changed > 0 && name !== 'answer')
        expect(condition.consistency).toBeCloseTo(
          own.filter(({ changed, before, after }) => changed && before === after).length / condition.changed,
          12,
        );
    }
    // There are no numbers in these texts: nothing is changed, and that is said.
    expect(report.conditions.at(-1)).toMatchObject({ changed: 0, consistency: NaN, value: report.clean.mean });
    const [few, many] = report.conditions;
    expect(many.edits).toBeGreaterThan(few.edits);
    expect(report.conditions.every(({ groups }) => groups.length > 0)).toBe(true);
  });
});

it('is offered for the tasks that can do it', async () => {
  for (const task of TASKS) expect((await task.load()).rewritable !== undefined).toBe(task.rewritable ?? false);
  using model = await loadModel(undefined, { threads: 1 });
  await expect(openRobustnessData(model, paths.classify!.data)).rejects.toThrow(
    /robustness is measured of a classifier, .*; this model is/,
  );
});

describe('measureRobustness', () => {
  it('gives the same for the same seed, and other texts for another', async () => {
    const { model, source } = await open('classify');
    using opened = model;
    expect(opened.loaded.heads.length).toBe(1);
    const texts = async (seed: number): Promise<string[]> => {
      const all: string[] = [];
      await measureRobustness(source, {
        perturbations: perturbationsNamed(['typos'], ['en']),
        limit: 10,
        seed,
        severities: [0.5],
        onRecord: (record) => void all.push(...record.texts),
      });
      return all;
    };
    expect(await texts(1)).toEqual(await texts(1));
    expect(await texts(1)).not.toEqual(await texts(2));
  });

  it('stops when told to, and refuses severities that are none', async () => {
    const { model, source } = await open('classify');
    using opened = model;
    expect(opened.loaded.heads.length).toBe(1);
    await expect(measureRobustness(source, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'interrupted',
    });
    for (const severities of [[], [0], [1.5], [0.1, 0.1]])
      await expect(measureRobustness(source, { severities })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('leaves texts as they were where a check says that they say something else', async () => {
    const { model, source } = await open('classify');
    using opened = model;
    expect(opened.loaded.heads.length).toBe(1);
    const report = await measureRobustness(source, {
      perturbations: perturbationsNamed(['typos'], ['en']),
      severities: [0.5],
      checks: { typos: async (pairs) => pairs.map((_pair, i) => i % 2 === 0) },
    });
    expect(report.conditions[0]).toMatchObject({ changed: 30, rejected: 30 });
  });
});

describe('rewriting', () => {
  const rewrite = (name: string, texts: Parameters<typeof perturbTexts>[0]) =>
    perturbTexts(texts, { row: PERTURBATIONS.find((row) => row.name === name)!, severity: 1, seed: 5 });

  it.each(PERTURBATIONS.map(({ name }) => [name]))(
    'keeps entities and words of a tagged text where they are said: %s',
    (name) => {
      const text = 'Maria Gomez went to the old town of Paris on Monday with 25 friends.';
      const words = Array.from(text.matchAll(/\w+|\./g), (m) => [m.index, m.index + m[0].length] as const);
      const gold = [
        { label: 'PER', start: 0, end: 11 },
        { label: 'LOC', start: 36, end: 41 },
      ];
      const row = { input: { text, words }, gold };
      const rewritten = rewrite(name, tagRewriting.texts(row));
      const { input, gold: after } = tagRewriting.put(row, rewritten);
      const all = typeof input === 'string' ? [] : input.words!;
      const textAfter = typeof input === 'string' ? input : input.text;
      expect(after.map(({ label }) => label)).toEqual(['PER', 'LOC']);
      all.forEach(([start, end], i) => {
        expect(start).toBeGreaterThanOrEqual(i === 0 ? 0 : all[i - 1][1]);
        expect(end).toBeGreaterThan(start);
      });
      // Every letter is in a word, and entities begin and end with words.
      for (const { index } of textAfter.matchAll(/\p{L}/gu))
        expect(all.some(([start, end]) => start <= index && index < end)).toBe(true);
      for (const { start, end } of after) {
        expect(all.some((word) => word[0] === start)).toBe(true);
        expect(all.some((word) => word[1] === end)).toBe(true);
      }
      const { withinWords } = PERTURBATIONS.find((one) => one.name === name)!;
      if (!withinWords) expect(textAfter.slice(after[1].start, after[1].end)).toBe('Paris');
      const found = { entities: gold.map((one) => ({ ...one, text: '', score: 1 })) };
      const moved = { entities: after.map((one) => ({ ...one, text: '', score: 1 })) };
      expect(tagRewriting.same(found, moved, rewritten, { tags: [], characters: false, allTokens: false })).toBe(true);
    },
  );

  it('leaves answers alone wherever they stand, and questions complete', () => {
    const row = {
      input: { question: 'When did Maria come?', context: 'Maria came on Monday. On Monday it rained in London.' },
      gold: { answers: ['Monday'], start: 14, end: 20 },
    };
    for (const { name } of PERTURBATIONS.filter(({ languages }) => languages.includes('en'))) {
      const texts = rewrite(name, answerRewriting.texts(row));
      const { input, gold } = answerRewriting.put(row, texts);
      expect(input.context.slice(gold.start, gold.end)).toBe('Monday');
      if (name === 'deletion' || name === 'distractors') expect(input.question).toBe(row.input.question);
      if (name === 'names') expect(input.question.split(' ')[2]).toBe(input.context.split(' ')[0]);
    }
  });

  it('shows several labels in one order, and believes in the least sure of them', () => {
    const facts = { labels: ['a', 'b', 'c'], problem: 'multiLabel' as const, temperature: 1, pairs: false };
    const output = {
      label: 'b',
      score: 0.9,
      labels: [
        { label: 'b', score: 0.9 },
        { label: 'a', score: 0.6 },
        { label: 'c', score: 0.2 },
      ],
      assigned: ['b', 'a'],
    };
    expect(classifyRewriting.show({ output }, { input: '', gold: [0, 1] }, facts)).toBe('a, b');
    expect(classifyRewriting.right([0, 1], output, facts)).toBe(1);
    expect(classifyRewriting.right([0], output, facts)).toBe(0);
    expect(classifyRewriting.belief!([0, 1], output, facts)).toBeCloseTo(0.6, 12);
    expect(() => classifyRewriting.check!({ ...facts, problem: 'regression' })).toThrow(/regression/);
  });
});

/** A model that says good unless what is wonderful about a text became decent. */
function toyData(texts: string[], asked: string[]): RewritableData {
  const predict = async (inputs: { text: string }[]): Promise<object[]> =>
    inputs.map(({ text }) => {
      asked.push(text);
      const score = 0.9 - (text.includes('wonderful') ? 0 : 0.3) - (text.includes('decent') ? 0.3 : 0);
      const good = { label: 'good', score };
      const bad = { label: 'bad', score: 1 - score };
      return { ...(score > 0.5 ? good : bad), labels: [good, bad] };
    });
  const facts = { labels: ['bad', 'good'], problem: 'singleLabel', temperature: 1, pairs: false };
  return {
    model: { predict, facts, task: { name: 'classify' }, model: { fingerprint: 'toy' } },
    data: {
      rows: texts.map((text) => ({ input: { text }, gold: 1 })),
      facts,
      report: { rows: 0, skipped: 0 },
      remarks: [],
    },
    rewriting: classifyRewriting,
    metric: 'accuracy',
    asking: {},
  } as unknown as RewritableData;
}

describe('attackRows', () => {
  const text = 'people watched this wonderful picture yesterday evening together';
  const find = (word: string) =>
    word === 'wonderful'
      ? ['lovely', 'decent', 'splendid'].map((near) => ({ word: near, cosine: 0.9 }))
      : word === 'this'
        ? []
        : ['alpha', 'beta', 'gamma'].map((near) => ({ word: near, cosine: 0.8 }));
  const check = async (pairs: readonly unknown[]): Promise<boolean[]> => pairs.map(() => true);

  it('replaces the word that matters first, by the one that turns the answer', async () => {
    const asked: string[] = [];
    const report = await attackRows(toyData([text], asked), { find, check, queries: 50 });
    expect(report).toMatchObject({ attacked: 1, clean: 1, success: { mean: 1 }, underAttack: { mean: 0 } });
    // Seven words are left out one by one, then three are tried.
    expect(report.meanQueries).toBe(10);
    expect(report.wordsChanged).toBeCloseTo(1 / 8, 12);
    expect(report.examples[0].perturbed[0].text).toBe(text.replace('wonderful', 'decent'));
    expect(report.examples[0]).toMatchObject({ gold: 'good', before: 'good', after: 'bad' });
  });

  it('keeps within its queries, at random too, and within what says the same', async () => {
    for (const search of ['greedy', 'random'] as const)
      for (const queries of [1, 5, 20]) {
        const asked: string[] = [];
        const { meanQueries } = await attackRows(toyData([text], asked), { find, check, queries, search });
        expect(meanQueries).toBeLessThanOrEqual(queries);
        expect(asked.length).toBe(1 + meanQueries);
      }
    const none = await attackRows(toyData([text], []), { find, check: async (pairs) => pairs.map(() => false) });
    expect(none).toMatchObject({ success: { mean: 0 }, underAttack: { mean: 1 }, examples: [] });
  });

  it('counts what was wrong before as wrong, and does not attack it', async () => {
    const report = await attackRows(toyData(['a decent picture', text], []), { find, check, limit: 2 });
    expect(report).toMatchObject({ rows: 2, attacked: 1, clean: 0.5, underAttack: { mean: 0 } });
  });

  it('is for tasks with a probability of what is right', async () => {
    const { model, source } = await open('tag');
    using opened = model;
    expect(opened.loaded.heads.length).toBe(1);
    await expect(attackRows(source, { find, check })).rejects.toMatchObject({ code: 'unsupported' });
  });
});

describe('words of a model', () => {
  it('finds near words in both languages, no opposites and no function words', async () => {
    using model = await loadModel(undefined, { threads: 1 });
    const vectors = await WordVectors.build(model, ['The movie was not good', '这部电影'], { candidates: 400 });
    const near = (word: string, language: 'en' | 'zh'): string[] =>
      vectors.near(word, { language, minCosine: 0.5 }).map((one) => one.word);
    expect(near('Movie', 'en')).toContain('film');
    expect(near('good', 'en')).not.toContain('bad');
    for (const word of ['the', 'not', 'unheard']) expect(near(word, 'en')).toEqual([]);
    const cosines = vectors.near('good', { language: 'en', minCosine: 0 }).map(({ cosine }) => cosine);
    expect([...cosines].sort((a, b) => b - a)).toEqual(cosines);
  }, 60_000);

  it('takes the form of the word that it stands for, and a space between scripts', () => {
    expect(['Movie', 'MOVIE', 'movie', '电影'].map((word) => inFormOf(word, 'film'))).toEqual([
      'Film',
      'FILM',
      'film',
      'film',
    ]);
    const [synonyms, mixing] = modelPerturbations((word, where) =>
      word.toLowerCase() === 'movie'
        ? [{ word: where === 'own' ? 'film' : '电影', cosine: 0.9 }]
        : word === '电影'
          ? [{ word: 'film', cosine: 0.9 }]
          : [],
    );
    const options = { severity: 1, random: createRandom(1) };
    const { text, edits } = synonyms.apply('A Movie about a movie', options);
    expect(text).toBe('A Film about a film');
    expect(mapSpan([2, 7], edits)).toEqual([2, 6]);
    expect(mixing.apply('我看电影了', options).text).toBe('我看 film 了');
    expect(mixing.apply('the movie', options).text).toBe('the 电影');
  });
});

describe('albertine robustness', () => {
  const command = (name: Case): string[] => [
    'robustness',
    paths[name]!.model,
    '--data',
    paths[name]!.data,
    '--threads',
    '1',
  ];
  const short = ['--perturbations', 'typos,case', '--severities', '0.5', '--limit', '30'];

  it('prints a table, writes every answer and a page', async () => {
    const [answers, page] = [folder.path('answers.jsonl'), folder.path('page.html')];
    const { code, stdout } = await run([...command('classify'), ...short, '-o', answers, '--html', page]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^30 rows of 60, clean accuracy [\d.]+ \(95 %: [\d.]+ to [\d.]+\), ECE [\d.]+\n/);
    expect(stdout).toMatch(
      /typos +0\.5 +100\.0 % +[\d.]+ +[-+][\d.]+ \([-+][\d.]+ to [-+][\d.]+\) +[\d.]+ % +[\d.]+ +(label|length)/,
    );
    const lines = readFileSync(answers, 'utf8').trim().split('\n');
    expect(lines.length).toBe(60);
    expect(JSON.parse(lines[0])).toMatchObject({ index: 0, perturbation: 'typos', severity: 0.5, changed: true });
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('<table class="heat">');
    expect(html).not.toContain('<script');
    expect((await run([...command('classify'), ...short, '-o', answers])).stderr).toMatch(/exists already/);
  });

  it('gives JSON, and fails under a figure', async () => {
    const json = await run([...command('classify'), ...short, '--json', '--fail-under', '0']);
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      task: 'classify',
      metric: 'accuracy',
      rows: 30,
      conditions: [{}, {}],
    });
    const { code, stderr } = await run([...command('classify'), ...short, '--fail-under', '1', '-q']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^albertine: accuracy falls under 1: .*typos 0\.5 \([\d.]+\)/);
  });

  it('refuses what would do nothing, and says what there is', async () => {
    for (const [flags, message] of [
      [['--queries', '10'], /--queries is for --attack/],
      [['--perturbations', 'typo'], /there is no perturbation "typo". Did you mean typos/],
      [['--severities', '0,2'], /numbers above 0/],
      [['--perturbations', 'case', '--meaning', '0.8'], /--meaning is for --attack/],
      [['--attack', '--attack-search', 'clever'], /attack-search must be one of greedy, random/],
      [['--stride', '3'], /--stride is for/],
    ] as const) {
      const { code, stderr } = await run([...command('classify'), ...flags]);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
  });

  it('escapes texts in its page', () => {
    const edits = [{ start: 0, end: 3, replacement: '<i>' }];
    const failure = {
      index: 0,
      clean: ['<b> x'],
      perturbed: [{ text: '<i> x', edits }],
      gold: 'a',
      before: 'a',
      after: 'b',
    };
    const interval = { mean: 0, low: 0, high: 0 };
    const page = robustnessPage(
      {
        task: 'classify',
        truncated: 0,
        metric: 'accuracy',
        fingerprint: 'f',
        languages: ['en'],
        rows: 1,
        available: 1,
        seed: 1,
        clean: interval,
        conditions: [
          {
            perturbation: 'typos',
            severity: 0.1,
            changed: 1,
            rejected: 0,
            edits: 1,
            value: 0,
            difference: interval,
            consistency: 0,
            groups: [],
            worse: 1,
            better: 0,
            failures: [failure],
          },
        ],
      },
      { name: 'a & b' },
    );
    expect(page).toContain('<del>&#60;b&#62;</del><ins>&#60;i&#62;</ins> x');
    expect(page).toContain('a &#38; b');
  });
});
