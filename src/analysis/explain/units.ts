import type { ExplainedPiece, PlacedToken, Side } from './model.ts';

/** What an attribution is of. */
export type Unit = 'token' | 'word' | 'character';
/** All of them. */
export const UNITS = ['token', 'word', 'character'] as const satisfies readonly Unit[];

/** How much a stretch of text speaks for the output (above 0) or against it. */
export interface Attribution {
  /** The stretch itself; of a token that covers no character its string of the vocabulary. */
  text: string;
  /** UTF-16 half-open range in the text that it is in. */
  start: number;
  /** End of that range, exclusive. */
  end: number;
  /** In units of the output: logits, or the number of a regression. */
  attribution: number;
  /** Of pairs: the text that it is in. */
  side?: Side;
}

/** Tokens with their attributions, in the order of the text. */
export type AttributedToken = PlacedToken & { value: number };

const PUNCTUATION = /^[\p{P}\p{S}\s]*$/u;

/**
 * Tokens of a piece by words: groups of token numbers, special tokens in none. A word is what the tokeniser calls one
 * (a stretch between spaces; in Chinese a piece of the vocabulary), without punctuation before and after it, whose
 * tokens are words of their own. A token that covers no character belongs to what follows.
 */
export function wordGroups({ tokens }: Pick<ExplainedPiece, 'tokens'>, texts: TextsOfPair): number[][] {
  const groups: number[][] = [];
  for (let first = 0; first < tokens.length; first++) {
    if (tokens[first].start < 0) continue;
    const { word, side } = tokens[first];
    let last = first;
    while (last + 1 < tokens.length && tokens[last + 1].start >= 0 && sameWord(tokens[last + 1], { word, side }))
      last++;
    groups.push(...trimmed(first, last, (token) => isPunctuation(tokens[token], texts)));
    first = last;
  }
  return groups;
}

/** One group a token; special tokens in none. */
export function tokenGroups({ tokens }: Pick<ExplainedPiece, 'tokens'>): number[][] {
  return tokens.flatMap(({ start }, token) => (start < 0 ? [] : [[token]]));
}

/** The texts that offsets point into. */
export interface TextsOfPair {
  text: string;
  pair?: string;
}

const sameWord = (token: PlacedToken, { word, side }: Pick<PlacedToken, 'word' | 'side'>): boolean =>
  token.word !== null && token.word === word && token.side === side;

const isPunctuation = ({ start, end, side }: PlacedToken, texts: TextsOfPair): boolean =>
  end > start && PUNCTUATION.test(sideOf(texts, side).slice(start, end));

/** A word's tokens, those of punctuation at its ends by themselves. */
function trimmed(first: number, last: number, isMark: (token: number) => boolean): number[][] {
  let [from, to] = [first, last];
  while (from < to && isMark(from)) from++;
  while (to > from && isMark(to)) to--;
  const single = (start: number, end: number): number[][] =>
    Array.from({ length: Math.max(0, end - start) }, (_, i) => [start + i]);
  return [
    ...single(first, from),
    Array.from({ length: to - from + 1 }, (_, i) => from + i),
    ...single(to + 1, last + 1),
  ];
}

/** The text of a side. */
export const sideOf = ({ text, pair = '' }: TextsOfPair, side: Side): string => (side === 'text' ? text : pair);

/** Attributions of groups of tokens: sums. */
export function attributionsOfGroups(
  tokens: readonly AttributedToken[],
  groups: readonly (readonly number[])[],
  texts: TextsOfPair,
): Attribution[] {
  return groups.map((group) => {
    const own = group.map((token) => tokens[token]);
    const { side } = own[0];
    const start = Math.min(...own.map((token) => token.start));
    const end = Math.max(...own.map((token) => token.end));
    return {
      text: end > start ? sideOf(texts, side).slice(start, end) : own[0].token,
      start,
      end,
      attribution: own.reduce((sum, { value }) => sum + value, 0),
      ...(texts.pair !== undefined && { side }),
    };
  });
}

/**
 * Attributions of any stretches of one side: a token's is spread evenly over the characters that it covers, so those of
 * all characters add up to those of all tokens. A token that covers none counts with the character after it.
 */
export function attributionsOfSpans(
  tokens: readonly AttributedToken[],
  spans: readonly { start: number; end: number; side: Side }[],
  texts: TextsOfPair,
): Attribution[] {
  const densities = { text: new Float64Array(texts.text.length), pair: new Float64Array(texts.pair?.length ?? 0) };
  for (const { start, end, side, value } of tokens) {
    if (start < 0) continue;
    const density = densities[side];
    const from = Math.max(0, Math.min(start, density.length - 1));
    const to = Math.max(end, from + 1);
    for (let i = from; i < to && i < density.length; i++) density[i] += value / (to - from);
  }
  return spans.map(({ start, end, side }) => ({
    text: sideOf(texts, side).slice(start, end),
    start,
    end,
    attribution: densities[side].subarray(start, end).reduce((sum, value) => sum + value, 0),
    ...(texts.pair !== undefined && { side }),
  }));
}

/** A span for every character that a token covers; characters of two UTF-16 units are whole. */
export function characterSpans(
  tokens: readonly PlacedToken[],
  texts: TextsOfPair,
): { start: number; end: number; side: Side }[] {
  return (['text', 'pair'] as const).flatMap((side) => {
    const text = sideOf(texts, side);
    const covered = new Uint8Array(text.length);
    for (const { start, end, side: own } of tokens) if (own === side && start >= 0) covered.fill(1, start, end);
    const spans: { start: number; end: number; side: Side }[] = [];
    let start = 0;
    for (const character of text) {
      const end = start + character.length;
      if (covered[start] || covered[end - 1]) spans.push({ start, end, side });
      start = end;
    }
    return spans;
  });
}
