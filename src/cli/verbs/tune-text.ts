import { countOf } from '../../core/count.ts';
import { formatNumber } from '../../core/markup.ts';
import { IMPORTANCE_TRIALS, parameterImportance } from '../../study/importance.ts';
import { paretoFront } from '../../study/pareto.ts';
import { rankTrials, type Trial } from '../../study/trial.ts';
import { directionsOf, seedFigures, type StudyRecord, type TrialRecord } from '../../tune/study-record.ts';
import type { TuneResult } from '../../tune/tune-node.ts';
import { formatDuration } from '../terminal/progress-bar.ts';

/** Other trials that are named beside the best one. */
const NEXT_BEST = 4;

/** One line about a trial that has ended. */
export function trialLine(trial: TrialRecord, study: StudyRecord): string {
  const figures =
    trial.state === 'complete'
      ? figuresOf(trial.objectives!, study)
      : trial.state === 'pruned'
        ? `ended after ${countOf(trial.evaluations.length, 'evaluation')} at ${formatNumber(trial.evaluations.at(-1)!.value)}`
        : `failed: ${trial.reason}`;
  const time = trial.seconds === undefined ? '' : `  (${formatDuration(trial.seconds)})`;
  return `trial ${trial.number}: ${figures}${time}  ${flagsText(trial)}`;
}

/** What a study found, a line each. */
export function studyLines(result: TuneResult, seconds: number): string[] {
  const { trials, output, best } = result;
  const counts = (['complete', 'pruned', 'failed'] as const)
    .map((state) => [state, trials.filter((trial) => trial.state === state).length] as const)
    .filter(([, count]) => count > 0);
  return [
    `${countOf(trials.length, 'trial')} in ${formatDuration(seconds)}: ${counts.map(([state, count]) => `${count} ${state}`).join(', ')}`,
    ...(directionsOf(result).length > 1 ? frontLines(result) : bestLines(result)),
    ...seedLines(result),
    ...importanceLines(result),
    ...(best
      ? [
          `${output}/best is a ${best.how === 'link' ? 'link to' : 'copy of'} ${best.folder}`,
          `next: albertine report ${output}; albertine evaluate ${output}/best --data FILE`,
        ]
      : ['no trial was completed']),
  ];
}

function bestLines(result: TuneResult): string[] {
  const ranked = rankTrials(result.trials, directionsOf(result));
  const [best, ...others] = ranked;
  if (best === undefined) return [];
  const next = others.slice(0, NEXT_BEST).map((trial) => `trial ${trial.number} ${formatNumber(trial.objectives![0])}`);
  return [
    `best: trial ${best.number}, ${figuresOf(best.objectives!, result)}`,
    `  ${flagsText(best)}`,
    ...(next.length > 0 ? [`  then ${next.join(', ')}`] : []),
  ];
}

function frontLines(result: TuneResult): string[] {
  const front = paretoFront(result.trials, directionsOf(result));
  return [
    `best compromises (no trial beats them in every objective): ${front.length}`,
    ...front.map((trial) => `  trial ${trial.number}: ${figuresOf(trial.objectives!, result)}  ${flagsText(trial)}`),
  ];
}

function seedLines(result: TuneResult): string[] {
  const figures = seedFigures(result);
  if (figures.length === 0) return [];
  return [
    'with other seeds (mean, standard deviation):',
    ...figures.map(({ trial, seeds, mean, deviation }) => {
      const names = result.objectives!.map(
        ({ name }, i) =>
          `${name} ${formatNumber(mean[i])}${seeds.length > 1 ? ` ± ${formatNumber(deviation[i], 2)}` : ''}`,
      );
      return `  trial ${trial}: ${names.join('  ')} (${countOf(seeds.length, 'seed')})`;
    }),
  ];
}

function importanceLines({ header, trials, ...study }: TuneResult): string[] {
  if (trials.filter(({ state }) => state === 'complete').length < IMPORTANCE_TRIALS) return [];
  const shares = Object.entries(parameterImportance(header.space, trials, directionsOf(study))).sort(
    (a, b) => b[1] - a[1],
  );
  if (shares.length < 2 || shares[0][1] === 0) return [];
  return [
    `what decided who is among the best tenth (PED-ANOVA): ${shares.map(([name, share]) => `${name} ${Math.round(share * 100)} %`).join(', ')}`,
  ];
}

function figuresOf(objectives: readonly number[], { objectives: named = [] }: Pick<StudyRecord, 'objectives'>): string {
  return objectives.map((value, i) => `${named[i]?.name} ${formatNumber(value)}`).join('  ');
}

/** The setting as flags; numbers rounded. */
function flagsText({ values }: Trial): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${typeof value === 'number' ? formatNumber(value, 3) : String(value)}`)
    .join(' ');
}
