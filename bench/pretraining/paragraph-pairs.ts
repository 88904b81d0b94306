import { SentenceSplitter } from '../../src/training/pretraining/sentences.ts';

/** The two halves of a paragraph. */
export interface ParagraphPair {
  first: string;
  second: string;
}

/** Which paragraphs {@link selectPairs} takes. */
export interface PairSelection {
  /** Language tag for sentence boundaries. */
  language: string;
  /** Shortest paragraph, in UTF-16 units. */
  minLength: number;
  /** Fewest sentences. */
  minSentences: number;
  /** Most paragraphs of one document. */
  perDocument: number;
  /** Most pairs in all. */
  limit: number;
}

/** Documents of a text with one paragraph a line and blank lines between documents. */
export function readDocuments(text: string): string[][] {
  return text
    .split(/\n[ \t\r]*\n/)
    .map((document) =>
      document
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    )
    .filter((document) => document.length > 0);
}

/**
 * Halves of paragraphs: the first half of the sentences, and the rest (one more when their number is odd). Taken in
 * rounds, the first eligible paragraph of every document, then the second of every document, so that any limit covers
 * all documents evenly. A paragraph with a half that was taken already is passed over: two right answers would be a
 * coin toss.
 */
export function selectPairs(documents: readonly (readonly string[])[], selection: PairSelection): ParagraphPair[] {
  const { language, minLength, minSentences, perDocument, limit } = selection;
  const splitter = new SentenceSplitter(language);
  const seen = new Set<string>();
  const eligible = documents.map((paragraphs) => {
    const pairs: ParagraphPair[] = [];
    for (const paragraph of paragraphs) {
      if (pairs.length === perDocument) break;
      if (paragraph.length < minLength) continue;
      const pair = halves(paragraph, splitter.ends(paragraph), minSentences);
      if (!pair || seen.has(pair.first) || seen.has(pair.second)) continue;
      seen.add(pair.first).add(pair.second);
      pairs.push(pair);
    }
    return pairs;
  });
  const rounds = Array.from({ length: perDocument }, (_, round) =>
    eligible.flatMap((pairs) => pairs.slice(round, round + 1)),
  );
  return rounds.flat().slice(0, limit);
}

function halves(paragraph: string, ends: readonly number[], minSentences: number): ParagraphPair | undefined {
  if (ends.length < minSentences) return undefined;
  const middle = ends[Math.floor(ends.length / 2) - 1];
  return { first: paragraph.slice(0, middle).trim(), second: paragraph.slice(middle).trim() };
}
