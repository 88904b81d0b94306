import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../../src/core/errors.ts';
import { openRows, stratifiedSplit, type ProblemType } from '../../src/data/index.ts';
import { DATA, readFileLines, readSimilarities, readText } from './data.ts';

/** A text or pair with its label, under the names that the readers of this package expect. */
export interface TaskRow {
  text: string;
  pair?: string;
  label: string | number;
}

/** Rows to learn from, to choose by (epoch, learning rate), and to report. */
export interface TaskData {
  train: TaskRow[];
  dev: TaskRow[];
  test: TaskRow[];
}

/** Data of which no text is in two splits. */
export interface CleanTaskData extends TaskData {
  /** Rows of train and dev that were left out for it. */
  leftOut: number;
}

/** A data set with its metrics. */
export interface Task {
  problem: Exclude<ProblemType, 'multiLabel'>;
  /** Whether rows have a second text. */
  pairs: boolean;
  /** The first is what dev chooses by. */
  metrics: readonly string[];
  /** What a reader of the figures must know. */
  about: string;
  read(): Promise<TaskData> | TaskData;
}

/** Where rows have to be held out, the same ones for every seed. */
const HELD_OUT_SEED = 20240229;

/** Takes `count` rows out of others, with the same mix of labels. */
function holdOut(rows: readonly TaskRow[], count: number): { kept: TaskRow[]; heldOut: TaskRow[] } {
  const { train, validation } = stratifiedSplit(
    rows.map(({ label }) => label),
    count / rows.length,
    HELD_OUT_SEED,
  );
  return { kept: train.map((row) => rows[row]), heldOut: validation.map((row) => rows[row]) };
}

function readSst(split: 'train' | 'dev' | 'test'): TaskRow[] {
  const path = join(DATA, 'sst', `stsa.binary.${split}`);
  return readFileLines(path).map((line, index) => {
    const match = /^([01]) (.+)$/.exec(line);
    if (!match) throw badLine(path, index, 'expected "0 text" or "1 text"');
    return { text: match[2], label: match[1] };
  });
}

/** Tab-separated values without quoting and without a header. */
function readTsv(path: string, columns: number): string[][] {
  return readFileLines(path).map((line, index) => {
    const values = line.split('\t');
    if (values.length !== columns)
      throw badLine(path, index, `expected ${columns} values with tabs between them, got ${values.length}`);
    return values;
  });
}

const readReviews = (split: 'train' | 'dev'): TaskRow[] =>
  readTsv(join(DATA, 'chnsenticorp', `${split}.tsv`), 2).map(([text, label]) => ({ text, label }));

const readQuestions = (split: 'dev' | 'test'): TaskRow[] =>
  readTsv(join(DATA, 'lcqmc', `${split}.txt`), 3).map(([text, pair, label]) => ({ text, pair, label }));

const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&apos;': "'",
  '&quot;': '"',
  '&lt;': '<',
  '&gt;': '>',
  '&#163;': '£',
  '&#xA3;': '£',
};

function readEntailment(split: 'dev' | 'test'): TaskRow[] {
  return [1, 2, 3].flatMap((challenge) => {
    const path = join(DATA, 'nltk', 'rte', `rte${challenge}_${split}.xml`);
    const xml = readText(path);
    const clean = (text: string): string =>
      text
        .replace(/&#?\w+;/g, (entity) => ENTITIES[entity] ?? entity)
        .replace(/\s+/g, ' ')
        .trim();
    const pairs = [
      ...xml.matchAll(/<pair [^>]*?(?:value|entailment)="(\w+)"[^>]*>\s*<t>([^<]*)<\/t>\s*<h>([^<]*)<\/h>/g),
    ].map(([, value, text, hypothesis]): TaskRow => ({
      text: clean(text),
      pair: clean(hypothesis),
      label: value === 'TRUE' || value === 'YES' ? 'yes' : 'no',
    }));
    const expected = xml.split('<pair ').length - 1;
    if (pairs.length !== expected)
      throw new AlbertineError(
        'invalid_data',
        `${path} has ${expected} pairs, of which ${pairs.length} could be read`,
        { value: pairs.length },
      );
    return pairs;
  });
}

const readScored = async (split: 'train' | 'dev' | 'test'): Promise<TaskRow[]> =>
  (await readSimilarities('en', split)).map(({ first, second, score }) => ({
    text: first,
    pair: second,
    label: score,
  }));

function badLine(path: string, index: number, reason: string): AlbertineError {
  return new AlbertineError('invalid_data', `non-empty line ${index + 1} of ${path}: ${reason}`, { value: index + 1 });
}

/** The data sets by name. */
export const TASKS = {
  sst2: {
    problem: 'singleLabel',
    pairs: false,
    metrics: ['accuracy'],
    about: 'SST-2, whole sentences (6,920 / 872 / 1,821), not the phrases of GLUE',
    read: () => ({ train: readSst('train'), dev: readSst('dev'), test: readSst('test') }),
  },
  chnsenticorp: {
    problem: 'singleLabel',
    pairs: false,
    metrics: ['accuracy'],
    about:
      'ChnSentiCorp; the published test file has no labels, so test is the published dev (1,200) and dev is 1,200 rows taken out of train; a quarter of the published dev rows are word for word in train, which this bench leaves out, so figures are lower than published ones',
    read: () => {
      const { kept, heldOut } = holdOut(readReviews('train'), 1200);
      return { train: kept, dev: heldOut, test: readReviews('dev') };
    },
  },
  tnews: {
    problem: 'singleLabel',
    pairs: false,
    metrics: ['accuracy', 'macroF1'],
    about:
      'TNEWS headlines in 15 classes (53,360 / 10,000); the published test file has no labels, so test is the published dev and dev is 2,000 rows taken out of train',
    read: () => {
      const read = (split: string): TaskRow[] =>
        readTsv(join(DATA, 'tnews', `${split}.tsv`), 2).map(([text, label]) => ({ text, label }));
      const { kept, heldOut } = holdOut(read('train'), 2000);
      return { train: kept, dev: heldOut, test: read('dev') };
    },
  },
  banking77: {
    problem: 'singleLabel',
    pairs: false,
    metrics: ['accuracy', 'macroF1'],
    about: 'banking77, 77 intents of customers (10,003 / 3,080); dev is 1,000 rows taken out of train',
    read: async () => {
      const read = async (split: string): Promise<TaskRow[]> => {
        const rows: TaskRow[] = [];
        for await (const { fields } of openRows(join(DATA, 'banking77', `${split}.csv`)))
          rows.push({ text: String(fields['text']), label: String(fields['category']) });
        return rows;
      };
      const { kept, heldOut } = holdOut(await read('train'), 1000);
      return { train: kept, dev: heldOut, test: await read('test') };
    },
  },
  phrasebank: {
    problem: 'singleLabel',
    pairs: false,
    metrics: ['accuracy', 'macroF1'],
    about:
      'Financial PhraseBank, sentences on which half of the readers agree (4,846); test is a quarter of them, dev 500 of the rest',
    read: () => {
      const text = readFileSync(join(DATA, 'financial-phrasebank', 'Sentences_50Agree.txt'), 'latin1');
      const rows = text
        .split('\n')
        .filter((line) => line.includes('@'))
        .map((line) => ({
          text: line.slice(0, line.lastIndexOf('@')),
          label: line.slice(line.lastIndexOf('@') + 1).trim(),
        }));
      const { kept, heldOut: test } = holdOut(rows, Math.round(rows.length / 4));
      const { kept: train, heldOut: dev } = holdOut(kept, 500);
      return { train, dev, test };
    },
  },
  'stsb-en': {
    problem: 'regression',
    pairs: true,
    metrics: ['spearman', 'pearson'],
    about: 'STS-B English as regression on pairs through the classification head (5,749 / 1,500 / 1,379)',
    read: async () => ({
      train: await readScored('train'),
      dev: await readScored('dev'),
      test: await readScored('test'),
    }),
  },
  rte: {
    problem: 'singleLabel',
    pairs: true,
    metrics: ['accuracy'],
    about:
      'RTE 1-3: the development sets (1,767 pairs) are train, less 200 for dev; the test sets (2,400) are test; not the split of GLUE',
    read: () => {
      const { kept, heldOut } = holdOut(readEntailment('dev'), 200);
      return { train: kept, dev: heldOut, test: readEntailment('test') };
    },
  },
  lcqmc: {
    problem: 'singleLabel',
    pairs: true,
    metrics: ['accuracy'],
    about:
      'LCQMC question matching; only its dev (8,802) and test (12,500) are at hand, so the dev rows are train, less 800 for dev: figures are lower than with the 238,766 published training pairs',
    read: () => {
      const { kept, heldOut } = holdOut(readQuestions('dev'), 800);
      return { train: kept, dev: heldOut, test: readQuestions('test') };
    },
  },
} as const satisfies Record<string, Task>;

/** Name of one of {@link TASKS}. */
export type TaskName = keyof typeof TASKS;
/** All of them, in the order of reports. */
export const TASK_NAMES = Object.keys(TASKS) as TaskName[];

/**
 * Leaves out of train what is in dev or test, and out of dev what is in test: same text, or same pair of texts in this
 * order, labels aside.
 */
export function withoutOverlap({ train, dev, test }: TaskData): CleanTaskData {
  const key = ({ text, pair = '' }: TaskRow): string => JSON.stringify([text.trim(), pair.trim()]);
  const seen = new Set(test.map(key));
  const ownDev = dev.filter((row) => !seen.has(key(row)));
  for (const row of ownDev) seen.add(key(row));
  const ownTrain = train.filter((row) => !seen.has(key(row)));
  return { train: ownTrain, dev: ownDev, test, leftOut: train.length - ownTrain.length + dev.length - ownDev.length };
}

/**
 * A part of the training rows with the mix of labels of the whole; other rows for another seed, in the order of the
 * file. All rows where `size` is not below their number.
 */
export function sampleRows(rows: readonly TaskRow[], size: number, seed: number): TaskRow[] {
  if (size >= rows.length) return [...rows];
  return stratifiedSplit(
    rows.map(({ label }) => label),
    size / rows.length,
    seed,
  ).validation.map((row) => rows[row]);
}
