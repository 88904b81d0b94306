import type { RunInfo } from '../training/report/run-record.ts';

/** A run as it is listed. */
export interface ListedRun {
  name: string;
  /** Milliseconds since 1970 of its last line. */
  changedAt: number;
  /** As `run.json` has it; absent while it runs. */
  outcome?: string;
}

/** Lines of a run since a place in its logs. */
export interface RunLines {
  /** Whole lines of `metrics.jsonl` and `events.jsonl`. */
  metrics: string;
  events: string;
  /** The place behind them. */
  next: string;
  /** There is more to be read at once. */
  more: boolean;
  /** The logs were begun anew: these lines are their first, and what was read before is void. */
  restarted: boolean;
  info: RunInfo;
}
