import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { requireUnlocked } from '../../core/lock-node.ts';
import { readRun, readRunInfo } from './report-node.ts';
import { listRun, type ListedRun, type RunStatus } from './run-list.ts';

/** Folders of a run that hold no runs of their own, and may hold very many files. */
const NOT_LOOKED_INTO = new Set(['checkpoints', 'tensorboard', 'wandb', 'node_modules']);

/** What was found below a folder. */
export interface FoundRuns {
  /** Those that could be read. */
  runs: ListedRun[];
  /** What could not be read, each with its folder. */
  problems: string[];
}

/**
 * The runs in some folders and below them: every folder with a `run.json`. Links are not followed. Damaged ones are left
 * out and told. Throws `file_not_found` where a folder is not there, `not_found` where no run is below any of them.
 */
export async function findRuns(
  folders: readonly string[],
  { signal }: { signal?: AbortSignal } = {},
): Promise<FoundRuns> {
  const found: FoundRuns = { runs: [], problems: [] };
  const seen = new Set<string>();
  const root = sharedFolder(folders.map((folder) => resolve(folder)));
  for (const folder of folders) {
    if (!(await stat(folder).catch(() => undefined))?.isDirectory())
      throw new AlbertineError('file_not_found', `no folder at ${folder}`, { value: folder });
    for await (const place of runFolders(folder)) {
      signal?.throwIfAborted();
      if (seen.has(resolve(place))) continue;
      seen.add(resolve(place));
      const name = relative(root, resolve(place)) || basename(root);
      await addRun(found, { place, name });
    }
  }
  if (found.runs.length + found.problems.length > 0) return found;
  throw new AlbertineError('not_found', `no run in ${folders.join(', ')}`, {
    value: folders,
    hint: 'A run is a folder with a run.json, as albertine finetune, pretrain and distill make with --output; give it or one above it',
  });
}

/** The lowest folder that holds all of them, or is the only one. */
function sharedFolder([first, ...others]: readonly string[]): string {
  let shared = first;
  while (others.some((other) => other !== shared && !other.startsWith(shared.endsWith(sep) ? shared : shared + sep)))
    shared = dirname(shared);
  return shared;
}

async function addRun(found: FoundRuns, { place, name }: { place: string; name: string }): Promise<void> {
  try {
    const { info, warnings } = await readRunInfo(place);
    if (warnings.length > 0) return void found.problems.push(`${place}: ${warnings.join('; ')}`);
    const record = await readRun(place);
    found.problems.push(...record.warnings.map((warning) => `${place}: ${warning}`));
    found.runs.push(listRun(record, { folder: place, name, status: info.outcome ?? (await unfinished(place)) }));
  } catch (error) {
    found.problems.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A run without an outcome goes on while a living process holds the lock of its folder. */
async function unfinished(folder: string): Promise<RunStatus> {
  return await requireUnlocked(folder).then(
    () => 'died',
    () => 'running',
  );
}

async function* runFolders(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  if (entries.some((entry) => entry.isFile() && entry.name === 'run.json')) yield folder;
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isDirectory() && !entry.name.startsWith('.') && !NOT_LOOKED_INTO.has(entry.name))
      yield* runFolders(join(folder, entry.name));
}
