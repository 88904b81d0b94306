import { join } from 'node:path';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files-node.ts';
import { pick } from '../../core/pick.ts';
import { StackedRows } from '../../data/vector-rows-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { EmbeddingPooling } from '../../training/contrastive-head.ts';
import { fitTargetMap, type TargetMap } from '../../training/distill/target-map.ts';
import { targetAgreement } from '../../training/distill/vector-task.ts';
import { openBaseModel, type BaseModel } from '../../training/run/base-model-node.ts';
import { tell } from '../../training/run/options.ts';
import { describeLeftOut } from '../../training/run/start-heads-node.ts';
import type { DistillOptions } from './options.ts';
import type { Student } from './student-node.ts';
import { teach, type Teacher } from './teacher-cache-node.ts';
import { holdOut, readTexts, scanTexts, StoredTexts, textsOf, vectorFiles, type ReadTexts } from './texts-node.ts';
import { turnToStudent } from './turn-node.ts';
import { writeNpy } from '../../data/npy-node.ts';

import { embeddingFingerprint, planEmbedding } from '../../loaded/embed-plan.ts';

const DEFAULT_MAX_LENGTH = 128;
/** Vectors for each main direction below which those are partly chance. */
const FEW_VECTORS = 10;

/** Everything that a run is made of. */
export interface Prepared extends BaseModel {
  pooling: EmbeddingPooling;
  texts: StoredTexts;
  train: Uint32Array;
  evaluation: number[];
  targets: TargetMap;
  fingerprint: string;
}

/** Reads texts and vectors, and makes targets of these. */
export async function prepare(
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

/**
 * Keeps beside the model how the teacher's vectors became targets, for whoever wants to compare new ones with the
 * student's.
 */
async function writeTargets(folder: string, { mean, directions, ...facts }: TargetMap): Promise<void> {
  await writeFileAtomic(
    join(folder, 'targets.json'),
    `${JSON.stringify({ ...facts, files: directions ? ['targets-mean.npy', 'targets-directions.npy'] : ['targets-mean.npy'] }, null, 2)}\n`,
  );
  await writeNpy(join(folder, 'targets-mean.npy'), mean, facts.teacherWidth);
  if (directions) await writeNpy(join(folder, 'targets-directions.npy'), directions, facts.teacherWidth);
}
