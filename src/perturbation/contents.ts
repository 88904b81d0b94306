import { described } from './manual.ts';
import type { Random } from '../core/random.ts';
import { perturbation, type Perturbation, type ProposedEdit } from './perturbation.ts';
import { allWords, isChinese, isNegation } from './words.ts';

/** Words that can be left out, with a space beside them. */
function proposeDeletion(text: string): ProposedEdit[] {
  const words = allWords(text);
  if (words.length < 3) return [];
  return words.flatMap(({ word, start, end }): ProposedEdit[] => {
    if (isNegation(word)) return [];
    const space = /^[ \t]+/.exec(text.slice(end))?.[0].length ?? 0;
    return [{ start, end: end + space, replacement: '' }];
  });
}

/** Neighbouring words that change places; what stands between them stays. */
function proposeOrder(text: string): ProposedEdit[] {
  const words = allWords(text);
  return words.slice(1).flatMap((second, i): ProposedEdit[] => {
    const first = words[i];
    const between = text.slice(first.end, second.start);
    // Across a mark two words would change sentences.
    if (isNegation(first.word) || isNegation(second.word) || !/^[ \t]*$/.test(between)) return [];
    return [{ start: first.start, end: second.end, replacement: second.word + between + first.word }];
  });
}

const DISTRACTORS = {
  en: [
    'The train leaves at half past seven.',
    'Please find the document attached.',
    'See https://example.com/3f9a for the list.',
    'The shop around the corner opens on Monday.',
    'There were twelve chairs in the room.',
    'This was written on a phone.',
    '@reader_2041 page 2 of 2',
    'Water boils at a hundred degrees.',
  ],
  zh: [
    '火车七点半开。',
    '文件请见附件。',
    '列表见 https://example.com/3f9a 。',
    '街角的商店周一开门。',
    '房间里有十二把椅子。',
    '这是用手机写的。',
    '@读者2041 第2页，共2页',
    '水在一百度时沸腾。',
  ],
};

const FILLERS = {
  en: [
    'as I said before, ',
    'to put it in other words, ',
    'for what it is worth, ',
    'as a matter of fact, ',
    'at the end of the day, ',
  ],
  zh: ['就像之前说的，', '换句话说，', '怎么说呢，', '事实上，', '说到底，'],
};

const languageOf = (text: string): 'en' | 'zh' => (isChinese(text) ? 'zh' : 'en');

/** A sentence about something else at the beginning, and one at the end. */
function proposeDistractors(text: string, random: Random): ProposedEdit[] {
  if (text.trim() === '') return [];
  const language = languageOf(text);
  const space = language === 'en' ? ' ' : '';
  const sentences = DISTRACTORS[language];
  const first = random.integer(sentences.length);
  const end = /[\p{L}\p{N}]$/u.test(text) ? { en: '.', zh: '。' }[language] : '';
  const second = (first + 1 + random.integer(sentences.length - 1)) % sentences.length;
  return [
    { start: 0, end: 0, replacement: sentences[first] + space },
    { start: text.length, end: text.length, replacement: end + space + sentences[second] },
  ];
}

/** Where a sentence or a part of one begins. */
const BEGINNINGS = /(?<=^|[.!?。！？；;，,]\s*)(?=[\p{L}\p{N}])/gu;

/** Phrases that make a text longer and say nothing. */
function proposeLength(text: string, random: Random): ProposedEdit[] {
  const fillers = FILLERS[languageOf(text)];
  return Array.from(text.matchAll(BEGINNINGS), ({ index }): ProposedEdit => ({
    start: index,
    end: index,
    replacement: fillers[random.integer(fillers.length)],
  }));
}

/** Words and sentences added, left out or moved. */
export const CONTENTS: readonly Perturbation[] = [
  perturbation({
    ...described('deletion'),
    withinWords: false,
    needsWholeText: true,
    propose: proposeDeletion,
  }),
  perturbation({
    ...described('order'),
    withinWords: false,
    propose: proposeOrder,
  }),
  perturbation({
    ...described('distractors'),
    withinWords: false,
    needsWholeText: true,
    propose: proposeDistractors,
  }),
  perturbation({
    ...described('length'),
    withinWords: false,
    needsWholeText: true,
    propose: proposeLength,
  }),
];
