/** What the reader chose at an earlier visit; undefined for nothing, and for what is no choice any more. */
export function kept<T extends string>(name: string, isChoice: (value: string) => value is T): T | undefined {
  const value = localStorage.getItem(`albertine-${name}`);
  return value !== null && isChoice(value) ? value : undefined;
}
