/** White space as Python's `str.split()` has it. */
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;

/** Words between white space. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== '');
}

/** How many times each item occurs. */
export function countItems(items: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** Runs of `order` items, as one string each. */
export function runsOf(items: readonly string[], order: number, between = ' '): string[] {
  const runs: string[] = [];
  for (let start = 0; start + order <= items.length; start++)
    runs.push(items.slice(start, start + order).join(between));
  return runs;
}

/** Items that two counts share, each as often as it is in both. */
export function sharedCount(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let shared = 0;
  for (const [item, count] of a) shared += Math.min(count, b.get(item) ?? 0);
  return shared;
}

/** Whether a text has a Chinese character (or a Japanese one of that origin). */
export const hasHan = (text: string): boolean => /\p{Script=Han}/u.test(text);
