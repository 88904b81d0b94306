import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files-node.ts';
import { parseFilter } from '../../core/filter.ts';
import {
  curvesOf,
  formatField,
  formatSetting,
  MAX_CURVES,
  renderComparison,
  type RunCurves,
} from '../../training/report/comparison.ts';
import { readRun } from '../../training/report/report-node.ts';
import {
  diffRuns,
  fieldOf,
  filterRuns,
  requireFields,
  RUN_COLUMNS,
  sortRuns,
  type ListedRun,
} from '../../training/report/run-list.ts';
import { findRuns } from '../../training/report/run-list-node.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { fitWidth, formatTable, displayWidth } from '../terminal/text-width.ts';
import type { RunsFlags } from './runs.ts';

/** Columns that a cell of a table may take. */
const WIDEST = 40;

/** Runs `albertine runs`. */
export async function runRuns(io: CliIo, folders: readonly string[], flags: RunsFlags): Promise<void> {
  requireUseful(flags);
  const filter = parseFilter(flags.filter ?? []);
  const { runs: found, problems } = await findRuns(folders, { signal: io.signal });
  for (const problem of problems) io.stderr.write(`warning: ${problem}\n`);
  if (found.length === 0)
    throw new AlbertineError('not_found', `no run in ${folders.join(', ')} could be read`, { value: folders });
  if (flags.columns) requireFields(found, flags.columns, 'columns');
  const chosen = filterRuns(sortRuns(found, flags.sort ?? '-date'), filter);
  const runs = chosen.slice(0, flags.limit ?? chosen.length);
  if (flags.html !== undefined) await writePage(io, runs, { ...flags, html: flags.html });
  else if (flags.json)
    await io.stdout.write(`${JSON.stringify(flags.diff ? diffJson(runs) : runs.map(runJson), null, 2)}\n`);
  else await printTables(io, runs, flags);
  if (!flags.json && runs.length < found.length)
    io.stderr.write(`${runs.length.toLocaleString('en-US')} of ${countOf(found.length, 'run')}\n`);
}

/** Flags that would do nothing are refused. */
function requireUseful({ html, json, diff, language, overwrite, columns }: RunsFlags): void {
  if (html !== undefined && json) throw new UsageError('give either --html or --json, not both');
  if (html !== undefined && diff) throw new UsageError('--html has the settings that differ already: leave --diff out');
  if (html === undefined && language) throw new UsageError('--language is for --html');
  if (html === undefined && overwrite) throw new UsageError('--overwrite is for --html');
  if (columns && (diff || json))
    throw new UsageError(`--columns is for the table, not for ${diff ? '--diff' : '--json'}`);
}

async function printTables(io: CliIo, runs: readonly ListedRun[], { diff, columns }: RunsFlags): Promise<void> {
  if (runs.length === 0) return;
  if (!diff) return await io.stdout.write(`${runTable(runs, columns ?? RUN_COLUMNS)}\n`);
  if (runs.length < 2) throw new UsageError('--diff needs two runs or more: give their folders, or one above them');
  const found = diffRuns(runs);
  if (found.length === 0) return void io.stderr.write('the runs have the same settings\n');
  const rows = found.map(({ name, values }) => [name, ...values.map((value) => cut(formatSetting(value)))]);
  await io.stdout.write(`${formatTable([['setting', ...runs.map(({ name }) => cut(name))], ...rows])}\n`);
}

function runTable(runs: readonly ListedRun[], columns: readonly string[]): string {
  const rows = runs.map((run) => columns.map((name) => cut(formatField(run, name))));
  const right = columns.flatMap((name, index) =>
    name !== 'metric' && runs.some((run) => typeof fieldOf(run, name) === 'number') ? [index] : [],
  );
  return formatTable([[...columns], ...rows], { right });
}

const cut = (text: string): string => (displayWidth(text) > WIDEST ? fitWidth(text, WIDEST) : text);

function runJson({ folder, columns, ...run }: ListedRun): object {
  const { task, model, steps, rows, learningRate, time, date } = columns;
  return { folder, task, model, steps, rows, learningRate, seconds: time, startedAt: date, ...run };
}

function diffJson(runs: readonly ListedRun[]): object {
  return {
    runs: runs.map(({ name }) => name),
    settings: Object.fromEntries(
      diffRuns(runs).map(({ name, values }) => [name, values.map((value) => value ?? null)]),
    ),
  };
}

async function writePage(
  io: CliIo,
  runs: readonly ListedRun[],
  { html, columns, language, overwrite }: RunsFlags & { html: string },
): Promise<void> {
  if (runs.length === 0)
    throw new AlbertineError('not_found', 'no run meets the filter, so there is nothing for a page', { value: html });
  const compared: { listed: ListedRun; curves?: RunCurves }[] = [];
  // Read again, those that are drawn alone: what was recorded of all runs may be more than fits into memory.
  for (const [index, listed] of runs.entries())
    compared.push({ listed, ...(index < MAX_CURVES && { curves: curvesOf(await readRun(listed.folder)) }) });
  const page = renderComparison(compared, { columns: columns ?? RUN_COLUMNS, ...(language && { language }) });
  const claimed = await claimOutput(html, { inputs: runs.map(({ folder }) => folder), overwrite, flag: '--html' });
  try {
    await writeFileAtomic(claimed.partial, page);
    await claimed.commit();
  } finally {
    await claimed.abandon({ keep: false });
  }
  await io.stdout.write(`${html}\n`);
}
