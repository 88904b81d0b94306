import { mean } from '../metrics/check.ts';
import { parameterImportance } from '../study/importance.ts';
import { paretoFront } from '../study/pareto.ts';
import type { PrunerOptions } from '../study/pruners.ts';
import type { SamplerOptions } from '../study/sampler.ts';
import type { Space, TrialValues } from '../study/space.ts';
import { rankTrials, type Direction, type Trial, type TrialEvaluation } from '../study/trial.ts';
import type { Objective } from './objectives.ts';

/** What decides the suggestions of a study; one that is resumed must have the same. */
export interface StudyPlan {
  /** Name of the task. */
  task: string;
  /** Options of fine-tuning that all trials share. */
  run: Readonly<Record<string, unknown>>;
  /** What is searched, by the names of flags. */
  space: Space;
  /** How settings are suggested. */
  sampler: SamplerOptions;
  /** How trials are ended early. */
  pruner: PrunerOptions;
  /** As they were given; absent: the metric by which the task keeps its best weights. */
  objectives?: readonly Objective[];
}

/** The first line of a study. */
export interface StudyHeader extends StudyPlan {
  /** Of the form of the file. */
  version: 1;
  /** ISO 8601. */
  startedAt: string;
  /** Software by name. */
  versions: Readonly<Record<string, string>>;
}

/** A trial of a study. */
export interface TrialRecord extends Trial {
  /** Steps after which its evaluations were, as `evaluations` has them. */
  steps: readonly number[];
  /** All figures of its best evaluation, and what was measured; of complete trials. */
  metrics?: Readonly<Record<string, number>>;
  /** Time that it took, without that before an interruption. */
  seconds?: number;
  /** Why it failed. */
  reason?: string;
}

/** A setting trained once more, with another seed. */
export interface Retraining {
  /** Number of the trial whose setting it is. */
  trial: number;
  /** The other seed. */
  seed: number;
  /** How far it is. */
  state: 'running' | 'complete' | 'failed';
  /** A figure for each objective, of complete runs. */
  objectives?: readonly number[];
  /** All figures of its best evaluation, and what was measured; of complete runs. */
  metrics?: Readonly<Record<string, number>>;
  /** Time that it took, without that before an interruption. */
  seconds?: number;
  /** Why it failed. */
  reason?: string;
}

/** A study as its file has it. */
export interface StudyRecord {
  /** How it was started. */
  header: StudyHeader;
  /** What it looks for; undefined until the first trial has told its metric. */
  objectives: readonly Objective[] | undefined;
  /** By number. */
  trials: readonly TrialRecord[];
  /** Settings trained again, in the order in which the runs began. */
  retrainings: readonly Retraining[];
  /** What could not be read. */
  notes: readonly string[];
}

/** A line of `study.jsonl`. */
export type StudyLine =
  | { study: StudyHeader }
  | { objectives: readonly Objective[] }
  | { trial: number; values: TrialValues }
  | { trial: number; evaluation: number; step: number; value: number | null }
  | ({ trial: number; state: TrialRecord['state'] } & StudyEnding)
  | { retrain: number; seed: number }
  | ({ retrain: number; seed: number; state: Retraining['state'] } & StudyEnding);

/** What a line says of a run that has ended. */
export interface StudyEnding {
  objectives?: readonly number[];
  metrics?: Readonly<Record<string, number | null>>;
  seconds?: number;
  reason?: string;
}

/** The record with a line more. Throws for a line that does not follow from those before. */
export function withLine(record: StudyRecord, line: StudyLine): StudyRecord {
  if ('study' in line) return { ...record, header: line.study, objectives: line.study.objectives };
  if ('retrain' in line) return { ...record, retrainings: withRetraining(record.retrainings, line) };
  if (!('trial' in line)) return { ...record, objectives: line.objectives };
  const { trials } = record;
  if ('values' in line) {
    if (line.trial !== trials.length) throw new Error(`trial ${line.trial} comes after ${trials.length} others`);
    const { trial: number, values } = line;
    return { ...record, trials: [...trials, { number, values, state: 'running', evaluations: [], steps: [] }] };
  }
  const before = trials[line.trial];
  if (before === undefined) throw new Error(`trial ${line.trial} was not suggested`);
  const changed =
    'evaluation' in line
      ? withEvaluation(before, { at: line.evaluation, value: line.value ?? NaN }, line.step)
      : { ...before, state: line.state, ...endingOf(line) };
  return { ...record, trials: trials.map((trial) => (trial === before ? changed : trial)) };
}

function withEvaluation(trial: TrialRecord, evaluation: TrialEvaluation, step: number): TrialRecord {
  return { ...trial, evaluations: [...trial.evaluations, evaluation], steps: [...trial.steps, step] };
}

function endingOf({
  objectives,
  metrics,
  seconds,
  reason,
}: StudyEnding): Pick<TrialRecord, 'objectives' | 'metrics' | 'seconds' | 'reason'> {
  return {
    ...(objectives && { objectives }),
    ...(metrics && {
      metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value ?? NaN])),
    }),
    ...(seconds !== undefined && { seconds }),
    ...(reason !== undefined && { reason }),
  };
}

function withRetraining(
  all: readonly Retraining[],
  line: Extract<StudyLine, { retrain: number }>,
): readonly Retraining[] {
  const { retrain: trial, seed } = line;
  const before = all.find((own) => own.trial === trial && own.seed === seed) ?? { trial, seed, state: 'running' };
  const changed: Retraining = 'state' in line ? { ...before, state: line.state, ...endingOf(line) } : before;
  return [...all.filter((own) => own.trial !== trial || own.seed !== seed), changed];
}

/** Directions of the objectives; one to maximise while they are not known, when nothing has been compared yet. */
export function directionsOf({ objectives }: Pick<StudyRecord, 'objectives'>): Direction[] {
  return objectives?.map(({ direction }) => direction) ?? ['maximize'];
}

/** Figures of a setting over seeds. */
export interface SeedFigures {
  /** Number of the trial whose setting it is. */
  trial: number;
  /** Runs that were completed, by seed. */
  seeds: readonly number[];
  /** Of each objective. */
  mean: readonly number[];
  /** Standard deviation of each objective over the seeds (n - 1); NaN of a single one. */
  deviation: readonly number[];
}

/** Settings that were trained again, those with the best mean of the first objective first. */
export function seedFigures({ retrainings, ...record }: StudyRecord): SeedFigures[] {
  const [direction] = directionsOf(record);
  const numbers = [...new Set(retrainings.map(({ trial }) => trial))];
  const figures = numbers.flatMap((trial): SeedFigures[] => {
    const own = retrainings.filter((run) => run.trial === trial && run.state === 'complete');
    if (own.length === 0) return [];
    const columns = own[0].objectives!.map((_, i) => own.map(({ objectives }) => objectives![i]));
    return [
      { trial, seeds: own.map(({ seed }) => seed), mean: columns.map(mean), deviation: columns.map(deviationOf) },
    ];
  });
  return figures.sort((a, b) => (direction === 'maximize' ? b.mean[0] - a.mean[0] : a.mean[0] - b.mean[0]));
}

function deviationOf(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

/** The folder of a trial within that of the study. */
export const trialFolder = (number: number): string => `trials/${String(number).padStart(4, '0')}`;

/** The folder of a setting trained with another seed. */
export const retrainedFolder = (trial: number, seed: number): string =>
  `retrained/${String(trial).padStart(4, '0')}-seed-${seed}`;

/**
 * The run to take: of settings that were trained again, the best run of the one with the best mean; else the best trial,
 * by the first objective. Undefined while none is complete.
 */
export function bestRun(record: StudyRecord): { trial: number; seed?: number; folder: string } | undefined {
  const directions = directionsOf(record);
  const [winner] = seedFigures(record);
  if (winner) {
    const runs = record.retrainings.filter(({ trial, state }) => trial === winner.trial && state === 'complete');
    const sign = directions[0] === 'maximize' ? -1 : 1;
    const [best] = runs.sort((a, b) => sign * (a.objectives![0] - b.objectives![0]) || a.seed - b.seed);
    return { trial: best.trial, seed: best.seed, folder: retrainedFolder(best.trial, best.seed) };
  }
  const [best] = rankTrials(record.trials, directions);
  return best && { trial: best.number, folder: trialFolder(best.number) };
}

/** A study as one plain object for `JSON.stringify`, with what follows from it; numbers that are not finite are null there. */
export function studyToJson(record: StudyRecord): Record<string, unknown> {
  const directions = directionsOf(record);
  return {
    ...record,
    best: bestRun(record),
    front: paretoFront(record.trials, directions).map(({ number }) => number),
    importance: parameterImportance(record.header.space, record.trials, directions),
    seeds: seedFigures(record),
  };
}
