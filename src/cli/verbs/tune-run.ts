import type { Command } from 'commander';
import { AlbertineError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings.ts';
import { readJsonFile } from '../../core/files-node.ts';
import { parseRange, parseSpace, RANGE_FORMS, type Parameter, type Space } from '../../study/space.ts';
import type { TaskManual } from '../../tasks/manual.ts';
import { searchedSpace, type RunOptions } from '../../tune/searched.ts';
import { TUNE_SETTINGS } from '../../tune/settings.ts';
import { tune, type TuneOptions, type TuneResult } from '../../tune/tune-node.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { spellingOf } from '../flags/spelling.ts';
import { EXIT, UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { requireConsistentFlags } from './training-run.ts';
import { studyLines, trialLine } from './tune-text.ts';

interface TuneFlags {
  search?: string[];
  space?: string;
  output: string;
  resume?: boolean;
  overwrite?: boolean;
  quiet?: boolean;
}

/** Runs `albertine tune TASK`. */
export async function runTune(
  io: CliIo,
  command: Command,
  { task, shared }: { task: TaskManual; shared: Settings },
): Promise<void> {
  const flags = command.opts<TuneFlags & Record<string, unknown>>();
  const { output, resume, overwrite, quiet = false } = flags;
  const run = optionsOfFlags(shared, flags);
  const space = await spaceOf(flags, { task, run });
  if (run['train'] === undefined && space['train'] === undefined)
    throw new UsageError("required option '--train <file>' not specified");
  requireConsistentFlags({ ...flags, ...attributesOf(space) });
  const spell = spellingOf(command);
  const bar = createProgressBar(io, { quiet });
  const started = performance.now();
  const result = await tune({
    ...(optionsOfFlags(TUNE_SETTINGS, flags) as Partial<TuneOptions>),
    task: task.name,
    run,
    space,
    output,
    ...(resume && { resume }),
    ...(overwrite && { overwrite }),
    onProgress: bar.update,
    onEvent: (kind, _message, prose) => bar.note(`${kind}: ${prose.spelled(spell)}`),
    ...(!quiet && { onTrial: (trial, study) => bar.note(trialLine(trial, study)) }),
    signal: io.signal,
  })
    .catch((error: unknown) => {
      throw interruption(error, output) ?? error;
    })
    .finally(() => bar.finish());
  requireAny(result);
  if (!quiet) io.stderr.write(`${studyLines(result, (performance.now() - started) / 1000).join('\n')}\n`);
  await io.stdout.write(`${output}\n`);
}

/** What `--search` and `--space` say; what is wrong with it is a wrong flag. */
async function spaceOf(
  { search = [], space: path }: TuneFlags,
  { task, run }: { task: TaskManual; run: RunOptions },
): Promise<Space> {
  const file = path === undefined ? undefined : await readJsonFile(path);
  try {
    const space: Record<string, Parameter> = { ...(file !== undefined && parseSpace(file)) };
    for (const text of search) {
      const at = text.indexOf('=');
      if (at < 1)
        throw new UsageError(`--search takes name=range, got ${JSON.stringify(text)}: ranges are ${RANGE_FORMS}`);
      const name = text.slice(0, at).replace(/^--/, '');
      if (Object.hasOwn(space, name)) throw new UsageError(`${name} is searched twice`);
      space[name] = parseRange(text.slice(at + 1), name);
    }
    if (Object.keys(space).length === 0)
      throw new UsageError('--search or --space says what is searched, such as --search learning-rate=log:1e-5:1e-3');
    return searchedSpace(space, task, run);
  } catch (error) {
    throw error instanceof AlbertineError ? new UsageError(error.message) : error;
  }
}

/** Names of what is searched, as flags have them. */
const attributesOf = (space: Space): Record<string, true> =>
  Object.fromEntries(
    Object.keys(space).map((name) => [name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()), true]),
  );

function interruption(error: unknown, output: string): AlbertineError | undefined {
  if (!(error instanceof AlbertineError) || error.code !== 'interrupted') return undefined;
  return new AlbertineError('interrupted', `interrupted; the study is in ${output}`, {
    value: EXIT.interrupted,
    hint: 'The same command with --resume goes on',
    cause: error,
  });
}

function requireAny({ trials, best, output }: TuneResult): void {
  if (best !== undefined) return;
  const reason = trials.findLast(({ state }) => state === 'failed')?.reason;
  throw new AlbertineError(
    'runtime_failed',
    `no trial was completed${reason === undefined ? '' : `, the last one failed: ${reason}`}`,
    {
      value: output,
      hint: 'Search other settings, with --overwrite or in another folder',
    },
  );
}
