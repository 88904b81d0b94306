import { basename, join } from 'node:path';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { countOf } from '../../core/count.ts';
import { AlbertineError, requireOneOf } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files-node.ts';
import { pick } from '../../core/pick.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { npyHeader } from '../../data/npy.ts';
import { StackedRows } from '../../data/vector-rows-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { initialValues } from '../../checkpoint/initialise.ts';
import { poolerParameters, type Weights } from '../../model/parameters.ts';
import type { EmbeddingPooling } from '../../training/contrastive-head.ts';
import { fitTargetMap, type TargetMap } from '../../training/distill/target-map.ts';
import { projectionParameter, VECTOR_HEAD_DEFAULTS } from '../../training/distill/vector-head.ts';
import { targetAgreement, vectorDistillationTask } from '../../training/distill/vector-task.ts';
import { openBaseModel, type BaseModel } from '../../training/run/base-model-node.ts';
import { tell } from '../../training/run/options.ts';
import { arenaOptions, describeCourse, describeSmallness, planRun } from '../../training/run/plan-node.ts';
import { cardSettings, type RunSettings } from '../../training/run/run-folder-node.ts';
import { describeLeftOut } from '../../training/run/start-heads-node.ts';
import { runTraining } from '../../training/run/train-node.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import { describeFigures, startFigures } from './figures-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import type { Student } from './student-node.ts';
import { teach, type Teacher } from './teacher-cache-node.ts';
import { holdOut, readTexts, scanTexts, StoredTexts, textsOf, vectorFiles, type ReadTexts } from './texts-node.ts';
import { turnToStudent } from './turn-node.ts';

const DEFAULT_MAX_LENGTH = 128;
const DEFAULT_BATCH_SIZE = 64;
const DEFAULT_STEPS = 2000;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [1, 20];
const EVALUATE_EVERY = 250;
/** Rate of a new network below this width. */
const [NEW_NETWORK_RATE, WIDE] = [1e-3, 300];
/** Figures of an evaluation. */
const METRICS = ['cosine', 'spearman'];
/** Vectors for each main direction below which those are partly chance. */
const FEW_VECTORS = 10;

/** Everything that a run is made of. */
interface Prepared extends BaseModel {
  pooling: EmbeddingPooling;
  texts: StoredTexts;
  train: Uint32Array;
  evaluation: number[];
  targets: TargetMap;
  fingerprint: string;
}

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

async function prepare(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<Prepared> {
  const base = await openBaseModel(
    { ...options, model: student.folder },
    { model: student.folder, maxLength: DEFAULT_MAX_LENGTH },
  );
  const notes = [...base.notes];
  const note = (kind: string, ...messages: string[]): void => {
    tell(options.onEvent, kind, ...messages);
    notes.push(...messages);
  };
  const leftOut = describeLeftOut(base.unusedHeads, 'sentence embeddings');
  if (leftOut !== undefined) note('model', leftOut);
  const read = await readTexts(options, {
    ...base,
    folder,
    vectorField:
      options.teacher === undefined && options.teacherVectors === undefined
        ? (options.vectorField ?? 'embedding')
        : undefined,
  });
  let texts: StoredTexts | undefined;
  try {
    const { train, evaluation, distinct } = holdOut(read.keys, { heldOut: options.heldOut, seed: options.seed ?? 1 });
    note(
      'data',
      [
        `${countOf(read.file.length, 'text')}, ${countOf(read.file.tokenCount, 'token')}`,
        ...(distinct < read.keys.length ? [`${countOf(distinct, 'different one')}`] : []),
        `${evaluation.length.toLocaleString('en-US')} held out`,
        ...read.remarks,
      ].join(', '),
    );
    texts = new StoredTexts(read.file, await openVectors(options, read, { teacher, folder, note }), read.rowOf);
    const { sample, fingerprint } = scanTexts(texts, train, describer(options, read), options);
    const width = options.projection ? texts.width : base.config.hiddenSize;
    const pooling = options.pooling ?? (base.storedPooling === 'cls' ? 'cls' : 'mean');
    let targets = fitTargetMap(sample, {
      teacherWidth: texts.width,
      width,
      centre: options.centre ?? true,
      unit: options.loss !== 'mse',
    });
    const ceiling = targetAgreement({ evaluation, texts, targets });
    note(
      'data',
      `${describeTargets(targets, base.config.hiddenSize)}${Number.isNaN(ceiling) ? '' : `; Spearman of their similarities with the teacher's own ${ceiling.toFixed(4)}`}`,
    );
    if (train.length < FEW_VECTORS * width && targets.directions)
      tell(
        options.onEvent,
        'warning',
        `the main directions are made of ${countOf(train.length, 'text')} only: with fewer than ${FEW_VECTORS} for each of ${width} they are partly chance`,
      );
    if (!options.projection && (options.turn ?? true)) {
      const { map, before, after } = await turnToStudent(targets, base, {
        texts,
        train,
        pooling,
        threads: options.threads,
      });
      note(
        'data',
        `targets turned to where the student's vectors lie: cosine ${before.toFixed(4)} -> ${after.toFixed(4)}`,
      );
      targets = map;
    }
    await writeTargets(folder, targets);
    return {
      ...base,
      model: student.name,
      notes,
      texts,
      train,
      evaluation,
      targets,
      fingerprint,
      pooling,
      // There is no classifier to drop anything before.
      config: { ...base.config, classifierDropoutProb: 0 },
    };
  } catch (error) {
    if (texts) texts[Symbol.dispose]();
    else read.file[Symbol.dispose]();
    throw error;
  }
}

/** The vectors of all texts, from wherever they come. */
async function openVectors(
  options: DistillOptions,
  read: ReadTexts,
  {
    teacher,
    folder,
    note,
  }: { teacher: Albert | undefined; folder: string; note: (kind: string, ...messages: string[]) => void },
): Promise<StackedRows> {
  if (read.vectorFile !== undefined) return await StackedRows.open([read.vectorFile]);
  if (teacher) {
    const { paths, computed } = await teach(notEmpty(options), embeddingTeacher(teacher), {
      folder: options.teacherCache ?? folder,
      total: read.file.length,
      ...pick(options, ['onProgress', 'signal']),
    });
    // It has said what it had to say: a student needs the memory.
    teacher[Symbol.dispose]();
    note(
      'data',
      `the teacher's vectors: ${computed.toLocaleString('en-US')} computed, ${(read.file.length - computed).toLocaleString('en-US')} already there`,
    );
    return await StackedRows.open(paths);
  }
  const rows = await StackedRows.open(await vectorFiles(options, folder));
  if (rows.rows === read.read) return rows;
  rows[Symbol.dispose]();
  throw new AlbertineError(
    'invalid_data',
    `${options.teacherVectors!.join(', ')}: ${countOf(rows.rows, 'vector')} for ${countOf(read.read, 'text')} of ${options.input.join(', ')}`,
    {
      value: rows.rows,
      hint: 'There must be one row a text, in the same order; a blank line of a .txt file is a text too',
    },
  );
}

/** As `albertine embed` makes them. */
function embeddingTeacher(teacher: Albert): Teacher<string> {
  return {
    fingerprint: `${teacher.fingerprint};pooling=${teacher.pooling ?? 'mean'};long=${teacher.maxLength ?? teacher.config.maxPositionEmbeddings}`,
    width: teacher.config.hiddenSize,
    answer: async (slice) => (await teacher.embed(slice)).data,
    key: (text) => text,
  };
}

async function* notEmpty(options: DistillOptions): AsyncGenerator<string> {
  for await (const { text } of textsOf(options)) if (text.trim() !== '') yield text;
}

/** Names a text in a message about its vector. */
function describer(options: DistillOptions, { rowOf }: ReadTexts): (text: number) => string {
  if (options.teacherVectors)
    return (text) =>
      `${options.teacherVectors!.join(', ')}: row ${(rowOf ? rowOf[text] : text) + 1} (${rowOf ? rowOf[text] : text} in Python)`;
  return (text) => `the vector of text ${text + 1}`;
}

function describeTargets(
  { teacherWidth, width, directions, keptVariance, sampled }: TargetMap,
  hiddenSize: number,
): string {
  const from = `vectors of ${teacherWidth} numbers`;
  if (directions)
    return `${from}, of which the student learns the ${width} main directions: ${(100 * keptVariance).toFixed(1)} % of the variance of ${countOf(sampled, 'vector')}`;
  if (width !== hiddenSize) return `${from}, learned from the student's ${hiddenSize} by a linear layer`;
  return width === teacherWidth
    ? `${from}, as many as the student has`
    : `${from}, in the first of the student's ${width}`;
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
  if (learned) await writeMatrix(join(folder, 'projection.npy'), learned.data, learned.shape as [number, number]);
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

/**
 * Keeps beside the model how the teacher's vectors became targets, for whoever wants to compare new ones with the
 * student's.
 */
async function writeTargets(folder: string, { mean, directions, ...facts }: TargetMap): Promise<void> {
  await writeFileAtomic(
    join(folder, 'targets.json'),
    `${JSON.stringify({ ...facts, files: directions ? ['targets-mean.npy', 'targets-directions.npy'] : ['targets-mean.npy'] }, null, 2)}\n`,
  );
  await writeMatrix(join(folder, 'targets-mean.npy'), mean, [1, facts.teacherWidth]);
  if (directions)
    await writeMatrix(join(folder, 'targets-directions.npy'), directions, [facts.width, facts.teacherWidth]);
}

async function writeMatrix(path: string, data: Float32Array, [rows, columns]: [number, number]): Promise<void> {
  await writeFileAtomic(path, [
    npyHeader('float32', rows, columns),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
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
