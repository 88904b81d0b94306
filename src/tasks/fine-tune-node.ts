import { MODEL_KEYS } from '../checkpoint/model-keys.ts';
import { AlbertineError, wrongOption } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import { countOf } from '../core/count.ts';
import { requireGiven } from '../core/options.ts';
import { saveCheckpoint } from '../checkpoint/save-node.ts';
import { headOf } from '../model/heads.ts';
import { requireDevice } from '../runtime/compile.ts';
import type { HeadResults } from '../training/head.ts';
import type { RunInfo } from '../training/report/run-record.ts';
import { DEFAULT_MICRO_BATCH_TOKENS, unitsTask } from '../training/units.ts';
import type { BestMetric, TrainingOutcome, TrainingTask } from '../training/trainer-options.ts';
import { arenaOptions, describeCourse, describeSmallness, planRun, type RunPlan } from '../training/run/plan-node.ts';
import { saveAdapter, startAdapter, type AdapterRun } from '../training/run/adapter-run-node.ts';
import { runTraining } from '../training/run/train-node.ts';
import { pick } from '../core/pick.ts';
import { requireRunOptions, tell } from '../training/run/options.ts';
import {
  cardSettings,
  requireNothingLost,
  withThreadsOfRun,
  type RunSettings,
} from '../training/run/run-folder-node.ts';
import type { Scores, TaskTypes } from './task.ts';
import { prepareTuning, type EncodedRows, type PreparedTuning } from './tune-data-node.ts';
import type { Aftermath, Tuning, TuningOptions } from './tuning.ts';

/** Result of fine-tuning for a task. */
export interface TuningResult extends Omit<TrainingOutcome, 'weights'> {
  /** Folder of the run, with the best model. */
  output: string;
  /** Rows trained on and held out. */
  trainRows: number;
  /** Rows held out. */
  evaluationRows: number;
  /**
   * What `onEvent` was told as `warning` about the data, the length of the run and the model that was saved; `notes` of
   * `run.json` have them too.
   */
  warnings: string[];
  /** What a simple method gives on the held-out rows. */
  baseline?: NonNullable<RunInfo['baseline']>;
  /** Keys that the task added to `config.json` after looking at the saved model. */
  extra: Readonly<Record<string, unknown>>;
}

/**
 * Fine-tunes a checkpoint for a task and saves it where `evaluate`, `predict` and Python's `transformers` can load it.
 * Interrupting saves; `resume` continues with the same result as an uninterrupted run. Throws `invalid_data` for rows
 * that cannot be used, `out_of_memory`, `training_diverged`.
 */
export async function fineTune<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  given: O,
): Promise<TuningResult & { facts: T['facts'] }> {
  requireRunOptions(tuning.subject, given, tuning.declared);
  requireGiven(tuning.subject, given, ['train', 'output'] as (keyof O & string)[]);
  const options = await withThreadsOfRun(given);
  tuning.check?.(options);
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [options.train, options.evaluation, options.model]);
  const prepared = await prepareTuning(tuning, options);
  const { splits, facts, notes, report } = prepared;
  const scoreEvaluation = scorer(tuning, prepared, options);
  requireMetric(tuning, prepared, { metric: options.metric, scoreEvaluation });
  const adapter = startAdapter(options, prepared);
  const plan = planTuning(tuning, prepared, { options, adapter });
  const rows = { trainRows: splits.train.rows.length, evaluationRows: splits.evaluation.rows.length };
  const told = [
    ...prepared.warnings,
    ...describeSmallness(plan, { train: rows.trainRows, evaluation: rows.evaluationRows }),
  ];
  tell(options.onEvent, 'warning', ...told);
  const warnings = told.map(String);
  let aftermath: Aftermath = { warnings: [], info: {} };
  const baselineOf = rows.evaluationRows > 0 ? tuning.baseline?.(splits, options) : undefined;
  let baseline: RunInfo['baseline'];
  const outcome = await runTraining(options, {
    ...prepared,
    plan,
    parameters: arenaOptions(options, prepared.config),
    ...(adapter && pick(adapter, ['weights', 'parameters', 'extension'])),
    notes: [...notes, ...warnings, ...(adapter ? [adapter.line] : [])],
    facts: { ...report?.info, duplicates: prepared.duplicates },
    task: trainingTask(tuning, prepared, { options, plan, scoreEvaluation }),
    ...(rows.evaluationRows > 0 && { best: bestMetric(tuning, facts, options.metric) }),
    save: async (trained) => {
      aftermath = await saveTuned(tuning, prepared, { options, outcome: trained, settings: plan.settings, adapter });
      const remarks = [...describeCourse(trained), ...aftermath.warnings];
      tell(options.onEvent, 'warning', ...remarks);
      warnings.push(...remarks.map(String));
      baseline = await baselineOf?.();
      if (baselineOf && baseline === undefined)
        tell(options.onEvent, 'data', 'words alone were not tried: with so many rows and labels it would take minutes');
      return { notes: [...notes, ...warnings], ...(baseline && { baseline }), ...aftermath.info };
    },
  });
  return {
    ...outcome,
    output: options.output,
    ...rows,
    facts,
    warnings,
    extra: aftermath.extra ?? {},
    ...(baseline && { baseline }),
  };
}

function planTuning<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  prepared: PreparedTuning<T>,
  { options, adapter }: { options: O; adapter: AdapterRun | undefined },
): RunPlan {
  const {
    facts,
    splits,
    train: { units },
  } = prepared;
  const { batchSize, epochs } = tuning.defaults;
  return planRun(options, {
    base: prepared,
    rows: units.length,
    defaults: { epochs: epochs({ units: units.length, facts, batchSize: options.batchSize ?? batchSize }), batchSize },
    own: {
      task: tuning.task.name,
      ...tuning.settings(options, facts),
      ...adapter?.settings,
      heads: prepared.heads,
      trainRows: splits.train.rows.length,
      evaluationRows: splits.evaluation.rows.length,
      dataFingerprint: prepared.dataFingerprint,
      microBatchTokens: options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS,
      metric: options.metric ?? tuning.defaultMetric(facts),
      ...pick(options as TuningOptions, ['dropDuplicates']),
    },
  });
}

type Logits = readonly (readonly Float32Array[])[];
type Scorer = (logits: Logits, results?: HeadResults) => Scores['metrics'];

function trainingTask<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  prepared: PreparedTuning<T>,
  { options, plan, scoreEvaluation }: { options: O; plan: RunPlan; scoreEvaluation: Scorer },
): TrainingTask {
  const { config, facts, train, evaluation } = prepared;
  return unitsTask({
    config,
    head: tuning.head(config, facts, options),
    feeds: (batch) => tuning.feeds(batch, facts, options),
    train: train.units,
    evaluation: evaluation.units,
    score: scoreEvaluation,
    batchSize: plan.batchSize,
    seed: options.seed ?? 1,
    ...pick(options as TuningOptions, ['microBatchTokens', 'shuffle']),
    ...(plan.epochs !== undefined && { epochs: plan.epochs }),
  });
}

/**
 * Figures of the held-out rows from the logits of their units. Logits that are not finite answer nothing: all figures
 * are NaN then.
 */
function scorer<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  {
    splits: {
      evaluation: { rows },
    },
    evaluation,
    facts,
  }: PreparedTuning<T>,
  options: O,
): Scorer {
  const asking = tuning.asking(options);
  const score: Scorer = (logits, results) => {
    const learned = (results && tuning.learned?.(facts, results)) ?? facts;
    const outputs = rows.map(({ input }, row) =>
      tuning.task.decode(input, {
        encoded: evaluation.encoded[row],
        logits: logits[row],
        facts: learned,
        options: asking,
      }),
    );
    return tuning.task.score(
      rows.map(({ gold }) => gold),
      outputs,
      facts,
    ).metrics;
  };
  return (logits, results) => {
    const byRow = logitsOfRows(evaluation, logits);
    if (byRow.every((own) => own.every((values) => values.every(Number.isFinite)))) return score(byRow, results);
    const zeros = byRow.map((own) => own.map((values) => new Float32Array(values.length)));
    return Object.fromEntries(Object.keys(score(zeros)).map((name) => [name, NaN]));
  };
}

/** The logits of a row's pieces from those of its units. */
function logitsOfRows<T extends TaskTypes>({ counts }: EncodedRows<T>, logits: Logits): Float32Array[][] {
  let next = 0;
  return counts.map((count) => {
    const own = logits.slice(next, next + count).flat();
    next += count;
    return own;
  });
}

function bestMetric<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  facts: T['facts'],
  given: string | undefined,
): BestMetric {
  const metric = given ?? tuning.defaultMetric(facts);
  return { metric, higherIsBetter: metric !== 'loss' && tuning.task.metrics[metric] !== 'lower' };
}

/** Throws `invalid_argument` for a metric that no evaluation will have, before anything is trained. */
function requireMetric<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  { evaluation, facts }: PreparedTuning<T>,
  { metric, scoreEvaluation }: { metric: string | undefined; scoreEvaluation: Scorer },
): void {
  if (metric === undefined) return;
  if (evaluation.units.length === 0)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('metric')} ${metric} needs held-out examples, and there are none`,
      { value: metric, hint: prose`Give a file of them: ${option('evaluation')}` },
    );
  const names = ['loss', ...Object.keys(scoreEvaluation(zeroLogits(tuning, evaluation, facts)))];
  if (!names.includes(metric)) throw wrongOption('metric', `one of ${names.join(', ')}`, { value: metric });
}

function zeroLogits<T extends TaskTypes, O extends TuningOptions>(
  { task, answers }: Tuning<T, O>,
  { units }: EncodedRows<T>,
  facts: T['facts'],
): Logits {
  const { outputs, reads } = headOf(task.head);
  const { labels } = answers(facts);
  const width = typeof outputs === 'number' ? outputs : typeof labels === 'string' ? 1 : labels.length;
  return units.map(({ pieces }) =>
    pieces.map(({ ids }) => new Float32Array(reads === 'pooled' ? width : width * ids.length)),
  );
}

/** Saves the checkpoint, lets the task look at it with the held-out rows, and stores what it found. */
async function saveTuned<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  prepared: PreparedTuning<T>,
  run: { options: O; outcome: TrainingOutcome; settings: RunSettings; adapter: AdapterRun | undefined },
): Promise<Aftermath> {
  const { checkpointConfig: config, tokenizer, maxLength, facts, splits, evaluation } = prepared;
  const { options, outcome, adapter } = run;
  const { extra, ...stored } = tuning.stored(facts, options);
  const save = (found: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const model = {
      config,
      weights: outcome.weights,
      heads: [tuning.task.head],
      ...stored,
      extra: { [MODEL_KEYS.task]: tuning.task.name, [MODEL_KEYS.maxLength]: maxLength, ...extra, ...found },
      card: {
        name: tuning.card.name,
        description: tuning.card.description(countOf(splits.train.rows.length, 'row'), facts),
        use: tuning.card.use,
        training: cardSettings(run.settings),
        results: outcome.best?.evaluation ?? outcome.evaluation ?? {},
      },
    };
    return adapter
      ? saveAdapter(options.output, adapter, { ...model, base: prepared.model, tokenizer })
      : saveCheckpoint(options.output, { ...model, tokenizerFiles: tokenizer.files(), maxLength });
  };
  await save({});
  if (!tuning.finish || !tuning.open || splits.evaluation.rows.length === 0) return { warnings: [], info: {} };
  using model = await tuning.open(options.output, options);
  const aftermath = await tuning.finish(model, {
    evaluation: splits.evaluation,
    encoded: evaluation.encoded,
    options,
    outcome,
  });
  if (aftermath.extra && Object.keys(aftermath.extra).length > 0) await save(aftermath.extra);
  return aftermath;
}
