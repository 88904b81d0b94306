import { parseDecimal } from './decimal.ts';
import { AlbertineError, describeValue } from './errors.ts';
import type { Compared } from './filter-values.ts';
import { nearestName } from './nearest.ts';

/** A value of a row, or of the head of a file, that searches can be restricted by. */
export type FieldValue = string | number | boolean | null;

/** What a field must be: a value, one of several, or within bounds that are part of it. */
export type Condition =
  | FieldValue
  | readonly FieldValue[]
  | { not?: FieldValue | readonly FieldValue[]; min?: number | string; max?: number | string };

type Bounds = Exclude<Condition, FieldValue | readonly FieldValue[]>;

/**
 * Conditions by the name of a field, all of which must be met. Fields of the chunks of an index are those of its row or
 * of the head of its file, and `file`, `title`, `heading` (any of them), `page`, `row`; `file` may have `*`, for any
 * characters. Fields of training runs are those that `albertine runs` shows, their settings and their figures.
 */
export type Filter = Readonly<Record<string, Condition>>;

/** A condition that can be tried. */
export interface Test {
  /** What it compares with. */
  compared: Compared;
  /** Whether a value meets it; undefined is a field that is not there. */
  meets: (value: FieldValue | undefined) => boolean;
}

/**
 * Reads the condition of a field. `patterns`: texts may have `*`, for any characters. Throws `invalid_argument` for what
 * is neither values nor bounds, as requests may have it.
 */
export function readCondition(name: string, condition: Condition, { patterns = false } = {}): Test {
  return { compared: comparedWith(name, condition), meets: tester(condition, patterns) };
}

/** The error for a field that nothing has; `what` says of what it is no field: `no chunk of the index has a field`. */
export function unknownField(name: string, names: Iterable<string>, what: string): AlbertineError {
  const known = [...names];
  const near = nearestName(name, known);
  return new AlbertineError('invalid_argument', `${what} ${describeValue(name)}`, {
    value: name,
    option: 'filter',
    hint: near === undefined ? `There are ${known.slice(0, 20).join(', ')}` : `Did you mean ${near}?`,
  });
}

/** Throws `invalid_argument` for what is neither values nor bounds, as requests may have it. */
function comparedWith(name: string, condition: Condition): Compared {
  const { not, min, max, ...other } = isBounds(condition) ? condition : {};
  const values = isBounds(condition) ? listOf(not) : listOf(condition);
  const bounds = [min, max].filter((bound) => bound !== undefined);
  const isWrong =
    Object.keys(other).length > 0 ||
    (isBounds(condition) && not === undefined && bounds.length === 0) ||
    values.some((value) => typeof value === 'object' && value !== null) ||
    bounds.some((bound) => typeof bound !== 'string' && typeof bound !== 'number');
  if (!isWrong) return { values, bounds };
  const message = `the filter of ${name} must be a value, a list, or { not, min, max }`;
  throw new AlbertineError('invalid_argument', message, { value: condition, option: 'filter' });
}

const isBounds = (condition: Condition): condition is Bounds =>
  typeof condition === 'object' && condition !== null && !Array.isArray(condition);

const listOf = (values: FieldValue | readonly FieldValue[] | undefined): readonly FieldValue[] =>
  values === undefined ? [] : ((Array.isArray(values) ? values : [values]) as readonly FieldValue[]);

function tester(condition: Condition, patterns: boolean): (value: FieldValue | undefined) => boolean {
  if (!isBounds(condition)) return equals(listOf(condition), patterns);
  const { not, min, max } = condition;
  const isExcluded = not === undefined ? undefined : equals(listOf(not), patterns);
  return (value) =>
    !isExcluded?.(value) &&
    (min === undefined || (isGiven(value) && compare(value, min) >= 0)) &&
    (max === undefined || (isGiven(value) && compare(value, max) <= 0));
}

/** Whether there is something to compare with bounds: an empty cell is below none. */
const isGiven = (value: FieldValue | undefined): value is string | number | boolean =>
  value !== undefined && value !== null && value !== '';

function equals(values: readonly FieldValue[], isPattern: boolean): (value: FieldValue | undefined) => boolean {
  const patterns = values.map((value) =>
    isPattern && typeof value === 'string' && value.includes('*') ? patternOf(value) : undefined,
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
