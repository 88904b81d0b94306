import type { Command } from 'commander';
import { REPORT_LANGUAGES } from '../../training/report/labels.ts';
import { integer, list, oneOf } from '../flags/arguments.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine runs`: training runs beside each other. */
export function registerRuns(program: Command, io: CliIo): void {
  program
    .command('runs')
    .argument('<folders...>', 'folders of training runs, or folders above them')
    .summary('training runs beside each other: table, settings that differ, curves')
    .description(
      'Finds the training runs in folders and below them (every folder with a run.json) and lists them: task, model, status, steps, best metric, rows, learning rate, time in steps, date (UTC).',
    )
    .option(
      '--filter <condition...>',
      'only runs like this: learningRate>=1e-4, task=classify, status=finished, model=*nano*, optimizer!=lamb, seed=1,2. Fields are the columns, all settings and all figures of the best evaluation; all conditions must be met',
    )
    .option(
      '--sort <field>',
      'order by a field, or from the other end with - before its name; metric: the best first. Default: -date, the newest first',
    )
    .option('--columns <names>', 'fields to show, separated by commas, instead of the usual ones', list)
    .option('--limit <n>', 'only the first n runs', integer({ min: 1 }))
    .option('--diff', 'only the settings that differ between the runs, a column a run')
    .option('--html <page>', 'one HTML page with the table, the settings that differ and the curves over one another')
    .option('--language <code>', 'with --html: language of the page, en or zh. Default: en', oneOf(...REPORT_LANGUAGES))
    .option('--overwrite', OVERWRITE)
    .option(
      '--json',
      'one JSON array with everything known of the runs; with --diff an object of the settings that differ',
    )
    .addHelpText(
      'after',
      `
Status
  finished, failed, interrupted   as the run ended
  running                         a process holds the lock of its folder
  died                            no process does, and nothing says how it ended: killed, or the machine went down; --resume goes on

Examples
  albertine runs models
  albertine runs models --filter task=classify "learningRate>=1e-4" --sort metric --limit 10
  albertine runs models --columns name,status,batchSize,macroF1,metric
  albertine runs models/a models/b --diff
  albertine runs models --filter status=finished --html runs.html
  albertine runs models --json | jq '.[] | {name, best}'
`,
    )
    .action(async (folders: string[], flags: RunsFlags) => {
      const { runRuns } = await import('./runs-run.ts');
      await runRuns(io, folders, flags);
    });
}

/** The flags of `albertine runs`, as commander gives them. */
export interface RunsFlags {
  filter?: string[];
  sort?: string;
  columns?: string[];
  limit?: number;
  diff?: boolean;
  html?: string;
  language?: (typeof REPORT_LANGUAGES)[number];
  overwrite?: boolean;
  json?: boolean;
}
