import { explainSystemError } from '../../core/system-errors.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { LayerExtension } from '../../model/extension.ts';
import type { Weights } from '../../model/parameters.ts';
import type { AdversarialOptions } from '../adversarial.ts';
import type { ArenaOptions } from '../arena.ts';
import type { RunInfo } from '../report/run-record.ts';
import type { Schedule } from '../schedules.ts';
import { Trainer, type BestMetric, type TrainerOptions, type TrainingOutcome, type TrainingTask } from '../trainer.ts';
import { tell, type FineTuneRunOptions } from './options.ts';
import { RunFolder, type RunFacts, type RunFolderOptions, type RunSettings } from './run-folder-node.ts';

/** Options that every run hands on to its trainer as they are. */
const HANDED_ON = [
  'output',
  'optimizer',
  'maxGradNorm',
  'checkpointEvery',
  'keepCheckpoints',
  'histogramEvery',
  'saveActivations',
  'threads',
  'device',
  'guard',
  'onProgress',
  'onEstimate',
  'signal',
] as const;

/** Options of {@link runTraining}. */
export type TrainingRunOptions = RunFolderOptions &
  Pick<FineTuneRunOptions, (typeof HANDED_ON)[number] | 'seed' | 'patience' | 'adversarial'>;

/** What {@link runTraining} trains, and what happens around it. */
export interface TrainingRun {
  config: AlbertConfig;
  weights: Weights;
  task: TrainingTask;
  /** Settings are everything that decides the result. */
  plan: { schedule: Schedule; evaluateEvery: number; settings: RunSettings };
  /** For `run.json`. */
  notes: string[];
  facts?: Pick<RunFacts, 'classCounts' | 'classRows' | 'duplicates'>;
  /** Absent where nothing is judged: the last weights are kept. */
  best?: BestMetric;
  /** Judges the starting weights too; see `TrainerOptions.evaluateStart`. */
  evaluateStart?: boolean;
  /** Frozen parameters, learning-rate factors. */
  parameters?: ArenaOptions;
  /** Weights besides the network's own, which are among `weights`. */
  extension?: LayerExtension;
  /** Saves the model of an interrupted run too. Default false. */
  savesInterrupted?: boolean;
  /** Saves the model; returns what `run.json` should have besides. */
  save: (outcome: TrainingOutcome) => Promise<RunInfo>;
}

/**
 * Trains in the folder of the run, new or resumed, saves, and notes in `run.json` how it ended. The weights of the
 * result are on disk. Throws as the trainer and {@link RunFolder.open} do.
 */
export async function runTraining(
  options: TrainingRunOptions,
  parts: TrainingRun,
): Promise<Omit<TrainingOutcome, 'weights'>> {
  const { plan, notes, save, savesInterrupted = false } = parts;
  const run = await RunFolder.open(options, plan.settings, {
    totalSteps: plan.schedule.totalSteps,
    ...parts.facts,
    notes,
    versions: { node: process.version },
  });
  try {
    const outcome = await train(options, parts, run);
    const { best } = outcome;
    const isInterrupted = outcome.outcome === 'interrupted';
    const saved = isInterrupted && !savesInterrupted ? {} : await save(outcome);
    await run.close(isInterrupted ? 'interrupted' : 'finished', {
      ...saved,
      ...(best &&
        !isInterrupted && {
          bestCheckpoint: { step: best.step, metric: best.metric, value: best.value, path: options.output },
        }),
    });
    return withoutWeights(outcome);
  } catch (error) {
    await run
      .close('failed', { notes: [...notes, `failed: ${error instanceof Error ? error.message : String(error)}`] })
      .catch(() => undefined);
    throw explainSystemError(error, { path: options.output }) ?? error;
  }
}

async function train(options: TrainingRunOptions, parts: TrainingRun, run: RunFolder): Promise<TrainingOutcome> {
  const { config, weights, task, plan, best } = parts;
  using trainer = new Trainer(config, weights, task, {
    ...pick(options, HANDED_ON),
    ...pick(parts, ['evaluateStart', 'parameters', 'extension']),
    ...(options.adversarial && { adversarial: adversarialOf(options.adversarial) }),
    seed: options.seed ?? 1,
    schedule: plan.schedule,
    ...(best && { best, ...pick(options, ['patience']) }),
    evaluateEvery: plan.evaluateEvery,
    tracker: run.tracker,
    onEvent: (kind, _message, _step, prose) => tell(options.onEvent, kind, prose),
  } satisfies TrainerOptions);
  if (options.resume) {
    const step = await trainer.resume();
    tell(
      options.onEvent,
      'resumed',
      step === undefined
        ? 'no checkpoint yet: starting from the beginning'
        : `at step ${step} of ${plan.schedule.totalSteps}`,
    );
  }
  return await trainer.run();
}

/** Throws `invalid_argument` for options of a method that is not named, or that it does not have. */
function adversarialOf(given: NonNullable<FineTuneRunOptions['adversarial']>): AdversarialOptions {
  const { method, ...sizes } = given;
  const useless =
    method === undefined
      ? 'adversarial'
      : method === 'fgm' && (['steps', 'stepSize'] as const).find((name) => sizes[name] !== undefined);
  if (method === undefined || useless)
    throw new AlbertineError(
      'invalid_argument',
      method === undefined
        ? prose`${option('adversarial')} needs a method: fgm or freelb`
        : prose`${option(String(useless))} is for freelb`,
      {
        value: given,
        option: String(useless),
      },
    );
  return { method, ...sizes };
}

function withoutWeights({
  outcome,
  steps,
  skipped,
  rollBacks,
  evaluation,
  best,
  estimate,
}: TrainingOutcome): Omit<TrainingOutcome, 'weights'> {
  return {
    outcome,
    steps,
    skipped,
    rollBacks,
    ...(evaluation && { evaluation }),
    ...(best && { best }),
    ...(estimate && { estimate }),
  };
}
