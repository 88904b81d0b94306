import { AlbertineError } from '../../core/errors.ts';
import type { TextMetric } from './metric.ts';
import { countItems, hasHan, runsOf, splitWords } from './words.ts';

/** How BLEU cuts texts into tokens, by sacrebleu's names; `auto` is `zh` where a reference has Chinese, else `13a`. */
export const BLEU_TOKENIZERS = ['auto', '13a', 'zh', 'char', 'none'] as const;
/** One of {@link BLEU_TOKENIZERS}. */
export type BleuTokenizer = (typeof BLEU_TOKENIZERS)[number];

/** Options of {@link bleu}; defaults are sacrebleu's. */
export interface BleuOptions {
  /** Default `auto`. */
  tokenize?: BleuTokenizer;
  /** Default false. */
  lowercase?: boolean;
  /** What an order without a match counts as. Default `exp`. */
  smoothing?: 'exp' | 'floor' | 'add-k' | 'none';
  /** Of `floor` (default 0.1) and `add-k` (default 1). */
  smoothingValue?: number;
  /** Longest n-grams. Default 4. */
  maxOrder?: number;
}

/**
 * BLEU (Papineni et al. 2002), 0 to 100, equal to the package sacrebleu (Post 2018): corpus figures of the summed counts,
 * segment figures with effective order. Throws `invalid_argument` for a `maxOrder` below 1.
 */
export function bleu(options: BleuOptions = {}): TextMetric {
  const { tokenize = 'auto', lowercase = false, maxOrder = 4, smoothing = 'exp', smoothingValue } = options;
  if (!(Number.isInteger(maxOrder) && maxOrder >= 1))
    throw new AlbertineError('invalid_argument', `maxOrder must be a whole number of at least 1, got ${maxOrder}`, {
      value: maxOrder,
    });
  const tokensOf = (text: string, how: BleuTokenizer): string[] =>
    splitWords(TOKENIZERS[how === 'auto' ? '13a' : how]((lowercase ? text.toLowerCase() : text).trimEnd()));
  return {
    name: 'bleu',
    signature: [
      `tokenize=${tokenize}`,
      `case=${lowercase ? 'lower' : 'mixed'}`,
      `smoothing=${smoothing}${smoothingValue === undefined ? '' : `:${smoothingValue}`}`,
      `order=${maxOrder}`,
    ].join(';'),
    statistics(candidate, references) {
      const how = tokenize === 'auto' ? (references.some(hasHan) ? 'zh' : '13a') : tokenize;
      return segmentCounts(
        tokensOf(candidate, how),
        references.map((text) => tokensOf(text, how)),
        maxOrder,
      );
    },
    segment: (statistics) => scoreOf(statistics, options, true),
    corpus: (sums) => scoreOf(sums, options, false),
  };
}

/** Length, length of the nearest reference, then matches and n-grams of each order. */
function segmentCounts(candidate: readonly string[], references: readonly string[][], maxOrder: number): number[] {
  const correct: number[] = [];
  const total: number[] = [];
  for (let order = 1; order <= maxOrder; order++) {
    const most = new Map<string, number>();
    for (const reference of references)
      for (const [run, count] of countItems(runsOf(reference, order)))
        most.set(run, Math.max(most.get(run) ?? 0, count));
    let matched = 0;
    for (const [run, count] of countItems(runsOf(candidate, order))) matched += Math.min(count, most.get(run) ?? 0);
    correct.push(matched);
    total.push(Math.max(0, candidate.length - order + 1));
  }
  const nearest = references
    .map(({ length }) => length)
    .reduce((best, length) => {
      const [now, before] = [Math.abs(candidate.length - length), Math.abs(candidate.length - best)];
      return now < before || (now === before && length < best) ? length : best;
    });
  return [candidate.length, nearest, ...correct, ...total];
}

function scoreOf(
  [length, referenceLength, ...counts]: readonly number[],
  { smoothing = 'exp', smoothingValue }: BleuOptions,
  effectiveOrder: boolean,
): number {
  const maxOrder = counts.length / 2;
  const [correct, total] = [counts.slice(0, maxOrder), counts.slice(maxOrder)];
  if (!correct.some((count) => count > 0)) return 0;
  const penalty = length < referenceLength ? (length > 0 ? Math.exp(1 - referenceLength / length) : 0) : 1;
  const value = smoothingValue ?? (smoothing === 'floor' ? 0.1 : 1);
  let [logs, order, halving] = [0, effectiveOrder ? 0 : maxOrder, 1];
  for (let n = 0; n < maxOrder; n++) {
    const added = smoothing === 'add-k' && n > 0 ? value : 0;
    const [matched, all] = [correct[n] + added, total[n] + added];
    // As sacrebleu: orders that the text is too short for have precision 0 in a corpus.
    if (all === 0) return effectiveOrder ? penalty * Math.exp(logs / order) : 0;
    if (effectiveOrder) order = n + 1;
    let precision = (100 * matched) / all;
    if (matched === 0 && smoothing === 'exp') precision = 100 / ((halving *= 2) * all);
    else if (matched === 0 && smoothing === 'floor') precision = (100 * value) / all;
    // The logarithm of 0 is taken as a very small number.
    logs += precision === 0 ? -9_999_999_999 : Math.log(precision);
  }
  return penalty * Math.exp(logs / order);
}

/** Separators as in mteval-v13a, by which sacrebleu's `13a` and `zh` end. */
function separateMarks(text: string): string {
  return text
    .replace(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ');
}

const TOKENIZERS: Record<Exclude<BleuTokenizer, 'auto'>, (text: string) => string> = {
  '13a': (text) => {
    const line = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
    const plain = line
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>');
    return separateMarks(` ${plain} `);
  },
  zh: (text) =>
    separateMarks([...text.trim()].map((character) => (isChinese(character) ? ` ${character} ` : character)).join('')),
  char: (text) => [...text].join(' '),
  none: (text) => text,
};

/**
 * Ranges of sacrebleu's `zh`. It writes two of them with five digits after `\u`, which Python reads as four and a digit,
 * so that U+2001 to U+2A6D (quotation marks, arrows ...) count as Chinese, and rare characters beyond U+FFFF do not.
 */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x3400, 0x4db5],
  [0x4e00, 0x9fbb],
  [0xf900, 0xfa2d],
  [0xfa30, 0xfa6a],
  [0xfa70, 0xfad9],
  [0x2001, 0x2a6d],
  [0x2f81, 0x2fa1],
  [0xff00, 0xffef],
  [0x2e80, 0x2eff],
  [0x3000, 0x303f],
  [0x31c0, 0x31ef],
  [0x2f00, 0x2fdf],
  [0x2ff0, 0x2fff],
  [0x3100, 0x312f],
  [0x31a0, 0x31bf],
  [0xfe10, 0xfe1f],
  [0xfe30, 0xfe4f],
  [0x3200, 0x32ff],
  [0x3300, 0x33ff],
];

function isChinese(character: string): boolean {
  const code = character.codePointAt(0)!;
  return CHINESE.some(([first, last]) => code >= first && code <= last);
}
