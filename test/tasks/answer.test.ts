import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bm25 } from '../../src/classical/bm25.ts';
import { mixedTerms } from '../../src/classical/terms.ts';
import { openQuestions, readQuestions } from '../../src/tasks/answer/data-node.ts';
import { DocumentReader, splitPassages } from '../../src/tasks/answer/documents.ts';
import { AnswerReader } from '../../src/tasks/answer/reader.ts';
import { fineTuneReader } from '../../src/tasks/answer/tuning-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { records, run } from '../cli/support.ts';
import { LEARNS, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const squad = (name: string, ...paragraphs: object[]): string => {
  const path = folder.path(name);
  writeFileSync(path, JSON.stringify({ data: [{ title: 't', paragraphs }] }));
  return path;
};

describe('questions in files', () => {
  it('are read in the form of SQuAD, with places in units or code points, found again where they are wrong', async () => {
    const context = '😀 Ada wrote it. It was Ada.';
    const qas = [
      { id: 1, question: 'units', answers: [{ text: 'Ada', answer_start: context.indexOf('Ada') }] },
      { id: 'b', question: 'code points', answers: [{ text: 'wrote', answer_start: 6 }] },
      { id: 'c', question: 'wrong', answers: [{ text: 'Ada', answer_start: 20 }] },
      { id: 'd', question: 'none', answers: [], is_impossible: true },
    ];
    const { rows, remarks } = await readQuestions(squad('places.json', { context, qas }), {});
    expect(
      rows.map(({ input: { id }, gold: { start, end, answers } }) => [id, context.slice(start, end), start, answers]),
    ).toEqual([
      ['1', 'Ada', 3, ['Ada']],
      ['b', 'wrote', 7, ['wrote']],
      ['c', 'Ada', 24, ['Ada']],
      ['d', '', -1, []],
    ]);
    expect(remarks).toEqual(['1 answer did not stand at the place given, and was found again']);
    const absent = squad('absent.json', {
      context,
      qas: [{ question: 'x', answers: [{ text: 'Bob', answer_start: 0 }] }, qas[0]],
    });
    await expect(readQuestions(absent, {})).rejects.toThrow(
      /absent\.json, row 1: the answer "Bob" does not stand in its context/,
    );
    expect((await readQuestions(absent, { onError: 'skip' })).report).toMatchObject({ rows: 1, skipped: 1 });
  });

  it("are read in Hugging Face's flat form, with fields of any name", async () => {
    const path = folder.path('flat.json');
    const row = { id: 7, question: 'who', context: 'It was Ada.', answers: { text: ['Ada'], answer_start: [7] } };
    writeFileSync(
      path,
      JSON.stringify({ version: 2, data: [row, { ...row, id: 8, answers: { text: [], answer_start: [] } }] }),
    );
    expect((await readQuestions(path, {})).rows).toEqual([
      { input: { question: 'who', context: 'It was Ada.', id: '7' }, gold: { answers: ['Ada'], start: 7, end: 10 } },
      { input: { question: 'who', context: 'It was Ada.', id: '8' }, gold: { answers: [], start: -1, end: -1 } },
    ]);
    writeFileSync(path, JSON.stringify([{ q: 'who', text: 'It was Ada.', a: 'Ada' }]));
    expect(
      (await readQuestions(path, { questionField: 'q', contextField: 'text', answerField: 'a' })).rows[0].gold,
    ).toMatchObject({ start: 7 });
    await expect(readQuestions(path, {})).rejects.toThrow(/nor a list of question, context and answers/);
  });

  it('are read as rows, with answers as lists, columns or texts; and without any where they are only asked', async () => {
    const path = writeRows(folder.path('rows.jsonl'), [
      { question: 'a', context: 'one two', answers: [{ text: 'two', start: 4 }] },
      { question: 'b', context: 'one two', answers: { text: ['one'], answer_start: [0] } },
      { question: 'c', context: 'one two', answer: 'two' },
      { question: 'd', context: 'one two', answers: [] },
    ]);
    expect((await readQuestions(path, {})).rows.map(({ gold: { start, end } }) => [start, end])).toEqual([
      [4, 7],
      [0, 3],
      [4, 7],
      [-1, -1],
    ]);
    const asked = writeRows(folder.path('asked.jsonl'), [{ question: 'a', context: 'one two' }]);
    await expect(readQuestions(asked, {})).rejects.toThrow(/there is no field of answers/);
    const found = [];
    for await (const { input, gold } of openQuestions(asked, {}, { labelled: false })) found.push([input, gold]);
    expect(found).toEqual([[{ question: 'a', context: 'one two' }, undefined]]);
    writeFileSync(folder.path('other.json'), '{"questions":[]}');
    await expect(readQuestions(folder.path('other.json'), {})).rejects.toThrow(
      /other\.json is not in the form of SQuAD/,
    );
  });
});

describe('answers from documents', () => {
  let reader: AnswerReader;
  let output: string;
  beforeAll(async () => {
    const model = await writeTinyModel(folder.path('model'));
    const train = writeRows(
      folder.path('train.jsonl'),
      Array.from({ length: 60 }, (_, i) => {
        const answer = ['good', 'bad', 'story', 'music'][i % 4];
        const [before, after] = [['the film', 'a plot was'][i % 2], ['and one', 'with two', ''][i % 3]];
        return {
          question: 'actor',
          context: `${before} actor ${answer} ${after}`.trim(),
          answers: [{ text: answer, start: before.length + 7 }],
        };
      }),
    );
    output = folder.path('reader');
    await fineTuneReader({ model, train, evaluation: train, output, epochs: 20, ...LEARNS });
    reader = AnswerReader.from(await loadModel(output, { threads: 1 }));
  });
  afterAll(() => reader[Symbol.dispose]());

  it('stand in passages that begin and end with their text', () => {
    const text = `One two. Three!\n\nA new one?  ${'Long words here. '.repeat(100)}\n\n\n  你好。再见！`;
    const passages = splitPassages(text);
    expect(
      passages
        .map(({ start, end }) => text.slice(start, end))
        .join(' ')
        .replace(/\s+/g, ' '),
    ).toBe(text.replace(/\s+/g, ' ').trim());
    expect(passages.length).toBeGreaterThan(3);
    for (const { start, end } of passages)
      expect([text.slice(start, end).trim().length, end - start <= 1300]).toEqual([end - start, true]);
    expect(splitPassages(' \n\n ')).toEqual([]);
  });

  it('come from the shortest window that has a place for one, and from none that is shorter', async () => {
    const asked = [
      { question: 'what was the film about and who was the actor', context: 'the film actor story and one' },
    ];
    for (const maxLength of [5, 6, 9])
      expect((await reader.predict(asked, { maxLength }))[0].windows, `${maxLength}`).toBeGreaterThan(1);
    await expect(reader.predict(asked, { maxLength: 4 })).rejects.toThrow('maxLength must be an integer >= 5, got 4');
  });

  it('are found by words, as BM25 has it', () => {
    const scores = new Bm25(['the cat sat', 'the dog sat sat', '猫坐在垫子上'], mixedTerms).scores('cat sat');
    const idf = (found: number): number => Math.log(1 + (3 - found + 0.5) / (found + 0.5));
    const mean = (3 + 4 + 11) / 3;
    const weigh = (count: number, length: number): number =>
      (count * 2.2) / (count + 1.2 * (1 - 0.75 + (0.75 * length) / mean));
    expect(scores[0]).toBeCloseTo(idf(1) * weigh(1, 3) + idf(2) * weigh(1, 3), 10);
    expect(scores[1]).toBeCloseTo(idf(2) * weigh(2, 4), 10);
    expect(scores[2]).toBe(0);
    expect(new Bm25(['猫坐在垫子上', 'a dog'], mixedTerms).scores('垫子')[0]).toBeGreaterThan(0);
  });

  it('come with their document and place, best first', async () => {
    const documents = [
      { name: 'a', text: 'the film was long' },
      { name: 'b', text: 'new music. \n\n  the film actor story and one' },
    ];
    const index = await DocumentReader.create(documents, reader);
    const answers = await index.answer('actor');
    expect(answers[0]).toMatchObject({ name: 'b', document: 1, answer: 'story', score: expect.any(Number) as number });
    for (const { document, start, end, answer } of answers)
      expect(documents[document].text.slice(start, end)).toBe(answer);
    expect(await index.answer('nothing like it')).toEqual([]);
    const both = await DocumentReader.create(documents, reader, { embedder: reader.model });
    expect(await both.answer('one', { topK: 1, passages: 2 })).toHaveLength(1);
    await expect(DocumentReader.create([{ name: 'x', text: ' ' }], reader)).rejects.toThrow('the documents are empty');
  });

  it('are a command', async () => {
    writeFileSync(folder.path('notes.txt'), 'the film was long\n\na plot was actor music with two\n');
    const told = await run([
      'answer',
      output,
      '--question',
      'actor',
      'film',
      '--documents',
      folder.path('notes.txt'),
      '--json',
      '--threads',
      '1',
    ]);
    expect(told.code, told.stderr).toBe(0);
    expect(records(told.stdout)).toMatchObject([
      { question: 'actor', answers: [{ answer: 'music', name: folder.path('notes.txt'), start: 36, end: 41 }] },
      { question: 'film' },
    ]);
    expect(
      (await run(['answer', output, '--question', 'actor', '--documents', folder.path('notes.txt'), '--threads', '1']))
        .stdout,
    ).toMatch(/^actor\n {2}[01]\.\d{3} {2}music\n/);
    const predicted = await run(['predict', output, '--input', folder.path('rows.jsonl'), '--threads', '1', '-q']);
    expect(records(predicted.stdout)).toMatchObject([
      { index: 0, answer: expect.any(String) as string, start: expect.any(Number) as number },
      {},
      {},
      {},
    ]);
    expect(await run(['predict', output, 'a text', '--threads', '1'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/asked with rows of a file/) as string,
    });
  });
});
