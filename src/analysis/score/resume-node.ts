import { AlbertineError } from '../../core/errors.ts';
import { openRows } from '../../data/read-node.ts';
import { countCompleteRecords, cutRecords } from '../../data/resume-node.ts';
import { SCORE_BLOCK } from './groups.ts';
import type { ScoredBefore } from './score-node.ts';
import type { ScoreRecord } from './score-run.ts';

/**
 * Pairs of each system in a `.jsonl` file of scores that was not finished, one system after the other; **cuts off** what
 * is torn and pairs after the last whole block ({@link SCORE_BLOCK}), because only from there on the same scores come
 * out. Throws `invalid_file` for other files.
 */
export async function keepScoredBlocks(path: string): Promise<number[]> {
  const { records } = await countCompleteRecords(path, 'jsonl');
  if (records === 0) return [];
  const systems: number[] = [];
  for await (const { fields, number } of openRows(path, { format: 'jsonl' })) {
    if (fields['index'] === 0) systems.push(0);
    if (fields['index'] !== systems.at(-1))
      throw new AlbertineError('invalid_file', `${path}, row ${number}: this is no file of scores`, {
        value: fields,
        hint: 'Start again with another output',
      });
    systems[systems.length - 1]++;
  }
  const last = systems.at(-1)!;
  systems[systems.length - 1] = last - (last % SCORE_BLOCK);
  await cutRecords(path, records - (last % SCORE_BLOCK));
  return systems;
}

/** The scores of one system in such a file. */
export function scoredBefore(path: string, systems: readonly number[], system: number): ScoredBefore | undefined {
  const count = systems[system] ?? 0;
  if (count === 0) return undefined;
  const start = systems.slice(0, system).reduce((sum, pairs) => sum + pairs, 0);
  async function* records(): AsyncGenerator<ScoreRecord> {
    let row = 0;
    for await (const { fields } of openRows(path, { format: 'jsonl' })) {
      if (row++ < start) continue;
      if (row > start + count) return;
      yield fields as ScoreRecord;
    }
  }
  return { count, records: records() };
}
