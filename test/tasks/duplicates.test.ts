import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distinctRows, findDuplicates, textKey } from '../../src/data/duplicates.ts';
import { stratifiedSplit } from '../../src/data/split.ts';
import { fineTuneEmbedding } from '../../src/tasks/embedding/fine-tune-node.ts';
import { fineTuneClassifier, type FineTuneOptions } from '../../src/tasks/classify/tuning-node.ts';
import { temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
let model: string;
beforeAll(async () => void (model = await writeTinyModel(folder.path('model'))));
afterAll(() => folder.remove());
let runs = 0;

interface Told {
  events: string[];
  info: { duplicates: Record<string, number>; notes: string[] };
}

async function run(more: Partial<FineTuneOptions> & Pick<FineTuneOptions, 'train'>): Promise<Told> {
  const events: string[] = [];
  const output = folder.path(`run ${runs++}`);
  await fineTuneClassifier({
    model,
    output,
    maxSteps: 1,
    batchSize: 4,
    threads: 1,
    tensorboard: false,
    onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    ...more,
  });
  return { events, info: JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as Told['info'] };
}

const WORDS = 'film story plot very actor scene long short new old music one'.split(' ');
/** Every text stands twice, the second time written otherwise. */
const twice = WORDS.flatMap((word, i) => [
  { text: `the ${word}`, label: 'ab'[i % 2] },
  { text: ` THE  ${word}`, label: 'ab'[i % 2] },
]);

describe('equal texts', () => {
  it('are equal whatever their case, spaces and forms of width', () => {
    expect(textKey(['Ａ b  c'])).toBe(textKey(['a B c']));
    expect(textKey(['a', 'b'])).not.toBe(textKey(['b', 'a']));
    expect(
      findDuplicates(
        { keys: [1, 2, 1, 1], labels: ['x', 'y', 'x', 'z'] },
        { keys: [2, 3, 3], labels: ['y', 'y', 'y'] },
      ),
    ).toEqual({ train: 2, evaluation: 1, shared: 1, contradictory: 1 });
    expect(distinctRows({ keys: [1, 2, 1, 1], labels: ['x', 'y', 'x', 'z'] }, new Set([2]))).toEqual([0, 3]);
  });

  it('stay on one side of the automatic split', () => {
    const labels = Array.from({ length: 200 }, (_, i) => 'ab'[Math.floor(i / 2) % 2]);
    const groups = labels.map((_, i) => Math.floor(i / 2));
    const { train, validation } = stratifiedSplit(labels, 0.1, 3, { groups });
    expect(train.length + validation.length).toBe(200);
    expect(validation.length).toBeGreaterThanOrEqual(18);
    const heldOut = new Set(validation.map((row) => groups[row]));
    expect(train.some((row) => heldOut.has(groups[row]))).toBe(false);
  });

  it("take no label's rows away to make up for labels of one repeated text", () => {
    const labels = [...Array.from({ length: 900 }, (_, i) => `l${i % 9}`), ...Array.from({ length: 95 }, () => 'y')];
    const groups = labels.map((label, i) => (label === 'y' ? i : Number(label.slice(1))));
    const { train } = stratifiedSplit(labels, 0.1, 1, { groups });
    expect(train.filter((row) => labels[row] === 'y').length).toBeGreaterThanOrEqual(75);
  });

  it('with several labels are the same in any order, and numbers are kept apart', async () => {
    const several = writeRows(
      folder.path('several.jsonl'),
      Array.from({ length: 20 }, (_, i) => ({
        text: `the ${WORDS[i % 10]}`,
        label: i % 2 === 0 ? ['a', 'b'] : ['b', 'a'],
      })),
    );
    const { info } = await run({ train: several, evaluation: several, problem: 'multiLabel' });
    expect(info.duplicates['contradictory']).toBe(0);
    const numbers = writeRows(
      folder.path('numbers.jsonl'),
      Array.from({ length: 40 }, (_, i) => ({ text: `the ${WORDS[i % 10]}`, label: i })),
    );
    const kept = await run({ train: numbers, problem: 'regression', dropDuplicates: true });
    expect(kept.info.duplicates['dropped']).toBe(0);
  });

  it('are not left out where a label would have no row left', async () => {
    const train = writeRows(folder.path('only.jsonl'), [
      { text: 'the film', label: 'a' },
      { text: 'a plot', label: 'a' },
      { text: 'old music', label: 'b' },
    ]);
    const evaluation = writeRows(folder.path('only-dev.jsonl'), [{ text: 'Old music', label: 'b' }]);
    await expect(run({ train, evaluation, dropDuplicates: true })).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining('no training row is left of "b"') as string,
    });
  });

  it('are counted in the result, told, and named where they have several labels', async () => {
    const train = writeRows(folder.path('train.jsonl'), [...twice, { text: 'the film', label: 'b' }]);
    const evaluation = writeRows(folder.path('dev.jsonl'), [
      { text: 'the film', label: 'a' },
      { text: 'a lovely scene', label: 'b' },
    ]);
    const { events, info } = await run({ train, evaluation });
    expect(info.duplicates).toEqual({ train: 13, evaluation: 0, shared: 1, contradictory: 1 });
    const shared = '1 of 2 held-out texts is also in the training data; their figures say nothing about new texts';
    expect(events).toContain(`warning: ${shared}`);
    expect(info.notes).toContain(shared);
    expect(events).toContainEqual(
      expect.stringMatching(/^warning: 1 text stands in several rows with different labels: "the film" \(a, b\)/),
    );
    expect(events).toContain('data: duplicates: 13 training rows repeat the text of another');
  });

  it('are left out on request, and labels that differ only in case are named', async () => {
    const train = writeRows(folder.path('mixed.jsonl'), [...twice.slice(2), { text: 'a fine film', label: 'A' }]);
    const evaluation = writeRows(folder.path('dev2.jsonl'), [
      { text: 'the plot', label: 'a' },
      { text: 'the plot', label: 'a' },
    ]);
    const { events, info } = await run({ train, evaluation, dropDuplicates: true });
    // Of 22 rows 11 repeat another, of the 11 left one is held out; one held-out row repeats the other.
    expect(info.duplicates).toEqual({ train: 0, evaluation: 0, shared: 0, contradictory: 0, dropped: 13 });
    expect(events).toContainEqual(expect.stringContaining('labels that differ only in case: '));
  });

  it('are told by sentence embeddings too', async () => {
    const events: string[] = [];
    const rows = WORDS.map((word, i) => ({ text: `the ${word}`, pair: `a ${word}`, score: i }));
    const train = writeRows(folder.path('pairs.jsonl'), rows);
    await fineTuneEmbedding({
      model,
      train: [train],
      evaluation: [writeRows(folder.path('pairs-dev.jsonl'), rows.slice(0, 10))],
      objective: 'scored',
      textField: 'text',
      pairField: 'pair',
      scoreField: 'score',
      output: folder.path('vectors'),
      maxSteps: 1,
      batchSize: 4,
      threads: 1,
      tensorboard: false,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(events).toContain(
      'warning: 10 of 10 held-out pairs are also in the training data; their figures say nothing about new texts',
    );

    const turned = writeRows(folder.path('turned.jsonl'), [
      ...rows,
      { text: 'a film', pair: 'the film', score: 5 },
      { text: 'the film', pair: 'a film', score: 0 },
    ]);
    const told: string[] = [];
    const output = folder.path('without');
    await fineTuneEmbedding({
      model,
      train: [turned],
      evaluation: [writeRows(folder.path('story.jsonl'), rows.slice(1, 3))],
      objective: 'scored',
      textField: 'text',
      pairField: 'pair',
      scoreField: 'score',
      output,
      dropDuplicates: true,
      maxSteps: 1,
      batchSize: 4,
      threads: 1,
      tensorboard: false,
      onEvent: (kind, message) => told.push(`${kind}: ${message}`),
    });
    // Two are held out, one repeats another; the one with another score stays, and is told.
    expect((JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as Told['info']).duplicates).toEqual({
      train: 1,
      evaluation: 0,
      shared: 0,
      contradictory: 1,
      dropped: 3,
    });
    expect(told).toContain('warning: 1 pair stands in several rows with different scores');
  });
});
