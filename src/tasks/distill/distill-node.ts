import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { makeFolder } from '../../core/files-node.ts';
import { requireGiven } from '../../core/options.ts';
import { option, prose } from '../../core/prose.ts';
import { explainingSystemErrors } from '../../core/system-errors.ts';
import { loadModel } from '../../loaded/load-node.ts';
import { requireDevice } from '../../runtime/compile.ts';
import { requireRunOptions, tell } from '../../training/run/options.ts';
import { requireNothingLost, requireSameSoFar, withThreadsOfRun } from '../../training/run/run-folder-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { requireForTask } from '../../core/settings.ts';
import { distillLabels } from './classify-node.ts';
import { distillMasked } from './masked-node.ts';
import { distillTokens } from './tokens-node.ts';
import { distillVectors } from './embedding-node.ts';
import type { DistillOptions, DistillResult, DistillTask } from './options.ts';
import { DISTILL_RUN_SETTINGS, DISTILL_SETTINGS } from './settings.ts';
import { CACHE_FILE } from './teacher-cache-node.ts';
import { isNew, openStudent, type Student } from './student-node.ts';

export type { DistillOptions, DistillResult } from './options.ts';

/** Folder within that of the run for what distillation keeps. */
const FOLDER = 'distillation';

/** What each task does. */
const TASKS: Record<
  DistillTask,
  (
    options: DistillOptions,
    student: Student,
    parts: { teacher: Albert | undefined; folder: string },
  ) => Promise<DistillResult>
> = { embedding: distillVectors, tokens: distillTokens, masked: distillMasked, classify: distillLabels };

/** What the main entry's function of this name loads; it says more. */
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
  const options = await resumable(await withThreadsOfRun(given));
  const { output, teacher: teacherName, teacherCache, task = 'embedding' } = options;
  await requireDevice(options.device ?? 'cpu');
  await requireNothingLost(options, [
    ...options.input,
    ...(options.teacherVectors ?? []),
    teacherName,
    ...(isNew(options.student) ? [] : [options.student as string]),
  ]);
  const folder = join(output, FOLDER);
  const made = [folder, output].filter((path) => !existsSync(path));
  await explainingSystemErrors(output, () => makeFolder(teacherCache ?? folder));
  await explainingSystemErrors(output, () => makeFolder(folder));
  try {
    using teacher =
      teacherName === undefined
        ? undefined
        : await loadModel(teacherName, { ...(options.threads !== undefined && { threads: options.threads }) });
    for (const note of teacher?.notes ?? []) tell(options.onEvent, 'note', `teacher: ${note}`);
    const student = await openStudent(options, teacher);
    try {
      return await TASKS[task](options, student, { teacher, folder });
    } finally {
      await student.dispose();
    }
  } catch (error) {
    // An interrupted one is to be gone on with.
    const isInterrupted = error instanceof AlbertineError && error.code === 'interrupted';
    if (!isInterrupted && !existsSync(join(output, 'run.json'))) await removeTraces(folder, made);
    throw error;
  }
}

/** Of a run that did not come to its first step, in folders that it made: everything but what a teacher said. */
async function removeTraces(folder: string, made: readonly string[]): Promise<void> {
  if (made.includes(folder))
    for (const name of await readdir(folder).catch(() => []))
      if (!name.startsWith(CACHE_FILE)) await rm(join(folder, name), { recursive: true, force: true });
  // Folders that are not empty stay.
  for (const path of made) await rmdir(path).catch(() => undefined);
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
  requireForTask(options, { ...DISTILL_SETTINGS, ...DISTILL_RUN_SETTINGS }, task);
  requireOneSource(options);
  requireUse(options);
}

/** Options that say how a teacher's answers are read from files. */
const FROM_FILES = ['labels', 'logitsField', 'problem', 'vectorField', 'offsetsField', 'offsetUnit'] as const;

/** Refuses options that would do nothing. */
function requireUse(options: DistillOptions): void {
  const { teacher, teacherVectors, teacherCache } = options;
  const useless = teacher === undefined ? undefined : FROM_FILES.find((name) => options[name] !== undefined);
  if (useless)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(useless)} is about answers in files, and ${option('teacher')} gives its own`,
      { value: options[useless], option: useless, hint: 'Leave one of them out' },
    );
  if (teacherCache !== undefined && teacher === undefined)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('teacherCache')} keeps what ${option('teacher')} says, and there is none`,
      {
        value: teacherCache,
        option: 'teacherCache',
      },
    );
  if (options.vectorField !== undefined && teacherVectors?.every((path) => path.toLowerCase().endsWith('.npy')))
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('vectorField')} is for .jsonl and .parquet: .npy files have no fields`,
      {
        value: options.vectorField,
        option: 'vectorField',
      },
    );
}

/** A teacher that was interrupted leaves no run: going on is then to begin it, with what is in the cache. */
async function resumable(options: DistillOptions): Promise<DistillOptions> {
  if (!options.resume || existsSync(join(options.output, 'run.json'))) return options;
  // A mistyped folder is told before a teacher is asked.
  if (!existsSync(join(options.output, FOLDER))) await requireSameSoFar(options, {});
  tell(options.onEvent, 'resumed', 'no step was made yet: starting from the beginning');
  return { ...options, resume: false };
}

/** Throws `invalid_argument` unless the texts have exactly one source of vectors. */
function requireOneSource({ teacher, teacherVectors, onError }: DistillOptions): void {
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
