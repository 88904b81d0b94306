import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureAssociations } from '../../src/analysis/bias/associations.ts';
import { readGroups, readTemplates, readWeatTests } from '../../src/analysis/bias/files-node.ts';
import { GROUPS, SEAT_SENTENCES, TEMPLATES, WEAT_TESTS } from '../../src/analysis/bias/lists.ts';
import { measureBias } from '../../src/analysis/bias/measure.ts';
import { associationPage, biasPage } from '../../src/analysis/bias/page.ts';
import { fillTemplates, hasSlot, requireLists, type Template } from '../../src/analysis/bias/templates.ts';
import { weat } from '../../src/analysis/bias/weat.ts';
import { loadModel, type NodeAlbert } from '../../src/loaded/load-node.ts';
import { holmCorrection } from '../../src/metrics/resampling.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { writeSineClassifier } from './sine-classifier.ts';

interface GoldenCase {
  sizes: number[];
  width: number;
  seed: number;
  pull: number;
  statistic: number;
  effectSize: number;
  pValue: number;
  permutations: number;
}
const golden = JSON.parse(
  readFileSync(new URL('../oracle/goldens/weat.json', import.meta.url), 'utf8'),
) as GoldenCase[];

const vectorsOf = ({ sizes, width, seed, pull }: GoldenCase) => {
  const [X, Y, A, B] = sizes.map((size, group) =>
    Array.from({ length: size }, (_, item) =>
      Float32Array.from(
        { length: width },
        (__, k) =>
          Math.sin(seed * 12.9898 + (group * 29 + item) ** 2 * 2.399 + k * 4.581) + (k === group % 2 ? pull : 0),
      ),
    ),
  );
  return { X, Y, A, B };
};

describe('WEAT as of numpy', () => {
  it.each(golden)('sizes $sizes', (one) => {
    const { statistic, effectSize, pValue, permutations, exact } = weat(vectorsOf(one));
    expect(Math.abs(statistic - one.statistic)).toBeLessThan(1e-6);
    expect(Math.abs(effectSize - one.effectSize)).toBeLessThan(1e-6);
    expect({ pValue, permutations, exact }).toEqual({
      pValue: one.pValue,
      permutations: one.permutations,
      exact: true,
    });
  });

  it('draws divisions where there are too many, near the exact share', () => {
    const one = golden[2];
    const drawn = weat(vectorsOf(one), { permutations: 5000 });
    expect(drawn).toMatchObject({ exact: false, permutations: 5000 });
    expect(Math.abs(drawn.pValue - one.pValue)).toBeLessThan(0.03);
    expect(weat(vectorsOf(one), { permutations: 5000 })).toEqual(drawn);
  });

  it('finds nothing in targets that are all alike, and refuses sets that are too small', () => {
    const same = [Float32Array.of(1, 2), Float32Array.of(1, 2)];
    expect(weat({ X: same, Y: same, A: [Float32Array.of(1, 0)], B: [Float32Array.of(0, 1)] })).toMatchObject({
      effectSize: 0,
      pValue: 1,
    });
    expect(() => weat({ X: same.slice(1), Y: same, A: same, B: same })).toThrow(/two words in X/);
  });
});

describe('lists', () => {
  it('that are shipped fit each other, in both languages', () => {
    for (const language of ['en', 'zh'] as const) {
      requireLists(TEMPLATES[language], GROUPS[language]);
      expect(TEMPLATES[language]).toHaveLength(24);
      expect(WEAT_TESTS[language]).toHaveLength(3);
      for (const sentence of SEAT_SENTENCES[language]) expect(sentence).toContain('{word}');
      for (const { groups } of GROUPS[language]) {
        const terms = Object.values(groups).flat();
        expect(new Set(terms).size).toBe(terms.length);
      }
    }
    const [weat1] = WEAT_TESTS.en;
    expect([weat1.X, weat1.Y, weat1.A, weat1.B].map(({ words }) => words.length)).toEqual([25, 25, 25, 25]);
  });

  it('are filled, with a capital at the beginning', () => {
    const templates: Template[] = [
      { text: '{who} met {who}.', label: 'a' },
      { text: 'To {who}', pair: 'x' },
    ];
    const filled = fillTemplates(templates, { name: 'n', slot: 'who', groups: { f: ['she'], m: ['he'] } });
    expect(filled.map(({ input }) => input)).toEqual([
      'She met she.',
      'He met he.',
      { text: 'To she', pair: 'x' },
      { text: 'To he', pair: 'x' },
    ]);
    expect(hasSlot({ text: 'a', pair: '{who}' }, 'who')).toBe(true);
  });

  it('that do not fit are refused with what is wrong', () => {
    const groups = [{ name: 'n', slot: 'who', groups: { f: ['she'], m: ['he'] } }];
    expect(() => requireLists([{ text: '{x} came' }], groups)).toThrow(/slot \{x\}, which no group fills/);
    expect(() => requireLists([{ text: 'nobody' }], groups)).toThrow(/template 1 must have one slot/);
    expect(() => requireLists([{ text: '{who}' }], [{ ...groups[0], groups: { f: ['she'] } }])).toThrow(/two groups/);
    expect(() => requireLists([], groups)).toThrow(/must not be empty/);
  });

  it('are read from files', async () => {
    const write = (name: string, text: string): string => {
      writeFileSync(folder.path(name), text);
      return folder.path(name);
    };
    expect(await readTemplates(write('t.csv', 'text,label\n{who} came,good\n{who} left,\n'))).toEqual([
      { text: '{who} came', label: 'good' },
      { text: '{who} left' },
    ]);
    expect(await readTemplates(write('t.txt', '{who} came\n\n{who} left\n'))).toHaveLength(2);
    await expect(readTemplates(write('bad.jsonl', '{"sentence":"x"}\n'))).rejects.toThrow(/row 1: no field "text"/);
    const groups = [{ name: 'n', slot: 'who', groups: { f: ['she'], m: ['he'] } }];
    expect(await readGroups(write('g.json', JSON.stringify(groups)))).toEqual(groups);
    await expect(readGroups(write('h.json', '[{"name":"n"}]'))).rejects.toThrow(/entry 1 must have name, slot/);
    expect(await readWeatTests(write('w.json', JSON.stringify(WEAT_TESTS.zh)))).toEqual(WEAT_TESTS.zh);
    await expect(readWeatTests(write('v.json', '{"name":"n"}'))).rejects.toThrow(/entry 1 must have name, X/);
  });
});

describe('Holm', () => {
  it('multiplies by how many are left, and never falls', () => {
    // In order: 5 * 0.005, 4 * 0.01, 3 * 0.03, then 2 * 0.04, which may not be less, and 0.5.
    [0.04, 0.09, 0.09, 0.5, 0.025].forEach((value, i) =>
      expect(Math.abs(holmCorrection([0.01, 0.04, 0.03, 0.5, 0.005])[i] - value)).toBeLessThan(1e-12),
    );
    expect(holmCorrection([])).toEqual([]);
  });
});

const folder = temporaryFolder();
const models: NodeAlbert[] = [];
async function open(name: string, options: Parameters<typeof writeSineClassifier>[1]): Promise<TextClassifier> {
  const model = await loadModel(await writeSineClassifier(folder.path(name), options), { threads: 1 });
  models.push(model);
  return TextClassifier.from(model);
}
let single: TextClassifier;
beforeAll(async () => {
  single = await open('single', { labels: ['bad', 'good'] });
});
afterAll(() => {
  for (const model of models) model[Symbol.dispose]();
  folder.remove();
});

describe('gaps between groups', () => {
  const templates: Template[] = [
    { text: 'the {who} was good', label: 'good' },
    { text: 'a very bad {who}', label: 'bad' },
    { text: 'the story of the {who}' },
    { text: 'one long {who}', label: 'dull' },
  ];
  const groups = [
    { name: 'things', slot: 'who', groups: { films: ['film', 'story'], people: ['actor'], music: ['music', 'plot'] } },
  ];

  it('are the mean differences of what the classifier says, and of its errors', async () => {
    const report = await measureBias(single, { templates, groups, samples: 200 });
    const score = async (text: string): Promise<number> => {
      const [{ labels }] = await single.predict([text]);
      return labels.find(({ label }) => label === 'good')!.score;
    };
    const mean = async (terms: string[]): Promise<number> => {
      let sum = 0;
      for (const { text } of templates)
        for (const term of terms) sum += (await score(text.replace('{who}', term))) / terms.length / templates.length;
      return sum;
    };
    const [{ groups: figures, templates: count, labelledTemplates }] = report.attributes;
    expect({ count, labelledTemplates, foreign: report.foreignLabels }).toEqual({
      count: 4,
      labelledTemplates: 2,
      foreign: 1,
    });
    expect(report.texts).toBe(4 * 5);
    expect(Object.keys(figures[0].scores)).toEqual(['good']);
    for (const { group, scores } of figures)
      expect(Math.abs(scores['good'] - (await mean(groups[0].groups[group as 'films'])))).toBeLessThan(1e-6);
    expect(report.gaps).toHaveLength(3 * 2);
    const gap = report.gaps.find(
      ({ measure, first, second }) => measure === 'good' && first === 'films' && second === 'people',
    )!;
    expect(Math.abs(gap.difference - (figures[0].scores['good'] - figures[1].scores['good']))).toBeLessThan(1e-12);
    expect(gap.low).toBeLessThanOrEqual(gap.difference);
    for (const { adjusted, pValue } of report.gaps) expect(adjusted).toBeGreaterThanOrEqual(pValue);
    expect(biasPage(report)).toContain('films');
  });

  it('are none where the groups are the same, and are of the label that is asked for', async () => {
    const same = [{ name: 'same', slot: 'who', groups: { a: ['film'], b: ['film'] } }];
    const { gaps } = await measureBias(single, { templates, groups: same, label: 'bad', samples: 100 });
    for (const { difference, pValue } of gaps) expect({ difference, pValue }).toEqual({ difference: 0, pValue: 1 });
    expect(gaps.map(({ measure }) => measure)).toContain('bad');
    await expect(measureBias(single, { templates, groups, label: 'z' })).rejects.toMatchObject({ option: 'label' });
  });

  it('are of numbers, of several labels and of pairs', async () => {
    const number = await open('number', { labels: ['value'], problemType: 'regression' });
    const { gaps, foreignLabels } = await measureBias(number, { templates, groups, samples: 50 });
    expect(new Set(gaps.map(({ measure }) => measure))).toEqual(new Set(['value']));
    expect(foreignLabels).toBe(3);
    const several = await open('several', { problemType: 'multi_label_classification', pairs: true });
    const pairs = templates.map(({ text }) => ({ text: 'a story', pair: text, label: 'a' }));
    const { gaps: found } = await measureBias(several, { templates: pairs, groups, samples: 50 });
    expect(new Set(found.map(({ measure }) => measure))).toEqual(new Set(['a', 'b', 'c', 'error rate']));
    await expect(measureBias(several, { templates, groups })).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('associations', () => {
  it('are of the words alone and in sentences', async () => {
    using model = await loadModel('albertine-nano-en-zh', { threads: 1 });
    const [test] = WEAT_TESTS.zh;
    const report = await measureAssociations(model, { tests: [test], sentences: SEAT_SENTENCES.zh.slice(0, 2) });
    expect(report.associations.map(({ kind, sizes }) => [kind, sizes.X])).toEqual([
      ['WEAT', 8],
      ['SEAT', 16],
    ]);
    const vectors = async (words: readonly string[]): Promise<Float32Array[]> => {
      const matrix = await model.embed(words);
      return words.map((_, row) => matrix.row(row));
    };
    const own = weat({
      X: await vectors(test.X.words),
      Y: await vectors(test.Y.words),
      A: await vectors(test.A.words),
      B: await vectors(test.B.words),
    });
    expect(Math.abs(report.associations[0].effectSize - own.effectSize)).toBeLessThan(1e-4);
    expect(own.effectSize).toBeGreaterThan(0);
    expect(associationPage(report)).toContain('花');
    await expect(measureAssociations(model, { tests: [test], sentences: ['no slot'] })).rejects.toMatchObject({
      code: 'invalid_data',
    });
  });
});
