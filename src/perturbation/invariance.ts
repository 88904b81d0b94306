import { described } from './manual.ts';
import type { Random } from '../core/random.ts';
import { perturbation, type Perturbation, type ProposedEdit } from './perturbation.ts';

const list = (text: string): string[] => text.trim().split(/\s+/);

/** Frequent given names, of people of many places. */
const GIVEN_NAMES = list(`
James Mary John Linda Robert Susan Michael Karen David Nancy William Lisa Richard Sarah Thomas Anna Daniel Emma Paul Laura
Mark Julia George Alice Kevin Rachel Brian Amy Peter Helen Henry Grace Oliver Sophia Lucas Mia Ethan Chloe Adam Claire
Ahmed Fatima Omar Aisha Carlos Maria Diego Sofia Ivan Olga Raj Priya Chen Mei Hiroshi Yuki Kwame Amina Lars Ingrid
`);
const CITIES = list(`
London Paris Berlin Madrid Rome Vienna Prague Dublin Lisbon Athens Oslo Moscow Cairo Nairobi Delhi Mumbai Tokyo Seoul
Beijing Shanghai Sydney Toronto Chicago Boston Seattle Houston Denver Atlanta Dallas Miami
`);
const CHINESE_SURNAMES = [...'王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕'];
const CHINESE_NAMES = list(`
王伟 李娜 张敏 刘洋 陈静 杨磊 赵军 黄丽 周涛 吴霞 徐明 孙悦 胡杰 朱琳 高峰 林芳 何勇 郭婷 马超 罗兰 李强 王芳 张伟 刘涛 陈勇 杨帆 赵雪 黄海
`);
const CHINESE_CITIES = list(`
北京 上海 广州 深圳 天津 重庆 成都 武汉 南京 杭州 西安 苏州 长沙 郑州 青岛 大连 沈阳 济南 厦门 福州 昆明 哈尔滨 合肥 南昌 宁波 无锡
`);
const MONTHS = list('January February March April May June July August September October November December');
const DAYS = list('Monday Tuesday Wednesday Thursday Friday Saturday Sunday');
const CHINESE_DAYS = list('周一 周二 周三 周四 周五 周六 周日');

const other = (names: readonly string[], not: string, random: Random): string => {
  const rest = names.filter((name) => name.toLowerCase() !== not.toLowerCase());
  return rest[random.integer(rest.length)];
};

/** Every mention of a name of a list becomes another one of it. */
function replaceListed(
  names: readonly string[],
  { whole }: { whole: boolean },
): (text: string, random: Random) => ProposedEdit[] {
  const any = names.join('|');
  const pattern = whole
    ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${any})(?![\\p{L}\\p{N}])`, 'gu')
    : new RegExp(`(?:${any})`, 'gu');
  return (text, random) =>
    Array.from(text.matchAll(pattern), ({ 0: name, index: start }) => ({
      start,
      end: start + name.length,
      replacement: other(names, name, random),
      key: name,
    }));
}

const NUMBER =
  /(?<![\p{L}\p{N}.,:/@#_-])\d{1,9}(?:[.,]\d+)*(?![\p{L}\p{N}:/_@-]|[.,]\d)|(?<=\p{Script=Han})\d{1,9}(?:\.\d+)?(?=\p{Script=Han})/gu;
/** What stands before or after a number of a date. */
const DATED = /(?:年|月|日|号)$/u;

/** Numbers become others of the same number of digits. Those of dates are another perturbation's. */
function proposeNumbers(text: string, random: Random): ProposedEdit[] {
  return Array.from(text.matchAll(NUMBER)).flatMap(({ 0: number, index: start }): ProposedEdit[] => {
    const end = start + number.length;
    const isYear = /^(?:19|20)\d\d$/.test(number);
    // A first digit is no 0, so that the number keeps its size; 0 and 1 alone often stand for none and only one.
    const replacement = Array.from(number, (character, i) =>
      /\d/.test(character) ? String(i === 0 ? 2 + random.integer(8) : random.integer(10)) : character,
    ).join('');
    return isYear || /^[01]$/.test(number) || DATED.test(text.slice(end, end + 1))
      ? []
      : [{ start, end, replacement, key: number }];
  });
}

const CHINESE_DATE = /(?<!\d)(?:1[0-2]|[1-9])月(?:[12]\d|3[01]|[1-9])[日号]/gu;
const YEAR = /(?<![\p{L}\p{N}.,:/-])(?:19|20)\d\d(?![\p{L}\p{N}:/-]|[.,]\d)|(?<!\d)(?:19|20)\d\d(?=年)/gu;

const found = (text: string, pattern: RegExp, replace: (match: string) => string): ProposedEdit[] =>
  Array.from(text.matchAll(pattern), ({ 0: match, index: start }) => ({
    start,
    end: start + match.length,
    replacement: replace(match),
    key: match,
  }));

const ENGLISH_DAYS = replaceListed(DAYS, { whole: true });
// May is a verb too.
const ENGLISH_MONTHS = replaceListed(
  MONTHS.filter((month) => month !== 'May'),
  { whole: true },
);
const DAYS_OF_THE_WEEK = replaceListed(CHINESE_DAYS, { whole: false });

/** Years, days of a month and of the week become others. */
function proposeDates(text: string, random: Random): ProposedEdit[] {
  return [
    ...found(text, YEAR, (year) => year.slice(0, 3) + String((Number(year[3]) + 1 + random.integer(9)) % 10)),
    ...found(text, CHINESE_DATE, (date) => `${1 + random.integer(12)}月${1 + random.integer(28)}${date.at(-1)!}`),
    ...ENGLISH_DAYS(text, random),
    ...ENGLISH_MONTHS(text, random),
    ...DAYS_OF_THE_WEEK(text, random),
  ];
}

const ENGLISH_NAMES = replaceListed(GIVEN_NAMES, { whole: true });
const ENGLISH_PLACES = replaceListed(CITIES, { whole: true });
const CHINESE_PLACES = replaceListed(CHINESE_CITIES, { whole: false });
const LISTED_CHINESE = new RegExp(`(?:${CHINESE_NAMES.join('|')})`, 'gu');
/** A surname with what people are called by: 王先生, 李老师. */
const TITLED = new RegExp(
  `(?:${CHINESE_SURNAMES.join('|')})(?=先生|女士|小姐|老师|教授|医生|经理|总|主任|师傅|同学|局长|院长)`,
  'gu',
);

/** What a label does not depend on (Ribeiro et al. 2020, "CheckList": invariance tests): every mention is replaced alike. */
export const INVARIANCE: readonly Perturbation[] = [
  perturbation({
    ...described('numbers'),
    withinWords: true,
    propose: proposeNumbers,
  }),
  perturbation({
    ...described('dates'),
    withinWords: true,
    propose: proposeDates,
  }),
  perturbation({
    ...described('names'),
    withinWords: true,
    propose: (text, random) => [
      ...ENGLISH_NAMES(text, random),
      ...found(text, LISTED_CHINESE, (name) => other(CHINESE_NAMES, name, random)),
      ...found(text, TITLED, (name) => other(CHINESE_SURNAMES, name, random)),
    ],
  }),
  perturbation({
    ...described('places'),
    withinWords: true,
    propose: (text, random) => [...ENGLISH_PLACES(text, random), ...CHINESE_PLACES(text, random)],
  }),
];
