/** A half-open range of a text. */
type Range = readonly [start: number, end: number];

/**
 * Which tokens of another tokenisation of the same text a token overlaps: for each of `tokens` the number of the first
 * one of `others` and how many they are, 0 where there is none (special tokens, what was cut off). Ranges ascend, as
 * tokenisers make them; empty ones and those before the text (-1) overlap nothing.
 */
export function alignTokens(tokens: readonly Range[], others: readonly Range[]): Int32Array {
  const aligned = new Int32Array(2 * tokens.length); // [tokens, (first, count)]
  let from = 0;
  tokens.forEach(([start, end], token) => {
    if (start < 0 || end <= start) return;
    while (from < others.length && others[from][1] <= start) from++;
    let [first, last] = [-1, -1];
    for (let other = from; other < others.length && others[other][0] < end; other++) {
      if (others[other][1] <= Math.max(start, others[other][0])) continue;
      if (first < 0) first = other;
      last = other;
    }
    if (first < 0) return;
    aligned[2 * token] = first;
    aligned[2 * token + 1] = last - first + 1;
  });
  return aligned;
}

/** Ranges counted in code points, as Python does, in UTF-16 units, as JavaScript does. */
export function toUtf16Ranges(text: string, ranges: readonly Range[]): Range[] {
  // Without characters beyond the first plane both are the same.
  if (!/[\ud800-\udbff]/.test(text)) return [...ranges];
  const units: number[] = [];
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) units.push(at);
  units.push(text.length);
  const unitOf = (point: number): number => (point < 0 ? point : units[Math.min(point, units.length - 1)]);
  return ranges.map(([start, end]) => [unitOf(start), unitOf(end)]);
}
