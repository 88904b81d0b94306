import type { Command } from 'commander';
import type { Settings } from '../../core/settings.ts';
import type { TaskManual } from '../../tasks/manual.ts';
import { TASKS } from '../../tasks/registry.ts';
import { TUNE_SETTINGS } from '../../tune/settings.ts';
import { addSettings } from '../flags/setting-flags.ts';
import type { CliIo } from '../terminal/io.ts';
import { runSettings } from './finetune.ts';
import { requireVerb } from './verbs.ts';

/** `albertine tune <task>`: a search over the settings of every task of the registry. */
export function registerTune(program: Command, io: CliIo): void {
  const group = program
    .command('tune')
    .summary('search the settings of fine-tuning')
    .description(
      `Searches settings of fine-tuning for a task on your data: ${TASKS.map(({ name }) => `albertine tune ${name} --help`).join(', ')}`,
    );
  requireVerb(group);
  for (const task of TASKS) registerTask(group, io, task);
}

function registerTask(group: Command, io: CliIo, task: TaskManual): void {
  const command = group
    .command(task.name)
    .summary(task.finetune.summary)
    .description(
      `Trains with one setting after the other, learns from the held-out figures which to try next, and names the best. Takes every flag of albertine finetune ${task.name} besides its own; --search names those whose values are looked for.`,
    )
    .option(
      '--search <name=range...>',
      'what is searched, and where; see below. Any flag that is listed here from --train on',
      collect,
    )
    .option('--space <file>', 'the same as one JSON file, which can have conditions; see below')
    .requiredOption('-o, --output <folder>', 'receives the study, a run folder for each trial, and best')
    .option(
      '--resume',
      'continue the study in --output with the same options; more --trials, another --parallel, --retrain and --seeds may be given',
    )
    .option('--overwrite', 'start anew although --output has a study, which is lost');
  addSettings(command, TUNE_SETTINGS);
  const shared = sharedSettings(task);
  addSettings(command, shared);
  command
    .option('-q, --quiet', 'no progress, no trials and no result: only the output folder, notes, warnings and errors')
    .addHelpText('after', manualFor(task.name))
    .action(async () => {
      const { runTune } = await import('./tune-run.ts');
      await runTune(io, command, { task, shared });
    });
}

/** The settings of the runs that all trials share: those of fine-tuning, without what the study decides. */
function sharedSettings({ finetune }: TaskManual): Settings {
  const all: Settings = { ...finetune.settings, ...runSettings(finetune.training) };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, setting]) => {
      if (['output', 'resume', 'overwrite'].includes(name)) return [];
      // Which file is trained on may be searched too.
      const optional = { ...setting };
      delete optional.required;
      if (name === 'seed') optional.help = `of the study, and of the runs: ${setting.help}`;
      return [[name, optional]];
    }),
  ) as Settings;
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

const manualFor = (task: string): string => `
Ranges
  learning-rate=1e-5:1e-3          a number from 1e-5 to 1e-3; log:1e-5:1e-3 on a logarithmic scale, 0:0.3:0.1 in steps
  batch-size=8:64                  whole numbers where the setting has them; int:log:8:64 on a logarithmic scale
  optimizer=adamw,lamb             one of these; model=FOLDER,FOLDER compares models

--space: a JSON object, by name a range or choices, with conditions
  {
    "optimizer": ["adamw", "sgd"],
    "learning-rate": "log:1e-5:1e-1",
    "momentum": { "range": "0.5:0.99", "when": { "optimizer": "sgd" } }
  }
  What belongs to one optimizer alone needs the condition: a run refuses flags that would do nothing.

What is in --output
  study.jsonl        every suggestion, evaluation and result, a line each, on the disk before anything follows from it
  trials/0000 ...    a trial each: an ordinary run folder (albertine report OUTPUT/trials/0000), with the command that makes it again
  retrained/         runs of --retrain
  best               a link to the best run, or a copy where there are no links

Interrupting
  Ctrl-C lets the trials save a checkpoint and ends with exit code 130; a killed study loses nothing but their last steps.
  Either way the same command with --resume goes on: trials that had begun from their checkpoints, then with what would have been suggested.
  With --parallel the order in which trials end decides too, and that differs from one time to the other.

The figures of the search are those of the best of many, and so a little too good: --retrain says what other seeds give, and a file that
no trial has seen (albertine evaluate OUTPUT/best --data TEST) what is to be expected.

Examples
  albertine tune ${task} --train train.csv --eval dev.csv --output study --search learning-rate=log:1e-5:1e-3 batch-size=8,16,32 --trials 30
  albertine tune ${task} --train train.csv --eval dev.csv --output study --space space.json --pruner median --retrain 3 --seeds 5
  albertine tune ${task} --train train.csv --eval dev.csv --output study --search max-length=32:256 learning-rate=log:1e-5:1e-3 --goal loss,latency
  albertine tune ${task} --train train.csv --eval dev.csv --output study --search learning-rate=1e-5,1e-4,1e-3 dropout=0,0.1 --sampler grid
Then
  albertine report study
`;
