import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { readRunInfo } from '../training/report/report-node.ts';
import type { ListedRun, RunLines } from './run-lines.ts';

/** Bytes of a log that one answer holds at most; a longer one is read in several. */
const MOST_BYTES = 2 ** 20;
/** What a training run writes its lines to. */
const LOGS = ['metrics.jsonl', 'events.jsonl'] as const;

/** Runs are the folders directly in `root` that have a log; links are not followed, so nothing outside is read. */
export async function listRuns(root: string): Promise<ListedRun[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const runs = await Promise.all(
    entries.map(async (entry): Promise<ListedRun[]> => {
      if (!entry.isDirectory() || !(await hasLog(join(root, entry.name)))) return [];
      const folder = join(root, entry.name);
      const { mtimeMs } = await stat(join(folder, LOGS[0]));
      const { outcome } = (await readRunInfo(folder)).info;
      return [{ name: entry.name, changedAt: Math.round(mtimeMs), ...(outcome !== undefined && { outcome }) }];
    }),
  );
  return runs.flat().sort((a, b) => b.changedAt - a.changedAt);
}

/**
 * What a run's logs have from a place on: `0-0` is their beginning, `next` of an answer the place behind it. Throws
 * `not_found` for a name that is not listed, whatever it may be as a path; `invalid_argument` for a place that is none.
 */
export async function readRunLines(root: string, name: string, from = '0-0'): Promise<RunLines> {
  const entries = await readdir(root, { withFileTypes: true });
  const entry = entries.find((one) => one.name === name && one.isDirectory());
  if (!entry || !(await hasLog(join(root, entry.name)))) throw await noRun(root, name);
  const places = /^(\d{1,15})-(\d{1,15})$/.exec(from)?.slice(1).map(Number);
  if (!places)
    throw new AlbertineError('invalid_argument', `from must be the next of an answer, got ${JSON.stringify(from)}`, {
      value: from,
    });
  const folder = join(root, entry.name);
  const sizes = await Promise.all(LOGS.map((log) => sizeOf(join(folder, log))));
  const restarted = places.some((place, i) => place > sizes[i]);
  const starts = restarted ? [0, 0] : places;
  const [metrics, events] = await Promise.all(LOGS.map((log, i) => linesFrom(join(folder, log), starts[i], sizes[i])));
  return {
    metrics: metrics.text,
    events: events.text,
    next: `${metrics.end}-${events.end}`,
    more: metrics.more || events.more,
    restarted,
    info: (await readRunInfo(folder)).info,
  };
}

async function noRun(root: string, name: string): Promise<AlbertineError> {
  const names = (await listRuns(root)).map((run) => run.name);
  const near = nearestName(name, names);
  return new AlbertineError('not_found', `there is no run ${JSON.stringify(name)}`, {
    value: name,
    ...(near !== undefined && { hint: `Did you mean ${near}?` }),
  });
}

/** A log that is a file of its own, not a link to one elsewhere. */
async function hasLog(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map((entry) => entry.name);
  return (
    entries.some((entry) => entry.name === LOGS[0] && entry.isFile()) &&
    ![...LOGS, 'run.json'].some((file) => links.includes(file))
  );
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Whole lines from a byte on; a line that is still being written is left for the next time. */
async function linesFrom(
  path: string,
  start: number,
  size: number,
): Promise<{ text: string; end: number; more: boolean }> {
  const length = Math.min(MOST_BYTES, size - start);
  if (length <= 0) return { text: '', end: start, more: false };
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
  const last = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
  if (last === 0 && bytesRead === MOST_BYTES)
    throw new AlbertineError('too_large', `a line of the run's log has more than ${MOST_BYTES} bytes`, {
      value: start,
    });
  return { text: buffer.toString('utf8', 0, last), end: start + last, more: last > 0 && start + bytesRead < size };
}
