import { AlbertineError } from '../core/errors.ts';

const HAN = /[\u4e00-\u9fa5]/;
const ENGLISH_PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;
/** As the script of CMRC 2018 lists them. */
const CHINESE_MARKS = new Set([
  '-',
  ':',
  '_',
  '*',
  '^',
  '/',
  '\\',
  '~',
  '`',
  '+',
  '=',
  '，',
  '。',
  '：',
  '？',
  '！',
  '“',
  '”',
  '；',
  '’',
  '《',
  '》',
  '……',
  '·',
  '、',
  '「',
  '」',
  '（',
  '）',
  '－',
  '～',
  '『',
  '』',
]);

/** An answer as SQuAD's script compares it: lower case, without punctuation, articles and superfluous white space. */
export function normalizeAnswer(text: string): string {
  return text
    .toLowerCase()
    .replace(ENGLISH_PUNCTUATION, '')
    .replace(/\b(a|an|the)\b/gu, ' ')
    .split(/\s+/u)
    .filter(Boolean)
    .join(' ');
}

/**
 * Tokens as CMRC's script makes them: Chinese characters and marks one by one, other text in words (NLTK's, whose rules
 * for clitics are left out); marks are dropped.
 */
function mixedSegments(text: string): string[] {
  const segments: string[] = [];
  let other = '';
  const flush = (): void => {
    segments.push(...(other.match(/\.\p{N}+|[\p{L}\p{M}\p{N}]+(?:[.,'][\p{L}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}]/gu) ?? []));
    other = '';
  };
  for (const character of text.toLowerCase().trim()) {
    if (CHINESE_MARKS.has(character)) continue;
    if (!HAN.test(character)) other += character;
    else {
      flush();
      segments.push(character);
    }
  }
  flush();
  return segments;
}

const withoutMarks = (text: string): string =>
  [...text.toLowerCase().trim()].filter((character) => !CHINESE_MARKS.has(character)).join('');

/** Length of the longest run of tokens that both have. */
function longestCommonRun(a: readonly string[], b: readonly string[]): number {
  let longest = 0;
  let before = new Int32Array(b.length + 1);
  for (const token of a) {
    const row = new Int32Array(b.length + 1);
    for (let j = 0; j < b.length; j++) {
      if (token !== b[j]) continue;
      row[j + 1] = before[j] + 1;
      longest = Math.max(longest, row[j + 1]);
    }
    before = row;
  }
  return longest;
}

const harmonic = (common: number, found: number, right: number): number =>
  common === 0 ? 0 : (2 * (common / found) * (common / right)) / (common / found + common / right);

/** How well an answer agrees with one of those that are right. */
export interface AnswerAgreement {
  /** 1 if the normalised answers are equal, else 0. */
  exact: number;
  /**
   * Harmonic mean of precision and recall of the words that both have; Chinese: of the longest run of characters and
   * words that both have.
   */
  f1: number;
}

/** Agreement by SQuAD's rules (evaluate-v1.1 and v2.0): words in any order. */
export function agreementEnglish(right: string, found: string): AnswerAgreement {
  const [a, b] = [normalizeAnswer(right), normalizeAnswer(found)];
  const [gold, own] = [a, b].map((text) => text.split(' ').filter(Boolean));
  if (gold.length === 0 || own.length === 0) return { exact: Number(a === b), f1: Number(a === b) };
  const left = new Map<string, number>();
  for (const word of gold) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of own) {
    const count = left.get(word) ?? 0;
    if (count > 0) common++;
    left.set(word, count - 1);
  }
  return { exact: Number(a === b), f1: harmonic(common, own.length, gold.length) };
}

/** Agreement by the rules of CMRC 2018's script: the longest run that both have, of characters and words. */
export function agreementChinese(right: string, found: string): AnswerAgreement {
  const [gold, own] = [mixedSegments(right), mixedSegments(found)];
  // Marks alone agree with nothing, as in the script.
  return {
    exact: Number(withoutMarks(right) === withoutMarks(found)),
    f1: harmonic(longestCommonRun(gold, own), own.length, gold.length),
  };
}

/** Figures of answers, from 0 to 1 (the official scripts print them times 100). */
export interface AnswerReport {
  /** Mean of {@link AnswerAgreement.exact}. */
  exactMatch: number;
  /** Mean of {@link AnswerAgreement.f1}. */
  f1: number;
  /** Of questions that have an answer; NaN where there is none. */
  hasAnswerExact: number;
  /** Of questions that have an answer; NaN where there is none. */
  hasAnswerF1: number;
  /** Share of the questions without an answer that were left unanswered; NaN where every question has one. */
  noAnswerAccuracy: number;
  /** Number of questions. */
  questions: number;
  /** Questions that have no answer. */
  unanswerable: number;
}

/**
 * How well an answer agrees with the best of those that are right; none means that the question has no answer. Chinese
 * among them is judged by CMRC's rules, else SQuAD's are.
 */
export function agreementWithAny(right: readonly string[], found: string): AnswerAgreement {
  if (right.length === 0) return { exact: Number(found.trim() === ''), f1: Number(found.trim() === '') };
  const judge = right.some((answer) => HAN.test(answer)) ? agreementChinese : agreementEnglish;
  const each = right.map((answer) => judge(answer, found));
  return { exact: Math.max(...each.map(({ exact }) => exact)), f1: Math.max(...each.map(({ f1 }) => f1)) };
}

/**
 * The margin up to which an answer is given and beyond which none, with the best F1: every threshold that changes
 * anything is tried, as SQuAD 2.0's script does. 0 where no other is better.
 */
export function bestNoAnswerThreshold(
  right: readonly (readonly string[])[],
  found: readonly { answer: string; noAnswerMargin: number }[],
): number {
  const gains = found.map(({ answer, noAnswerMargin }, i) => ({
    margin: noAnswerMargin,
    gain: agreementWithAny(right[i], answer).f1 - agreementWithAny(right[i], '').f1,
  }));
  gains.sort((a, b) => a.margin - b.margin);
  const atZero = gains.reduce((sum, { margin, gain }) => sum + (margin <= 0 ? gain : 0), 0);
  let [best, bestSum, sum] = [0, atZero, 0];
  for (const [i, { margin, gain }] of gains.entries()) {
    sum += gain;
    // Of equal margins all are answered or none.
    if (margin !== gains[i + 1]?.margin && Number.isFinite(margin) && sum > bestSum) [best, bestSum] = [margin, sum];
  }
  return best;
}

/** Compares answers with those that are right, as {@link agreementWithAny} does. */
export function answerReport(right: readonly (readonly string[])[], found: readonly string[]): AnswerReport {
  if (right.length !== found.length)
    throw new AlbertineError('shape_mismatch', `${right.length} questions have ${found.length} answers`, {
      value: found.length,
    });
  const all = right.map((answers, question) => agreementWithAny(answers, found[question]));
  const mean = (of: keyof AnswerAgreement, keep: (question: number) => boolean): number => {
    const kept = all.filter((_, question) => keep(question));
    return kept.length === 0 ? NaN : kept.reduce((sum, agreement) => sum + agreement[of], 0) / kept.length;
  };
  const answered = (question: number): boolean => right[question].length > 0;
  return {
    exactMatch: mean('exact', () => true),
    f1: mean('f1', () => true),
    hasAnswerExact: mean('exact', answered),
    hasAnswerF1: mean('f1', answered),
    noAnswerAccuracy: mean('exact', (question) => !answered(question)),
    questions: right.length,
    unanswerable: right.filter((answers) => answers.length === 0).length,
  };
}
