import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { makeFolder } from '../../core/files-node.ts';
import { requireGiven } from '../../core/options.ts';
import { option, prose } from '../../core/prose.ts';
import { explainingSystemErrors } from '../../core/system-errors.ts';
import { loadModel } from '../../loaded/load-node.ts';
import { requireDevice } from '../../runtime/compile.ts';
import { requireRunOptions, tell } from '../../training/run/options.ts';
import { requireNothingLost, withThreadsOfRun } from '../../training/run/run-folder-node.ts';
import { TextClassifier } from '../classify/classifier.ts';
import { distillLabels } from './classify-node.ts';
import { distillVectors, requireOneSource } from './embedding-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import { DISTILL_SETTINGS } from './settings.ts';
import { isNew, openStudent } from './student-node.ts';

export type { DistillOptions, DistillResult } from './options.ts';

/** Folder within that of the run for what distillation keeps. */
const FOLDER = 'distillation';

/** Options that only one of the tasks has. */
const ONLY_FOR = {
  embedding: [
    'teacherVectors',
    'vectorField',
    'heldOut',
    'pooling',
    'loss',
    'centre',
    'turn',
    'projection',
    'similarityWeight',
    'groupByLength',
  ],
  classify: ['pairField', 'logitsField', 'labels', 'problem', 'labelField', 'hardWeight', 'microBatchTokens'],
} as const satisfies Record<string, readonly (keyof DistillOptions)[]>;

/**
 * Teaches an ALBERT what another model says of texts (distillation; Hinton et al. 2015, Reimers and Gurevych 2020):
 * sentence vectors of any encoder, or the answers of a text classifier. The student is a checkpoint or a new network;
 * the output is a model folder as `fineTuneEmbedding` or `fineTuneClassifier` write it. Interrupting saves; `resume`
 * continues with the same result as an uninterrupted run. Vectors and tokens are read from disk when a step needs them,
 * so that millions of texts take little memory. Throws `invalid_data` for rows that cannot be used, vectors that are
 * not finite, or another number of vectors than of texts; `invalid_argument` for options that do not go together;
 * `interrupted` before the first step; `out_of_memory`, `training_diverged`.
 */
export async function distill(given: DistillOptions): Promise<DistillResult> {
  requireRunOptions('distill', given as DistillOptions & { model?: string }, {
    ...DISTILL_SETTINGS,
    student: { ...DISTILL_SETTINGS.student, kind: 'json' },
  });
  if ('model' in given)
    throw new AlbertineError('invalid_argument', 'distill has no option "model"', {
      value: given.model,
      option: 'model',
      hint: prose`The model that learns is ${option('student')}, the other one ${option('teacher')}`,
    });
  requireGiven('distill', given, ['student', 'input', 'output']);
  requireConsistent(given);
  const options = resumable(await withThreadsOfRun(given));
  const { output, teacher: teacherName, teacherCache, task = 'embedding' } = options;
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [
    ...options.input,
    ...(options.teacherVectors ?? []),
    teacherName,
    ...(isNew(options.student) ? [] : [options.student as string]),
  ]);
  const folder = join(output, FOLDER);
  await explainingSystemErrors(output, () => makeFolder(teacherCache ?? folder));
  await explainingSystemErrors(output, () => makeFolder(folder));
  using teacher =
    teacherName === undefined
      ? undefined
      : await loadModel(teacherName, { ...(options.threads !== undefined && { threads: options.threads }) });
  for (const note of teacher?.notes ?? []) tell(options.onEvent, 'note', `teacher: ${note}`);
  const classifier = task === 'classify' && teacher ? TextClassifier.from(teacher) : undefined;
  const student = await openStudent(options, teacher);
  try {
    return task === 'classify'
      ? await distillLabels(options, student, { teacher: classifier, folder })
      : await distillVectors(options, student, { teacher, folder });
  } finally {
    await student.dispose();
  }
}

function requireConsistent(options: DistillOptions): void {
  const { task = 'embedding', input } = options;
  if (input.length === 0)
    throw new AlbertineError('invalid_argument', prose`${option('input')} names no file`, {
      value: input,
      option: 'input',
    });
  if (input.includes('-'))
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('input')} is read twice, which standard input cannot be`,
      { value: '-', option: 'input', hint: 'Give a file' },
    );
  const other = task === 'embedding' ? 'classify' : 'embedding';
  const foreign = ONLY_FOR[other].find((name) => options[name] !== undefined);
  if (foreign)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(foreign)} is for the task ${other}, this one is ${task}`,
      { value: task, option: foreign, hint: prose`Set ${option('task', other)}, or leave it out` },
    );
  requireOneSource(options);
}

/** A teacher that was interrupted leaves no run: going on is then to begin it, with what is in the cache. */
function resumable(options: DistillOptions): DistillOptions {
  if (!options.resume || existsSync(join(options.output, 'run.json')) || !existsSync(join(options.output, FOLDER)))
    return options;
  tell(options.onEvent, 'resumed', 'no step was made yet: starting from the beginning');
  return { ...options, resume: false };
}
