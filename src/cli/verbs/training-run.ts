import type { Command } from 'commander';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { shellWord } from '../../core/shell-word.ts';
import type { RunEstimate } from '../../training/estimate-node.ts';
import type { FineTuneRunOptions } from '../../training/run/options.ts';
import { RunFinished } from '../../training/run/run-folder-node.ts';
import { spellingOf } from '../flags/spelling.ts';
import { EXIT, UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { formatBytes, formatDuration, formatRate, type ProgressBar } from '../terminal/progress-bar.ts';

/* What the commands that train have in common. */

/** Pairs of flags that contradict each other, and what to say of them. */
const EITHER: readonly (readonly [string, string, string])[] = [
  ['epochs', 'maxSteps', 'give either --epochs or --max-steps, not both'],
  ['resume', 'overwrite', '--resume continues a run, --overwrite throws it away: give one of them'],
  ['warmupSteps', 'warmupRatio', 'give either --warmup-steps or --warmup-ratio, not both'],
];

/** Throws {@link UsageError} for flags that contradict each other. */
export function requireConsistentFlags(flags: Readonly<Record<string, unknown>>): void {
  for (const [one, other, message] of EITHER)
    if (flags[one] !== undefined && flags[other] !== undefined) throw new UsageError(message);
}

/**
 * The options that show what happens and can stop it. With `quiet`, events of the kinds in `facts` are not printed:
 * they tell how the run goes rather than that something is wrong.
 */
export function listeners(
  io: CliIo,
  command: Command,
  { bar, quiet, facts }: { bar: ProgressBar; quiet: boolean; facts: readonly string[] },
): Pick<FineTuneRunOptions, 'onProgress' | 'onEstimate' | 'onEvent' | 'signal'> {
  const spell = spellingOf(command);
  return {
    onProgress: bar.update,
    ...(!quiet && { onEstimate: (estimate) => bar.note(describeEstimate(estimate)) }),
    onEvent: (kind, _message, prose) => {
      if (!quiet || !facts.includes(kind)) bar.note(`${kind}: ${prose.spelled(spell)}`);
    },
    signal: io.signal,
  };
}

/** What the run will take, before its first step. */
export function describeEstimate({
  steps,
  totalSeconds,
  tokensPerSecond,
  secondsPerStep,
  residentBytes,
  peakBytes,
}: RunEstimate): string {
  return (
    `estimate: ${countOf(steps, 'step')}, about ${formatDuration(totalSeconds)} (${formatDuration(secondsPerStep)} a step, ${formatRate(tokensPerSecond)} tokens/s)` +
    `${peakBytes === undefined ? '' : `, memory ${formatBytes(residentBytes)} now, about ${formatBytes(peakBytes)} at its peak`}`
  );
}

/** The error that ends an interrupted run with exit code 130. */
export function interrupted({ output, steps }: { output: string; steps: number }): AlbertineError {
  return new AlbertineError(
    'interrupted',
    `interrupted after step ${steps.toLocaleString('en-US')}; a checkpoint is in ${output}`,
    {
      value: EXIT.interrupted,
      hint: 'The same command with --resume continues with the same result',
    },
  );
}

/**
 * Tells, instead of failing, that the run of `--resume` has come to its end already: a script that tries again until it
 * succeeds can end.
 */
export function unlessFinished(io: CliIo): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof RunFinished)) throw error;
    io.stderr.write(`note: ${error.message}\n`);
    return undefined;
  };
}

/** The command as it was typed, for run.json; quoted where a shell needs it. */
export function commandLine(): string {
  return ['albertine', ...process.argv.slice(2)].map(shellWord).join(' ');
}
