import { countOf } from '../../core/count.ts';
import { AlbertineError, requireOneOf } from '../../core/errors.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { requireGiven } from '../../core/options.ts';
import { sentenceTransformersFiles } from '../../checkpoint/sentence-transformers.ts';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { poolerParameters, type Weights } from '../../model/parameters.ts';
import { requireDevice } from '../../runtime/compile.ts';
import { embeddingTask, type EmbeddingTaskOptions } from '../../training/contrastive.ts';
import {
  DEFAULT_TEMPERATURE,
  EMBEDDING_OBJECTIVES,
  EMBEDDING_POOLINGS,
  SCORED_LOSSES,
  type EmbeddingObjective,
  type EmbeddingPooling,
} from '../../training/contrastive-head.ts';
import { rowCount } from '../../training/contrastive-rows.ts';
import { availableMemory } from '../../training/estimate-node.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import { openBaseModel, type BaseModel } from '../../training/run/base-model-node.ts';
import { inferObjective, readEmbeddingData, type EmbeddingData } from './data-node.ts';
import type { FineTuneEmbeddingOptions, FineTuneEmbeddingResult } from './options.ts';
import {
  arenaOptions,
  describeCourse,
  describeSmallness,
  planRun,
  type RunPlan,
} from '../../training/run/plan-node.ts';
import { saveAdapter, startAdapter, type AdapterRun } from '../../training/run/adapter-run-node.ts';
import { runTraining } from '../../training/run/train-node.ts';
import { BUILT_IN_MODEL } from '../../loaded/load-node.ts';
import { requireRunOptions, tell } from '../../training/run/options.ts';
import { trainedPrompts } from './prompts.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';
import { pick } from '../../core/pick.ts';
import { describeLeftOut } from '../../training/run/start-heads-node.ts';
import {
  cardSettings,
  requireNothingLost,
  type RunSettings,
  withThreadsOfRun,
} from '../../training/run/run-folder-node.ts';

export type { FineTuneEmbeddingOptions, FineTuneEmbeddingResult } from './options.ts';

/** Usual extents: SimCSE's paper has one pass in batches of 64, sentence-transformers' STS-B example four passes. */
const DEFAULTS: Readonly<Record<EmbeddingObjective, { epochs: number; batchSize: number; evaluateEvery: number }>> = {
  simcse: { epochs: 1, batchSize: 64, evaluateEvery: 250 },
  pairs: { epochs: 1, batchSize: 64, evaluateEvery: 250 },
  scored: { epochs: 4, batchSize: 32, evaluateEvery: 250 },
};
/** Sentences are short, and the whole batch is computed at once. */
const DEFAULT_MAX_LENGTH = 128;
const SIMCSE_DROPOUT = 0.1;

/** What a run is made of. */
interface Prepared extends BaseModel {
  objective: EmbeddingObjective;
  pooling: EmbeddingPooling;
  data: EmbeddingData;
}

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneEmbedding(given: FineTuneEmbeddingOptions): Promise<FineTuneEmbeddingResult> {
  // Three names on the command line, an object here.
  requireRunOptions('fineTuneEmbedding', given, {
    ...FINE_TUNE_SETTINGS,
    evaluationFields: { kind: 'json', help: 'fields of text, pair and score' },
  });
  requireGiven('fineTuneEmbedding', given, ['train', 'output']);
  const options = await withThreadsOfRun(given);
  const objective = requireConsistent(options);
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [...options.train, ...(options.evaluation ?? []), options.model]);
  const prepared = await prepare(options, objective);
  const { data, pooling } = prepared;
  const adapter = startAdapter(options, prepared);
  const plan = planEmbeddingRun(options, prepared, adapter);
  const warnings: string[] = [];
  const warn = (found: readonly (string | Prose)[]): void => {
    tell(options.onEvent, 'warning', ...found);
    warnings.push(...found.map(String));
  };
  warn([
    ...data.warnings,
    ...describeSmallness(plan, {
      train: rowCount(data.train),
      ...(data.evaluation && { evaluation: rowCount(data.evaluation) }),
    }),
  ]);
  // How much memory a graphics processor has free cannot be asked.
  if (options.device !== 'webgpu') requireRoom(prepared, plan.batchSize);
  const taskOptions: EmbeddingTaskOptions = {
    config: prepared.config,
    objective,
    pooling,
    batchSize: plan.batchSize,
    seed: options.seed ?? 1,
    train: data.train,
    ...(data.evaluation && { evaluation: data.evaluation }),
    ...pick(options, ['temperature', 'symmetric', 'loss', 'maxScore', 'shuffle', 'groupByLength']),
  };
  const outcome = await runTraining(options, {
    ...prepared,
    plan,
    parameters: arenaOptions(options, prepared.config),
    ...(adapter && pick(adapter, ['weights', 'parameters', 'extension'])),
    notes: [...prepared.notes, ...warnings, ...(adapter ? [adapter.line] : [])],
    facts: { duplicates: data.duplicates },
    task: embeddingTask(taskOptions),
    ...(data.evaluation && {
      best: { metric: options.metric ?? 'spearman', higherIsBetter: true },
      evaluateStart: true,
    }),
    save: async (trained) => {
      warn(describeCourse(trained));
      await saveEmbeddingModel(options, prepared, { outcome: trained, settings: plan.settings, adapter });
      return { notes: [...prepared.notes, ...warnings] };
    },
  }).catch(withMemoryAdvice);
  return {
    ...outcome,
    output: options.output,
    objective,
    pooling,
    trainRows: rowCount(data.train),
    evaluationRows: data.evaluation ? rowCount(data.evaluation) : 0,
  };
}

/** Options that only one of the objectives has. */
const ONLY_FOR = {
  temperature: ['simcse', 'pairs'],
  symmetric: ['pairs'],
  loss: ['scored'],
  maxScore: ['scored'],
} as const;

function requireConsistent(options: FineTuneEmbeddingOptions): EmbeddingObjective {
  if (options.train.length === 0)
    throw new AlbertineError('invalid_argument', prose`${option('train')} names no file`, {
      value: options.train,
      option: 'train',
    });
  const objective = requireOneOf('objective', inferObjective(options), EMBEDDING_OBJECTIVES);
  if (options.pooling !== undefined) requireOneOf('pooling', options.pooling, EMBEDDING_POOLINGS);
  if (options.loss !== undefined) requireOneOf('loss', options.loss, SCORED_LOSSES);
  if (options.metric !== undefined) requireOneOf('metric', options.metric, ['spearman', 'pearson']);
  for (const [name, objectives] of Object.entries(ONLY_FOR)) {
    if (
      options[name as keyof typeof ONLY_FOR] !== undefined &&
      !(objectives as readonly string[]).includes(objective)
    ) {
      throw new AlbertineError(
        'invalid_argument',
        prose`${option(name)} is for the objective ${objectives.join(' or ')}, this one is ${objective}`,
        { value: objective, option: name },
      );
    }
  }
  if (options.maxScore !== undefined && options.loss !== 'cosine') {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('maxScore')} needs ${option('loss', 'cosine')}: cosent looks at the order of scores only`,
      { value: options.maxScore, option: 'maxScore' },
    );
  }
  const isEvaluated = objective === 'scored' || (options.evaluation ?? []).length > 0;
  const unwatched = isEvaluated
    ? undefined
    : (['metric', 'patience'] as const).find((name) => options[name] !== undefined);
  if (unwatched) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(unwatched)} needs scored pairs to evaluate on, and there are none`,
      { value: options[unwatched], option: unwatched, hint: prose`Give files of them: ${option('evaluation')}` },
    );
  }
  if ('microBatchTokens' in options && options.microBatchTokens !== undefined) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('microBatchTokens')} does not apply: all rows of a step are compared with each other, so they are computed at once`,
      {
        option: 'microBatchTokens',
        hint: prose`Lower ${option('batchSize')} or ${option('maxLength')}, or keep fewer activations with ${option('saveActivations')}`,
      },
    );
  }
  return objective;
}

async function prepare(options: FineTuneEmbeddingOptions, objective: EmbeddingObjective): Promise<Prepared> {
  const dropout = options.dropout ?? (objective === 'simcse' ? SIMCSE_DROPOUT : undefined);
  const base = await openBaseModel(
    { ...options, ...(dropout !== undefined && { dropout }) },
    { model: BUILT_IN_MODEL, maxLength: DEFAULT_MAX_LENGTH },
  );
  const pooling = options.pooling ?? (base.storedPooling === 'cls' ? 'cls' : 'mean');
  const data = await readEmbeddingData(options, objective, base);
  const leftOut = describeLeftOut(base.unusedHeads, 'sentence embeddings');
  if (leftOut !== undefined) tell(options.onEvent, 'model', leftOut);
  const { scores } = data.train;
  if (scores?.every((score) => score === scores[0]))
    throw new AlbertineError('invalid_data', `every training score is ${scores[0]}: there is nothing to tell apart`, {
      value: scores[0],
    });
  return {
    ...base,
    objective,
    pooling,
    data,
    notes: [...base.notes, ...data.notes, ...(leftOut === undefined ? [] : [leftOut])],
    // There is no classifier to drop anything before.
    config: { ...base.config, classifierDropoutProb: 0 },
  };
}

function planEmbeddingRun(
  options: FineTuneEmbeddingOptions,
  prepared: Prepared,
  adapter: AdapterRun | undefined,
): RunPlan {
  const { objective, pooling, data } = prepared;
  return planRun(options, {
    base: prepared,
    rows: rowCount(data.train),
    defaults: DEFAULTS[objective],
    own: {
      task: 'embedding',
      objective,
      pooling,
      ...adapter?.settings,
      heads: Object.fromEntries(prepared.unusedHeads.map((head) => [head, 'left out'])),
      trainRows: rowCount(data.train),
      evaluationRows: data.evaluation ? rowCount(data.evaluation) : 0,
      dataFingerprint: data.fingerprint,
      ...(objective === 'scored'
        ? { loss: options.loss ?? 'cosent', ...pick(options, ['maxScore']) }
        : { temperature: options.temperature ?? DEFAULT_TEMPERATURE }),
      ...(objective === 'pairs' && { symmetric: options.symmetric ?? true }),
      ...(data.evaluation && { metric: options.metric ?? 'spearman' }),
      ...(options.groupByLength && { groupByLength: true }),
      ...pick(options, ['prompt', 'pairPrompt']),
      ...(options.dropDuplicates && { dropDuplicates: true }),
    },
  });
}

async function saveEmbeddingModel(
  options: FineTuneEmbeddingOptions,
  prepared: Prepared,
  { outcome, settings, adapter }: { outcome: TrainingOutcome; settings: RunSettings; adapter: AdapterRun | undefined },
): Promise<void> {
  const { checkpointConfig: config, tokenizer, maxLength, pooling, data, storedSentences } = prepared;
  const prompts = trainedPrompts(storedSentences.prompts, options);
  const weights: Weights = new Map(outcome.weights);
  // The pooler takes no part, and is kept as it was.
  for (const { name } of poolerParameters(config))
    if (prepared.weights.has(name)) weights.set(name, prepared.weights.get(name)!);
  const sentences = {
    pooling,
    maxLength,
    ...(storedSentences.normalize && { normalize: true }),
    ...(prompts && { prompts }),
  };
  const card = {
    name: 'Sentence embeddings',
    description: `Trained on ${countOf(rowCount(data.train), 'row')} with albertine: vectors of sentences, by ${pooling} pooling, to be compared by cosine.`,
    training: cardSettings(settings),
    results: outcome.best?.evaluation ?? outcome.evaluation ?? {},
  };
  if (adapter)
    await saveAdapter(options.output, adapter, {
      config,
      weights,
      heads: [],
      base: prepared.model,
      tokenizer,
      card,
      files: sentenceTransformersFiles(config, sentences),
    });
  else await saveCheckpoint(options.output, { config, weights, tokenizerFiles: tokenizer.files(), sentences, card });
}

const MEMORY_ADVICE = prose`All rows of a step are computed at once: lower ${option('batchSize')} or ${option('maxLength')}, or use ${option('saveActivations', 'none')} (or fewer depths)`;

/**
 * Refuses a batch whose hidden states and cosines alone cannot fit, before the first one is made; the trainer checks
 * exactly.
 */
function requireRoom({ config, data }: Prepared, batchSize: number): void {
  const tokens = 2 * batchSize * data.train.sequences.maxLength;
  const needed =
    4 * (tokens * config.hiddenSize * (config.numHiddenLayers * config.innerGroupNum + 3) + 3 * batchSize ** 2);
  const available = availableMemory();
  if (needed <= available) return;
  throw new AlbertineError(
    'out_of_memory',
    `a step of ${countOf(batchSize, 'row')} needs more than ${(needed / 1e9).toPrecision(2)} GB, ${(available / 1e9).toPrecision(2)} GB are free`,
    { value: batchSize, hint: MEMORY_ADVICE },
  );
}

/** The trainer's advice, to split a step, does not apply here. */
function withMemoryAdvice(error: unknown): never {
  if (!(error instanceof AlbertineError) || error.code !== 'out_of_memory') throw error;
  throw error.restated((statement) => statement, { cause: error, hint: MEMORY_ADVICE });
}
