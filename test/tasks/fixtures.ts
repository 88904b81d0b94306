import { writeFileSync } from 'node:fs';
import { createRandom } from '../../src/core/random.ts';
import type { GivenOptions } from '../../src/tasks/verbs.ts';
import { sentences, writeRows } from '../training/small-run.ts';

/** What the suite needs of a task: data that a tiny network learns, and things to ask. */
export interface Fixture {
  /** Default: the fixture's name. */
  task?: string;
  /** Writes labelled rows and returns the path. */
  data(path: string, rows: number, seed: number): string;
  options?: GivenOptions;
  /** A figure that has to be reached on rows that were not seen: well above `chance`. */
  reaches: [metric: string, value: number];
  /** What that figure is for somebody who knows the labels and their shares, and does not read the rows. */
  chance: number;
  /**
   * Inputs of different lengths, an empty one and one longer than the model takes among them. Absent where `predict`
   * has nothing to say.
   */
  inputs?: unknown[];
}

const WORDS = [
  'the film was story and plot',
  'a great actor',
  'long',
  '',
  'bad new old music and one two three '.repeat(20),
];

/** Names are good words, places are bad ones; both may be of two words. */
function tagged(rows: number, seed: number): string {
  const random = createRandom(seed);
  return sentences(rows, seed)
    .map(({ text }) =>
      text
        .split(' ')
        .map((word) => {
          const label = ['good', 'fine', 'great', 'lovely'].includes(word)
            ? 'PER'
            : ['bad', 'poor', 'awful', 'dull'].includes(word)
              ? 'LOC'
              : undefined;
          if (label === undefined) return `${word} O`;
          return random.integer(3) === 0 ? `${word} B-${label}\n${word} I-${label}` : `${word} B-${label}`;
        })
        .join('\n'),
    )
    .join('\n\n');
}

/** Two words of a sentence: the first does something to the second, in the order that the sentence says. */
function related(rows: number, seed: number): object[] {
  const random = createRandom(seed);
  return sentences(rows, seed).map(({ text: before }) => {
    const label = ['Cause(e1,e2)', 'Cause(e2,e1)', 'Other'][random.integer(3)];
    const verb = label === 'Other' ? 'and' : label === 'Cause(e1,e2)' ? 'good' : 'bad';
    const text = `${before.split(' ').slice(0, 4).join(' ')} film ${verb} story`;
    const head = text.lastIndexOf('film');
    return {
      text,
      head: { start: head, end: head + 4 },
      tail: { start: text.length - 5, end: text.length, type: 'WORK' },
      label,
    };
  });
}

/** The word behind the one that is asked for; some texts do not have that one. */
function questions(rows: number, seed: number): object[] {
  const random = createRandom(seed);
  const [asked, answers] = [
    ['one', 'two', 'three'],
    ['good', 'bad', 'story', 'music', 'actor'],
  ];
  return sentences(rows, seed).map(({ text }) => {
    const question = asked[random.integer(3)];
    const answer = answers[random.integer(5)];
    const words = text
      .split(' ')
      .filter((word) => !asked.includes(word))
      .slice(0, 6);
    if (random.integer(5) === 0) return { question, context: words.join(' '), answers: [] };
    const before = [...words.slice(0, random.integer(words.length + 1)), question].join(' ');
    return { question, context: `${before} ${answer} film`, answers: [{ text: answer, start: before.length + 1 }] };
  });
}

/** The end that has the kind of word that the beginning has; two or three ends. */
function choices(rows: number, seed: number): object[] {
  const random = createRandom(seed);
  return sentences(rows, seed).map(({ text, label }) => {
    const ends = [
      `a ${label} film`,
      `a ${label === 'good' ? 'bad' : 'good'} film`,
      ...(random.integer(2) === 0 ? ['one two three'] : []),
    ];
    const first = random.integer(ends.length);
    const order = [...ends.slice(first), ...ends.slice(0, first)];
    return {
      context: text.split(' ').slice(0, 8).join(' '),
      question: `the ${label} _`,
      choices: order,
      label: order.indexOf(ends[0]),
    };
  });
}

/** Of some sentences those that have the kind of word of the query. */
function rankings(rows: number, seed: number): object[] {
  const random = createRandom(seed);
  const pool = sentences(8 * rows, seed + 100);
  return sentences(rows, seed).map(({ label }, i) => {
    const own = pool.slice(8 * i, 8 * i + 3 + random.integer(3));
    return {
      query: `the ${label} film`,
      candidates: ['a good film', 'a bad film', ...own.map(({ text }) => text.split(' ').slice(0, 8).join(' '))],
      labels: [Number(label === 'good'), Number(label === 'bad'), ...own.map(() => 0)],
    };
  });
}

const KIND = { good: ['good', 'fine', 'great', 'lovely'], bad: ['bad', 'poor', 'awful', 'dull'] };

/** Pairs of texts of four words, some good and some bad; the more alike the shares, the higher the score. */
export function scoredPairs(rows: number, seed: number): { text: string; pair: string; score: number }[] {
  const random = createRandom(seed);
  const draw = (): { text: string; good: number } => {
    const good = random.integer(5);
    return {
      text: Array.from({ length: 4 }, (_, i) => KIND[i < good ? 'good' : 'bad'][random.integer(4)]).join(' '),
      good,
    };
  };
  return Array.from({ length: rows }, () => {
    const [a, b] = [draw(), draw()];
    return { text: a.text, pair: b.text, score: 4 - Math.abs(a.good - b.good) };
  });
}

const TAG: Fixture = {
  data(path, rows, seed) {
    writeFileSync(`${path}.conll`, `${tagged(rows, seed)}\n`);
    return `${path}.conll`;
  },
  options: { epochs: 24 },
  reaches: ['f1', 0.6],
  chance: 0.1, // one word in ten or so is a name or a place: every word called a name
  inputs: [
    ...WORDS,
    {
      text: 'a good film',
      words: [
        [0, 1],
        [2, 6],
        [7, 11],
      ],
    },
  ],
};

export const FIXTURES: Readonly<Record<string, Fixture>> = {
  classify: {
    data: (path, rows, seed) => writeRows(`${path}.jsonl`, sentences(rows, seed)),
    options: { wordsBaseline: false },
    reaches: ['accuracy', 0.8],
    chance: 0.5, // two labels, drawn alike
    inputs: [...WORDS, { text: 'a good film' }],
  },
  embedding: {
    data: (path, rows, seed) => writeRows(`${path}.jsonl`, scoredPairs(rows, seed)),
    options: { scoreField: 'score' },
    reaches: ['spearman', 0.7],
    chance: 0, // an order that knows nothing
  },
  tag: TAG,
  'tag with a CRF': { ...TAG, task: 'tag', options: { ...TAG.options, crf: true, crfRate: 10 }, reaches: ['f1', 0.75] },
  answer: {
    data: (path, rows, seed) => writeRows(`${path}.jsonl`, questions(rows, seed)),
    options: { epochs: 24 },
    reaches: ['f1', 0.5],
    chance: 0.2, // no answer, which a fifth of the texts do not have
    inputs: [
      { question: 'one', context: 'the film one good film', id: 'a' },
      { question: 'two', context: '' },
      { question: '', context: 'story' },
      { question: 'three', context: `${'old new '.repeat(40)}three bad film${' plot'.repeat(30)}` },
      { question: 'one '.repeat(60), context: 'the film' },
    ],
  },
  choose: {
    data: (path, rows, seed) => writeRows(`${path}.jsonl`, choices(rows, seed)),
    options: { epochs: 20, batchSize: 8 },
    reaches: ['accuracy', 0.75],
    chance: 0.5, // a third end is never right, the others are alike
    inputs: [
      { context: 'the film', question: 'the good _', choices: ['a good film', 'a bad film'], id: 'x' },
      { choices: ['one', 'two', 'three'] },
      { context: 'old new '.repeat(40), question: 'why', choices: ['story', 'plot'] },
      { context: '', question: '', choices: ['', 'music'] },
    ],
  },
  rank: {
    data: (path, rows, seed) => writeRows(`${path}.jsonl`, rankings(rows, seed)),
    options: { epochs: 24, batchSize: 8 },
    reaches: ['mrr', 0.85],
    chance: 0.75, // the good and the bad film before all others, without the query; any order gives 0.41
    inputs: [
      { query: 'the good film', candidates: ['a bad film', 'a good film', ''], id: 'x' },
      { query: '', candidates: ['one'] },
      { query: 'story', candidates: ['old new '.repeat(40), 'plot'] },
    ],
  },
  relate: {
    data: (path, rows, seed) => writeRows(`${path}.jsonl`, related(rows, seed)),
    reaches: ['macroF1', 0.8],
    chance: 0.33, // three labels, drawn alike
    inputs: [
      { text: 'the film good story', head: { start: 4, end: 8 }, tail: { start: 14, end: 19, type: 'WORK' } },
      { text: 'film bad story', head: { start: 9, end: 14 }, tail: { start: 0, end: 4 } },
      {
        text: `${'old '.repeat(30)}film good story${' new'.repeat(30)}`,
        head: { start: 120, end: 124 },
        tail: { start: 130, end: 135 },
      },
      { text: 'x', head: { start: 0, end: 1 }, tail: { start: 0, end: 1 } },
    ],
  },
};
