/** Numbers of one optimiser step, as `metrics.jsonl` holds them. */
export interface StepRecord {
  /** Updates done before it. */
  step: number;
  /**
   * By name; NaN where the file has null. Known names: `loss`, `learningRate`, `gradNorm`, `tokens` (real tokens of the
   * step), `seconds` (duration of the step). Any further name gets a chart of its own.
   */
  values: Readonly<Record<string, number>>;
}

/** One evaluation on held-out data. */
export interface EvaluationRecord {
  /** Updates done before it. */
  step: number;
  /** By name. */
  metrics: Readonly<Record<string, number>>;
}

/** Something worth noting: a skipped step, a roll-back, a warning. */
export interface RunEvent {
  /** Updates done before it. */
  step: number;
  /** What kind of thing it is: `warning`, `skipped` ... */
  kind: string;
  /** For the reader. */
  message: string;
}

/** Counts of a classification: `counts[truth][prediction]`. */
export interface ConfusionCounts {
  /** Names of the classes. */
  labels: readonly string[];
  /** `[truth][prediction]`. */
  counts: readonly (readonly number[])[];
}

/** What `run.json` says about a run; every field may be absent. */
export interface RunInfo {
  /** Name for the heading. Default: the folder's. */
  name?: string;
  /** The settings that produced the run, nested at will. */
  config?: Readonly<Record<string, unknown>>;
  /** The command line. */
  command?: string;
  /** Software by name, such as `{ albertine: '0.1.0', node: 'v20.20.0' }`. */
  versions?: Readonly<Record<string, string>>;
  /** ISO 8601 times. */
  startedAt?: string;
  /** Absent while it runs. */
  finishedAt?: string;
  /** How it ended; absent while it runs. */
  outcome?: 'finished' | 'failed' | 'interrupted';
  /** Steps that were planned. */
  totalSteps?: number;
  /** The best evaluation, and where its weights are. */
  bestCheckpoint?: { step: number; metric: string; value: number; path?: string };
  /** Examples per class for each split: `{ train: { positive: 30, negative: 70 } }`. */
  classCounts?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Where an example may have several classes or none: examples of each split, and those of them that have none. */
  classRows?: Readonly<Record<string, { readonly rows: number; readonly unlabelled: number }>>;
  /** Of the best evaluation; classification only. */
  confusionMatrix?: ConfusionCounts;
  /**
   * Rows with equal texts: in each split beyond the first, held-out ones that are trained on too (`shared`), texts with
   * several labels, rows left out.
   */
  duplicates?: Readonly<Partial<Record<'train' | 'evaluation' | 'shared' | 'contradictory' | 'dropped', number>>>;
  /** A simple method on the same rows, to compare with: its name, and its figures on the held-out rows. */
  baseline?: { readonly name: string; readonly metrics: Readonly<Record<string, number>> };
  /** Free remarks. */
  notes?: readonly string[];
}

/** A run as read from its folder. */
export interface RunRecord {
  /** Name of the folder. */
  name: string;
  /** One a step, in order. */
  steps: readonly StepRecord[];
  /** One an evaluation, in order. */
  evaluations: readonly EvaluationRecord[];
  /** Notes, warnings, skipped steps and roll-backs, in order. */
  events: readonly RunEvent[];
  /** What `run.json` says. */
  info: RunInfo;
  /** What could not be read. */
  warnings: readonly string[];
}

/** The contents of `metrics.jsonl` and `events.jsonl`. */
export type Metrics = Pick<RunRecord, 'steps' | 'evaluations' | 'events' | 'warnings'>;

/**
 * Reads the lines of `metrics.jsonl` or `events.jsonl`. Where a step occurs twice (a roll-back, or a resumed run) the
 * later line counts. Lines that are not JSON are reported in `warnings`, except a last one without line break: that is
 * what a killed process leaves.
 */
export function parseMetrics(text: string, file = 'metrics.jsonl'): Metrics {
  const steps = new Map<number, StepRecord>();
  const evaluations = new Map<number, EvaluationRecord>();
  const events: RunEvent[] = [];
  const warnings: string[] = [];
  const lines = text.split('\n');
  lines.forEach((line, index) => {
    if (line.trim() === '') return;
    const record = parseObject(line);
    if (!record) {
      if (index < lines.length - 1) warnings.push(`${file}, line ${index + 1}: not a JSON object`);
      return;
    }
    const { step } = record;
    if (typeof step !== 'number') return;
    if (typeof record.event === 'string')
      events.push({ step, kind: record.event, message: typeof record.message === 'string' ? record.message : '' });
    else if (isObject(record.evaluation))
      evaluations.set(step, { step, metrics: { ...evaluations.get(step)?.metrics, ...numbersOf(record.evaluation) } });
    else if (!('histogram' in record)) steps.set(step, { step, values: { ...numbersOf(record, ['step']) } });
  });
  const byStep = (a: { step: number }, b: { step: number }): number => a.step - b.step;
  return {
    steps: [...steps.values()].sort(byStep),
    evaluations: [...evaluations.values()].sort(byStep),
    events,
    warnings,
  };
}

/** Puts the lines of two files together. */
export function joinMetrics(a: Metrics, b: Metrics): Metrics {
  return {
    steps: [...a.steps, ...b.steps],
    evaluations: [...a.evaluations, ...b.evaluations],
    events: [...a.events, ...b.events],
    warnings: [...a.warnings, ...b.warnings],
  };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function numbersOf(record: Record<string, unknown>, without: readonly string[] = []): Record<string, number> {
  const entries = Object.entries(record).filter(
    ([name, value]) => !without.includes(name) && (typeof value === 'number' || value === null),
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, value === null ? NaN : (value as number)]));
}

/** One named sequence of a run, without the steps that do not have it. */
export function seriesOf(run: Pick<RunRecord, 'steps'>, name: string): { steps: number[]; values: number[] } {
  const present = run.steps.filter(({ values }) => name in values);
  return { steps: present.map(({ step }) => step), values: present.map(({ values }) => values[name]) };
}

/**
 * Exponential moving average, corrected for its start as Adam's moments are; `span` is its effective length in values.
 * Values that are not finite are passed over: the average stays what it was (NaN before the first finite value).
 */
export function smooth(values: readonly number[], span: number): number[] {
  const keep = 1 - 2 / (span + 1);
  let average = 0;
  let weight = 0;
  return values.map((value) => {
    if (Number.isFinite(value)) {
      average = keep * average + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    return weight > 0 ? average / weight : NaN;
  });
}

/** Length of the average for a curve of `count` values: a thirtieth of it, between 5 and 200. */
export function smoothingSpan(count: number): number {
  return Math.round(Math.min(200, Math.max(5, count / 30)));
}

/** Figures that describe a whole run; undefined where the run does not have them. */
export interface RunSummary {
  steps: number;
  totalSteps: number | undefined;
  /** Smoothed training loss at the end. */
  finalLoss: number | undefined;
  tokens: number | undefined;
  /** Sum over steps; time spent between steps (evaluation, checkpoints) is not in it. */
  stepSeconds: number | undefined;
  /** Median over steps. */
  tokensPerSecond: number | undefined;
  /** Events by kind. */
  events: Record<string, number>;
  lastEvaluation: EvaluationRecord | undefined;
  best: RunInfo['bestCheckpoint'];
}

/** Computes a {@link RunSummary}. */
export function summarizeRun(run: RunRecord): RunSummary {
  const losses = seriesOf(run, 'loss').values;
  const tokens = seriesOf(run, 'tokens').values;
  const seconds = seriesOf(run, 'seconds').values;
  const total = (values: readonly number[]): number | undefined =>
    values.length > 0 ? values.reduce((a, b) => a + b, 0) : undefined;
  const events: Record<string, number> = {};
  for (const { kind } of run.events) events[kind] = (events[kind] ?? 0) + 1;
  const finalLoss = smooth(losses, smoothingSpan(losses.length)).at(-1);
  return {
    steps: run.steps.at(-1)?.step ?? 0,
    totalSteps: run.info.totalSteps,
    finalLoss: finalLoss !== undefined && Number.isFinite(finalLoss) ? finalLoss : undefined,
    tokens: total(tokens),
    stepSeconds: total(seconds),
    tokensPerSecond: median(ratesOf(run).values),
    events,
    lastEvaluation: run.evaluations.at(-1),
    best: run.info.bestCheckpoint,
  };
}

/** Tokens per second of every step that has both figures. */
export function ratesOf(run: Pick<RunRecord, 'steps'>): { steps: number[]; values: number[] } {
  const timed = run.steps.filter(({ values }) => values.tokens > 0 && values.seconds > 0);
  return { steps: timed.map(({ step }) => step), values: timed.map(({ values }) => values.tokens / values.seconds) };
}

function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * A run as one plain object for `JSON.stringify`: summary, settings, and all lines. Numbers that are not finite become
 * null.
 */
export function runToJson(run: RunRecord): Record<string, unknown> {
  return replaceNonFinite({
    name: run.name,
    summary: summarizeRun(run),
    info: run.info,
    steps: run.steps.map(({ step, values }) => ({ step, ...values })),
    evaluations: run.evaluations,
    events: run.events,
    warnings: run.warnings,
  }) as Record<string, unknown>;
}

function replaceNonFinite(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(replaceNonFinite);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, replaceNonFinite(inner)]),
  );
}
