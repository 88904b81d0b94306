import { createRandom } from '../../src/core/random.ts';

const ENGLISH =
  `the a of and to in is was that it for on with as his by at from this which an were are be had not but or have one all their when
new first time people world school house water river mountain running runner runs ran walked walking walker teacher teaching reading
reader 1998 2015 10,000 3.14 e-mail don't can't state-of-the-art internationalisation misunderstanding`.split(/\s+/);
const CHINESE =
  `我们 你们 他们 学校 老师 学生 今天 明天 昨天 天气 中国 北京 上海 人民 人民共和国 共和国 国家 的 了 是 在 和 有 不 很 好 看 书 电影 电视 电影院
喜欢 非常 因为 所以 虽然 但是 语言 模型 训练 数据 第1章 2024年`.split(/\s+/);

/** Reproducible lines of invented English and Chinese text. */
export function toyLines(count: number, seed = 7): string[] {
  const random = createRandom(seed);
  // Squaring makes early words frequent and late ones rare, as in real text.
  const pick = (words: string[]) => words[Math.floor(random.uniform() ** 2 * words.length)];
  const many = (words: string[], length: number) => Array.from({ length }, () => pick(words));
  return Array.from({ length: count }, (_, line) => {
    const length = 4 + random.integer(12);
    if (line % 2 === 0) return `${many(ENGLISH, length).join(' ')}.`;
    return `${many(CHINESE, length).join('')}，${many(CHINESE, 4).join('')}。${line % 6 === 1 ? ` ${many(ENGLISH, 3).join(' ')}` : ''}`;
  });
}
