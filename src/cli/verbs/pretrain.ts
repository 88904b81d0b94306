import type { Command } from 'commander';
import { PRETRAIN_CONFIG_SETTINGS, PRETRAIN_RUN_SETTINGS } from '../../training/pretraining/settings.ts';
import { addSettings } from '../flags/setting-flags.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine pretrain`: masked language model and sentence order on token shards. */
export function registerPretrain(program: Command, io: CliIo): void {
  const { output, ...machine } = PRETRAIN_RUN_SETTINGS;
  const command = program
    .command('pretrain')
    .summary('pretrain a model on token shards')
    .description(
      'Pretrains an ALBERT on masked tokens and sentence order, from random weights or from a checkpoint (domain adaptation). Flags replace what --config says.',
    )
    .option('-c, --config <file>', 'JSON file with the settings below, named as in the API (batchSize, maxLength ...)');
  addSettings(command, { output, ...PRETRAIN_CONFIG_SETTINGS, ...machine })
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText(
      'after',
      `
Watch it with: albertine report OUTPUT; or TensorBoard on OUTPUT/tensorboard. Ctrl-C saves; --resume goes on with the same result.

Example
  albertine vocab train corpus.txt --vocab-size 8000 --output vocab
  albertine shards build corpus.txt --tokenizer vocab --output shards
  albertine pretrain --shards shards --tokenizer vocab --preset mini --steps 2000 --output my-albert
`,
    )
    .action(async () => {
      const { runPretrain } = await import('./pretrain-run.ts');
      await runPretrain(io, command);
    });
}
