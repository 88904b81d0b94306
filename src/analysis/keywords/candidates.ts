import { AlbertineError } from '../../core/errors.ts';
import type { StopWords } from './stop-words.ts';
import { wordsOf, type Word } from './words.ts';

/** A phrase that may be a keyword of its document. */
export interface Candidate {
  /** As it stands in the document, in its most frequent form, with single spaces. */
  text: string;
  /** UTF-16 ranges of every occurrence, in order. */
  offsets: [start: number, end: number][];
  /** Words of the phrase. */
  words: number;
  /** Words of the document before its first occurrence. */
  wordsBefore: number;
}

/** Where candidates come from. */
export type CandidateRule =
  | { kind: 'phrases'; maxWords: number }
  | { kind: 'ngrams'; min: number; max: number }
  | { kind: 'pattern'; pattern: RegExp }
  | { kind: 'given'; phrases: GivenPhrases };

interface Span {
  start: number;
  end: number;
  words: number;
  wordsBefore: number;
  key: string;
}

const HAN = /\p{Script=Han}/u;
const HAN_CHARACTER = /^\p{Script=Han}$/u;
/** Numbers, and single characters, say nothing alone. */
const EMPTY_WORD = /^(?:[\p{N}.,]+|.)$/u;
/** Words of a Chinese candidate: its runs hold verbs as well, so that parts of them are candidates too. */
const HAN_WORDS = 3;

/** The candidates of a document by a rule, in the order of their first occurrences; forms of the same words are one. */
export function findCandidates(text: string, rule: CandidateRule, stop: StopWords): Candidate[] {
  const words = wordsOf(text);
  if (rule.kind === 'given') return grouped(text, rule.phrases.spansOf(text, words));
  if (rule.kind === 'pattern') return grouped(text, patternSpans(text, words, rule.pattern));
  if (rule.kind === 'ngrams') return grouped(text, [...ngramSpans(words, rule, stop)]);
  const phrases = new Set([...phraseSpans(words, rule, stop)].map(keyOf));
  return grouped(
    text,
    [...everywhere(words, rule.maxWords)].filter((span) => phrases.has(keyOf(span))),
  );
}

/** Every run of words: a phrase that is a candidate at one place occurs inside longer ones as well. */
function* everywhere(words: readonly Word[], max: number): Generator<Span> {
  for (let from = 0; from < words.length; from++) {
    let to = from + 1;
    while (to < words.length && to < from + max && !words[to].afterBreak) to++;
    for (let end = from + 1; end <= to; end++) yield spanOf(words, from, end);
  }
}

function* ngramSpans(
  words: readonly Word[],
  { min, max }: { min: number; max: number },
  stop: StopWords,
): Generator<Span> {
  for (const [from, to] of runsOf(words, stop)) yield* partsOf(words, { from, to, min, max });
}

/**
 * Longest runs without stop words or punctuation, as RAKE has them (Rose et al. 2010), less weak words at their ends.
 */
function* phraseSpans(words: readonly Word[], { maxWords }: { maxWords: number }, stop: StopWords): Generator<Span> {
  for (const run of runsOf(words, stop)) {
    let [from, to] = run;
    while (from < to && stop.isWeakStart(words[from].text)) from++;
    while (from < to && stop.isWeakEnd(words[to - 1].text)) to--;
    if (from === to) continue;
    // Of a longer run its last words, as an English phrase has what it is about at its end.
    const first = Math.max(from, to - maxWords);
    if (words.slice(from, to).some((word) => HAN.test(word.text)))
      yield* partsOf(words, { from, to, min: 1, max: Math.min(HAN_WORDS, maxWords) });
    else yield* partsOf(words, { from: first, to, min: to - first, max: to - first });
  }
}

/** Ranges of words without a stop word or a break between them. */
function* runsOf(words: readonly Word[], stop: StopWords): Generator<[from: number, to: number]> {
  let from = 0;
  for (let i = 0; i <= words.length; i++) {
    const ends = i === words.length || stop.isStop(words[i].text);
    if (!ends && !words[i].afterBreak) continue;
    if (i > from) yield [from, i];
    from = ends ? i + 1 : i;
  }
}

function* partsOf(
  words: readonly Word[],
  { from, to, min, max }: { from: number; to: number; min: number; max: number },
): Generator<Span> {
  for (let first = from; first < to; first++)
    for (let size = min; size <= max && first + size <= to; size++) {
      const own = words.slice(first, first + size);
      if (splitsHan(words, first, from) || splitsHan(words, first + size, to)) continue;
      if (own.every(({ text }) => EMPTY_WORD.test(text))) continue;
      yield spanOf(words, first, first + size);
    }
}

/**
 * A single Chinese character inside a run is a part of the word before it, such as an ending or a name that no
 * dictionary has.
 */
function splitsHan(words: readonly Word[], at: number, edge: number): boolean {
  return at !== edge && HAN_CHARACTER.test(words[at].text) && HAN.test(words[at - 1].text);
}

function spanOf(words: readonly Word[], from: number, to: number): Span {
  const own = words.slice(from, to);
  return {
    start: own[0].start,
    end: own[own.length - 1].end,
    words: own.length,
    wordsBefore: from,
    key: own.map(({ text }) => text).join(' '),
  };
}

/** The same for the forms of a phrase: plurals, and hyphens in place of spaces. */
function keyOf({ key }: Span): string {
  return key
    .split(/[\s\u2010\u2011-]+/u)
    .map(singular)
    .join(' ');
}

function patternSpans(text: string, words: readonly Word[], pattern: RegExp): Span[] {
  return [...text.matchAll(pattern)]
    .filter(([found]) => found.trim() !== '')
    .map(({ 0: found, index }) => {
      const start = index + found.length - found.trimStart().length;
      return spanAt(words, { start, end: start + found.trim().length, key: found.trim().toLowerCase() });
    });
}

function spanAt(words: readonly Word[], { start, end, key }: { start: number; end: number; key: string }): Span {
  // The first word that ends after the start.
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle].end > start) high = middle;
    else low = middle + 1;
  }
  let next = low;
  while (next < words.length && words[next].start < end) next++;
  return { start, end, words: Math.max(1, next - low), wordsBefore: low, key };
}

function grouped(text: string, spans: readonly Span[]): Candidate[] {
  const groups = new Map<string, Span[]>();
  for (const span of spans) {
    const key = keyOf(span);
    const group = groups.get(key);
    if (group) group.push(span);
    else groups.set(key, [span]);
  }
  return [...groups.values()].map((group) => ({
    text: commonForm(group.map(({ start, end }) => text.slice(start, end).replaceAll(/\s+/gu, ' '))),
    offsets: group.map(({ start, end }) => [start, end]),
    words: group[0].words,
    wordsBefore: group[0].wordsBefore,
  }));
}

/**
 * The most frequent form; of several the one with the fewest capitals, as those of a sentence's beginning are no part
 * of it.
 */
function commonForm(forms: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const form of forms) counts.set(form, (counts.get(form) ?? 0) + 1);
  const capitals = (form: string): number => form.match(/\p{Lu}/gu)?.length ?? 0;
  return [...counts].reduce((best, one) =>
    one[1] > best[1] || (one[1] === best[1] && capitals(one[0]) < capitals(best[0])) ? one : best,
  )[0];
}

/** An English plural as its singular (Harman 1991, the "S" stemmer); other words as they are. */
function singular(word: string): string {
  if (!/^[a-z]{3,}s$/.test(word)) return word;
  if (/[^ea]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/[^aeo]es$/.test(word)) return word.slice(0, -1);
  return /[^us]s$/.test(word) ? word.slice(0, -1) : word;
}

/** Phrases that are looked for in documents: upper case and white space do not matter, parts of words are not found. */
export class GivenPhrases {
  /** Different phrases. */
  readonly size: number;
  /** By their first two characters, so that a long list costs no more than a short one. */
  private readonly byHead = new Map<string, string[]>();

  /** Throws `invalid_argument` without any phrase. */
  constructor(phrases: Iterable<string>) {
    const folded = new Set([...phrases].map((phrase) => fold(phrase).text.trim()).filter((phrase) => phrase !== ''));
    if (folded.size === 0)
      throw new AlbertineError('invalid_argument', 'the list of candidates has no phrase', {
        value: 0,
        option: 'candidates',
      });
    for (const phrase of folded) {
      const head = phrase.slice(0, 2);
      const own = this.byHead.get(head);
      if (own) own.push(phrase);
      else this.byHead.set(head, [phrase]);
    }
    this.size = folded.size;
  }

  /** Every occurrence in a document. */
  spansOf(text: string, words: readonly Word[]): Span[] {
    const folded = fold(text);
    const spans: Span[] = [];
    for (let at = 0; at < folded.text.length; at++) {
      if (!isEdge(folded.text, at)) continue;
      // A phrase of one character has that alone as its head.
      const heads = [folded.text.slice(at, at + 2), folded.text[at]];
      for (const head of at + 1 < folded.text.length ? heads : heads.slice(1))
        for (const phrase of this.byHead.get(head) ?? []) {
          const end = at + phrase.length;
          if (!folded.text.startsWith(phrase, at) || !isEdge(folded.text, end)) continue;
          const [start, last] = [folded.positions[at], folded.positions[end - 1]];
          spans.push(spanAt(words, { start, end: last + 1, key: phrase }));
        }
    }
    return spans;
  }
}

/** Lower case and single spaces, with the position in the original of every UTF-16 unit. */
function fold(original: string): { text: string; positions: number[] } {
  let text = '';
  const positions: number[] = [];
  for (let i = 0; i < original.length; i++) {
    const unit = original[i];
    const isSpace = /\s/.test(unit);
    if (isSpace && text.endsWith(' ')) continue;
    const lower = unit.toLowerCase();
    text += isSpace ? ' ' : lower.length === 1 ? lower : unit;
    positions.push(i);
  }
  return { text, positions };
}

/** Whether no word goes on over a position; Chinese has an edge everywhere. */
function isEdge(text: string, at: number): boolean {
  const [before, after] = [text.slice(Math.max(0, at - 1), at), text.slice(at, at + 1)];
  const joins = (unit: string): boolean => /[\p{L}\p{N}\p{M}\p{Cs}]/u.test(unit) && !HAN.test(unit);
  return !(joins(before) && joins(after));
}
