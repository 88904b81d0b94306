/**
 * Writes the corpus of `miniature.json`: little stories in English and Chinese from a grammar, and scored sentence
 * pairs.
 *
 *     npx tsx recipes/miniature-corpus.ts FOLDER
 *
 * The stories have what a language model can learn: verbs and pronouns agree with their subjects over a distance,
 * Chinese measure words with their nouns, things belong to places, and the parts of a day come in order (for sentence
 * order). Same seed, same text.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRandom, type Random } from '../src/core/random.ts';

/** Size and seed of {@link writeMiniatureCorpus}. */
export interface MiniatureOptions {
  /** Stories per language for training. Default 1500. */
  stories?: number;
  /** Stories per language held out. Default 100. */
  heldOut?: number;
  /** Default 1. */
  seed?: number;
}

/** Who acts: a name with its pronoun, or a plural. `is` and `s` are what verbs take in English. */
interface Actor {
  name: string;
  pronoun: string;
  possessive: string;
  is: string;
  s: string;
}

const ENGLISH_ACTORS: Actor[] = [
  ...['Anna', 'Mary', 'Julia', 'Grandmother'].map((name) => ({
    name,
    pronoun: 'she',
    possessive: 'her',
    is: 'is',
    s: 's',
  })),
  ...['Peter', 'Tom', 'Oscar', 'Grandfather'].map((name) => ({
    name,
    pronoun: 'he',
    possessive: 'his',
    is: 'is',
    s: 's',
  })),
  ...['The twins', 'The neighbours', 'The farmers', 'Two old friends'].map((name) => ({
    name,
    pronoun: 'they',
    possessive: 'their',
    is: 'are',
    s: '',
  })),
];

/** Places with what is found and eaten there. */
const ENGLISH_PLACES = [
  { place: 'in the kitchen', things: ['a pan', 'a spoon', 'a warm stove'], food: 'soup and bread', animal: 'cat' },
  {
    place: 'in the garden',
    things: ['a rose', 'a small tree', 'a green hedge'],
    food: 'apples and plums',
    animal: 'hedgehog',
  },
  { place: 'at the harbour', things: ['a boat', 'a net', 'a long rope'], food: 'fish and potatoes', animal: 'gull' },
  { place: 'in the library', things: ['a book', 'a map', 'an old letter'], food: 'a dry biscuit', animal: 'mouse' },
  {
    place: 'on the mountain',
    things: ['a stone', 'a narrow path', 'a wooden hut'],
    food: 'cheese and nuts',
    animal: 'goat',
  },
  {
    place: 'at the market',
    things: ['a basket', 'a blue cloth', 'a clay jar'],
    food: 'oranges and figs',
    animal: 'donkey',
  },
];

function englishStory(random: Random): string[] {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  const { name, pronoun, possessive, is, s } = pick(ENGLISH_ACTORS);
  const { place, things, food, animal } = pick(ENGLISH_PLACES);
  const colour = pick(['white', 'black', 'brown', 'grey']);
  const named = pronoun === 'they' ? name.toLowerCase() : name;
  const subject = pronoun[0].toUpperCase() + pronoun.slice(1);
  return [
    `Early in the morning ${named} ${is} ${place}.`,
    `${subject} look${s} at ${pick(things)} and see${s} a ${colour} ${animal}.`,
    `At noon ${named} eat${s} ${food} with ${possessive} ${pick(['mother', 'brother', 'guests', 'children'])}.`,
    `The ${colour} ${animal} ${pick(['sleeps', 'waits', 'listens', 'hides'])} behind ${pick(things)}.`,
    `In the afternoon ${pronoun} ${pick([`read${s} a letter`, `write${s} a song`, `work${s} hard`, `rest${s} a little`])} ${place}.`,
    `Late in the evening ${named} go${s === 's' ? 'es' : ''} home, and the ${animal} ${pick(['follows', 'stays'])}.`,
  ];
}

const CHINESE_ACTORS: Pick<Actor, 'name' | 'pronoun'>[] = [
  ...['小红', '奶奶', '王阿姨', '李姑娘'].map((name) => ({ name, pronoun: '她' })),
  ...['小明', '爷爷', '张叔叔', '陈先生'].map((name) => ({ name, pronoun: '他' })),
  ...['孩子们', '邻居们', '农民们', '两个老朋友'].map((name) => ({ name, pronoun: '他们' })),
];

/** As {@link ENGLISH_PLACES}; every noun has the measure word that it takes. */
const CHINESE_PLACES = [
  { place: '厨房里', things: ['一口锅', '一把勺子', '一张桌子'], food: '面条和青菜', animal: ['一只', '猫'] },
  { place: '花园里', things: ['一朵玫瑰', '一棵小树', '一条小路'], food: '苹果和李子', animal: ['一只', '刺猬'] },
  { place: '码头上', things: ['一艘船', '一张渔网', '一根绳子'], food: '鱼和米饭', animal: ['一只', '海鸥'] },
  { place: '图书馆里', things: ['一本书', '一张地图', '一封信'], food: '一块饼干', animal: ['一只', '老鼠'] },
  { place: '山坡上', things: ['一块石头', '一条小路', '一座木屋'], food: '奶酪和核桃', animal: ['一头', '山羊'] },
  { place: '市场上', things: ['一个篮子', '一块蓝布', '一只陶罐'], food: '橘子和无花果', animal: ['一头', '毛驴'] },
] as const;

function chineseStory(random: Random): string[] {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  const { name, pronoun } = pick(CHINESE_ACTORS);
  const {
    place,
    things,
    food,
    animal: [measure, animal],
  } = pick(CHINESE_PLACES);
  const colour = pick(['白', '黑', '棕', '灰']);
  return [
    `清晨${name}来到${place}。`,
    `${pronoun}看了看${pick(things)}，又看见${measure}${colour}色的${animal}。`,
    `中午${name}和${pick(['妈妈', '哥哥', '客人', '同学'])}一起吃${food}。`,
    `那${measure.slice(1)}${colour}色的${animal}在${pick(things).slice(2)}后面${pick(['睡觉', '等着', '听着', '躲着'])}。`,
    `下午${pronoun}在${place}${pick(['读信', '写歌', '干活', '休息'])}。`,
    `天黑以后${name}回家了，${animal}${pick(['跟在后面', '留在那里'])}。`,
  ];
}

/**
 * Two sentences about a scene, scored 0 to 5 by how much of the second is as in the first: person, place and action
 * count alike.
 */
function scoredPair(random: Random, language: 'en' | 'zh'): { text: string; pair: string; score: number } {
  const pick = (length: number): number => random.integer(length);
  const first = [pick(8), pick(6), pick(4)];
  const second = first.map((value, slot) => (random.uniform() < 0.5 ? value : pick([8, 6, 4][slot])));
  const write = ([actor, place, action]: number[]): string =>
    language === 'en'
      ? `${ENGLISH_ACTORS[actor].name} ${['reads a letter', 'writes a song', 'works hard', 'rests a little'][action]} ${ENGLISH_PLACES[place].place}.`
      : `${CHINESE_ACTORS[actor].name}在${CHINESE_PLACES[place].place}${['读信', '写歌', '干活', '休息'][action]}。`;
  const same = first.filter((value, slot) => value === second[slot]).length;
  return { text: write(first), pair: write(second), score: Number(((5 * same) / 3).toFixed(3)) };
}

/**
 * Writes `en.txt`, `zh.txt`, `heldout-en.txt`, `heldout-zh.txt` (a paragraph a line, a blank line between stories) and
 * `scored-{train,dev,test}.csv`.
 */
export async function writeMiniatureCorpus(
  folder: string,
  { stories = 1500, heldOut = 100, seed = 1 }: MiniatureOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, [language, story]] of (
    [
      ['en', englishStory],
      ['zh', chineseStory],
    ] as const
  ).entries()) {
    // Two paragraphs of three sentences.
    const write = (random: Random, count: number): string =>
      Array.from({ length: count }, () => {
        const sentences = story(random);
        const space = language === 'en' ? ' ' : '';
        return `${sentences.slice(0, 3).join(space)}\n${sentences.slice(3).join(space)}\n`;
      }).join('\n');
    await writeFile(join(folder, `${language}.txt`), write(createRandom(10 * seed + index), stories));
    await writeFile(join(folder, `heldout-${language}.txt`), write(createRandom(10 * seed + 4 + index), heldOut));
  }
  for (const [index, name] of ['train', 'dev', 'test'].entries()) {
    const random = createRandom(10 * seed + 8 + index);
    const rows = Array.from({ length: 400 }, (_, row) => scoredPair(random, row % 2 === 0 ? 'en' : 'zh'));
    await writeFile(
      join(folder, `scored-${name}.csv`),
      rows.map(({ text, pair, score }) => `${text},${pair},${score}\n`).join(''),
    );
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error('usage: npx tsx recipes/miniature-corpus.ts FOLDER');
  await writeMiniatureCorpus(folder);
  process.stdout.write(`${folder}\n`);
}
