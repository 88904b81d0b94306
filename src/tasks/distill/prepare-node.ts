import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { StackedRows } from '../../data/vector-rows-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { embeddingFingerprint, planEmbedding } from '../../loaded/embed-plan.ts';
import type { EmbeddingPooling } from '../../training/contrastive-head.ts';
import type { TargetMap } from '../../training/distill/target-map.ts';
import { targetAgreement } from '../../training/distill/vector-task.ts';
import { openLearner, splitTexts, type OpenedStudent } from './open-node.ts';
import type { DistillOptions } from './options.ts';
import type { Learner } from './run-node.ts';
import type { Student } from './student-node.ts';
import { fitTargets, settleTargets } from './targets-node.ts';
import { teach, type Teacher } from './teacher-cache-node.ts';
import { readTexts, scanTexts, StoredTexts, textsOf, vectorFiles, VectorColumn, type ReadTexts } from './texts-node.ts';
import { turnToStudent } from './turn-node.ts';

/** Everything that a run on sentence vectors is made of. */
export interface Prepared extends Learner {
  pooling: EmbeddingPooling;
  texts: StoredTexts;
  targets: TargetMap;
  textsFingerprint: string;
  dataFingerprint: string;
}

/** What is known before the teacher has said anything. */
export type BeforeTeaching = Omit<Prepared, 'texts' | 'targets' | 'dataFingerprint'>;

/** Reads texts and vectors, and makes targets of these. */
export async function prepare(
  options: DistillOptions,
  student: Student,
  {
    teacher,
    folder,
    check,
  }: {
    teacher: Albert | undefined;
    folder: string;
    /** Refuses what cannot be continued, before the teacher is asked. */
    check: (known: BeforeTeaching) => Promise<void>;
  },
): Promise<Prepared> {
  const { base, notes, note } = await openLearner(options, student, { activity: 'sentence embeddings' });
  const isBeside = options.teacher === undefined && options.teacherVectors === undefined;
  const beside = isBeside ? VectorColumn.inFolder(folder, options.vectorField) : undefined;
  const read = await readTexts(options, { ...base, folder, beside });
  let texts: StoredTexts | undefined;
  try {
    const split = splitTexts(read, options, note);
    const { train, evaluation } = split;
    const pooling = options.pooling ?? (base.storedPooling === 'cls' ? 'cls' : 'mean');
    const known: BeforeTeaching = { ...base, notes, ...split, pooling };
    await check(known);
    const rows = beside
      ? await StackedRows.open([beside.path])
      : await openVectors(options, read, { teacher, folder, note });
    texts = new StoredTexts(read.file, rows, read.rowOf);
    const { sample, fingerprint: dataFingerprint } = scanTexts(texts, train, describer(options, read), options);
    const taught = texts;
    const remark = (targets: TargetMap): string => {
      const ceiling = targetAgreement({ evaluation, texts: taught, targets });
      return Number.isNaN(ceiling)
        ? ''
        : `; Spearman of their similarities with the teacher's own ${ceiling.toFixed(4)}`;
    };
    const map = fitTargets(
      options,
      { sample, teacherWidth: texts.width, hiddenSize: base.config.hiddenSize },
      { unit: 'vector', remark, note },
    );
    const targets = await settleTargets(options, map, {
      folder,
      note,
      turn: () => turnToStudent(map, base, { texts: taught, train, pooling, threads: options.threads }),
    });
    return { ...known, texts, targets, dataFingerprint };
  } catch (error) {
    if (texts) texts[Symbol.dispose]();
    else read.file[Symbol.dispose]();
    throw error;
  }
}

/** The vectors of all texts, from a teacher or from files. */
async function openVectors(
  options: DistillOptions,
  read: ReadTexts,
  { teacher, folder, note }: { teacher: Albert | undefined; folder: string; note: OpenedStudent['note'] },
): Promise<StackedRows> {
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
    fingerprint: embeddingFingerprint(teacher, planEmbedding(teacher, {})),
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
