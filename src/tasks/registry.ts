import { AlbertineError } from '../core/errors.ts';
import { answerManual } from './answer/manual.ts';
import { chooseManual } from './choose/manual.ts';
import { classifyManual } from './classify/manual.ts';
import { embeddingManual } from './embedding/manual.ts';
import { fitManual } from './fit/manual.ts';
import type { AskedManual, FolderManual, TaskManual } from './manual.ts';
import { rankManual } from './rank/manual.ts';
import { relateManual } from './relate/manual.ts';
import { tagManual } from './tag/manual.ts';

/** Every task, a row each. Verbs, flags, manuals, saving and loading follow from it. */
export const TASKS: readonly TaskManual[] = [
  classifyManual,
  embeddingManual,
  tagManual,
  relateManual,
  answerManual,
  chooseManual,
  rankManual,
];

/** Models that are no checkpoints, a row each. */
export const FOLDERS: readonly FolderManual[] = [fitManual];

/** Everything that `evaluate` and `predict` ask. */
export const ASKED: readonly AskedManual[] = [...TASKS, ...FOLDERS];

/** The task that a checkpoint is for: the one its config names, else the first of its head, else embedding. */
export function taskOf({
  loaded,
  checkpoint,
}: {
  loaded: { heads: readonly string[] };
  checkpoint: { details: { extra: Readonly<Record<string, unknown>> } };
}): TaskManual {
  const named = TASKS.find(({ name }) => name === checkpoint.details.extra['albertine_task']);
  return named ?? TASKS.find(({ head }) => head !== undefined && loaded.heads.includes(head)) ?? taskNamed('embedding');
}

/** A task by its name. Throws `invalid_argument` naming those that there are. */
export function taskNamed(name: string): TaskManual {
  const task = TASKS.find((row) => row.name === name);
  if (!task)
    throw new AlbertineError('invalid_argument', `there is no task ${JSON.stringify(name)}`, {
      value: name,
      hint: `There are ${TASKS.map((row) => row.name).join(', ')}`,
    });
  return task;
}
