import { Option, type Command } from 'commander';
import type { CliIo } from '../terminal/io.ts';

/** `albertine info`: what a checkpoint is. */
export function registerInfo(program: Command, io: CliIo): void {
  const command = program
    .command('info')
    .argument('[model]', 'folder of a checkpoint, or a hub id. Default: the built-in model')
    .summary('what a model is, and what it costs')
    .description(
      'Prints the size of a model, what it costs to run, its tokeniser, limits, heads, fingerprint and anything suspicious about it.',
    )
    .addOption(
      new Option('--preset <name>', 'a named shape instead of a checkpoint (albertine init --help lists them)'),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Multiply-adds say how long a model takes; parameters do not, because ALBERT runs the same layer many times. A linear layer costs the same for
every token; attention costs more per token the longer the text is.

Examples
  albertine info
  albertine info albert/albert-base-v2
  albertine info --preset xxlarge-v2 --json
`,
    )
    .action(async (model: string | undefined) => {
      const { runInfo } = await import('./info-run.ts');
      await runInfo(io, model, command.opts());
    });
}
