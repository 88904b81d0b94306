import { parseDecimal } from './decimal.ts';
import { AlbertineError, describeValue } from './errors.ts';
import type { FieldValue } from './filter.ts';

/** What all rows have in a field: chunks of an index, or whatever else is filtered. */
export interface FieldContent {
  /** Text that looks like numbers, as columns of CSV do, is numbers for bounds alone: it may be names made of digits. */
  holds: 'numbers' | 'numeric text' | 'true and false' | 'text' | 'no values';
  /** Whether a row has the empty text there. */
  hasEmpty: boolean;
  /** A value, where there is one. */
  example: string | number | boolean | undefined;
}

/** What a filter compares a field with. */
export interface Compared {
  /** Values that it is to have, or not. */
  values: readonly FieldValue[];
  /** Bounds that it is to be within. */
  bounds: readonly (number | string)[];
}

/** Of the distinct values of a field. */
export function contentOf(values: Iterable<FieldValue | undefined>): FieldContent {
  const types = new Set<string>();
  let [hasEmpty, isNumeric] = [false, true];
  let example: FieldContent['example'];
  for (const value of values) {
    hasEmpty ||= value === '';
    if (value === undefined || value === null || value === '') continue;
    example ??= value;
    types.add(typeof value);
    isNumeric &&= isNumber(value);
  }
  const [type] = types.size === 1 ? types : [];
  const typed = type === 'number' ? 'numbers' : type === 'boolean' ? 'true and false' : undefined;
  const holds = types.size === 0 ? 'no values' : (typed ?? (isNumeric ? 'numeric text' : 'text'));
  return { holds, hasEmpty, example };
}

/**
 * Throws `invalid_argument` for what a field of this content cannot be compared with: an empty value where none is empty,
 * a word where all are numbers. Such a filter would find nothing and not say why. `place` is where the field is, in
 * words: `in this index`.
 */
export function requireComparable(
  name: string,
  { values, bounds }: Compared,
  { content, place }: { content: FieldContent; place: string },
): void {
  const { holds, hasEmpty } = content;
  const refuse = (value: unknown, what: string): never => {
    const all = holds === 'numeric text' ? 'numbers' : holds;
    throw new AlbertineError(
      'invalid_argument',
      `the field ${name} holds ${all} ${place}, and its filter has ${what}`,
      { value, option: 'filter', hint: whatToWrite(content) },
    );
  };
  for (const value of values) {
    if (value === '' && !hasEmpty) refuse(value, 'an empty value');
    if (value === null || value === '') continue;
    if (holds === 'numbers' && !isNumber(value)) refuse(value, `${describeValue(value, 40)}, which is no number`);
    if (holds === 'true and false' && !['true', 'false'].includes(String(value)))
      refuse(value, `${describeValue(value, 40)}, which is neither`);
  }
  for (const bound of bounds) {
    if (bound === '') refuse(bound, 'an empty bound');
    if ((holds === 'numbers' || holds === 'numeric text') && !isNumber(bound))
      refuse(bound, `the bound ${describeValue(bound, 40)}, which is no number`);
  }
}

const isNumber = (value: string | number | boolean): boolean => !Number.isNaN(parseDecimal(String(value)));

function whatToWrite({ holds, example }: FieldContent): string {
  if (example === undefined) return 'Leave the filter out';
  if (holds === 'true and false') return 'Write true or false';
  const shown = String(example);
  const short = shown.length > 40 ? `${shown.slice(0, 39)}…` : shown;
  return `Write a ${holds === 'text' ? 'value' : 'number'}, such as ${short}`;
}
