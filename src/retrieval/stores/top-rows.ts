import type { ScoredRow } from './store.ts';

/** The best of all rows by their scores, of those that `accept` does not forbid; see {@link TopRows}. */
export function bestRows(
  score: (row: number) => number,
  { rows, limit, accept }: { rows: number; limit: number; accept?: Uint8Array | undefined },
): ScoredRow[] {
  const top = new TopRows(Math.min(limit, rows));
  for (let row = 0; row < rows; row++) if (accept?.[row] !== 0) top.offer(row, score(row));
  return top.sorted();
}

/** The scalar product of a query with the numbers from a place on. */
export function dotAt(query: Float32Array, data: Float32Array | Int8Array, at: number): number {
  const { length } = query;
  const whole = length - (length % 4);
  // Four sums, so that one addition need not wait for the one before; declared one by one, which is twice as fast here
  // as together.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k < whole; k += 4) {
    s0 += query[k] * data[at + k];
    s1 += query[k + 1] * data[at + k + 1];
    s2 += query[k + 2] * data[at + k + 2];
    s3 += query[k + 3] * data[at + k + 3];
  }
  for (; k < length; k++) s0 += query[k] * data[at + k];
  return s0 + s1 + s2 + s3;
}

/** Keeps the best rows of those it is shown: a heap whose root is the worst one kept. */
export class TopRows {
  private readonly rows: Int32Array;
  private readonly scores: Float64Array;
  private size = 0;

  constructor(limit: number) {
    this.rows = new Int32Array(limit);
    this.scores = new Float64Array(limit);
  }

  /** Rows are to be shown in ascending order: of equal scores the first is kept. */
  offer(row: number, score: number): void {
    if (this.size < this.rows.length) {
      this.place(this.size++, row, score);
      this.rise(this.size - 1);
    } else if (this.size > 0 && score > this.scores[0]) {
      this.place(0, row, score);
      this.sink();
    }
  }

  /** Best first; equal ones in their order. */
  sorted(): ScoredRow[] {
    return Array.from({ length: this.size }, (_, i) => ({ row: this.rows[i], score: this.scores[i] })).sort(
      (a, b) => b.score - a.score || a.row - b.row,
    );
  }

  private place(at: number, row: number, score: number): void {
    this.rows[at] = row;
    this.scores[at] = score;
  }

  /** Of equal scores the later row is the worse one. */
  private isWorse(a: number, b: number): boolean {
    return this.scores[a] < this.scores[b] || (this.scores[a] === this.scores[b] && this.rows[a] > this.rows[b]);
  }

  private rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.isWorse(at, parent)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private sink(): void {
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let worst = at;
      if (left < this.size && this.isWorse(left, worst)) worst = left;
      if (right < this.size && this.isWorse(right, worst)) worst = right;
      if (worst === at) return;
      this.swap(at, worst);
      at = worst;
    }
  }

  private swap(a: number, b: number): void {
    const [row, score] = [this.rows[a], this.scores[a]];
    this.place(a, this.rows[b], this.scores[b]);
    this.place(b, row, score);
  }
}
