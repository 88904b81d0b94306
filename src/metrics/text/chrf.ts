import type { TextMetric } from './metric.ts';
import { countItems, runsOf, sharedCount, splitWords } from './words.ts';

/** Options of {@link chrf}. */
export interface ChrfOptions {
  /** Longest n-grams of characters. Default 6. */
  charOrder?: number;
  /** Longest n-grams of words; 2 is chrF++, 0 chrF. Default 2. */
  wordOrder?: number;
  /** How much more recall counts than precision. Default 2. */
  beta?: number;
  /** Default false. */
  lowercase?: boolean;
}

const MARKS = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');

/**
 * chrF++ (Popović 2017), 0 to 100, equal to the package sacrebleu; of several references the best one counts. White
 * space between characters is left out, so Chinese needs no words.
 */
export function chrf({ charOrder = 6, wordOrder = 2, beta = 2, lowercase = false }: ChrfOptions = {}): TextMetric {
  const prepared = (text: string): Map<string, number>[] => {
    const line = lowercase ? text.toLowerCase() : text;
    const characters = [...splitWords(line).join('')];
    const words = separateMarks(line);
    return [
      ...Array.from({ length: charOrder }, (_, n) => countItems(runsOf(characters, n + 1, ''))),
      ...Array.from({ length: wordOrder }, (_, n) => countItems(runsOf(words, n + 1))),
    ];
  };
  const scoreOf = (statistics: readonly number[]): number => fScore(statistics, beta ** 2);
  return {
    name: wordOrder > 0 ? `chrf${'+'.repeat(wordOrder)}` : 'chrf',
    signature: `characters=${charOrder};words=${wordOrder};beta=${beta};case=${lowercase ? 'lower' : 'mixed'}`,
    statistics(candidate, references) {
      const own = prepared(candidate);
      let best: { score: number; statistics: number[] } | undefined;
      for (const reference of references) {
        const others = prepared(reference);
        const statistics = own.flatMap((counts, order) => {
          const other = others[order];
          // An order that the reference is too short for is no fault of the candidate.
          return [other.size > 0 ? total(counts) : 0, total(other), sharedCount(counts, other)];
        });
        const score = scoreOf(statistics);
        if (!best || score > best.score) best = { score, statistics };
      }
      return best!.statistics;
    },
    segment: scoreOf,
    corpus: scoreOf,
  };
}

const total = (counts: ReadonlyMap<string, number>): number => {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
};

/** From the n-grams of candidate, reference and both, of every order: mean precision and recall of orders that both have. */
function fScore(statistics: readonly number[], factor: number): number {
  let [precision, recall, orders] = [0, 0, 0];
  for (let i = 0; i < statistics.length; i += 3) {
    const [candidate, reference, shared] = [statistics[i], statistics[i + 1], statistics[i + 2]];
    if (candidate === 0 || reference === 0) continue;
    precision += shared / candidate;
    recall += shared / reference;
    orders++;
  }
  if (precision + recall === 0) return 0;
  return (100 * (1 + factor) * (precision / orders) * (recall / orders)) / ((factor * precision + recall) / orders);
}

/** Words with a mark at their end, or else at their beginning, apart; as in chrF++'s own script. */
function separateMarks(text: string): string[] {
  return splitWords(text).flatMap((word) => {
    const characters = [...word];
    if (characters.length === 1) return [word];
    if (MARKS.has(characters.at(-1)!)) return [characters.slice(0, -1).join(''), characters.at(-1)!];
    if (MARKS.has(characters[0])) return [characters[0], characters.slice(1).join('')];
    return [word];
  });
}
