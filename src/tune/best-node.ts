import { cp, lstat, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { bestRun, type StudyRecord } from './study-record.ts';

/** The best run of a study, and where it is. */
export interface BestLink {
  /** Number of the trial. */
  trial: number;
  /** Of the run that was trained again; absent where it is the trial's own. */
  seed?: number;
  /** Within the study's folder. */
  folder: string;
  /** Whether `best` is a link to it, or a copy, where the file system has no links. */
  how: 'link' | 'copy';
}

/** Makes `best` in the folder of a study; what it was before is replaced. */
export async function linkBest(output: string, record: StudyRecord): Promise<BestLink | undefined> {
  const best = bestRun(record);
  const path = join(output, 'best');
  if (await lstat(path).catch(() => undefined)) await rm(path, { recursive: true, force: true });
  if (best === undefined) return undefined;
  try {
    await symlink(best.folder, path, 'dir');
    return { ...best, how: 'link' };
  } catch (error) {
    // Windows lets only some users make links, and some file systems have none.
    if (!['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    await cp(join(output, best.folder), path, { recursive: true });
    return { ...best, how: 'copy' };
  }
}
