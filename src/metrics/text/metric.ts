/** A figure of a candidate text beside its references, of one segment and of many. */
export interface TextMetric {
  /** As output calls it. */
  readonly name: string;
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
