import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInTasks } from '../../src/analysis/probe/built-in.ts';
import { controlTask } from '../../src/analysis/probe/control.ts';
import { Judge } from '../../src/analysis/probe/judge.ts';
import { layerVectors, type LayerVectors } from '../../src/analysis/probe/layers.ts';
import { featureParts, fitProbe, neighbourProbe } from '../../src/analysis/probe/linear.ts';
import { onlineCode } from '../../src/analysis/probe/mdl.ts';
import { probePage } from '../../src/analysis/probe/page.ts';
import { probeModels } from '../../src/analysis/probe/probe.ts';
import { readProbeTask, readStructureTasks } from '../../src/analysis/probe/read-node.ts';
import { structureTasks } from '../../src/analysis/probe/structure.ts';
import { probeTable } from '../../src/analysis/probe/table.ts';
import { inParts, PROBE_PARTS, targetsOf, type ProbeRow, type ProbeTask } from '../../src/analysis/probe/task.ts';
import { PLAIN_PRODUCTS } from '../../src/classical/features.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import type { Albert } from '../../src/loaded/albert.ts';
import { temporaryFolder, writeRows } from '../training/small-run.ts';

/** Written by oracle/make_probe_golden.py with scikit-learn. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/probe.json'), 'utf8')) as {
  columns: number;
  labels: number;
  rows: number;
  strength: number;
  vectors: number[];
  gold: number[];
  weights: number[];
  bias: number[];
  accuracy: number;
  neighbours: number[];
  bits: number[];
};
const folder = temporaryFolder();
let model: Albert;
beforeAll(async () => {
  model = await loadModel('albertine-nano-en-zh', { threads: 1 });
});
afterAll(() => {
  model[Symbol.dispose]();
  folder.remove();
});

const rowsOf = (targets: readonly number[]): ProbeRow[] => targets.map((target, i) => ({ text: `row ${i}`, target }));
const taskOf = (parts: Partial<ProbeTask>): ProbeTask => ({
  name: 'task',
  kind: 'classify',
  source: 'test',
  labels: ['a', 'b', 'c'],
  notes: [],
  parts: { train: [], development: [], test: [] },
  ...parts,
});

describe('probes as scikit-learn', () => {
  const { columns, labels, rows, gold, strength } = golden;
  // The rows to learn from are also those to choose by, as there is one strength.
  const learned = golden.vectors.slice(0, rows * columns);
  const data = Float32Array.from([...learned, ...learned, ...golden.vectors.slice(rows * columns)]);
  const train = rowsOf(gold.slice(0, rows));
  const task = taskOf({ parts: { train, development: train, test: rowsOf(gold.slice(rows)) } });
  const parts = featureParts(task, { data, dimensions: columns }, { products: PLAIN_PRODUCTS });
  const how = { labels, judge: new Judge(task, 'development'), products: PLAIN_PRODUCTS };

  it('finds the coefficients and the accuracy of LogisticRegression', async () => {
    const { model: found, test } = await fitProbe(parts, how, { strengths: [strength], seed: 1 });
    found.weights.forEach((value, i) => expect(Math.abs(value - golden.weights[i])).toBeLessThan(1e-3));
    // The softmax leaves their sum free.
    const mean = found.bias.reduce((sum, value) => sum + value, 0) / labels;
    found.bias.forEach((value, i) => expect(Math.abs(value - mean - golden.bias[i])).toBeLessThan(1e-3));
    expect(new Judge(task, 'test').value(test)).toBeCloseTo(golden.accuracy, 12);
  });

  it('gives the labels of KNeighborsClassifier', async () => {
    const { test } = await neighbourProbe(parts, how, [5]);
    expect([...(test as number[])]).toEqual(golden.neighbours);
  });

  it('codes labels in as many bits as an independent script', async () => {
    const { bits, blocks, compression } = await onlineCode(parts.train.features, gold.slice(0, rows), {
      labels,
      strength,
    });
    expect(blocks).toHaveLength(golden.bits.length);
    blocks.forEach((block, i) => expect(Math.abs(block.bits - golden.bits[i]), `block ${i}`).toBeLessThan(1e-3));
    const total = golden.bits.reduce((sum, value) => sum + value, 0);
    expect(Math.abs(bits - total)).toBeLessThan(5e-3);
    expect(Math.abs(compression - (rows * Math.log2(labels)) / total)).toBeLessThan(1e-4);
  });
});

describe('vectors of layers', () => {
  const collect = async (vectors: AsyncIterable<LayerVectors>): Promise<LayerVectors[]> => {
    const found: LayerVectors[] = [];
    for await (const one of vectors) found.push(one);
    return found;
  };
  const how = { layers: [0, 2, 6], pooling: 'mean', wordPooling: 'mean' } as const;

  it('of texts are those of embed, layer by layer', async () => {
    const texts = ['The cat sat.', '今天下雨。', 'The cat sat.', 'A longer text about rain and cats.'];
    const rows = texts.map((text) => ({ text, target: 0 }));
    for (const { layer, data } of await collect(layerVectors(model, { kind: 'classify', rows }, how))) {
      const { data: expected } = await model.embed(texts, { layers: [layer], normalize: false, pooling: 'mean' });
      data.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(1e-5));
    }
  });

  it('of pairs are their differences and products', async () => {
    const rows = [{ text: 'a cat', pair: '一只猫', target: 4 }];
    const [{ data, dimensions, cosines }] = await collect(
      layerVectors(model, { kind: 'similarity', rows }, { ...how, layers: [6] }),
    );
    const { data: two, dimensions: width } = await model.embed(['a cat', '一只猫'], { normalize: true });
    expect(dimensions).toBe(2 * width);
    const cosine = two.slice(0, width).reduce((sum, value, i) => sum + value * two[width + i], 0);
    expect(Math.abs(cosines![0] - cosine)).toBeLessThan(1e-5);
    const { data: raw } = await model.embed(['a cat', '一只猫'], { normalize: false });
    for (let k = 0; k < width; k++) {
      expect(Math.abs(data[k] - Math.abs(raw[k] - raw[width + k]))).toBeLessThan(1e-5);
      expect(Math.abs(data[width + k] - raw[k] * raw[width + k])).toBeLessThan(1e-4);
    }
  });

  it('of words are those of their tokens: all, or the first', async () => {
    const text = 'Unbelievable kindnesses happened';
    const words = [
      [0, 12],
      [13, 23],
      [24, 32],
    ] as const;
    const rows = [{ text, words, target: [0, 1, 0] }];
    const [{ tokens }] = await model.embedTokens([text], { layers: [2], includeSpecialTokens: false });
    for (const wordPooling of ['mean', 'first'] as const) {
      const [{ data }] = await collect(
        layerVectors(model, { kind: 'tags', rows }, { ...how, layers: [2], wordPooling }),
      );
      expect(data).toHaveLength(3 * 384);
      words.forEach(([from, to], word) => {
        const all = tokens.filter(({ start, end }) => start < to && end > from);
        const own = wordPooling === 'first' ? all.slice(0, 1) : all;
        for (let k = 0; k < 384; k++) {
          const expected = own.reduce((sum, { embedding }) => sum + embedding[k], 0) / own.length;
          expect(Math.abs(data[word * 384 + k] - expected)).toBeLessThan(1e-5);
        }
      });
    }
  });
});

describe('tasks', () => {
  it('built-in ones are the same for a seed, and share no row between parts', () => {
    const tasks = builtInTasks({ limit: 60 });
    expect(JSON.stringify(builtInTasks({ limit: 60 }))).toBe(JSON.stringify(tasks));
    expect(JSON.stringify(builtInTasks({ limit: 60, seed: 2 }))).not.toBe(JSON.stringify(tasks));
    expect(tasks.map(({ name }) => name)).toEqual([
      ...['topic', 'sentiment', 'tense', 'number', 'question', 'sentenceOrder', 'sharedParts', 'entities'],
      ...['length', 'wordContent', 'swap', 'swapPlace'],
    ]);
    for (const { name, parts, labels, kind } of tasks) {
      const keys = PROBE_PARTS.map((part) => new Set(parts[part].map(({ text, pair }) => `${text}|${pair}`)));
      const all = new Set(keys.flatMap((own) => [...own]));
      expect(all.size, name).toBe(keys.reduce((sum, own) => sum + own.size, 0));
      expect(parts.train.length, name).toBeGreaterThan(20);
      if (kind === 'similarity') continue;
      for (const target of targetsOf(parts.test)) expect(labels[target], name).toBeTypeOf('string');
    }
  });

  it('of structure say what was done to the sentences', () => {
    const texts = Array.from(
      { length: 240 },
      (_, i) => `Number ${i} of them went home ${i % 7 === 0 ? 'very late ' : ''}today. 然后他们在第${i}天回家了。`,
    );
    const { tasks, notes } = structureTasks([...texts, 'Too short.', texts[0]], { source: 'texts' });
    const byName = Object.fromEntries(tasks.map((task) => [task.name, task]));
    expect(notes.join()).toMatch(/1 sentence of 481 left out/);
    const all = (name: string): ProbeRow[] => PROBE_PARTS.flatMap((part) => [...byName[name].parts[part]]);
    const originals = new Set(texts.flatMap((text) => text.split(/(?<=\.) /)));
    for (const { text, target } of all('swap')) expect(originals.has(text), text).toBe(target === 0);
    for (const { text } of all('swapPlace')) expect(originals.has(text)).toBe(false);
    for (const { text, target } of all('sentenceOrder')) expect(texts.includes(text)).toBe(target === 1);
    const words = (text: string): number => text.match(/\p{Script=Han}|[a-z0-9]+/giu)!.length;
    for (const { text, target } of all('length')) {
      const [from, to = from] = byName['length'].labels[target as number].split('-').map(Number);
      expect(words(text)).toBeGreaterThanOrEqual(from);
      expect(words(text)).toBeLessThanOrEqual(to);
    }
    // Half of the sentences are exchanged, so that always saying one thing is right in half of them.
    expect(all('swap').filter(({ target }) => target === 1).length).toBe(240);
  });

  it('are read from labelled texts, pairs, columns of tags and raw text', async () => {
    const labelled = writeRows(
      folder.path('labelled.jsonl'),
      Array.from({ length: 100 }, (_, i) => ({ text: `text ${i % 90}`, label: i % 2 ? 'yes' : 'no' })),
    );
    const task = await readProbeTask({ name: 'own', paths: [labelled] });
    expect(task).toMatchObject({ name: 'own', kind: 'classify', labels: ['no', 'yes'] });
    expect(PROBE_PARTS.map((part) => task.parts[part].length)).toEqual([70, 10, 20]);
    const seen = PROBE_PARTS.map((part) => new Set(task.parts[part].map(({ text }) => text)));
    expect([...seen[0]].filter((text) => seen[1].has(text) || seen[2].has(text))).toEqual([]);

    const pairs = writeRows(
      folder.path('pairs.jsonl'),
      Array.from({ length: 60 }, (_, i) => ({ text: `one ${i}`, pair: `two ${i}`, score: i / 10 })),
    );
    const similar = await readProbeTask({ name: 'pairs', paths: [pairs, pairs] });
    expect(similar.kind).toBe('similarity');
    expect(PROBE_PARTS.map((part) => similar.parts[part].length)).toEqual([54, 6, 60]);

    const columns = folder.path('words.conll');
    writeFileSync(columns, 'Anna\tB-PER\nSmith\tI-PER\nsleeps\tO\n\n北\tB-LOC\n京\tI-LOC\n\n'.repeat(20));
    const tags = await readProbeTask({ name: 'tags', paths: [columns, columns, columns] }, { limit: 25 });
    expect(tags).toMatchObject({ kind: 'tags', labels: ['O', 'LOC', 'PER'] });
    expect(tags.parts.train.find(({ text }) => text === 'Anna Smith sleeps')!.target).toEqual([2, 2, 0]);
    expect(tags.parts.train.find(({ text }) => text === '北京')!.target).toEqual([1, 1]);
    expect(targetsOf(tags.parts.train).length).toBeLessThanOrEqual(25);
    expect(tags.notes.join()).toMatch(/train: \d+ of 40 texts drawn/);

    const raw = folder.path('raw.txt');
    writeFileSync(raw, 'One short line of text here.\n'.repeat(200));
    const { tasks, notes } = await readStructureTasks(raw);
    expect(tasks).toEqual([]);
    expect(notes.join('\n')).toMatch(/no probe swap, 1 row of at least 100/);
  });

  it('refuse too many files, unknown fields and too few rows', async () => {
    const file = writeRows(folder.path('strange.jsonl'), [{ a: 1, b: 2 }]);
    await expect(readProbeTask({ name: 'x', paths: [file, file, file, file] })).rejects.toThrow(/one, two or three/);
    await expect(readProbeTask({ name: 'x', paths: [file] })).rejects.toThrow(/has the fields a, b: neither text/);
    const few = taskOf({ parts: inParts({ train: rowsOf([0, 1, 0, 1, 0, 1]) }, 1) });
    await expect(probeModels([{ name: 'm', load: () => loadModel() }], [few])).rejects.toThrow(
      /task has \d rows in its train part, and a probe needs at least 20/,
    );
  });

  it('have a control with labels by word type, or by text', () => {
    const [entities] = builtInTasks({ limit: 60 }).filter(({ name }) => name === 'entities');
    const control = controlTask(entities, 1);
    const labels = new Map<string, Set<number>>();
    for (const part of PROBE_PARTS)
      for (const { text, words, target } of control.parts[part])
        words!.forEach(([start, end], i) => {
          const type = text.slice(start, end);
          labels.set(type, (labels.get(type) ?? new Set()).add((target as number[])[i]));
        });
    for (const [type, found] of labels) expect(found.size, type).toBe(1);
    expect(new Set([...labels.values()].flatMap((found) => [...found])).size).toBe(3);
  });
});

describe('figures', () => {
  it('of word labels leave out O, and texts are resampled', () => {
    const rows = [
      { text: 'a b c', words: [[0, 1], [2, 3], [4, 5]], target: [0, 1, 2] },
      { text: 'd', words: [[0, 1]], target: [1] },
    ] as ProbeRow[]; // prettier-ignore
    const task = taskOf({ kind: 'tags', labels: ['O', 'x', 'y'], parts: { train: [], development: [], test: rows } });
    const judge = new Judge(task, 'test');
    expect(judge.figure).toBe('f1');
    // Of three wanted one is right, of two predicted one.
    expect(judge.value([0, 1, 0, 2])).toBeCloseTo(2 / 5, 12);
    expect(judge.accuracy([0, 1, 0, 2])).toBe(0.5);
    const { value, low, high } = judge.interval([0, 1, 0, 2], 1);
    expect([value, low, high]).toEqual([2 / 5, 0, 2 / 3]);
  });
});

describe('probeModels', () => {
  it('finds what is there, not what is not, and says the same again', async () => {
    const tasks = builtInTasks({ limit: 80 }).filter(({ name }) =>
      ['number', 'entities', 'sharedParts'].includes(name),
    );
    const load = (): Promise<Albert> => loadModel(undefined, { threads: 1 });
    const options = { layers: [0, -1], control: true, mdl: true, knn: true, threads: 1 };
    const report = await probeModels([{ name: 'nano', load }], tasks, options);
    expect(report.networks.map(({ name, untrained }) => [name, untrained])).toEqual([
      ['nano', false],
      ['untrained nano', true],
    ]);
    const [trained, floor] = report.networks;
    expect(trained.fingerprint).toMatch(/^model=\w+;tokenizer=\w+;dtype=f32;layers=0\+6;pooling=mean;.*dim=384/);
    expect(floor.fingerprint).toContain('untrained=1');
    expect(trained.tasks.map(({ task }) => task)).toEqual(['number', 'sharedParts', 'entities']);
    const bestOf = (index: number, network = trained): number => {
      const { best, layers } = network.tasks[index];
      return layers.find(({ layer }) => layer === best)!.test.value;
    };
    expect(bestOf(0)).toBeGreaterThan(0.75);
    expect(report.tasks[0].words.value).toBeLessThan(0.65);
    expect(bestOf(1)).toBeGreaterThan(0.6);
    expect(bestOf(2)).toBeGreaterThan(bestOf(2, floor));
    const [number, pairs] = trained.tasks.map(({ layers }) => layers[0]);
    // Nothing can be known of random labels of new texts.
    expect(Math.abs(number.control!.value - 0.5)).toBeLessThan(0.2);
    expect(number.mdl!.compression).toBeGreaterThan(1);
    expect(number.knn!.test.value).toBeGreaterThan(0.5);
    expect(pairs.mdl).toBeUndefined();
    expect(pairs.cosine!.value).toBeGreaterThan(0.2);
    const again = await probeModels([{ name: 'nano', load }], tasks.slice(0, 1), { ...options, floor: false });
    expect(again.networks).toEqual([{ ...trained, tasks: trained.tasks.slice(0, 1) }]);
    const lines = probeTable(report, { width: 80 });
    expect(lines.every(({ length }) => length <= 100)).toBe(true);
    expect(lines.join('\n')).toMatch(/nano +[\d.]+[* ] +[\d.]+[* ] +[\d.]+ to [\d.]+\n +neighbours/);
    const page = probePage(report);
    expect(page).toContain('<h3>selectivity</h3>');
    expect(page.match(/class="best"/g)).toHaveLength(6);
  });
});
