import type { Command } from 'commander';
import { ASKED } from '../../tasks/registry.ts';
import { addComputeOptions, addInputOptions, integer } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { INPUT_SETTINGS, unitedSettings } from '../flags/task-flags.ts';

/** `albertine predict`: what a fine-tuned model answers. */
export function registerPredict(program: Command, io: CliIo): void {
  const command = program
    .command('predict')
    .argument('<model>', 'folder of a fine-tuned model, or a hub id')
    .argument('[texts...]', 'texts; or - for standard input, a text a line; or one file of texts or rows')
    .summary('what a fine-tuned model answers: labels, entities, answers')
    .description(
      'Asks a fine-tuned model and writes an answer for each text or row, in input order. What it is fine-tuned for, the model knows.',
    );
  addInputOptions(command)
    .option(
      '-o, --output <file>',
      'a .jsonl, .csv, .tsv or .parquet file, or - for standard output. Default: JSONL on standard output',
    )
    .option('--overwrite', OVERWRITE);
  addSettings(command, unitedSettings('predict', INPUT_SETTINGS)).option(
    '--look-ahead <n>',
    'texts read ahead and sorted by length together; 1 answers every line of a pipe at once. Default: 256',
    integer({ min: 1 }),
  );
  addComputeOptions(command)
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText(
      'after',
      `
Output, a line of JSON for each text; "index" counts them from 0
${ASKED.flatMap(({ name, predict }) => (predict ? [`  ${name.padEnd(10)} ${predict.output}`] : [])).join('\n')}
  Tables (.csv, .tsv, .parquet) have the input's columns (one that is called as a column of the answers becomes input_NAME), then index, the answer and the counts.
  The file is written as NAME.partial.EXT and takes its name when it is complete; until then an older file of that name stays.

Examples
${ASKED.flatMap(({ predict }) => predict?.examples ?? [])
  .map((example) => `  ${example}`)
  .join('\n')}
`,
    )
    .action(async (model: string, texts: string[]) => {
      const { runPredict } = await import('./predict-run.ts');
      await runPredict(io, model, { texts, flags: command.opts() });
    });
}
