import type { Command } from 'commander';
import { PRESETS } from '../../model/presets.ts';
import { integer, list, oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** `albertine init`: a new, untrained checkpoint. */
export function registerInit(program: Command, io: CliIo): void {
  const command = program
    .command('init')
    .summary('make a new, untrained checkpoint')
    .description(
      'Makes a checkpoint with random weights, as a starting point for pretraining or for tests. It says that it is untrained wherever it is used.',
    )
    .requiredOption('--preset <name>', 'shape of the network, see below')
    .requiredOption('-o, --output <folder>', "folder to be made, in Hugging Face's layout")
    .option('--seed <n>', 'the same seed gives the same weights on every machine. Default: 1', integer())
    .option(
      '--tokenizer <path>',
      'folder or hub id of a model, or a file (spiece.model, vocab.txt, tokenizer.json), whose tokeniser the checkpoint gets; it decides the size of the vocabulary. Default: none, so that texts cannot be read yet',
    )
    .option(
      '--heads <list>',
      'heads besides the encoder and the pooler: maskedLm, sentenceOrder, questionAnswering. Default: maskedLm,sentenceOrder',
      list,
    )
    .option(
      '--vocab-size <n>',
      "rows of the embedding table. Default: the tokeniser's size, else the preset's",
      integer({ min: 1 }),
    )
    .option('--dtype <type>', 'f32, f16 or bf16. Default: f32', oneOf('f32', 'f16', 'bf16'))
    .option('--overwrite', OVERWRITE)
    .addHelpText(
      'after',
      `
Presets
${Object.values(PRESETS)
  .map(
    ({ name, description, config }) =>
      `  ${name.padEnd(18)}${`${config.numHiddenLayers} x ${config.hiddenSize}`.padEnd(11)}${description}`,
  )
  .join('\n')}

Examples
  albertine init --preset tiny --tokenizer ./spiece.model --output my-albert
  albertine init --preset base-v2 --tokenizer albert/albert-base-v2 --seed 7 --output untrained-base
`,
    )
    .action(async () => {
      const { runInit } = await import('./init-run.ts');
      await runInit(io, command.opts());
    });
}
