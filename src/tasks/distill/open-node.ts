import { createHash } from 'node:crypto';
import { countOf } from '../../core/count.ts';
import { openBaseModel, type BaseModel } from '../../training/run/base-model-node.ts';
import { tell } from '../../training/run/options.ts';
import { describeLeftOut } from '../../training/run/start-heads-node.ts';
import type { HeadName } from '../../model/heads.ts';
import type { DistillOptions } from './options.ts';
import type { Student } from './student-node.ts';
import { holdOut, type ReadTexts } from './texts-node.ts';

const DEFAULT_MAX_LENGTH = 128;

/** A student that is about to learn. */
export interface OpenedStudent {
  base: BaseModel;
  /** What was told, for `run.json`. */
  notes: string[];
  /** Tells something, and keeps it. */
  note: (kind: string, ...messages: string[]) => void;
}

/** Opens the student's checkpoint; `kept` are its heads that have a part in what is learned, which `activity` names. */
export async function openLearner(
  options: DistillOptions,
  student: Student,
  { activity, kept = [] }: { activity: string; kept?: readonly HeadName[] },
): Promise<OpenedStudent> {
  const base = await openBaseModel(
    { ...options, model: student.folder },
    { model: student.folder, maxLength: DEFAULT_MAX_LENGTH },
  );
  const notes = [...base.notes];
  const note: OpenedStudent['note'] = (kind, ...messages) => {
    tell(options.onEvent, kind, ...messages);
    notes.push(...messages);
  };
  const leftOut = describeLeftOut(
    base.unusedHeads.filter((head) => !kept.includes(head)),
    activity,
  );
  if (leftOut !== undefined) note('model', leftOut);
  // There is no classifier to drop anything before.
  return { base: { ...base, model: student.name, config: { ...base.config, classifierDropoutProb: 0 } }, notes, note };
}

/** Holds texts out, and says what was read. */
export function splitTexts(
  { keys, file, remarks }: Pick<ReadTexts, 'keys' | 'file' | 'remarks'>,
  { heldOut, seed = 1 }: DistillOptions,
  note: OpenedStudent['note'],
): { train: Uint32Array; evaluation: number[]; textsFingerprint: string } {
  const { train, evaluation, distinct } = holdOut(keys, { heldOut, seed });
  note(
    'data',
    [
      `${countOf(file.length, 'text')}, ${countOf(file.tokenCount, 'token')}`,
      ...(distinct < keys.length ? [`${countOf(distinct, 'different one')}`] : []),
      `${evaluation.length.toLocaleString('en-US')} held out`,
      ...remarks,
    ].join(', '),
  );
  const hash = createHash('sha256').update(Float64Array.from(keys));
  return { train, evaluation, textsFingerprint: hash.digest('hex').slice(0, 16) };
}
