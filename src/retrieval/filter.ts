import { AlbertineError, describeValue } from '../core/errors.ts';
import { parseDecimal } from '../core/decimal.ts';
import { nearestName } from '../core/nearest.ts';
import type { Chunk } from './chunk.ts';
import type { FieldValue } from './documents/document.ts';

/** What a field must be: a value, one of several, or within bounds that are part of it. */
export type Condition =
  | FieldValue
  | readonly FieldValue[]
  | { not?: FieldValue | readonly FieldValue[]; min?: number | string; max?: number | string };

/**
 * Conditions by the name of a field, all of which a chunk must meet. Fields are those of its row or of the head of its
 * file, and `file`, `title`, `heading` (any of them), `page`, `row`. `file` may have `*`, for any characters.
 */
export type Filter = Readonly<Record<string, Condition>>;

/** The fields that every chunk has, or may have. */
const OWN = ['file', 'title', 'heading', 'page', 'row'];

/**
 * One byte a chunk: 1 for those that meet every condition. Throws `invalid_argument` for a field that no chunk has,
 * naming the nearest.
 */
export function acceptedRows(chunks: readonly Chunk[], filter: Filter): Uint8Array {
  const accept = new Uint8Array(chunks.length).fill(1);
  for (const [name, condition] of Object.entries(filter)) {
    const meets = tester(name, condition);
    let known = OWN.includes(name);
    chunks.forEach((chunk, row) => {
      known ||= chunk.fields !== undefined && Object.hasOwn(chunk.fields, name);
      if (accept[row] === 1 && !valuesOf(chunk, name).some(meets)) accept[row] = 0;
    });
    if (!known) throw unknownField(name, chunks);
  }
  return accept;
}

function unknownField(name: string, chunks: readonly Chunk[]): AlbertineError {
  const names = new Set(OWN);
  for (const { fields } of chunks) for (const field of Object.keys(fields ?? {})) names.add(field);
  const near = nearestName(name, names);
  return new AlbertineError('invalid_argument', `no chunk of the index has a field ${describeValue(name)}`, {
    value: name,
    option: 'filter',
    hint: near === undefined ? `There are ${[...names].slice(0, 20).join(', ')}` : `Did you mean ${near}?`,
  });
}

function valuesOf(chunk: Chunk, name: string): readonly (FieldValue | undefined)[] {
  if (chunk.fields && Object.hasOwn(chunk.fields, name)) return [chunk.fields[name]];
  if (name === 'heading') return chunk.headings ?? [];
  return OWN.includes(name) ? [chunk[name as 'file' | 'title' | 'page' | 'row']] : [undefined];
}

function tester(name: string, condition: Condition): (value: FieldValue | undefined) => boolean {
  if (typeof condition !== 'object' || condition === null || Array.isArray(condition))
    return equals(name, condition as FieldValue | readonly FieldValue[]);
  const { not, min, max, ...other } = condition as Exclude<Condition, FieldValue | readonly FieldValue[]>;
  if (Object.keys(other).length > 0 || (not === undefined && min === undefined && max === undefined))
    throw new AlbertineError(
      'invalid_argument',
      `the filter of ${name} must be a value, a list, or { not, min, max }`,
      {
        value: condition,
        option: 'filter',
      },
    );
  const isExcluded = not === undefined ? undefined : equals(name, not);
  return (value) =>
    !isExcluded?.(value) &&
    (min === undefined || (isGiven(value) && compare(value, min) >= 0)) &&
    (max === undefined || (isGiven(value) && compare(value, max) <= 0));
}

const isGiven = (value: FieldValue | undefined): value is string | number | boolean =>
  value !== undefined && value !== null;

function equals(name: string, wanted: FieldValue | readonly FieldValue[]): (value: FieldValue | undefined) => boolean {
  const values = (Array.isArray(wanted) ? wanted : [wanted]) as readonly FieldValue[];
  const patterns = values.map((value) =>
    name === 'file' && typeof value === 'string' && value.includes('*') ? patternOf(value) : undefined,
  );
  return (value) =>
    value !== undefined &&
    values.some((one, i) => (patterns[i] ? patterns[i].test(String(value)) : String(one) === String(value)));
}

const patternOf = (text: string): RegExp =>
  new RegExp(`^${text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '.*')}$`, 's');

/** As numbers where both are, as columns of CSV hold them; else by code units, which suits dates. */
function compare(value: string | number | boolean, bound: number | string): number {
  const [a, b] = [parseDecimal(String(value)), parseDecimal(String(bound))];
  if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  const [x, y] = [String(value), String(bound)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Parses `lang=zh`, `lang=en,zh`, `year>=2020`, `year<=2021`, `lang!=en`; of one field bounds may be joined. */
export function parseFilter(entries: readonly string[]): Filter {
  const filter: Record<string, Condition> = {};
  for (const entry of entries) {
    const [, name, sign, text] = /^\s*([^=<>!]+?)\s*(!=|>=|<=|=)\s*(.*)$/s.exec(entry) ?? [];
    if (name === undefined)
      throw new AlbertineError('invalid_argument', `a filter must be like lang=zh, got ${describeValue(entry)}`, {
        value: entry,
        option: 'filter',
        hint: 'Or year>=2020, year<=2021, lang!=en, lang=en,zh',
      });
    const values = text.split(',').map((one) => one.trim());
    const value = values.length === 1 ? values[0] : values;
    const key = { '=': 'is', '!=': 'not', '>=': 'min', '<=': 'max' }[sign] as string;
    const before = filter[name];
    if (before !== undefined && (key === 'is' || typeof before !== 'object' || Object.hasOwn(before as object, key)))
      throw new AlbertineError('invalid_argument', `the filter of ${name} contradicts another: ${entry}`, {
        value: entry,
        option: 'filter',
        hint: 'Several values of a field are separated by commas: lang=en,zh',
      });
    filter[name] = key === 'is' ? value : { ...(before as object), [key]: key === 'not' ? value : text.trim() };
  }
  return filter;
}
