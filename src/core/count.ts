/**
 * A count with its noun, with digits grouped: `countOf(1, 'text')` is "1 text", `countOf(1234, 'text')` "1,234 texts".
 */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${nounFor(count, noun)}`;
}

/** The noun in the number that goes with a count; every noun used here takes an s, or ies for y (entity). */
export function nounFor(count: number, noun: string): string {
  return count === 1 ? noun : /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}
