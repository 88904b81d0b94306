import type { Block, ReadDocument } from './document.ts';

/** Paragraphs: lines up to an empty one, and white space at their ends left out. */
export function paragraphs(text: string, { start = 0, end = text.length } = {}): [start: number, end: number][] {
  const found: [number, number][] = [];
  const empty = /\r?\n[^\S\n]*(?:\r?\n[^\S\n]*)+/g;
  empty.lastIndex = start;
  let from = start;
  for (;;) {
    const match = empty.exec(text);
    const to = match && match.index < end ? match.index : end;
    const trimmed = trimRange(text, from, to);
    if (trimmed) found.push(trimmed);
    if (!match || match.index >= end) return found;
    from = Math.min(end, match.index + match[0].length);
  }
}

/** A range without the white space at its ends; undefined where nothing is left. */
export function trimRange(text: string, start: number, end: number): [start: number, end: number] | undefined {
  let [from, to] = [start, end];
  while (from < to && /\s/.test(text[from])) from++;
  while (to > from && /\s/.test(text[to - 1])) to--;
  return from < to ? [from, to] : undefined;
}

/** A text without structure but its paragraphs. */
export function readPlain(text: string): ReadDocument {
  const blocks = paragraphs(text).map(([start, end]): Block => ({ start, end, headings: [] }));
  return { text, blocks };
}
