import type { Command } from 'commander';
import { addInputOptions, integer, list } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** `albertine zero-shot`: labels without training for them. */
export function registerZeroShot(program: Command, io: CliIo): void {
  const command = program
    .command('zero-shot')
    .argument('<model>', 'folder of a classifier of pairs that was fine-tuned on entailment, or a hub id')
    .argument('[texts...]', 'texts; or - for standard input, a text a line; or one file of texts')
    .summary('labels that a model was never trained on, by entailment')
    .description(
      'Says which of some labels fits a text: the one whose sentence the text entails, as a classifier of pairs judges that was fine-tuned on entailment.',
    )
    .requiredOption('--labels <names>', 'the labels, separated by commas', list);
  addInputOptions(command)
    .option('-o, --output <file>', 'a .jsonl file, or - for standard output. Default: JSONL on standard output')
    .option('--overwrite', OVERWRITE)
    .option(
      '--template <sentence>',
      'sentence that a text of the label entails, with {} for the label. Default: This text is about {}.',
    )
    .option('--multi-label', 'judge every label by itself, so that several can be right. Default: one of them is')
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress; notes and errors are still printed')
    .addHelpText(
      'after',
      `
Output
  {"index":0,"label":"sport","score":0.8,"labels":[{"label":"sport","score":0.8},{"label":"money","score":0.2}]}

Examples
  albertine finetune classify --train nli.jsonl --text-field premise --pair-field hypothesis --output nli
  albertine zero-shot nli "The match ended in a draw." --labels sport,money,weather
  albertine zero-shot nli reviews.csv --labels "the food,the service" --template "The writer complains about {}." --multi-label
`,
    )
    .action(async (model: string, texts: string[]) => {
      const { runZeroShot } = await import('./zero-shot-run.ts');
      await runZeroShot(io, model, { texts, flags: command.opts() });
    });
}
