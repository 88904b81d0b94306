import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../src/core/files-node.ts';
import { readTagged } from '../../src/tasks/tag/data-node.ts';
import {
  bestPath,
  greedyPath,
  spansOfPath,
  tagProbabilities,
  tagSet,
  type TagCrf,
} from '../../src/tasks/tag/decode.ts';
import { taggedUnits } from '../../src/tasks/tag/task.ts';
import { joinWords, placeTokens, segmentWords } from '../../src/tasks/tag/words.ts';
import { loadTokenizer } from '../../src/tokenizer/load.ts';
import { loadCrfGolden } from '../oracle/goldens.ts';
import { temporaryFolder, writeRows } from '../training/small-run.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const file = (name: string, text: string): string => {
  writeFileSync(folder.path(name), text);
  return folder.path(name);
};
const plain = async (path: string, fields = {}): Promise<unknown[]> =>
  (await readTagged(path, fields)).texts.map(({ text, entities }) => [
    text,
    entities.map(({ label, start, end }) => [label, text.slice(start, end)]),
  ]);

describe('words', () => {
  it('are runs without the marks around them, and Chinese characters', () => {
    const words = (text: string): string[] => segmentWords(text).map(([start, end]) => text.slice(start, end));
    expect(words('"Don\'t go," said U.S. co-op @user #1!')).toEqual([
      '"',
      "Don't",
      'go',
      ',',
      '"',
      'said',
      'U.S',
      '.',
      'co-op',
      '@user',
      '#1',
      '!',
    ]);
    expect(words('我住在北京，iPhone7很好。 ...')).toEqual([
      '我',
      '住',
      '在',
      '北',
      '京',
      '，',
      'iPhone7',
      '很',
      '好',
      '。',
      '.',
      '.',
      '.',
    ]);
    expect(words('  ')).toEqual([]);
    expect(joinWords(['New', 'York', ',', '北', '京', '，', 'ok'])).toEqual({
      text: 'New York , 北京， ok',
      words: [
        [0, 3],
        [4, 8],
        [9, 10],
        [11, 12],
        [12, 13],
        [13, 14],
        [15, 17],
      ],
    });
  });

  it('that begin in one piece of the vocabulary are tagged together, unless characters are tokenised one by one', async () => {
    const tokenizer = await loadTokenizer(
      await openFolder(join(import.meta.dirname, '../../models/albertine-nano-en-zh')),
    );
    const text = '王芳去了上海';
    const units = (characters: boolean): string[] =>
      taggedUnits(placeTokens(tokenizer, text, characters), segmentWords(text)).map(({ start, end }) =>
        text.slice(start, end),
      );
    expect(units(false).join('')).toBe(text);
    expect(units(false)).toContain('上海');
    expect(units(true)).toEqual([...text]);
    for (const characters of [false, true])
      for (const { start, end } of placeTokens(tokenizer, 'The 日本 café, 上海!', characters))
        expect(end).toBeGreaterThan(start);
  });
});

describe('entities in files', () => {
  const lines = 'Angela B-PER\nMerkel I-PER\nin O\nBerlin B-LOC\n\n-DOCSTART- O\n\nI O\n';
  it('are read from lines of any scheme and separator, lists, and offsets', async () => {
    const expected = [
      [
        'Angela Merkel in Berlin',
        [
          ['PER', 'Angela Merkel'],
          ['LOC', 'Berlin'],
        ],
      ],
      ['I', []],
    ];
    expect(await plain(file('a.conll', lines))).toEqual(expected);
    expect(
      await plain(file('b.txt', lines.replaceAll(' ', '\t').replace('B-LOC', 'S-LOC').replace('I-PER', 'E-PER'))),
    ).toEqual(expected);
    expect(await plain(file('c.iob1', lines.replace('B-PER', 'I-PER').replace('B-LOC', 'I-LOC')))).toEqual(expected);
    expect(await plain(file('d.four', 'x Angela NNP B-PER\nx Merkel NNP I-PER\n'), { column: 2 })).toEqual([
      ['Angela Merkel', [['PER', 'Angela Merkel']]],
    ]);
    expect(
      await plain(
        writeRows(folder.path('e.jsonl'), [
          { tokens: ['Angela', 'Merkel'], tags: ['B-PER', 'I-PER'] },
          { text: '😀 Bonn', entities: [{ label: 'LOC', start: 3, end: 7 }] },
        ]),
      ).then((rows) => rows.sort()),
    ).toEqual(
      [
        ['Angela Merkel', [['PER', 'Angela Merkel']]],
        ['😀 Bonn', [['LOC', 'Bonn']]],
      ].sort(),
    );
    expect(await plain(file('f.ner', '上 B-LOC\n海 E-LOC\n好 O\n'))).toEqual([['上海好', [['LOC', '上海']]]]);
  });

  it('that are wrong are repaired and counted, or named with their row', async () => {
    const wrong = file('wrong.conll', 'a I-PER\nb O\nc B-PER\nd B-PER\n');
    const { remarks, texts } = await readTagged(wrong, { scheme: 'iob2' });
    expect(remarks).toEqual(['1 entity with tags that iob2 does not allow, read as conlleval does']);
    expect(texts[0].entities).toHaveLength(3);
    await expect(readTagged(wrong, { scheme: 'iob2', wrongTags: 'stop' })).rejects.toThrow(
      /wrong\.conll, row 1: the tags I-PER of "a" are not iob2/,
    );
    const overlapping = writeRows(folder.path('over.jsonl'), [
      {
        text: 'abc def',
        entities: [
          { label: 'A', start: 0, end: 3 },
          { label: 'B', start: 2, end: 7 },
        ],
      },
    ]);
    await expect(readTagged(overlapping, {})).rejects.toThrow(/over\.jsonl, row 1: entities overlap/);
    await expect(
      readTagged(
        writeRows(folder.path('out.jsonl'), [{ text: 'abc', entities: [{ label: 'A', start: 1, end: 9 }] }]),
        {},
      ),
    ).rejects.toThrow(/outside its text of 3/);
    await expect(readTagged(file('none.conll', '\n\n'), {})).rejects.toThrow(/has no usable text/);
    await expect(readTagged(file('one.conll', 'word\n'), {})).rejects.toThrow(/row 1: a line has a word and its tag/);
  });
});

describe('decoding', () => {
  const set = tagSet(['O', 'B-A', 'I-A', 'B-B', 'I-B']);
  const rows = (...scores: number[][]): Float32Array[] =>
    scores.map((row) => Float32Array.from(row, (value) => Math.log(value)));

  it('never continues what was not begun, and weighs the whole sequence', () => {
    // Word by word I-A would be best at first; as a whole B-A I-A is better than O I-B.
    const scores = rows([0.3, 0.25, 0.35, 0.05, 0.05], [0.05, 0.05, 0.6, 0.1, 0.2]);
    expect(bestPath(scores, set)).toEqual([1, 2]);
    expect(greedyPath(scores, set)).toEqual([0, 3]);
    expect(bestPath([], set)).toEqual([]);
    // Exhaustively, over all allowed sequences of four words.
    const random = Array.from({ length: 4 }, (_, word) =>
      Float32Array.from({ length: 5 }, (_value, tag) => Math.log(0.05 + ((word * 31 + tag * 17) % 13) / 13)),
    );
    let best = { total: -Infinity, path: [] as number[] };
    for (let code = 0; code < 625; code++) {
      const path = [code % 5, Math.floor(code / 5) % 5, Math.floor(code / 25) % 5, Math.floor(code / 125)];
      const isAllowed = path.every((tag, at) =>
        tag !== 2 && tag !== 4 ? true : at > 0 && (path[at - 1] === tag || path[at - 1] === tag - 1),
      );
      const total = path.reduce((sum, tag, at) => sum + random[at][tag], 0);
      if (isAllowed && total > best.total) best = { total, path };
    }
    expect(bestPath(random, set)).toEqual(best.path);
  });

  it('makes entities of tags, also of bare ones', () => {
    expect(spansOfPath([1, 2, 1, 0, 3, 4, 4], set)).toEqual([
      { label: 'A', start: 0, end: 2 },
      { label: 'A', start: 2, end: 3 },
      { label: 'B', start: 4, end: 7 },
    ]);
    expect(spansOfPath([1, 1, 0, 1], tagSet(['O', 'PER']))).toEqual([
      { label: 'PER', start: 0, end: 2 },
      { label: 'PER', start: 3, end: 4 },
    ]);
  });
});

describe('decoding with a CRF, against all paths listed in Python (float64)', () => {
  const golden = loadCrfGolden();
  const table = (rows: readonly (readonly number[])[]): Float32Array[] => rows.map((row) => Float32Array.from(row));
  const crfOf = ({ begins, ends }: { begins: number; ends: number }): TagCrf => ({
    transitions: Float32Array.from(golden.transitions.flat()),
    start: Float32Array.from(golden.start, (score) => score * begins),
    end: Float32Array.from(golden.end, (score) => score * ends),
  });
  // Names that say nothing of where an entity begins leave all sequences valid.
  const anyTags = golden.tags.map((_, tag) => `T${tag}`);

  it.each(golden.chains.map((chain, index) => [index, chain] as const))(
    'chain %i: the best path and how likely each tag is, of all sequences and of the valid ones',
    (_index, chain) => {
      const scores = table(chain.emissions);
      for (const [tags, path, marginals] of [
        [anyTags, chain.path, chain.marginals],
        [golden.tags, chain.validPath, chain.validMarginals],
      ] as const) {
        const set = tagSet(tags, crfOf(chain));
        expect(bestPath(scores, set)).toEqual(path);
        tagProbabilities(scores, set).forEach((row, place) =>
          row.forEach((value, tag) => expect(Math.abs(value - marginals[place][tag])).toBeLessThan(1e-6)),
        );
      }
    },
  );

  it('is the same for scores that are shifted place by place, and for texts of any length', () => {
    const [{ emissions }] = golden.chains;
    const set = tagSet(golden.tags, crfOf({ begins: 1, ends: 1 }));
    const shifted = table(emissions.map((row, place) => row.map((value) => value + 3 * place)));
    expect(bestPath(shifted, set)).toEqual(bestPath(table(emissions), set));
    const expected = tagProbabilities(table(emissions), set);
    tagProbabilities(shifted, set).forEach((row, place) =>
      row.forEach((value, tag) => expect(Math.abs(value - expected[place][tag])).toBeLessThan(1e-5)),
    );
    const long = table(Array.from({ length: 5000 }, (_, place) => emissions[place % emissions.length]));
    for (const row of tagProbabilities(long, set))
      expect(Math.abs(row.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-6);
    expect(bestPath(long, set)).toHaveLength(5000);
    expect(tagProbabilities([], set)).toEqual([]);
  });

  it('greedy decoding weighs what follows what', () => {
    const set = tagSet(['A', 'B'], {
      transitions: Float32Array.of(0, 2, 0, 0),
      start: Float32Array.of(1, 0),
      end: Float32Array.of(0, 0),
    });
    expect(
      greedyPath(
        table([
          [0, 0.5],
          [1, 0],
        ]),
        set,
      ),
    ).toEqual([0, 1]);
    expect(
      greedyPath(
        table([
          [0, 0.5],
          [1, 0],
        ]),
        tagSet(['A', 'B']),
      ),
    ).toEqual([1, 0]);
  });
});
