import { wordSegments } from '../../core/word-segments.ts';
import type { TextMetric } from './metric.ts';
import { porterStem } from './porter.ts';
import { countItems, hasHan, runsOf, sharedCount } from './words.ts';

/** What ROUGE counts: see {@link RougeOptions.tokens}. */
export const ROUGE_TOKENS = ['auto', 'english', 'characters', 'words'] as const;
/** Which ROUGE: runs of one or two tokens, the longest common subsequence, and that of summaries line by line. */
export const ROUGE_VARIANTS = ['1', '2', 'L', 'Lsum'] as const;
/** One of {@link ROUGE_VARIANTS}. */
export type RougeVariant = (typeof ROUGE_VARIANTS)[number];

/** Options of {@link rouge}. */
export interface RougeOptions {
  /** Default `L`. */
  variant?: RougeVariant;
  /**
   * `english`: runs of a to z and 0 to 9, as the package rouge_score has them; `characters`: Chinese characters one by
   * one, and other words; `words`: those of `Intl.Segmenter`; `auto` (default): `characters` where a reference has
   * Chinese, else `english`.
   */
  tokens?: (typeof ROUGE_TOKENS)[number];
  /**
   * Counts English words of more than three letters by their stems ({@link porterStem}), as rouge_score does with
   * `use_stemmer`. Default false.
   */
  stemmer?: boolean;
}

/** Precision, recall and their harmonic mean, 0 to 1. */
export interface RougeScore {
  /** Share of the candidate's runs that the reference has. */
  precision: number;
  /** Share of the reference's runs that the candidate has. */
  recall: number;
  /** 2 PR / (P + R), 0 where both are 0. */
  f1: number;
}

/**
 * ROUGE (Lin 2004), F1 from 0 to 1, equal to the package rouge_score; of several references the one
 * with the best F1 counts, and the figure of a corpus is the mean of its segments.
 */
export function rouge(options: RougeOptions = {}): TextMetric {
  const { variant = 'L', tokens = 'auto', stemmer = false } = options;
  return {
    name: `rouge${variant}`,
    signature: `tokens=${tokens};stemmer=${stemmer ? 'porter' : 'none'}`,
    statistics: (candidate, references) => [rougeScore(candidate, references, options).f1],
    segment: ([f1]) => f1,
    corpus: ([sum], segments) => sum / segments,
  };
}

/** The same with precision and recall. */
export function rougeScore(
  candidate: string,
  references: readonly string[],
  { variant = 'L', tokens = 'auto', stemmer = false }: RougeOptions = {},
): RougeScore {
  const how = tokens === 'auto' ? (references.some(hasHan) ? 'characters' : 'english') : tokens;
  const cut = stemmer ? (text: string): string[] => TOKENS[how](text).map(stemOf) : TOKENS[how];
  const scores = references.map((reference) => {
    if (variant === 'Lsum') return summaryScore(linesOf(candidate, cut), linesOf(reference, cut));
    const [own, other] = [cut(candidate), cut(reference)];
    if (variant === 'L') return scoreOf(commonLength(other, own), own.length, other.length);
    const order = Number(variant);
    const [ownRuns, otherRuns] = [runsOf(own, order), runsOf(other, order)];
    return scoreOf(sharedCount(countItems(otherRuns), countItems(ownRuns)), ownRuns.length, otherRuns.length);
  });
  return scores.reduce((best, score) => (score.f1 > best.f1 ? score : best));
}

const linesOf = (text: string, cut: (text: string) => string[]): string[][] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map(cut);

function scoreOf(shared: number, candidate: number, reference: number): RougeScore {
  const precision = shared / Math.max(candidate, 1);
  const recall = shared / Math.max(reference, 1);
  return { precision, recall, f1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

/** As rouge_score: words of up to three letters stay as they are, and so does what is not English. */
const stemOf = (token: string): string => (/^[a-z0-9]{4,}$/.test(token) ? porterStem(token) : token);

const TOKENS: Record<'english' | 'characters' | 'words', (text: string) => string[]> = {
  english: (text) => text.toLowerCase().match(/[a-z0-9]+/g) ?? [],
  characters: (text) => text.toLowerCase().match(/\p{Script=Han}|[^\P{L}\p{Script=Han}]+|\p{N}+/gu) ?? [],
  words: (text) =>
    [...wordSegments(text.toLowerCase())].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment),
};

/** Length of the longest common subsequence. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const item of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) next[j] = item === b[j - 1] ? row[j - 1] + 1 : Math.max(row[j], next[j - 1]);
    row = next;
  }
  return row[b.length];
}

/** Of every line of a reference the tokens that a longest common subsequence with any line of the candidate has. */
function summaryScore(candidate: readonly string[][], reference: readonly string[][]): RougeScore {
  const [candidateTokens, referenceTokens] = [candidate.flat(), reference.flat()];
  const [left, leftOfReference] = [countItems(candidateTokens), countItems(referenceTokens)];
  let hits = 0;
  for (const line of reference) {
    const found = new Set(candidate.flatMap((other) => commonPositions(line, other)));
    for (const position of [...found].sort((a, b) => a - b)) {
      const token = line[position];
      // A token counts no more often than either text has it.
      if ((left.get(token) ?? 0) <= 0 || leftOfReference.get(token)! <= 0) continue;
      hits++;
      left.set(token, left.get(token)! - 1);
      leftOfReference.set(token, leftOfReference.get(token)! - 1);
    }
  }
  return scoreOf(hits, candidateTokens.length, referenceTokens.length);
}

/** Where the tokens of one longest common subsequence stand in `a`; among several the one that rouge_score finds. */
function commonPositions(a: readonly string[], b: readonly string[]): number[] {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      table[i * width + j] =
        a[i - 1] === b[j - 1]
          ? table[(i - 1) * width + j - 1] + 1
          : Math.max(table[(i - 1) * width + j], table[i * width + j - 1]);
  const positions: number[] = [];
  let [i, j] = [a.length, b.length];
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      positions.push(i - 1);
      i--;
      j--;
    } else if (table[i * width + j - 1] > table[(i - 1) * width + j]) j--;
    else i--;
  }
  return positions;
}
