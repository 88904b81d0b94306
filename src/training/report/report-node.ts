import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { joinMetrics, parseMetrics, type RunInfo, type RunRecord } from './run-record.ts';

/**
 * Reads a run's folder: `metrics.jsonl` and, when present, `events.jsonl` (see {@link parseMetrics}) and `run.json` (a
 * {@link RunInfo}). Works while the run is still going on. Throws `file_not_found` when there is no `metrics.jsonl`.
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) throw new AlbertineError('file_not_found', `no folder at ${folder}`, { value: folder });
  const text = await readFile(join(folder, 'metrics.jsonl'), 'utf8').catch((cause: unknown) => {
    throw new AlbertineError('file_not_found', `${folder} is not a training run: it has no metrics.jsonl`, {
      value: folder,
      cause,
    });
  });
  const events = await readFile(join(folder, 'events.jsonl'), 'utf8').catch(() => '');
  const metrics = joinMetrics(parseMetrics(text), parseMetrics(events, 'events.jsonl'));
  const described = await readRunInfo(folder);
  const name = described.info.name ?? basename(resolve(folder));
  return { ...metrics, name, info: described.info, warnings: [...described.warnings, ...metrics.warnings] };
}

/** What `run.json` in a run's folder says, and why it says nothing. */
export async function readRunInfo(folder: string): Promise<{ info: RunInfo; warnings: string[] }> {
  const text = await readFile(join(folder, 'run.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return { info: {}, warnings: ['there is no run.json, so settings and versions are unknown'] };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { info: value, warnings: [] };
  } catch {
    // Reported below with the other shapes that are not an object.
  }
  return { info: {}, warnings: ['run.json is not a JSON object and was ignored'] };
}
