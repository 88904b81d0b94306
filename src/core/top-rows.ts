/** A row and what it is ordered by. */
export interface ScoredRow {
  /** Number of the row or chunk. */
  row: number;
  /** Such as a cosine. */
  score: number;
}

/** The best of all rows by their scores, of those that `accept` does not forbid; see {@link TopRows}. */
export function bestRows(
  score: (row: number) => number,
  { rows, limit, accept }: { rows: number; limit: number; accept?: Uint8Array | undefined },
): ScoredRow[] {
  const top = new TopRows(Math.min(limit, rows));
  for (let row = 0; row < rows; row++) if (accept?.[row] !== 0) top.offer(row, score(row));
  return top.sorted();
}

/** Room that is made at first; it doubles where it is needed. */
const FIRST_ROOM = 16;

/** Keeps the best rows of those it is shown, `limit` at most: a heap whose root is the worst one kept. */
export class TopRows {
  private readonly limit: number;
  private rows: Int32Array;
  private scores: Float64Array;
  private size = 0;

  constructor(limit: number) {
    this.limit = limit;
    const room = Math.min(limit, FIRST_ROOM);
    this.rows = new Int32Array(room);
    this.scores = new Float64Array(room);
  }

  /** Rows are to be shown in ascending order: of equal scores the first is kept. */
  offer(row: number, score: number): void {
    if (this.size < this.limit) {
      if (this.size === this.rows.length) this.grow();
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

  private grow(): void {
    const room = Math.min(this.limit, 2 * this.size);
    const [rows, scores] = [new Int32Array(room), new Float64Array(room)];
    rows.set(this.rows);
    scores.set(this.scores);
    this.rows = rows;
    this.scores = scores;
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
