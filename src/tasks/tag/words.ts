import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** Half-open range of UTF-16 positions. */
export type Range = readonly [start: number, end: number];

const HAN = /\p{Script=Han}/u;
/** A Chinese character by itself; a run of anything else that is no white space. */
const RUN = /\p{Script=Han}|[^\s\p{Script=Han}]+/gu;
/**
 * Marks around a word are words of their own: quotes, brackets, commas; not what joins letters (`don't`, `U.S`,
 * `co-op`).
 */
const PEELED = /^([^\p{L}\p{M}\p{N}@#$]+)|([^\p{L}\p{M}\p{N}]+)$/u;

/**
 * The words of a text, which a tagger gives one label each: Chinese characters, and runs of letters and digits without
 * the marks around them.
 */
export function segmentWords(text: string): Range[] {
  const words: Range[] = [];
  for (const { 0: run, index } of text.matchAll(RUN)) {
    const before = /^[^\p{L}\p{M}\p{N}@#$]*/u.exec(run)![0];
    const after = before.length === run.length ? '' : (PEELED.exec(run.slice(before.length))?.[2] ?? '');
    for (const { 0: mark, index: at } of before.matchAll(/./gsu)) words.push([index + at, index + at + mark.length]);
    const end = run.length - after.length;
    if (end > before.length) words.push([index + before.length, index + end]);
    for (const { 0: mark, index: at } of after.matchAll(/./gsu))
      words.push([index + end + at, index + end + at + mark.length]);
  }
  return words;
}

/** Words joined to a text, with their places in it: Chinese characters stand together, others with a space between. */
export function joinWords(words: readonly string[]): { text: string; words: Range[] } {
  let text = '';
  const ranges: Range[] = [];
  for (const word of words) {
    const touches = text === '' || (isWide(text[text.length - 1]) && isWide(word[0] ?? ''));
    if (!touches) text += ' ';
    ranges.push([text.length, text.length + word.length]);
    text += word;
  }
  return { text, words: ranges };
}

/** Scripts and marks that are written without spaces. */
const isWide = (character: string): boolean =>
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef\u2014\u2026\u201c\u201d\u2018\u2019]/u.test(
    character,
  );

/** A token with its place in the text. */
export interface PlacedToken {
  id: number;
  start: number;
  end: number;
}

/**
 * Tokens of a text. With `characters` every Chinese character is tokenised by itself, so that an entity may begin
 * inside what the vocabulary has as one piece.
 */
export function placeTokens(tokenizer: Tokenizer, text: string, characters: boolean): PlacedToken[] {
  if (!characters) return placed(tokenizer, text, 0);
  const tokens: PlacedToken[] = [];
  for (const { 0: part, index } of text.matchAll(/\p{Script=Han}|[^\p{Script=Han}]+/gu)) {
    if (HAN.test(part))
      tokens.push(...characterTokens(tokenizer, part).map((id) => ({ id, start: index, end: index + part.length })));
    else tokens.push(...placed(tokenizer, part, index));
  }
  return tokens;
}

function placed(tokenizer: Tokenizer, text: string, from: number): PlacedToken[] {
  const { ids, offsets } = tokenizer.encode(text, { addSpecialTokens: false });
  return Array.from(ids, (id, i) => ({ id, start: from + offsets[i][0], end: from + offsets[i][1] })).filter(
    ({ start, end }) => end > start,
  );
}

const known = new WeakMap<Tokenizer, Map<string, number[]>>();

/** A character inside a text, not at its beginning: without the mark that SentencePiece puts before a word. */
function characterTokens(tokenizer: Tokenizer, character: string): number[] {
  const cache = known.get(tokenizer) ?? new Map<string, number[]>();
  known.set(tokenizer, cache);
  const cached = cache.get(character);
  if (cached) return cached;
  const { ids, tokens } = tokenizer.encode(character, { addSpecialTokens: false });
  const bare = tokens[0]?.startsWith('\u2581') ? tokens[0].slice(1) : undefined;
  const first =
    bare === undefined
      ? undefined
      : bare === ''
        ? []
        : tokenizer.tokenToId(bare) === undefined
          ? undefined
          : [tokenizer.tokenToId(bare)!];
  const found = first === undefined ? [...ids] : [...first, ...ids.subarray(1)];
  const result = found.length > 0 ? found : [...ids];
  cache.set(character, result);
  return result;
}
