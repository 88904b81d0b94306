import { countOf } from '../../core/count.ts';
import { toJson } from '../../data/json.ts';

/**
 * The input's columns, which a table of predictions has before its own. They are those of the first row: a later row
 * without one has an empty cell there, and what a later row has besides (in JSONL) is left out and counted.
 */
export class InputColumns {
  private readonly waiting: Record<string, unknown>[] = [];
  private columns: readonly string[] | undefined;
  private readonly leftOut = new Set<string>();
  private rowsWithMore = 0;

  /** Remembers the fields of a row whose prediction is still to come; predictions come in the order of the rows. */
  push(fields: Record<string, unknown>): void {
    this.columns ??= Object.keys(fields);
    const more = Object.keys(fields).filter((name) => !this.columns!.includes(name));
    if (more.length > 0) this.rowsWithMore++;
    for (const name of more) this.leftOut.add(name);
    this.waiting.push(fields);
  }

  /**
   * The record of the next prediction with the columns of its row. A column that is called as one of the prediction's
   * own becomes `input_NAME`.
   */
  add(prediction: Record<string, unknown>): Record<string, unknown> {
    const fields = this.waiting.shift();
    if (!fields) return prediction;
    const own = Object.keys(prediction);
    const cells = this.columns!.map((name): [string, unknown] => [
      own.includes(name) ? freeName(name, [...own, ...this.columns!]) : name,
      cellOf(fields[name]),
    ]);
    return { ...Object.fromEntries(cells), ...prediction };
  }

  /** What was left out; nothing where nothing was. */
  notes(): string[] {
    if (this.rowsWithMore === 0) return [];
    return [
      `note: ${countOf(this.rowsWithMore, 'row')} had fields that the first row does not have, which the table leaves out: ${[...this.leftOut].join(', ')}`,
    ];
  }
}

function freeName(name: string, taken: readonly string[]): string {
  let free = `input_${name}`;
  while (taken.includes(free)) free = `input_${free}`;
  return free;
}

/** Nested values as JSON: a cell is one text or number. */
function cellOf(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'object' ? toJson(value) : value;
}
