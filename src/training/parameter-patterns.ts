import { AlbertineError } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';

/**
 * Selects parameters by name. A `RegExp` is searched for anywhere in the name. A string must match the whole name, with
 * `*` standing for any characters, or be a prefix that ends at a dot: `albert.embeddings` selects everything below it.
 */
export type ParameterPattern = string | RegExp;

/** Whether `name` is selected by `pattern` (see {@link ParameterPattern}). */
export function matchesPattern(name: string, pattern: ParameterPattern): boolean {
  if (typeof pattern !== 'string') return name.search(pattern) !== -1;
  if (!pattern.includes('*')) return name === pattern || name.startsWith(`${pattern}.`);
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`).test(name);
}

/** Whether any of `patterns` selects `name`. */
export function matchesAny(name: string, patterns: readonly ParameterPattern[]): boolean {
  return patterns.some((pattern) => matchesPattern(name, pattern));
}

/**
 * Throws `invalid_argument` when a pattern of the option `name` selects none of `names`: it is most likely misspelt.
 */
export function requireMatches(name: string, patterns: readonly ParameterPattern[], names: readonly string[]): void {
  for (const pattern of patterns) {
    if (names.some((parameter) => matchesPattern(parameter, pattern))) continue;
    throw new AlbertineError('invalid_argument', prose`${option(name)} selects no parameter: ${String(pattern)}`, {
      value: pattern,
      option: name,
      hint: `Parameter names look like ${names.slice(0, 2).join(' and ')}; use * for any characters`,
    });
  }
}
