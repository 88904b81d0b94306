import { basename, join } from 'node:path';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { countOf } from '../../core/count.ts';
import { AlbertineError, requireOneOf } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import type { Albert } from '../../loaded/albert.ts';
import { initialValues } from '../../checkpoint/initialise.ts';
import { poolerParameters, type Weights } from '../../model/parameters.ts';
import { projectionParameter, VECTOR_HEAD_DEFAULTS } from '../../training/distill/vector-head.ts';
import { vectorDistillationTask } from '../../training/distill/vector-task.ts';
import { tell } from '../../training/run/options.ts';
import { arenaOptions, describeCourse, describeSmallness, planRun } from '../../training/run/plan-node.ts';
import { cardSettings, type RunSettings } from '../../training/run/run-folder-node.ts';
import { runTraining } from '../../training/run/train-node.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import { describeFigures, startFigures } from './figures-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import type { Student } from './student-node.ts';
import { prepare, type Prepared } from './prepare-node.ts';
import { writeNpy } from '../../data/npy-node.ts';

const DEFAULT_BATCH_SIZE = 64;
const DEFAULT_STEPS = 2000;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [1, 20];
const EVALUATE_EVERY = 250;
/** Rate of a new network below this width. */
const [NEW_NETWORK_RATE, WIDE] = [1e-3, 300];
/** Figures of an evaluation. */
const METRICS = ['cosine', 'spearman'];
/** Distils sentence vectors into a student; see `distill`. */
export async function distillVectors(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<DistillResult> {
  if (options.metric !== undefined) requireOneOf('metric', options.metric, METRICS);
  const prepared = await prepare(options, student, { teacher, folder });
  using texts = prepared.texts;
  const { train, evaluation, targets, pooling, config } = prepared;
  const plan = planRun({ ...options, ...usualRate(options, prepared) } as DistillOptions & { model?: string }, {
    base: prepared,
    rows: train.length,
    own: ownSettings(options, prepared),
    defaults: {
      epochs: usualEpochs(train.length, options.batchSize ?? DEFAULT_BATCH_SIZE),
      batchSize: DEFAULT_BATCH_SIZE,
      evaluateEvery: EVALUATE_EVERY,
    },
  });
  const warnings: string[] = [];
  const warn = (found: readonly (string | Prose)[]): void => {
    tell(options.onEvent, 'warning', ...found);
    warnings.push(...found.map(String));
  };
  warn(
    describeSmallness(plan, { train: train.length, ...(evaluation.length > 0 && { evaluation: evaluation.length }) }),
  );
  if (evaluation.length === 0)
    warn(['no text is held out: the last weights are kept, and no figure says how near they are to the teacher']);
  let figures: Pick<DistillResult, 'start' | 'end'> = {};
  const outcome = await runTraining(options, {
    ...prepared,
    plan,
    parameters: arenaOptions(options, config),
    notes: [...prepared.notes, ...warnings],
    weights: withProjection(options, prepared),
    task: vectorDistillationTask({
      config,
      texts,
      train,
      evaluation,
      targets,
      pooling,
      batchSize: plan.batchSize,
      seed: options.seed ?? 1,
      ...pick(options, ['loss', 'projection', 'similarityWeight', 'temperature', 'shuffle', 'groupByLength']),
    }),
    ...(evaluation.length > 0 && {
      best: { metric: options.metric ?? 'cosine', higherIsBetter: true },
      evaluateStart: true,
    }),
    save: async (trained) => {
      figures = await startFigures(options.output, trained);
      const told = describeFigures(figures, { names: METRICS, rows: evaluation.length });
      tell(options.onEvent, 'data', ...told);
      warn(describeCourse(trained));
      await saveStudent(options, prepared, { outcome: trained, settings: plan.settings, folder });
      return { notes: [...prepared.notes, ...warnings, ...told] };
    },
  });
  return {
    ...outcome,
    output: options.output,
    task: 'embedding',
    trainRows: train.length,
    evaluationRows: evaluation.length,
    warnings,
    ...figures,
  };
}

/** So many passes that there are 2,000 steps. */
function usualEpochs(rows: number, batchSize: number): number {
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((DEFAULT_STEPS * batchSize) / rows)));
}

/**
 * A small new network learns vectors at a higher rate than what fine-tuning takes: 192 wide, after 300 steps, 1e-3 and
 * 2e-3 came equally near to the teacher.
 */
function usualRate(
  { learningRate, optimizer }: DistillOptions,
  { untrained, config }: Prepared,
): Pick<DistillOptions, 'learningRate'> {
  const isUsual = learningRate === undefined && (optimizer?.name ?? 'adamw') === 'adamw';
  return isUsual && untrained && config.hiddenSize < WIDE ? { learningRate: NEW_NETWORK_RATE } : {};
}

function ownSettings(
  options: DistillOptions,
  { pooling, train, evaluation, targets, fingerprint, unusedHeads }: Prepared,
): RunSettings {
  const { similarityWeight, temperature } = {
    ...VECTOR_HEAD_DEFAULTS,
    ...pick(options, ['similarityWeight', 'temperature']),
  };
  return {
    task: 'distillation',
    objective: 'embedding',
    ...(options.teacher !== undefined && { teacher: options.teacher }),
    teacherWidth: targets.teacherWidth,
    pooling,
    loss: options.loss ?? 'cosine',
    similarityWeight,
    temperature,
    centre: options.centre ?? true,
    projection: options.projection ?? false,
    turn: options.turn ?? true,
    groupByLength: options.groupByLength ?? false,
    heads: Object.fromEntries(unusedHeads.map((head) => [head, 'left out'])),
    trainRows: train.length,
    evaluationRows: evaluation.length,
    dataFingerprint: fingerprint,
    ...(evaluation.length > 0 && { metric: options.metric ?? 'cosine' }),
    ...(options.wordEmbeddings !== undefined && { wordEmbeddings: options.wordEmbeddings }),
  };
}

/** The student's weights, with a new linear layer where there is one. */
function withProjection(
  { projection = false, seed = 1 }: DistillOptions,
  { weights, config, targets }: Prepared,
): Weights {
  if (!projection) return weights;
  const spec = projectionParameter(config, targets.width);
  return new Map([
    ...weights,
    [spec.name, { shape: spec.shape, data: initialValues(spec, seed, 1 / Math.sqrt(config.hiddenSize)) }],
  ]);
}

async function saveStudent(
  options: DistillOptions,
  prepared: Prepared,
  { outcome, settings, folder }: { outcome: TrainingOutcome; settings: RunSettings; folder: string },
): Promise<void> {
  const { checkpointConfig: config, tokenizer, maxLength, pooling, train, targets } = prepared;
  const weights: Weights = new Map(outcome.weights);
  const layer = projectionParameter(config, targets.width);
  const learned = weights.get(layer.name);
  weights.delete(layer.name);
  if (learned) await writeNpy(join(folder, 'projection.npy'), learned.data, learned.shape[1]);
  // The pooler takes no part, and is kept as it was.
  for (const { name } of poolerParameters(config))
    if (prepared.weights.has(name)) weights.set(name, prepared.weights.get(name)!);
  const from = [options.teacher ?? options.teacherVectors ?? options.input]
    .flat()
    .map((path) => basename(path))
    .join(', ');
  await saveCheckpoint(options.output, {
    config,
    weights,
    tokenizerFiles: tokenizer.files(),
    sentences: { pooling, maxLength },
    card: {
      name: 'Sentence embeddings, distilled',
      description: `A student (${prepared.model}) that learned with albertine the vectors of ${targets.teacherWidth} numbers of a teacher (${from}) for ${countOf(train.length, 'text')}: vectors of sentences, by ${pooling} pooling, to be compared by cosine. Figures: mean cosine to the teacher's vectors, and Spearman correlation with its similarities, on ${countOf(prepared.evaluation.length, 'text')} that were held out.`,
      training: cardSettings(settings),
      results: outcome.best?.evaluation ?? outcome.evaluation ?? {},
    },
  });
}

/** Throws `invalid_argument` unless the texts have exactly one source of vectors. */
export function requireOneSource({ teacher, teacherVectors, onError }: DistillOptions): void {
  if (teacher !== undefined && teacherVectors !== undefined) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('teacher')} computes vectors, and ${option('teacherVectors')} has them: give one of them`,
      { value: teacher, option: 'teacherVectors' },
    );
  }
  if (teacherVectors?.length === 0)
    throw new AlbertineError('invalid_argument', prose`${option('teacherVectors')} names no file`, {
      value: teacherVectors,
      option: 'teacherVectors',
    });
  if (teacherVectors && onError === 'skip') {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('onError', 'skip')} would leave out texts but not their vectors, which are matched by their order`,
      { value: onError, option: 'onError', hint: 'Correct the rows, or put texts and vectors into one file' },
    );
  }
}
