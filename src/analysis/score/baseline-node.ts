import { AlbertineError } from '../../core/errors.ts';
import { readJsonFile, writeFileAtomic } from '../../core/files-node.ts';
import type { ScoreBaseline } from './baseline.ts';

const KIND = 'albertine score baseline';

/** Reads what {@link writeBaseline} wrote. Throws `file_not_found`, or `invalid_file` for anything else. */
export async function readBaseline(path: string): Promise<ScoreBaseline> {
  const { kind, ...baseline } = (await readJsonFile(path)) as Partial<ScoreBaseline> & { kind?: unknown };
  const numbers = [baseline.precision, baseline.recall, baseline.f1];
  if (kind === KIND && typeof baseline.fingerprint === 'string' && numbers.every((value) => Number.isFinite(value)))
    return baseline as ScoreBaseline;
  throw new AlbertineError('invalid_file', `${path} is no baseline of scores`, {
    value: path,
    hint: 'Make one with: albertine score baseline --input TEXTS --output FILE',
  });
}

/** Writes a baseline as JSON, with the fingerprint of the scores that it is for. */
export async function writeBaseline(path: string, baseline: ScoreBaseline): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify({ kind: KIND, ...baseline }, null, 2)}\n`);
}
