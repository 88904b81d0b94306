import { createHash } from 'node:crypto';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { option, prose } from '../../core/prose.ts';
import { StackedRows } from '../../data/vector-rows-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { embeddingFingerprint, planEmbedding } from '../../loaded/embed-plan.ts';
import type { RunSettings } from '../../training/run/run-folder-node.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { TargetMap } from '../../training/distill/target-map.ts';
import { tokenDistillationTask } from '../../training/distill/token-task.ts';
import { openLearner, splitTexts, type OpenedStudent } from './open-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import { requireMetric, requireResumable, runDistillation, teacherName, type Learner } from './run-node.ts';
import type { Student } from './student-node.ts';
import { fitTargets, settleTargets, withoutProjection, withProjection } from './targets-node.ts';
import { teach, type Teacher } from './teacher-cache-node.ts';
import { readTexts, textsOf, vectorFiles } from './texts-node.ts';
import { Alignments, partOf, StoredTokens, teacherRanges } from './token-texts-node.ts';
import { turnTokensToStudent } from './turn-node.ts';

const METRICS = { cosine: 'higher' } as const;
/** Texts whose states are in a file, and in memory while they are computed. */
const SHARD_TEXTS = 512;
/** States that mean and main directions are made of. */
const SAMPLE_STATES = 20_000;
const SAMPLE_NUMBERS = 1 << 24;

interface PreparedTokens extends Learner {
  texts: StoredTokens;
  targets: TargetMap;
  textsFingerprint: string;
  dataFingerprint: string;
}
type BeforeTeaching = Omit<PreparedTokens, 'texts' | 'targets' | 'dataFingerprint'>;

/** Distils token states into a student; see `distill`. */
export async function distillTokens(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<DistillResult> {
  requireMetric(options, METRICS);
  if (teacher === undefined && options.teacherVectors === undefined)
    throw new AlbertineError(
      'invalid_argument',
      prose`token states come from ${option('teacher')} or ${option('teacherVectors')}`,
      { hint: 'A field beside each text would hold as many vectors as it has tokens', option: 'teacher' },
    );
  const prepared = await prepareTokens(options, student, { teacher, folder });
  using texts = prepared.texts;
  const { targets, train, evaluation, maxLength, storedPooling: pooling } = prepared;
  return await runDistillation(options, {
    task: 'tokens',
    learner: prepared,
    weights: withProjection(options, prepared),
    own: {
      ...knownSettings(options, prepared),
      teacherWidth: targets.teacherWidth,
      dataFingerprint: prepared.dataFingerprint,
    },
    metrics: METRICS,
    trainingTask: ({ batchSize }) =>
      tokenDistillationTask({
        ...pick(prepared, ['config', 'train', 'evaluation', 'targets']),
        texts,
        batchSize,
        seed: options.seed ?? 1,
        ...pick(options, ['loss', 'projection', 'shuffle', 'microBatchTokens']),
      }),
    saved: async (weights) => ({
      weights: await withoutProjection(weights, { ...prepared, folder }),
      ...((pooling === 'mean' || pooling === 'cls') && { sentences: { pooling, maxLength } }),
      card: {
        name: 'Encoder, distilled',
        description: `A student (${prepared.model}) that learned with albertine the states of ${targets.teacherWidth} numbers that the tokens of a teacher (${teacherName(options)}) have in ${countOf(train.length, 'text')}: an encoder to be fine-tuned. Figures: mean cosine to the teacher's states on ${countOf(evaluation.length, 'text')} that were held out.`,
      },
    }),
  });
}

/** Settings that the teacher has no part in. */
function knownSettings(options: DistillOptions, { unusedHeads, textsFingerprint }: BeforeTeaching): RunSettings {
  return {
    loss: options.loss ?? 'cosine',
    centre: options.centre ?? true,
    projection: options.projection ?? false,
    turn: options.turn ?? true,
    heads: Object.fromEntries(unusedHeads.map((head) => [head, 'left out'])),
    textsFingerprint,
  };
}

/** Reads texts, where the teacher's tokens stand in them, and these tokens' states; makes targets of the states. */
async function prepareTokens(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<PreparedTokens> {
  const { base, notes, note } = await openLearner(options, student, { activity: 'token states' });
  const alignments = new Alignments(folder, base, {
    ...pick(options, ['offsetsField', 'offsetUnit']),
    ...(teacher && { rangesOf: teacherRanges(teacher) }),
  });
  const opened: Disposable[] = [alignments.file];
  try {
    const read = await readTexts(options, { ...base, folder, beside: alignments });
    opened.push(read.file);
    const split = splitTexts(read, options, note);
    const { untaught } = alignments;
    if (untaught.size > 0)
      note('data', `${countOf(untaught.size, 'text')} without a token that the teacher has too, left out`);
    const train = split.train.filter((text) => !untaught.has(text));
    const evaluation = split.evaluation.filter((text) => !untaught.has(text));
    const known: BeforeTeaching = { ...base, notes, train, evaluation, textsFingerprint: split.textsFingerprint };
    await requireResumable(options, {
      task: 'tokens',
      learner: known,
      own: knownSettings(options, known),
      metrics: METRICS,
    });
    const rows = teacher
      ? await askForStates(options, teacher, { ...base, folder, note, alignments })
      : await openStates(options, folder, alignments);
    opened.push(rows);
    const texts = new StoredTokens(read.file, alignments, rows);
    const { sample, fingerprint: dataFingerprint } = scanStates(texts, train, options);
    const map = fitTargets(
      options,
      { sample, teacherWidth: texts.width, hiddenSize: base.config.hiddenSize },
      { unit: 'state', note },
    );
    const targets = await settleTargets(options, map, {
      folder,
      note,
      turn: () => turnTokensToStudent(map, base, { texts, train, threads: options.threads }),
    });
    return { ...known, texts, targets, dataFingerprint };
  } catch (error) {
    for (const file of opened) file[Symbol.dispose]();
    throw error;
  }
}

/** The states of all tokens, computed now unless they are in the cache. */
async function askForStates(
  options: DistillOptions,
  teacher: Albert,
  parts: {
    tokenizer: Tokenizer;
    maxLength: number;
    folder: string;
    note: OpenedStudent['note'];
    alignments: Alignments;
  },
): Promise<StackedRows> {
  const { tokenizer, maxLength, folder, note, alignments } = parts;
  const inputs = (async function* (): AsyncGenerator<string> {
    for await (const { text } of textsOf(options))
      if (text.trim() !== '') yield partOf(tokenizer, text, maxLength).text;
  })();
  const { paths, computed } = await teach(inputs, stateTeacher(teacher), {
    folder: options.teacherCache ?? folder,
    total: alignments.starts.length,
    shardRows: SHARD_TEXTS,
    ...pick(options, ['onProgress', 'signal']),
  });
  // It has said what it had to say: a student needs the memory.
  teacher[Symbol.dispose]();
  note(
    'data',
    `the teacher's states: of ${computed.toLocaleString('en-US')} texts computed, of ${(alignments.starts.length - computed).toLocaleString('en-US')} already there`,
  );
  return await StackedRows.open(paths);
}

function stateTeacher(teacher: Albert): Teacher<string> {
  const plan = planEmbedding(teacher, { longText: 'truncate' });
  const { hiddenSize: width } = teacher.config;
  return {
    fingerprint: `${embeddingFingerprint(teacher, plan)};states`,
    width,
    answer: async (slice) => {
      const found = await teacher.embedTokens(slice, { longText: 'truncate' });
      const tokens = found.flatMap((text) => text.tokens);
      const states = new Float32Array(tokens.length * width);
      tokens.forEach(({ embedding }, i) => states.set(embedding, i * width));
      return states;
    },
    key: (text) => text,
  };
}

/** States of files, a row a token. */
async function openStates(options: DistillOptions, folder: string, { rows: wanted }: Alignments): Promise<StackedRows> {
  const rows = await StackedRows.open(await vectorFiles(options, folder));
  if (rows.rows === wanted) return rows;
  rows[Symbol.dispose]();
  throw new AlbertineError(
    'invalid_data',
    `${options.teacherVectors!.join(', ')}: ${countOf(rows.rows, 'state')} for ${countOf(wanted, 'token')} of ${options.input.join(', ')}`,
    { value: rows.rows, hint: 'There must be one row a token, special tokens among them, in the order of the texts' },
  );
}

/** Reads every state once: throws `invalid_data` for one that is not finite, and gives a sample and a hash of all. */
function scanStates(
  texts: StoredTokens,
  train: Uint32Array,
  { onProgress, signal }: DistillOptions,
): { sample: Float32Array; fingerprint: string } {
  const { width } = texts;
  const hash = createHash('sha256');
  const inTrain = new Set(train);
  const most = Math.min(SAMPLE_STATES, Math.max(2, Math.floor(SAMPLE_NUMBERS / width)));
  // As many of each text as give the sample, evenly spread.
  const each = Math.max(1, Math.floor(most / train.length));
  const every = Math.max(1, Math.ceil(train.length / most));
  const sample: Float32Array[] = [];
  const meter = new ProgressMeter(onProgress, { stage: 'checking states', unit: 'texts', total: texts.length });
  let seen = 0;
  for (let text = 0; text < texts.length; text++) {
    if (signal?.aborted) throw new AlbertineError('interrupted', 'interrupted while states were checked');
    const { positions, states } = texts.states(text);
    const wrong = states.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      throw new AlbertineError(
        'invalid_data',
        `a state of text ${text + 1} has ${states[wrong]} at place ${(wrong % width) + 1}`,
        { value: text, hint: 'Correct it, or leave the text out' },
      );
    hash.update(texts.tokens(text)).update(positions).update(states);
    if (inTrain.has(text) && seen++ % every === 0) {
      const step = Math.max(1, Math.floor(positions.length / each));
      for (let i = 0; i < positions.length && i < each * step; i += step)
        sample.push(states.slice(i * width, (i + 1) * width));
    }
    meter.add(1);
  }
  meter.finish();
  const flat = new Float32Array(sample.length * width);
  sample.forEach((state, i) => flat.set(state, i * width));
  return { sample: flat, fingerprint: hash.digest('hex').slice(0, 16) };
}
