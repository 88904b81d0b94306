/** A figure of a candidate text beside its references, of one segment and of many. */
export interface TextMetric {
  /** As output calls it. */
  readonly name: string;
  /** Everything that makes the figure, besides the texts: figures of different signatures cannot be compared. */
  readonly signature: string;
  /** Statistics of a segment, which add up over segments; there is at least one reference. */
  statistics(candidate: string, references: readonly string[]): readonly number[];
  /** The figure of one segment. */
  segment(statistics: readonly number[]): number;
  /** The figure of many, from the sums of their statistics and their number. */
  corpus(sums: readonly number[], segments: number): number;
}

/** Adds statistics of a segment to sums. */
export function addStatistics(sums: number[], statistics: readonly number[]): void {
  statistics.forEach((value, i) => (sums[i] = (sums[i] ?? 0) + value));
}

/** Statistics of many segments, a row each, in four bytes a number: they are counts. */
export class StatisticRows {
  private data = new Int32Array(0);
  private rows = 0;
  private columns = 0;

  /** Rows added. */
  get length(): number {
    return this.rows;
  }

  /** Numbers a row. */
  get width(): number {
    return this.columns;
  }

  /** Adds a segment. All have the same number of counts. */
  add(statistics: readonly number[]): void {
    this.columns ||= statistics.length;
    const start = this.rows++ * this.columns;
    if (start + this.columns > this.data.length) {
      const larger = new Int32Array(Math.max(1024, 2 * (start + this.columns)));
      larger.set(this.data);
      this.data = larger;
    }
    this.data.set(statistics, start);
  }

  /** Adds row `index`, `times` over, to sums. */
  addTo(sums: Float64Array, index: number, times = 1): void {
    const start = index * this.columns;
    for (let i = 0; i < this.columns; i++) sums[i] += times * this.data[start + i];
  }
}
