import { AlbertineError, describeValue } from '../core/errors.ts';
import { parseDecimal } from '../core/decimal.ts';
import { nearestName } from '../core/nearest.ts';
import type { Chunk } from './chunk.ts';
import type { FieldValue } from './documents/document.ts';
import { contentOf, requireComparable, type Compared, type FieldContent } from './filter-values.ts';

/** What a field must be: a value, one of several, or within bounds that are part of it. */
export type Condition =
  | FieldValue
  | readonly FieldValue[]
  | { not?: FieldValue | readonly FieldValue[]; min?: number | string; max?: number | string };

type Bounds = Exclude<Condition, FieldValue | readonly FieldValue[]>;

/**
 * Conditions by the name of a field, all of which a chunk must meet. Fields are those of its row or of the head of its
 * file, and `file`, `title`, `heading` (any of them), `page`, `row`. `file` may have `*`, for any characters.
 */
export type Filter = Readonly<Record<string, Condition>>;

/** The fields that every chunk has, or may have. */
const OWN = ['file', 'title', 'heading', 'page', 'row'];

/** What filters ask for of a chunk. */
export type FilteredChunk = Pick<Chunk, 'file' | 'title' | 'headings' | 'page' | 'row' | 'fields'>;

/** A field of all chunks: for each the number of its value, or list of values. */
interface Column {
  codes: Uint32Array;
  values: readonly (readonly (FieldValue | undefined)[])[];
  content: FieldContent;
}

/**
 * Decides which chunks meet a filter. The first filter that names a field reads it of all chunks, and keeps it: 4 bytes
 * a chunk, and every value once.
 */
export class ChunkFilter {
  private readonly chunks: () => AsyncIterable<readonly FilteredChunk[]>;
  private readonly rows: number;
  private readonly columns = new Map<string, Column>();
  /** Of fields that chunks have; known when all were read once. */
  private names: ReadonlySet<string> | undefined;
  private reading: Promise<void> = Promise.resolve();

  /** `chunks` gives all of them, in order, some at a time. */
  constructor(chunks: () => AsyncIterable<readonly FilteredChunk[]>, rows: number) {
    this.chunks = chunks;
    this.rows = rows;
  }

  /**
   * One byte a chunk: 1 for those that meet every condition. Throws `invalid_argument` for a field that no chunk has,
   * naming the nearest, and for a value that none can have: an empty one where none is, a word where all are numbers.
   */
  async accepted(filter: Filter): Promise<Uint8Array> {
    const tests = Object.entries(filter).map(([name, condition]) => {
      return { name, compared: comparedWith(name, condition), meets: tester(name, condition) };
    });
    // One after the other, so that a field is not read twice; the failure of one does not concern the next.
    const names = tests.map(({ name }) => name);
    const reading = this.reading.then(() => this.readColumns(names));
    this.reading = reading.catch(() => undefined);
    await reading;
    for (const { name, compared } of tests) requireComparable(name, compared, this.columns.get(name)!.content);
    const accept = new Uint8Array(this.rows).fill(1);
    for (const { name, meets } of tests) {
      const { codes, values } = this.columns.get(name)!;
      const accepted = values.map((value) => value.some(meets));
      for (let row = 0; row < codes.length; row++) if (!accepted[codes[row]]) accept[row] = 0;
    }
    return accept;
  }

  private async readColumns(wanted: readonly string[]): Promise<void> {
    const missing = wanted.filter((name) => !this.columns.has(name));
    if (missing.length === 0) return;
    for (const name of missing) if (this.names && !this.names.has(name)) throw unknownField(name, this.names);
    const columns = missing.map((name) => new ColumnBuilder(name, this.rows));
    const names = new Set(OWN);
    for await (const chunks of this.chunks())
      for (const chunk of chunks) {
        for (const name in chunk.fields) names.add(name);
        for (const column of columns) column.add(chunk);
      }
    this.names = names;
    for (const name of missing) if (!names.has(name)) throw unknownField(name, names);
    for (const column of columns) this.columns.set(column.name, column);
  }
}

class ColumnBuilder implements Column {
  readonly name: string;
  readonly codes: Uint32Array;
  readonly values: (readonly (FieldValue | undefined)[])[] = [];
  private readonly known = new Map<FieldValue | undefined, number>();
  private row = 0;
  private held: FieldContent | undefined;

  constructor(name: string, rows: number) {
    this.name = name;
    this.codes = new Uint32Array(rows);
  }

  /** Of all chunks, once they were added. */
  get content(): FieldContent {
    return (this.held ??= contentOf(this.values.flat()));
  }

  add(chunk: FilteredChunk): void {
    const values = valuesOf(chunk, this.name);
    const key = values.length === 1 ? values[0] : JSON.stringify(values);
    let code = this.known.get(key);
    if (code === undefined) {
      this.known.set(key, (code = this.values.length));
      this.values.push(values);
    }
    this.codes[this.row++] = code;
  }
}

function unknownField(name: string, names: ReadonlySet<string>): AlbertineError {
  const near = nearestName(name, names);
  return new AlbertineError('invalid_argument', `no chunk of the index has a field ${describeValue(name)}`, {
    value: name,
    option: 'filter',
    hint: near === undefined ? `There are ${[...names].slice(0, 20).join(', ')}` : `Did you mean ${near}?`,
  });
}

function valuesOf(chunk: FilteredChunk, name: string): readonly (FieldValue | undefined)[] {
  if (chunk.fields && Object.hasOwn(chunk.fields, name)) return [chunk.fields[name]];
  if (name === 'heading') return chunk.headings ?? [];
  return OWN.includes(name) ? [chunk[name as 'file' | 'title' | 'page' | 'row']] : [undefined];
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

function tester(name: string, condition: Condition): (value: FieldValue | undefined) => boolean {
  if (!isBounds(condition)) return equals(name, listOf(condition));
  const { not, min, max } = condition;
  const isExcluded = not === undefined ? undefined : equals(name, listOf(not));
  return (value) =>
    !isExcluded?.(value) &&
    (min === undefined || (isGiven(value) && compare(value, min) >= 0)) &&
    (max === undefined || (isGiven(value) && compare(value, max) <= 0));
}

/** Whether there is something to compare with bounds: an empty cell is below none. */
const isGiven = (value: FieldValue | undefined): value is string | number | boolean =>
  value !== undefined && value !== null && value !== '';

function equals(name: string, values: readonly FieldValue[]): (value: FieldValue | undefined) => boolean {
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
