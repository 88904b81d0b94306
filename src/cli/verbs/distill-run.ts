import type { Command } from 'commander';
import { countOf } from '../../core/count.ts';
import { distill, type DistillOptions, type DistillResult } from '../../tasks/distill/distill-node.ts';
import { DISTILL_RUN_SETTINGS, DISTILL_SETTINGS } from '../../tasks/distill/settings.ts';
import { isNew } from '../../tasks/distill/student-node.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { resolveModelFolder } from '../streams/models.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';
import { commandLine, interrupted, listeners, requireConsistentFlags, unlessFinished } from './training-run.ts';

/** What the student can be used for. */
const NEXT: Record<DistillResult['task'], (output: string) => string> = {
  embedding: (output) => `embed --model ${output} "a text"`,
  tokens: (output) => `finetune tag --model ${output} --train FILE --output tagger`,
  masked: (output) => `fill-mask --model ${output} "a text with [MASK]"`,
  classify: (output) => `predict ${output} "a text"`,
};

/** Events that tell how the run goes. */
const FACTS = ['data', 'model', 'resumed', 'wandb'];

/** Runs `albertine distill`. */
export async function runDistill(io: CliIo, command: Command): Promise<void> {
  const flags = command.opts<Record<string, unknown> & { quiet?: boolean }>();
  const { quiet = false } = flags;
  requireConsistentFlags(flags);
  const options = optionsOfFlags({ ...DISTILL_SETTINGS, ...DISTILL_RUN_SETTINGS }, flags) as unknown as DistillOptions;
  const given: DistillOptions = { ...options, student: studentOf(options.student as string) };
  // Downloaded with progress; settings and cards call them by their names.
  for (const model of [given.teacher, given.tokenizer, isNew(given.student) ? undefined : (given.student as string)])
    if (model !== undefined) await resolveModelFolder(io, model, { quiet });
  const bar = createProgressBar(io, { quiet });
  const started = performance.now();
  const result = await distill({
    ...given,
    command: commandLine(),
    ...listeners(io, command, { bar, quiet, facts: FACTS }),
  })
    .catch(unlessFinished(io))
    .finally(() => bar.finish());
  if (result === undefined) return await io.stdout.write(`${given.output}\n`);
  if (result.outcome === 'interrupted') throw interrupted(result);
  if (!quiet) printResult(io, result, (performance.now() - started) / 1000);
  await io.stdout.write(`${result.output}\n`);
}

/** A model's name, or the shape of a new network as JSON. */
function studentOf(text: string): DistillOptions['student'] {
  if (!text.startsWith('{')) return text;
  try {
    return JSON.parse(text) as DistillOptions['student'];
  } catch (cause) {
    throw new UsageError(`--student is not JSON: ${(cause as Error).message}`);
  }
}

function printResult(
  io: CliIo,
  { output, outcome, task, steps, best, skipped, rollBacks }: DistillResult,
  seconds: number,
): void {
  const next = [NEXT[task](output)];
  const lines = [
    `${outcome === 'stoppedEarly' ? 'stopped early, no improvement' : 'finished'} after ${countOf(steps, 'step')} in ${formatDuration(seconds)}`,
    ...(best
      ? [
          `${best.step === 0 ? 'kept: the starting weights' : `best weights: step ${best.step.toLocaleString('en-US')}`}, ${best.metric} ${best.value.toFixed(4)}`,
        ]
      : []),
    `next: ${[`report ${output}`, ...next].map((command) => `albertine ${command}`).join('; ')}`,
  ];
  io.stderr.write(`${lines.join('\n')}\n`);
  if (skipped > 0)
    io.stderr.write(
      `note: ${countOf(skipped, 'step')} not applied, ${countOf(rollBacks, 'roll-back')}; see ${output}/events.jsonl\n`,
    );
}
