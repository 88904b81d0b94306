import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialiseWeights } from '../../checkpoint/initialise.ts';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { AlbertineError } from '../../core/errors.ts';
import { openFolder } from '../../core/files-node.ts';
import { option, prose } from '../../core/prose.ts';
import { BUILT_IN_MODEL, modelFolder } from '../../loaded/load-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { Weight, Weights } from '../../model/parameters.ts';
import { PRESETS } from '../../model/presets.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import { fitTargetMap, mapVector } from '../../training/distill/target-map.ts';
import { newNetworkConfig } from '../../training/run/new-network.ts';
import { tell } from '../../training/run/options.ts';
import type { DistillOptions } from './options.ts';

const WORDS = 'albert.embeddings.word_embeddings.weight';
/** Spread of word embeddings taken from a teacher: wider than random ones, because they say something. */
const WORD_DEVIATION = 0.05;

/** The model to start from, on disk; `name` is how settings call it. */
export interface Student {
  folder: string;
  name: string;
  /** Removes what was made for the run. */
  dispose: () => Promise<void>;
}

/** What the student is, as settings and cards call it. */
export const studentName = (student: DistillOptions['student']): string =>
  typeof student === 'string' ? student : `new network ${JSON.stringify(student)}`;

/** Whether the student is a new network: a shape, or a preset's name that no folder has. */
export const isNew = (student: DistillOptions['student']): boolean =>
  typeof student !== 'string' || (Object.hasOwn(PRESETS, student) && !existsSync(student));

/**
 * Opens the student, or makes a new network with random weights, whose words may be the teacher's. Throws
 * `invalid_argument` for options of new networks beside a checkpoint.
 */
export async function openStudent(options: DistillOptions, teacher: Albert | undefined): Promise<Student> {
  const { student } = options;
  if (!isNew(student)) {
    const unused = (['tokenizer', 'wordEmbeddings'] as const).find((name) => options[name] !== undefined);
    if (unused)
      throw new AlbertineError(
        'invalid_argument',
        prose`${option(unused)} is for a new network, and the student is a checkpoint, which brings its own`,
        { value: options[unused], option: unused },
      );
    return { folder: await studentFolder(student as string), name: student as string, dispose: async () => undefined };
  }
  const files = await openFolder(await modelFolder(options.tokenizer ?? options.teacher ?? BUILT_IN_MODEL));
  const tokenizer = await loadTokenizer(files);
  const config = newNetworkConfig(student, { tokenizer, preset: 'tiny' });
  const weights = initialiseWeights(config, options.seed ?? 1);
  const sameWords = teacher?.tokenizer.fingerprint === tokenizer.fingerprint;
  // Those of an int8 model are not numbers yet.
  const words = teacher?.loaded.int8 === undefined ? teacher?.weights.get(WORDS) : undefined;
  if (options.wordEmbeddings === 'teacher' && !(sameWords && words)) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('wordEmbeddings', 'teacher')} needs a ${option('teacher')} with the same vocabulary`,
      { value: options.wordEmbeddings, option: 'wordEmbeddings' },
    );
  }
  if (sameWords && words && options.wordEmbeddings !== 'random') {
    takeWords(weights, words, config);
    tell(
      options.onEvent,
      'model',
      `word embeddings of the new network: the teacher's, ${words.shape[1] > config.embeddingSize ? `${config.embeddingSize} main directions of ${words.shape[1]}` : `${words.shape[1]} numbers`}`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'albertine-student-'));
  await saveCheckpoint(folder, {
    config,
    weights,
    tokenizerFiles: tokenizer.files(),
    extra: { albertine_untrained: true },
  });
  return { folder, name: studentName(student), dispose: () => rm(folder, { recursive: true, force: true }) };
}

/** What is no folder and cannot be downloaded may have been meant as a preset. */
async function studentFolder(student: string): Promise<string> {
  return await modelFolder(student).catch((error: unknown) => {
    if (!(error instanceof AlbertineError) || student.includes('/')) throw error;
    throw new AlbertineError(error.code, error.message, {
      value: student,
      cause: error,
      hint: `${JSON.stringify(student)} is no folder and no preset; presets are ${Object.keys(PRESETS).join(', ')}`,
    });
  });
}

/**
 * The teacher's word embeddings around their mean, on as many main directions as there is room for; where there is more
 * room, the rest stays random.
 */
function takeWords(
  weights: Weights,
  { shape: [rows, from], data }: Weight,
  { embeddingSize, vocabSize }: AlbertConfig,
): void {
  const table = weights.get(WORDS)!.data;
  const map = fitTargetMap(data, {
    teacherWidth: from,
    width: Math.min(from, embeddingSize),
    centre: true,
    unit: false,
  });
  const target = new Float32Array(map.width);
  for (let row = 0; row < Math.min(rows, vocabSize); row++) {
    mapVector(map, data.subarray(row * from, (row + 1) * from), target);
    for (let i = 0; i < map.width; i++) table[row * embeddingSize + i] = WORD_DEVIATION * target[i];
  }
}
