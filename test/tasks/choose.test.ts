import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { ChoiceModel } from '../../src/tasks/choose/chooser.ts';
import { openChoices, type ChoiceRow } from '../../src/tasks/choose/data-node.ts';
import { chooseTask } from '../../src/tasks/choose/task.ts';
import { temporaryFolder } from '../cli/support.ts';
import { SMALL_CONFIG, WORDS } from './model.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

interface Found {
  rows: Pick<ChoiceRow, 'input' | 'gold'>[];
  skipped: number;
  reasons: string[];
}

async function read(
  name: string,
  content: unknown,
  { labelled = true, onError = 'stop' }: { labelled?: boolean; onError?: 'stop' | 'skip' } = {},
): Promise<Found> {
  writeFileSync(folder.path(name), typeof content === 'string' ? content : JSON.stringify(content));
  const source = openChoices(folder.path(name), { onError }, { labelled });
  const rows: Found['rows'] = [];
  for await (const { input, gold } of source) rows.push({ input, ...(gold !== undefined && { gold }) });
  return { rows, skipped: source.report.skipped, reasons: source.report.issues.map(({ reason }) => reason) };
}

const lines = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
const golds = async (name: string, rows: readonly object[]): Promise<unknown[]> =>
  (await read(name, lines(rows))).rows.map(({ gold }) => gold);

describe('files of questions with choices', () => {
  it('RACE: a passage with its questions, in a file of one object, a list, or lines; or a row a question', async () => {
    const passage = {
      article: 'Tom went home.',
      questions: ['Tom went _ .', 'Who?'],
      options: [
        ['home', 'away'],
        ['Ann', 'Tom', 'Bob'],
      ],
      answers: ['A', 'B'],
      id: 'high1.txt',
    };
    const expected = [
      {
        input: { context: 'Tom went home.', question: 'Tom went _ .', choices: ['home', 'away'], id: 'high1.txt-0' },
        gold: 0,
      },
      {
        input: { context: 'Tom went home.', question: 'Who?', choices: ['Ann', 'Tom', 'Bob'], id: 'high1.txt-1' },
        gold: 1,
      },
    ];
    expect((await read('race.json', passage)).rows).toEqual(expected);
    expect((await read('race-list.json', [passage])).rows).toEqual(expected);
    expect((await read('race.jsonl', `${JSON.stringify(passage)}\n`)).rows).toEqual(expected);
    expect(
      await golds('race-rows.jsonl', [{ article: 'x', question: 'q', options: ['so', 'or so'], answer: 'B' }]),
    ).toEqual([1]);
    // A letter is a place, also where choices are letters.
    expect(
      await golds('race-letters.jsonl', [{ article: 'x', question: 'Which?', options: ['B', 'A'], answer: 'A' }]),
    ).toEqual([0]);
  });

  it('SWAG: as its .csv is, and lines of JSON', async () => {
    const csv =
      ',video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n0,anetv,34,"They walk. A band","They walk.",A band,gold,passes by.,"has heard, too.",arrives.,turns.,3\n';
    const expected = {
      input: {
        context: 'They walk.',
        question: 'A band',
        choices: ['passes by.', 'has heard, too.', 'arrives.', 'turns.'],
      },
      gold: 3,
    };
    expect((await read('swag.csv', csv)).rows).toEqual([expected]);
    const line = {
      ending0: 'passes by.',
      ending1: 'has heard, too.',
      ending2: 'arrives.',
      ending3: 'turns.',
      label: 3,
      sent1: 'They walk.',
      sent2: 'A band',
    };
    expect((await read('swag.json', lines([line, line]))).rows).toEqual([expected, expected]);
  });

  it('C3: answers are choices, of which a question has any number', async () => {
    const { rows } = await read('c3.json', [
      [
        ['男：你好。', '女：去哪儿？'],
        [
          { question: '谁先说话？', choice: ['男的', '女的'], answer: '女的' },
          { question: '几点？', choice: ['1', '0', '2'], answer: '0' },
        ],
        '1-5',
      ],
    ]);
    expect(rows).toEqual([
      {
        input: { context: '男：你好。\n女：去哪儿？', question: '谁先说话？', choices: ['男的', '女的'], id: '1-5-0' },
        gold: 1,
      },
      {
        input: { context: '男：你好。\n女：去哪儿？', question: '几点？', choices: ['1', '0', '2'], id: '1-5-1' },
        gold: 1,
      },
    ]);
    await expect(
      read('c3-wrong.json', [[['x'], [{ question: 'q', choice: ['3 p.m.', '4 p.m.'], answer: '1' }], 'y']]),
    ).rejects.toThrow(/the answer "1" is none of the 2 choices/);
  });

  it('rows: what is right is an index, a letter, or the choice itself', async () => {
    const choices = ['so', 'or so', 'no'];
    expect(
      await golds('rows.jsonl', [
        { choices, label: 2 },
        { choices, label: '1' },
        { choices, answer: 'c' },
        { choices, answer: 'or so' },
      ]),
    ).toEqual([2, 1, 2, 1]);
    expect((await read('rows.csv', 'question,choices,label\nwhy,"[""so"",""no""]",1\n')).rows).toEqual([
      { input: { question: 'why', choices: ['so', 'no'] }, gold: 1 },
    ]);
    expect(
      (await read('columns.csv', 'context,question,choice2,choice1,choice10,label\nx,why,b,a,c,2\n')).rows,
    ).toEqual([{ input: { context: 'x', question: 'why', choices: ['a', 'b', 'c'] }, gold: 2 }]);
    expect((await read('asked.jsonl', lines([{ question: 'why', choices }]), { labelled: false })).rows).toEqual([
      { input: { question: 'why', choices } },
    ]);
  });

  it('a number is an index, also where choices are numbers; a text that may be two of them is refused', async () => {
    const choices = ['2', '1', '0'];
    expect(
      await golds('numbers.jsonl', [
        { choices, label: 0 },
        { choices, label: 1 },
        { choices, label: 2 },
        { choices, label: 'C' },
      ]),
    ).toEqual([0, 1, 2, 2]);
    await expect(read('ambiguous.jsonl', lines([{ choices, label: '0' }]))).rejects.toThrow(
      /the answer "0" is a choice, and the place of another one/,
    );
    await expect(read('outside.jsonl', lines([{ choices, label: 3 }]))).rejects.toThrow(
      /the answer 3 is none of the 3 choices/,
    );
  });

  it('bad rows are counted with what is wrong', async () => {
    const bad = [
      { choices: ['one'], label: 0 },
      { choices: ['a b', 'c d'] },
      { choices: ['so', 'no'], label: 'maybe' },
      { choices: ['so', 'no'], label: 0 },
      { question: 'x', label: 0 },
    ];
    const { rows, skipped, reasons } = await read('bad.jsonl', lines(bad), { onError: 'skip' });
    expect([rows.length, skipped]).toEqual([1, 4]);
    expect(reasons).toMatchObject(
      [/at least two choices/, /no label or answer/, /none of the 2 choices/, /at least two choices/].map(
        (pattern) => expect.stringMatching(pattern) as string,
      ),
    );
  });
});

describe('long passages of multiple choice', () => {
  const path = folder.path('chooser');
  beforeAll(async () => {
    await saveCheckpoint(path, {
      config: SMALL_CONFIG,
      weights: initialiseWeights(SMALL_CONFIG, 4, { heads: ['multipleChoice'] }),
      tokenizerFiles: { 'vocab.txt': `${WORDS.join('\n')}\n` },
      heads: ['multipleChoice'],
    });
  });

  it('are cut in the context alone, or read in windows, where a choice counts for the largest of its logits', async () => {
    using chooser = ChoiceModel.from(await loadModel(path, { threads: 1 }));
    const { tokenizer } = chooser.model;
    const input = {
      context: 'the cat sat on a mat and the dog ran . '.repeat(4).trim(),
      question: 'the moon',
      choices: ['ran fast', 'sat'],
    };
    const how = { tokenizer, maxLength: 20, facts: {}, options: {} };
    const cut = chooseTask.encode(input, { ...how, longText: undefined });
    expect(cut.pieces.map(({ ids }) => ids.length)).toEqual([20, 20]);
    for (const [i, { ids }] of cut.pieces.entries())
      expect(tokenizer.decode(ids)).toContain(`the moon ${input.choices[i]}`);
    expect(cut.truncatedTokens).toBe(cut.tokenCount - 2 * 17);
    const windowed = chooseTask.encode(input, { ...how, longText: 'window' });
    for (const { ids, option } of windowed.pieces)
      expect(tokenizer.decode(ids)).toContain(`the moon ${input.choices[option]}`);
    expect([windowed.truncatedTokens, windowed.windows! > 2]).toEqual([0, true]);
    expect(await chooser.predict([input], { longText: 'window', maxLength: 20 })).toMatchObject([
      { windows: windowed.windows, truncatedTokens: 0 },
    ]);
    const logits = windowed.pieces.map((_, i) =>
      Float32Array.of(i === 1 ? 5 : i === windowed.pieces.length - 1 ? 6 : 0),
    );
    expect(chooseTask.decode(input, { encoded: windowed, logits, facts: {}, options: {} })).toMatchObject({
      choice: 1,
      scores: [1 / (1 + Math.E), Math.E / (1 + Math.E)].map((score) => expect.closeTo(score, 6) as number),
    });
    await expect(chooser.predict([input], { longText: 'error', maxLength: 20 })).rejects.toMatchObject({
      code: 'text_too_long',
    });
  });
});
