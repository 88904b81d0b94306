import type { Command } from 'commander';
import { ASKED } from '../../tasks/registry.ts';
import { integer } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { unitedSettings } from '../flags/task-flags.ts';

/** `albertine evaluate`: a fine-tuned model's figures on labelled data. */
export function registerEvaluate(program: Command, io: CliIo): void {
  const command = program
    .command('evaluate')
    .argument('<model>', 'folder of a fine-tuned model, or a hub id')
    .summary('how good a fine-tuned model is on labelled data')
    .description(
      'Asks a fine-tuned model for every row of a labelled file and prints how good its answers are: what it is fine-tuned for, it knows. A model without a head is judged by how well the cosines of pairs agree with scores.',
    )
    .requiredOption('--data <file>', 'labelled examples or scored pairs, of the form that the model was fine-tuned on');
  addSettings(command, unitedSettings('evaluate'))
    .option('--json', 'print one JSON object')
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no notes')
    .addHelpText(
      'after',
      `
--json has the figures at its top level. Those that are undefined are null.
${ASKED.map(({ name, evaluate: { json } }) => `  ${name.padEnd(10)} ${json}`).join('\n')}
With "count" (rows), "truncatedTexts", "truncatedTokens", "unknownTokens", "skippedRows".

Examples
${ASKED.flatMap(({ evaluate: { examples } }) => examples.map((example) => `  ${example}`)).join('\n')}
`,
    )
    .action(async (model: string) => {
      const { runEvaluate } = await import('./evaluate-run.ts');
      await runEvaluate(io, model, command.opts());
    });
}
