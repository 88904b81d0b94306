/** A count with its noun, with digits grouped: `countOf(1, 'text')` is "1 text", `countOf(1234, 'text')` "1,234 texts". */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${nounFor(count, noun)}`;
}

/** The noun in the number that goes with a count; every noun used here takes an s. */
export function nounFor(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}
