import { wordSegments } from '../core/word-segments.ts';

/** A word with its place. */
export interface WordPlace {
  word: string;
  start: number;
  end: number;
}

/**
 * Runs of letters of scripts with spaces, with apostrophes and hyphens inside them; and endings that stand by themselves
 * in tokenised text (it 's).
 */
const LETTERS =
  /(?<!\S)['’](?:s|re|ve|ll|d|m|t)(?!\p{L})|(?:(?!\p{Script=Han})\p{L}\p{M}*)+(?:['’-](?:(?!\p{Script=Han})\p{L}\p{M}*)+)*/gu;

/** Words of letters (not Chinese ones) with their UTF-16 places. */
export function letterWords(text: string): WordPlace[] {
  return Array.from(text.matchAll(LETTERS), ({ 0: word, index }) => ({ word, start: index, end: index + word.length }));
}

/** Chinese characters, each by itself. */
export function hanCharacters(text: string): WordPlace[] {
  return Array.from(text.matchAll(/\p{Script=Han}/gu), ({ 0: word, index }) => ({
    word,
    start: index,
    end: index + word.length,
  }));
}

/** Chinese words as `Intl.Segmenter` finds them. */
export function hanWords(text: string): WordPlace[] {
  const words: WordPlace[] = [];
  for (const { 0: run, index } of text.matchAll(/\p{Script=Han}+/gu))
    for (const { segment, index: at } of wordSegments(run))
      words.push({ word: segment, start: index + at, end: index + at + segment.length });
  return words;
}

/** All words in the order of the text: of letters, and Chinese ones. */
export function allWords(text: string): WordPlace[] {
  return [...letterWords(text), ...hanWords(text)].sort((a, b) => a.start - b.start);
}

/** Share of Chinese characters among words: 0 for English, 1 for Chinese, 0 without any word. */
export function hanShare(text: string): number {
  const [letters, characters] = [letterWords(text).length, hanCharacters(text).length / 2];
  return letters + characters === 0 ? 0 : characters / (letters + characters);
}

/** Whether a text is more Chinese than anything else. */
export const isChinese = (text: string): boolean => hanShare(text) > 0.5;

const wordSet = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/));

/** Words that turn what is said into its opposite: never left out, moved or replaced. */
export const NEGATIONS = wordSet(`
no not never none nothing nobody neither nor nowhere without hardly barely scarcely cannot n't can't won't don't doesn't
didn't isn't aren't wasn't weren't wouldn't couldn't shouldn't haven't hasn't hadn't ain't but however although though
except unless 不 没 没有 无 非 未 别 莫 勿 否 毫无 并非 不是 不能 不会 不要 不可 不够 从不 绝不 但 但是 可是 不过 然而
`);

/** Words that say little by themselves. */
export const FUNCTION_WORDS = wordSet(`
a an the this that these those of in on at by for with from to into onto over under about as and or so if then than
is are was were be been being am do does did done have has had having will would can could should may might must shall
i you he she it we they me him her us them my your his its our their mine yours ours theirs who whom whose which what
when where why how there here just very too also even still only both each all any some such own same up down out off
again once 's 're 've 'll 'd 'm t s
的 了 着 过 地 得 和 与 及 或 而 且 也 都 就 才 还 又 再 在 是 有 把 被 让 给 对 向 从 到 于 以 为 为了 因 因为 所以 如果
我 你 他 她 它 我们 你们 他们 她们 它们 这 那 这个 那个 这些 那些 这里 那里 自己 之 其 所 者 吗 呢 吧 啊 呀 嘛 哦 哈 很 太 最
个 一个 一 种 些 一些 次 上 下 里 中 等 会 能 可以 要 说 去 来
`);

/** Whether a word turns the meaning around: a negation, or one that has it inside. */
export const isNegation = (word: string): boolean =>
  NEGATIONS.has(word.toLowerCase().replace('’', "'")) || /n['’]t$/i.test(word) || /[不没无未非别]/u.test(word);
