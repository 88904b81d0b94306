import { createRandom, mixSeed, type Random } from '../../core/random.ts';
import { joinWords } from '../../tasks/tag/words.ts';
import {
  ACTIONS,
  NOUNS,
  OBJECTS,
  OPINIONS,
  PEOPLE,
  PLACES,
  QUALITIES,
  REVIEWED,
  SUBJECTS,
  TIMES,
  TOPICS,
  TOWNS,
  type Bilingual,
} from './lexicon.ts';
import type { ProbeKind } from './settings.ts';
import { OUTSIDE, PROBE_PARTS, type ProbePart, type ProbeRow, type ProbeTask } from './task.ts';

/** Options of {@link generatedTasks}. */
export interface GenerateOptions {
  /** Rows to learn from of each task. Default 600. */
  rows?: number;
  /** Default 1. */
  seed?: number;
}

/** Rows of the other parts, as shares of those to learn from. */
const SHARES = { train: 1, development: 0.5, test: 0.5 } as const;
/** Of each list of words: those of the parts have nothing in common, so that words learned by heart do not help. */
const LEARNED = 0.6;

/** Draws what a row of a part is made of. */
interface Maker {
  random: Random;
  /** One of a list. */
  one<T>(list: readonly T[]): T;
  /** One of those in a list that only this part has. */
  own<T>(list: readonly T[]): T;
}

function makerOf(part: ProbePart, random: Random): Maker {
  const one = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  const own = <T>(list: readonly T[]): T => {
    const learned = Math.round(LEARNED * list.length);
    const middle = learned + Math.round((list.length - learned) / 2);
    return one(
      { train: list.slice(0, learned), development: list.slice(learned, middle), test: list.slice(middle) }[part],
    );
  };
  return { random, one, own };
}

/** Makes a row; `turn` counts them, so that labels and languages are equally frequent. */
type MakeRow = (maker: Maker, turn: number) => ProbeRow;

interface Recipe {
  kind: ProbeKind;
  labels: readonly string[];
  note: string;
  make: MakeRow;
}

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);
const pickOf = ([en, zh]: Bilingual, chinese: boolean): string => (chinese ? zh : en);

/** A plain sentence of varying length. */
export function sentence(
  { random, one }: Pick<Maker, 'random' | 'one'>,
  chinese: boolean,
  parts: {
    subject?: Bilingual;
    action?: (typeof ACTIONS)[number];
    object?: Bilingual;
    place?: Bilingual | undefined;
  } = {},
): string {
  const { subject = one(SUBJECTS), action = one(ACTIONS), object = one(OBJECTS) } = parts;
  const place = 'place' in parts ? parts.place : random.uniform() < 0.5 ? one(PLACES) : undefined;
  const time = 'subject' in parts || random.uniform() < 0.6 ? undefined : one(TIMES);
  const quality = 'subject' in parts || random.uniform() < 0.5 ? undefined : one(QUALITIES);
  const second = !('subject' in parts) && random.uniform() < 0.3 ? one(OBJECTS) : undefined;
  if (chinese)
    return `${time?.[1] ?? ''}${subject[1]}${place?.[1] ?? ''}${action.zh}了${quality?.[1] ?? ''}${object[1]}${second ? `和${second[1]}` : ''}。`;
  const things = [...(quality ? [quality[0]] : []), object[0], ...(second ? ['and the', second[0]] : [])].join(' ');
  return `The ${[subject[0], action.past, 'the', things, ...(place ? [place[0]] : []), ...(time ? [time[0]] : [])].join(' ')}.`;
}

const TOPIC_FRAMES: readonly Bilingual[] = [
  ['We talked about X for an hour.', '我们聊了一个小时的X。'],
  ['My neighbour knows a lot about X.', '我的邻居很了解X。'],
  ['The first page was all about X.', '第一页全是关于X的内容。'],
  ['I have been thinking of X since Monday.', '从星期一起我一直在想X。'],
  ['The article says nothing new about X.', '这篇文章没有说X的新情况。'],
  ['They asked me about X again.', '他们又问我X的事。'],
];
const OPINION_FRAMES: readonly Bilingual[] = [
  ['The Y was X.', '这个Y很X。'],
  ['I think that the Y is really X.', '我觉得这个Y真的很X。'],
  ['We had expected something else, but the Y was X.', '我们原以为不一样，但是Y很X。'],
  ['What a X Y!', 'Y太X了！'],
  ['My sister told me that the Y was X.', '我姐姐说Y非常X。'],
];

const isChinese = (turn: number, labels: number): boolean => Math.floor(turn / labels) % 2 === 1;

function worded(
  groups: Readonly<Record<string, readonly [string[], string[]]>>,
  frames: readonly Bilingual[],
): MakeRow {
  const names = Object.keys(groups).sort();
  return (maker, turn) => {
    const target = turn % names.length;
    const chinese = isChinese(turn, names.length);
    const word = maker.own(groups[names[target]][chinese ? 1 : 0]);
    const about = pickOf(maker.one(REVIEWED), chinese);
    return {
      text: pickOf(maker.one(frames), chinese)
        .replace('X', word)
        .replace('Y', about)
        .replace(/\ba (?=[aeiou])/, 'an '),
      target,
    };
  };
}

/** A happening in two sentences: the second speaks of what the first names. */
function story({ one }: Maker, chinese: boolean): [first: string, second: string] {
  const [subject, object, action, later] = [one(SUBJECTS), one(OBJECTS), one(ACTIONS), one(ACTIONS)];
  const place = pickOf(one(PLACES), chinese);
  return chinese
    ? [`一位${subject[1]}${action.zh}了一件东西，是${object[1]}。`, `后来这位${subject[1]}${place}又${later.zh}了它。`]
    : [
        `A ${subject[0]} ${action.past} a ${object[0]}.`.replace(/\b([Aa]) (?=[aeiou])/g, '$1n '),
        `The ${subject[0]} ${later.past} it ${place}.`,
      ];
}

const NAMED: readonly (readonly [en: string[], zh: string[]])[] = [
  [
    ['Yesterday', 'P', 'travelled', 'to', 'T', '.'],
    ['昨', '天', 'P', '去', '了', 'T', '。'],
  ],
  [
    ['In', 'T', 'we', 'met', 'P', 'by', 'chance', '.'],
    ['我', '们', '在', 'T', '遇', '见', '了', 'P', '。'],
  ],
  [
    ['P', 'wrote', 'a', 'long', 'letter', 'about', 'T', '.'],
    ['P', '写', '了', '一', '封', '关', '于', 'T', '的', '长', '信', '。'],
  ],
  [
    ['Nobody', 'in', 'T', 'had', 'heard', 'of', 'P', 'before', '.'],
    ['T', '没', '有', '人', '听', '说', '过', 'P', '。'],
  ],
];
const ENTITY_LABELS = [OUTSIDE, 'person', 'place'];

const entities: MakeRow = ({ one, own }, turn) => {
  const chinese = turn % 2 === 1;
  const split = (name: string): string[] => (chinese ? [...name] : name.split(' '));
  const named = { P: split(pickOf(own(PEOPLE), chinese)), T: split(pickOf(own(TOWNS), chinese)) };
  const [tokens, target]: [string[], number[]] = [[], []];
  for (const word of one(NAMED)[chinese ? 1 : 0]) {
    const name = word === 'P' || word === 'T' ? named[word] : undefined;
    tokens.push(...(name ?? [word]));
    target.push(...(name ?? [word]).map(() => (name ? (word === 'P' ? 1 : 2) : 0)));
  }
  const { text, words } = joinWords(tokens);
  return { text, words, target };
};

/** Two sentences that share so many of four parts, in one language or in two. */
const shared: MakeRow = ({ random, one }, turn) => {
  const languages = [
    [false, false],
    [true, true],
    [false, true],
  ][turn % 3];
  const other = <T>(list: readonly T[], than: T): T => one(list.filter((item) => item !== than));
  const first = { subject: one(SUBJECTS), action: one(ACTIONS), object: one(OBJECTS), place: one(PLACES) };
  const kept = [0, 1, 2, 3].map(() => random.uniform() < 0.5);
  const second = {
    subject: kept[0] ? first.subject : other(SUBJECTS, first.subject),
    action: kept[1] ? first.action : other(ACTIONS, first.action),
    object: kept[2] ? first.object : other(OBJECTS, first.object),
    place: kept[3] ? first.place : other(PLACES, first.place),
  };
  return {
    text: sentence({ random, one }, languages[0], first),
    pair: sentence({ random, one }, languages[1], second),
    target: kept.filter(Boolean).length,
  };
};

const question: MakeRow = ({ one, own }, turn) => {
  const target = turn % 2;
  const chinese = isChinese(turn, 2);
  const object = pickOf(own(OBJECTS), chinese);
  const place = pickOf(one(PLACES), chinese);
  const who = one<Bilingual>([
    ['you', '你'],
    ['they', '他们'],
    ['we', '我们'],
    ['she', '她'],
  ]);
  if (chinese)
    return { text: target === 0 ? `${who[1]}${place}见没见过${object}` : `${who[1]}${place}见过${object}`, target };
  const have = who[0] === 'she' ? 'has' : 'have';
  return {
    text: `${capital(target === 0 ? `${have} ${who[0]}` : `${who[0]} ${have}`)} seen the ${object} ${place}`,
    target,
  };
};

/** Built-in tasks besides those of structure. */
const RECIPES: Readonly<Record<string, Recipe>> = {
  topic: {
    kind: 'classify',
    labels: Object.keys(TOPICS).sort(),
    note: 'English and Chinese; words of the topics in the test part are not in the others',
    make: worded(TOPICS, TOPIC_FRAMES),
  },
  sentiment: {
    kind: 'classify',
    labels: Object.keys(OPINIONS).sort(),
    note: 'English and Chinese; words of praise and blame in the test part are not in the others',
    make: worded(OPINIONS, OPINION_FRAMES),
  },
  tense: {
    kind: 'classify',
    labels: ['past', 'present'],
    note: 'English; verbs of the test part are not in the others',
    make: ({ one, own }, turn) => {
      const { present, past } = own(ACTIONS);
      const time = one(TIMES)[0];
      const text = `The ${one(SUBJECTS)[0]} ${turn % 2 === 0 ? past : present} the ${one(OBJECTS)[0]} ${one(PLACES)[0]} ${time}.`;
      return { text, target: turn % 2 };
    },
  },
  number: {
    kind: 'classify',
    labels: ['plural', 'singular'],
    note: 'English: of the subject, whose verb does not show it; nouns of the test part are not in the others',
    make: ({ one, own }, turn) => {
      const [single, several] = own(NOUNS);
      const rest = one(['could be seen', 'stood', 'had been forgotten', 'moved slowly', 'would have to stay']);
      return { text: `The ${turn % 2 === 0 ? several : single} ${rest} ${one(PLACES)[0]}.`, target: turn % 2 };
    },
  },
  question: {
    kind: 'classify',
    labels: ['question', 'statement'],
    note: 'English and Chinese, without marks: by the order of words, or by a word',
    make: question,
  },
  sentenceOrder: {
    kind: 'classify',
    labels: ['exchanged', 'original'],
    note: 'English and Chinese: two sentences of a story in their order or the other way round',
    make: (maker, turn) => {
      const chinese = isChinese(turn, 2);
      const [first, second] = story(maker, chinese);
      const order = turn % 2 === 1 ? [first, second] : [second, first];
      return { text: order.join(chinese ? '' : ' '), target: turn % 2 };
    },
  },
  sharedParts: {
    kind: 'similarity',
    labels: [],
    note: 'pairs in English, in Chinese and across: how many of who, what is done, what and where are the same',
    make: shared,
  },
  entities: {
    kind: 'tags',
    labels: ENTITY_LABELS,
    note: 'English and Chinese; names of the test part are not in the others',
    make: entities,
  },
};

/** Names of the built-in tasks that are no probes of structure. */
export const GENERATED_TASKS: readonly string[] = Object.keys(RECIPES);

/** Built-in tasks, made from templates and word lists: the same seed makes the same rows. */
export function generatedTasks({ rows = 600, seed = 1 }: GenerateOptions = {}): ProbeTask[] {
  return Object.entries(RECIPES).map(([name, { kind, labels, note, make }], index) => {
    const known = new Set<string>();
    const part = (which: ProbePart): ProbeRow[] => {
      const maker = makerOf(which, createRandom(mixSeed(seed, index, PROBE_PARTS.indexOf(which))));
      const wanted = Math.round(rows * SHARES[which]);
      const made: ProbeRow[] = [];
      // Few templates make the same row again: none is in two parts, nor twice in one.
      for (let turn = 0, tries = 0; made.length < wanted && tries < 20 * wanted; tries++) {
        const row = make(maker, turn);
        const key = `${row.text}\n${row.pair ?? ''}`;
        if (known.has(key)) continue;
        known.add(key);
        made.push(row);
        turn++;
      }
      return made;
    };
    const parts = { train: part('train'), development: part('development'), test: part('test') };
    return { name, kind, labels, parts, source: 'generated', notes: [note] };
  });
}

/** Plain sentences, half of them Chinese, for probes of structure where no text is given. */
export function generatedSentences({ rows = 1600, seed = 1 }: GenerateOptions = {}): string[] {
  const maker = makerOf('train', createRandom(mixSeed(seed, 1000)));
  const made = new Set<string>();
  for (let tries = 0; made.size < rows && tries < 20 * rows; tries++) made.add(sentence(maker, made.size % 2 === 1));
  return [...made];
}
