import type { Command } from 'commander';
import type { Settings } from '../../core/settings.ts';
import type { TaskManual, TrainingManual } from '../../tasks/manual.ts';
import { TASKS } from '../../tasks/registry.ts';
import { FINE_TUNE_RUN_SETTINGS } from '../../training/run/settings.ts';
import { addSettings } from '../flags/setting-flags.ts';
import type { CliIo } from '../terminal/io.ts';
import { requireVerb } from './verbs.ts';

/** `albertine finetune <task>`: a verb for every task of the registry. */
export function registerFinetune(program: Command, io: CliIo): void {
  const group = program
    .command('finetune')
    .summary('train a model for a task on your own data')
    .description(
      `Trains a checkpoint for a task on your data: ${TASKS.map(({ name }) => `albertine finetune ${name} --help`).join(', ')}`,
    );
  requireVerb(group);
  for (const task of TASKS) registerTask(group, io, task);
}

function registerTask(group: Command, io: CliIo, task: TaskManual): void {
  const { summary, description, settings, training, saved, facts, manual } = task.finetune;
  const command = addSettings(group.command(task.name).summary(summary).description(description), {
    ...settings,
    ...runSettings(training),
  }).option(
    '-q, --quiet',
    'no progress, no facts about the data and no result: only the output folder, notes, warnings and errors',
  );
  command.addHelpText('after', `${runManual(saved, facts)}${manual}`).action(async () => {
    const { runFinetune } = await import('./finetune-run.ts');
    await runFinetune(io, task, command);
  });
}

/** The settings of a run with what is usual for a task. */
export function runSettings({
  epochs,
  batchSize,
  dropout,
  maxLength,
  evaluateEvery,
  microBatches,
}: TrainingManual): Settings {
  const { microBatchTokens, ...settings } = FINE_TUNE_RUN_SETTINGS;
  const usual = { epochs, batchSize, maxLength, evaluateEvery };
  return {
    ...settings,
    ...Object.fromEntries(
      Object.entries(usual).map(([name, value]) => [name, { ...settings[name as keyof typeof usual], usual: value }]),
    ),
    dropout: { ...settings.dropout, help: dropout },
    ...(microBatches && { microBatchTokens }),
  };
}

const runManual = (model: string, facts: string): string => `
What is in --output
  config.json, model.safetensors, tokeniser files, README.md   ${model}
  metrics.jsonl      a line a step: step, loss (mean of the step, before the update), learningRate, gradNorm, tokens, seconds
  events.jsonl       evaluations, skipped steps, warnings
  run.json           settings, ${facts}
  tensorboard/       the same for: tensorboard --logdir FOLDER
  wandb/             with --wandb the same for: wandb sync FOLDER/wandb/offline-run-*
  checkpoints/       the last two checkpoints to resume from; not needed once the run has finished

Interrupting
  Ctrl-C finishes the step, saves a checkpoint and ends with exit code 130; a killed run loses the steps since its last checkpoint.
  Either way the same command with --resume continues.
  Exit codes: 0 done, 1 failed, 2 wrong options, 130 interrupted.
`;
