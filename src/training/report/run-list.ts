import { AlbertineError, describeValue } from '../../core/errors.ts';
import { readCondition, unknownField, type FieldValue, type Filter } from '../../core/filter.ts';
import { contentOf, requireComparable } from '../../core/filter-values.ts';
import { nearestName } from '../../core/nearest.ts';
import { summarizeRun, type EvaluationRecord, type RunInfo, type RunRecord } from './run-record.ts';
import { flattenSettings } from './tables.ts';

/** How a run stands: as it ended, still `running`, or `died`: its process ended without a word. */
export type RunStatus = 'finished' | 'failed' | 'interrupted' | 'running' | 'died';

/** A run as one row of a table. */
export interface ListedRun {
  /** Its folder, as it can be given to commands. */
  folder: string;
  /** Short name: the folder below the one that was looked through. */
  name: string;
  /** How it ended, or that it has not. */
  status: RunStatus;
  /** What tables show of it, by the names in {@link RUN_COLUMNS}; undefined where the run does not have it. */
  columns: Readonly<Record<string, FieldValue | undefined>>;
  /** The metric by which the best weights were kept, and whether more of it is better. */
  best: { metric: string; value: number; step: number; higherIsBetter: boolean } | undefined;
  /** All settings by dotted name; lists as JSON. */
  settings: Readonly<Record<string, FieldValue>>;
  /** Figures on the held-out rows: of the best evaluation, else of the last. */
  figures: Readonly<Record<string, number>>;
}

/** Columns of the table, in their order. `metric` is the best value, `time` seconds in steps, `date` the start. */
export const RUN_COLUMNS = [
  'name',
  'task',
  'model',
  'status',
  'steps',
  'metric',
  'rows',
  'learningRate',
  'time',
  'date',
] as const;

/** Metrics of which less is better, where the evaluations of a run do not tell. */
const LOWER = /loss|divergence|error|perplexity|mse|mae/i;

/** A row of the table from a run. */
export function listRun(run: RunRecord, place: Pick<ListedRun, 'folder' | 'name' | 'status'>): ListedRun {
  const { info, evaluations } = run;
  const summary = summarizeRun(run);
  const settings = settingsOf(info.config ?? {});
  const bestCheckpoint = info.bestCheckpoint ?? bestSoFar(info.config?.['metric'], evaluations);
  const judged = evaluations.find(({ step }) => step === bestCheckpoint?.step) ?? evaluations.at(-1);
  const best = bestCheckpoint && {
    metric: bestCheckpoint.metric,
    value: bestCheckpoint.value,
    step: bestCheckpoint.step,
    higherIsBetter: isHigherBetter(bestCheckpoint, evaluations),
  };
  const { task, trainRows, learningRate } = settings;
  return {
    ...place,
    columns: {
      name: place.name,
      task,
      model: shortName(settings['model'] ?? settings['from'] ?? settings['student']),
      status: place.status,
      steps: summary.steps,
      metric: best?.value,
      rows: trainRows,
      learningRate,
      time: summary.stepSeconds,
      date: info.startedAt,
    },
    best,
    settings,
    figures: judged?.metrics ?? {},
  };
}

/** Of a run that has not ended, which does not say yet: by the metric of its settings. */
function bestSoFar(metric: unknown, evaluations: readonly EvaluationRecord[]): RunInfo['bestCheckpoint'] {
  if (typeof metric !== 'string') return undefined;
  const sign = LOWER.test(metric) ? -1 : 1;
  const judged = evaluations.filter(({ metrics }) => Number.isFinite(metrics[metric]));
  const [first] = judged.sort((a, b) => sign * (b.metrics[metric] - a.metrics[metric]));
  return first && { step: first.step, metric, value: first.metrics[metric] };
}

/** Numbers, truths and texts as they are, anything else as JSON. */
function settingsOf(config: Readonly<Record<string, unknown>>): Record<string, FieldValue> {
  const plain = (value: unknown): value is FieldValue => ['string', 'number', 'boolean'].includes(typeof value);
  return Object.fromEntries(
    Object.entries(config).flatMap(([name, value]): [string, FieldValue][] =>
      value === null ? [] : plain(value) ? [[name, value]] : flattenSettings(value, name),
    ),
  );
}

/** A path as its last part; hub ids and built-in names as they are. */
function shortName(model: FieldValue | undefined): FieldValue | undefined {
  if (typeof model !== 'string' || /^[\w.-]+(\/[\w.-]+)?$/.test(model)) return model;
  return model.split(/[/\\]/).findLast((part) => part !== '') ?? model;
}

/** The best one is the highest or the lowest of the run's evaluations; where it is both, its name decides. */
function isHigherBetter(
  { metric, value }: { metric: string; value: number },
  evaluations: readonly EvaluationRecord[],
): boolean {
  const values = evaluations.flatMap(({ metrics }) => (Number.isFinite(metrics[metric]) ? [metrics[metric]] : []));
  const [isHighest, isLowest] = [values.every((other) => other <= value), values.every((other) => other >= value)];
  return isHighest === isLowest ? !LOWER.test(metric) : isHighest;
}

/** A field of a run: a column of the table, a setting, or a figure, in this order. */
export function fieldOf(run: ListedRun, name: string): FieldValue | undefined {
  for (const group of [run.columns, run.settings, run.figures]) if (Object.hasOwn(group, name)) return group[name];
  return undefined;
}

/** The names of all fields. */
export function fieldNames(runs: readonly ListedRun[]): string[] {
  return [
    ...new Set(
      runs.flatMap(({ columns, settings, figures }) =>
        [columns, settings, figures].flatMap((group) => Object.keys(group)),
      ),
    ),
  ];
}

/**
 * The runs that meet every condition. Throws `invalid_argument` for a field that no run has, naming the nearest, and for
 * a value that none can have: a word where all are numbers.
 */
export function filterRuns(runs: readonly ListedRun[], filter: Filter): ListedRun[] {
  const names = fieldNames(runs);
  const tests = Object.entries(filter).map(([name, condition]) => {
    if (!names.includes(name)) throw unknownField(name, names, 'no run has a field');
    const test = readCondition(name, condition, { patterns: true });
    const content = contentOf(runs.map((run) => fieldOf(run, name)));
    requireComparable(name, test.compared, { content, place: 'in these runs' });
    return { name, meets: test.meets };
  });
  return runs.filter((run) => tests.every(({ name, meets }) => meets(fieldOf(run, name))));
}

/**
 * The runs in the order of a field, or with `-` before its name in the opposite one; those without it come last.
 * `metric` has the best first, whatever that is for the metric, and runs of different metrics apart. Throws
 * `invalid_argument` for a field that no run has.
 */
export function sortRuns(runs: readonly ListedRun[], by: string): ListedRun[] {
  const isReversed = by.startsWith('-');
  const name = isReversed ? by.slice(1) : by;
  requireFields(runs, [name], 'sort');
  const sign = isReversed ? -1 : 1;
  return [...runs].sort((a, b) => {
    const [x, y] = [fieldOf(a, name), fieldOf(b, name)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    if (name !== 'metric') return sign * compareValues(x, y);
    if (a.best!.metric !== b.best!.metric) return a.best!.metric < b.best!.metric ? -1 : 1;
    return sign * compareValues(x, y) * (a.best!.higherIsBetter ? -1 : 1);
  });
}

function compareValues(a: FieldValue, b: FieldValue): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}

/** Throws `invalid_argument` for a field that no run has; `option` is where it was named. */
export function requireFields(runs: readonly ListedRun[], names: readonly string[], option: string): void {
  const known = fieldNames(runs);
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    throw new AlbertineError('invalid_argument', `no run has a field ${describeValue(name)}`, {
      value: name,
      option,
      hint: near === undefined ? `There are ${known.slice(0, 20).join(', ')}` : `Did you mean ${near}?`,
    });
  }
}

/** A setting that differs between runs, with its value in each; undefined where a run does not have it. */
export interface SettingDifference {
  /** Dotted name of the setting. */
  name: string;
  /** In the order of the runs. */
  values: (FieldValue | undefined)[];
}

/** The settings that not all runs have the same, in the order of their first appearance. */
export function diffRuns(runs: readonly ListedRun[]): SettingDifference[] {
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  return names
    .map((name) => ({ name, values: runs.map(({ settings }) => settings[name]) }))
    .filter(({ values }) => values.some((value) => value !== values[0]));
}
