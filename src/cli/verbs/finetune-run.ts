import type { Command } from 'commander';
import { countOf } from '../../core/count.ts';
import type { TaskManual } from '../../tasks/manual.ts';
import type { FinishedRun } from '../../tasks/verbs.ts';
import type { FineTuneRunOptions } from '../../training/run/options.ts';
import { FINE_TUNE_RUN_SETTINGS } from '../../training/run/settings.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { resolveModelFolder } from '../streams/models.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';
import { commandLine, interrupted, listeners, requireConsistentFlags, unlessFinished } from './training-run.ts';

/** Events that tell how the run goes. */
const FACTS = ['data', 'model', 'resumed', 'wandb'];

/** Runs `albertine finetune TASK`. */
export async function runFinetune(
  io: CliIo,
  { finetune: { settings, shown: shownMetrics }, load }: TaskManual,
  command: Command,
): Promise<void> {
  const flags = command.opts<Record<string, unknown> & { quiet?: boolean }>();
  const { quiet = false } = flags;
  requireConsistentFlags(flags);
  const bar = createProgressBar(io, { quiet });
  const started = performance.now();
  const { fineTune } = await load();
  const given = optionsOfFlags({ ...FINE_TUNE_RUN_SETTINGS, ...settings }, flags) as unknown as FineTuneRunOptions;
  const { output } = given;
  const result = await fineTune({
    ...given,
    ...(given.model !== undefined && { model: await resolveModelFolder(io, given.model, { quiet }) }),
    command: commandLine(),
    ...listeners(io, command, { bar, quiet, facts: FACTS }),
  })
    .catch(unlessFinished(io))
    .finally(() => bar.finish());
  if (result === undefined) return await io.stdout.write(`${output}\n`);
  if (result.outcome === 'interrupted') throw interrupted(result);
  printResult(io, result, { seconds: (performance.now() - started) / 1000, quiet, shownMetrics });
  await io.stdout.write(`${output}\n`);
}

function printResult(
  io: CliIo,
  result: FinishedRun,
  { seconds, quiet, shownMetrics }: { seconds: number; quiet: boolean; shownMetrics: readonly string[] },
): void {
  const { output, outcome, steps, best, evaluation, skipped, rollBacks, lines: facts, next } = result;
  const shown = best?.evaluation ?? evaluation ?? {};
  const lines = [
    `${outcome === 'stoppedEarly' ? 'stopped early, no improvement' : 'finished'} after ${countOf(steps, 'step')} in ${formatDuration(seconds)}`,
    ...(best
      ? [
          `${best.step === 0 ? 'kept: the starting weights' : `best weights: step ${best.step.toLocaleString('en-US')}`}, ${best.metric} ${best.value.toFixed(4)}`,
        ]
      : []),
    ...(Object.keys(shown).length > 0
      ? [
          `held-out examples: ${Object.entries(shown)
            .filter(([name]) => name === best?.metric || name === 'loss' || shownMetrics.includes(name))
            .map(([name, value]) => `${name} ${value.toFixed(4)}`)
            .join('  ')}`,
        ]
      : []),
    ...facts,
    `next: ${[`report ${output}`, ...next].map((command) => `albertine ${command}`).join('; ')}`,
  ];
  if (!quiet) io.stderr.write(`${lines.join('\n')}\n`);
  if (skipped > 0)
    io.stderr.write(
      `note: ${countOf(skipped, 'step')} not applied, ${countOf(rollBacks, 'roll-back')}; see ${output}/events.jsonl\n`,
    );
}
