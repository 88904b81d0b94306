import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { isReversed, relationOf } from '../../src/metrics/relations.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { openRelations, type RelationRow } from '../../src/tasks/relate/data-node.ts';
import { RelationClassifier } from '../../src/tasks/relate/classifier.ts';
import { findTriples } from '../../src/tasks/relate/triples.ts';
import { EntityTagger } from '../../src/tasks/tag/tagger.ts';
import { fineTuneTagger } from '../../src/tasks/tag/tuning-node.ts';
import { records, run } from '../cli/support.ts';
import { LEARNS, temporaryFolder, TINY_CONFIG, writeRows, writeTinyModel } from '../training/small-run.ts';
import { FIXTURES } from './fixtures.ts';

const folder = temporaryFolder();
const [taggerPath, relationsPath] = [folder.path('tagger'), folder.path('relations')];
beforeAll(async () => {
  const model = await writeTinyModel(folder.path('model'));
  await fineTuneTagger({
    model,
    train: FIXTURES['tag'].data(folder.path('tag'), 160, 1),
    output: taggerPath,
    epochs: 16,
    ...LEARNS,
  });
  // Answers by chance, but different ones: weights are large enough that every token matters.
  const config = { ...TINY_CONFIG, initializerRange: 0.3 };
  await saveCheckpoint(relationsPath, {
    config,
    weights: initialiseWeights(config, 5, { heads: ['sequenceClassification'], numLabels: 4 }),
    tokenizerFiles: { 'vocab.txt': readFileSync(join(model, 'vocab.txt')) },
    labels: ['Cause(e1,e2)', 'Cause(e2,e1)', 'Part', 'Other'],
    problemType: 'single_label_classification',
    extra: { albertine_task: 'relate' },
  });
}, 60_000);
afterAll(() => folder.remove());

const read = async (path: string, labelled: boolean): Promise<RelationRow[]> => {
  const rows: RelationRow[] = [];
  for await (const row of openRelations(path, {}, { labelled })) rows.push(row);
  return rows;
};

describe('rows of relations', () => {
  it('are read from entities and relations, which need labels to learn from only', async () => {
    const entities = [
      { start: 0, end: 4, label: 'PER' },
      { start: 9, end: 12 },
    ];
    const path = writeRows(folder.path('entities.jsonl'), [
      {
        text: 'Anna met Bob',
        entities,
        relations: [
          { head: 1, tail: 0 },
          { head: 0, tail: 1, label: 'knows' },
        ],
      },
    ]);
    const [first, second] = await read(path, false);
    expect(first.input).toEqual({
      text: 'Anna met Bob',
      head: { start: 9, end: 12 },
      tail: { start: 0, end: 4, type: 'PER' },
    });
    expect([first.label, second.label]).toEqual([undefined, 'knows']);
    await expect(read(path, true)).rejects.toThrow('relation {"head":1,"tail":0} has no label');
    const wrong = writeRows(folder.path('indices.jsonl'), [
      { text: 'Anna met Bob', entities, relations: [{ head: 'length', tail: 0 }] },
    ]);
    await expect(read(wrong, false)).rejects.toThrow('head and tail are indices of entities');
  });

  it('are refused with the field that is wrong, and what there is', async () => {
    const refused = async (row: object, message: string): Promise<void> => {
      await expect(read(writeRows(folder.path('wrong.jsonl'), [row]), true)).rejects.toMatchObject({
        code: 'invalid_data',
        message: expect.stringContaining(message) as string,
      });
    };
    const [text, head, tail] = ['😀 a film', { start: 3, end: 4 }, { start: 5, end: 9 }];
    await refused(
      { sentence: text, head, tail, label: 'x' },
      'row 1: no field "text"; the fields present are "sentence", "head", "tail", "label"',
    );
    await refused(
      { text, e1: head, tail, label: 'x' },
      'no field "head"; the fields present are "text", "e1", "tail", "label"',
    );
    await refused({ text, head, tail }, 'no field "label"');
    await refused(
      { text, head, tail: { start: 5, end: 10 }, label: 'x' },
      'field "tail": the mention {"start":5,"end":10} is outside its text of 9 UTF-16 units',
    );
    await refused(
      { text, head: { start: 4, end: 4 }, tail, label: 'x' },
      'field "head": the mention {"start":4,"end":4} is empty',
    );
    await refused(
      { text, head: { start: 1, end: 3 }, tail, label: 'x' },
      'field "head": the mention {"start":1,"end":3} cuts a character in two',
    );
    await refused(
      { text, head, tail: 'film', label: 'x' },
      'field "tail": a mention has a start and an end, got "film"',
    );
    writeFileSync(folder.path('wrong.txt'), '{"text":"a"}\n');
    await expect(read(folder.path('wrong.txt'), true)).rejects.toThrow('which looks like the format jsonl');
  });
});

describe('triples', () => {
  const open = async () => ({
    tagger: EntityTagger.from(await loadModel(taggerPath, { threads: 1 })),
    relations: RelationClassifier.from(await loadModel(relationsPath, { threads: 1 })),
  });
  const SHORT = [
    'good film bad story',
    'the lovely old awful music fine',
    '',
    'scene',
    'a great actor with poor plot and dull film but a fine story',
  ];
  const LONG = 'the good film was long and the story bad very old '.repeat(15);

  it('are the answers to every pair of entities of a text, asked once', async () => {
    const models = await open();
    using tagger = models.tagger,
      relations = models.relations;
    const found = await findTriples(SHORT, { tagger, relations });
    let asked = 0;
    for (const [i, text] of SHORT.entries()) {
      const { entities } = (await tagger.predict([text]))[0];
      expect(found[i].entities).toEqual(entities);
      const pairs = entities.flatMap((head, at) =>
        entities.slice(at + 1).map((tail) => ({
          text,
          head: { start: head.start, end: head.end, type: head.label },
          tail: { start: tail.start, end: tail.end, type: tail.label },
        })),
      );
      asked += pairs.length;
      const related = (await relations.predict(pairs)).filter(({ label }) => label !== relations.none);
      const wanted = related.map(({ label, score, head, tail }) => ({
        head: isReversed(label) ? tail : head,
        relation: relationOf(label),
        tail: isReversed(label) ? head : tail,
        score,
      }));
      expect(found[i].triples).toEqual(
        wanted.map((triple) => ({ ...triple, score: expect.closeTo(triple.score, 5) as number })),
      );
      expect(found[i]).not.toHaveProperty('pairsTooFar');
    }
    expect(asked).toBeGreaterThan(2);
    const triples = found.flatMap((one) => one.triples);
    expect([
      triples.length > 0,
      triples.length < asked,
      triples.some(({ head, tail }) => head.start > tail.start),
    ]).toEqual([true, true, true]);
  });

  it('of a long text are those of entities that are read together; the other pairs are counted', async () => {
    const models = await open();
    using tagger = models.tagger,
      relations = models.relations;
    const [{ entities, triples, pairsTooFar }] = await findTriples([LONG], { tagger, relations });
    const pairs = (entities.length * (entities.length - 1)) / 2;
    expect(entities.length).toBeGreaterThan(20);
    // Neighbours only: 32 tokens hold three of the fifteen sentences at most.
    expect(pairsTooFar).toBeGreaterThan(0.7 * pairs);
    expect(pairsTooFar).toBeLessThan(pairs);
    expect(triples.length).toBeGreaterThan(0);
    for (const { head, tail, relation, score } of triples) {
      expect([LONG.slice(head.start, head.end), LONG.slice(tail.start, tail.end)]).toEqual([head.text, tail.text]);
      // The same as the whole text, of which the model sees the part around the mentions.
      const [first, second] = [head, tail]
        .map(({ start, end, type }) => ({ start, end, type }))
        .sort((a, b) => a.start - b.start);
      const [whole] = await relations.predict([{ text: LONG, head: first, tail: second }]);
      expect(relationOf(whole.label)).toBe(relation);
      expect(isReversed(whole.label)).toBe(head.start > tail.start);
      expect(Math.abs(whole.score - score)).toBeLessThan(1e-5);
    }
  });

  it('are what predict writes with a tagger', async () => {
    const { stdout, stderr, code } = await run([
      'predict',
      relationsPath,
      '--tagger',
      taggerPath,
      '--threads',
      '1',
      LONG,
      SHORT[0],
    ]);
    expect(code, stderr).toBe(0);
    const models = await open();
    using tagger = models.tagger,
      relations = models.relations;
    const [long, short] = await findTriples([LONG, SHORT[0]], { tagger, relations });
    const [first, second] = records(stdout) as { pairsTooFar?: number; triples: { relation: string }[] }[];
    expect([first.pairsTooFar, second.pairsTooFar]).toEqual([long.pairsTooFar, undefined]);
    expect([first, second].map(({ triples }) => triples.map(({ relation }) => relation))).toEqual(
      [long, short].map(({ triples }) => triples.map(({ relation }) => relation)),
    );
    expect(await run(['predict', relationsPath, 'a text'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('texts alone need --tagger') as string,
    });
    expect(await run(['predict', relationsPath, '--tagger', relationsPath, 'a text', '--threads', '1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is no tagger') as string,
    });
    const table = folder.path('triples.csv');
    writeFileSync(folder.path('lines.txt'), `${LONG}\n${SHORT[0]}\n`);
    expect(
      await run([
        'predict',
        relationsPath,
        '--tagger',
        taggerPath,
        '--threads',
        '1',
        '-i',
        folder.path('lines.txt'),
        '-o',
        table,
        '-q',
      ]),
    ).toMatchObject({ code: 0 });
  });
});
