import type { Command } from 'commander';
import { integer, list, number, oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { addKeepingOptions, addOptimizerOptions, addScheduleOptions } from '../flags/trainer-flags.ts';

/** `albertine pretrain`: masked language model and sentence order on token shards. */
export function registerPretrain(program: Command, io: CliIo): void {
  const command = program.command('pretrain')
    .summary('pretrain a model on token shards')
    .description('Pretrains an ALBERT on masked tokens and sentence order, from random weights or from a checkpoint (domain adaptation). Flags replace what --config says.')
    .option('-c, --config <file>', 'JSON file with the settings below, named as in the API (batchSize, maxLength ...)')
    .requiredOption('-o, --output <folder>', 'receives the model, the metrics and the checkpoints to resume from')
    .option('--shards <list>', 'folders or addresses of shards, from albertine shards build', list)
    .option('--held-out <list>', 'folders of shards for evaluation', list)
    .option('--tokenizer <model>', 'the tokeniser that the shards were made with: its folder, a hub id or a built-in name; not with --from')
    .option('--preset <name>', 'shape of a new network; see albertine init --help. Default: mini')
    .option('--from <model>', 'continue from this checkpoint (folder or hub id) instead of random weights')
    .option('--word-embeddings <kind>', 'start of a new network: random, or cooccurrence, from counts over the shards: a minute or two that save a short run many steps. Default: random', oneOf('random', 'cooccurrence'))
    .option('--objective <name>', 'besides masked tokens: sop (sentence order), nsp (next sentence) or none. Default: sop', oneOf('sop', 'nsp', 'none'))
    .option('--steps <n>', 'steps in all', integer({ min: 1 }))
    .option('--batch-size <n>', 'sequences a step takes. Default: 256', integer({ min: 1 }))
    .option('--max-length <n>', 'tokens of a sequence. Default: 128', integer({ min: 8 }))
    .option('--learning-rate <x>', 'highest rate. Default: ALBERT\'s 1.76e-3 for 4096 sequences, times the root of batch size / 4096', number({ above: 0 }));
  addScheduleOptions(command, { warmupRatio: 0.025 });
  addOptimizerOptions(command, { usual: 'lamb' })
    .option('--mask-probability <share>', 'of an example\'s tokens, to be predicted. Default: 0.15', number({ above: 0, max: 1 }))
    .option('--max-ngram <n>', 'longest run of words masked together. Default: 3', integer({ min: 1, max: 64 }))
    .option('--max-predictions <n>', 'most tokens of an example that are predicted. Default: no limit', integer({ min: 1 }))
    .option('--evaluate-every <n>', 'steps between evaluations. Default: a twentieth of the run', integer({ min: 1 }));
  addKeepingOptions(command)
    .option('--micro-batch-tokens <n>', 'padded tokens of one forward and backward pass. Default: 4096', integer({ min: 1 }))
    .option('--seed <n>', 'of the weights, the order of the data and the masks. Default: 1', integer())
    .option('--device <name>', 'where the network is trained: cpu, or webgpu (a graphics processor). Default: cpu', oneOf('cpu', 'webgpu'))
    .option('--threads <n>', 'processor threads. Default: those of the run that --resume continues, or those this process may use', integer({ min: 1 }))
    .option('--resume', 'continue the run in --output after its last checkpoint')
    .option('--overwrite', 'start anew although --output holds a model or an unfinished run, which is lost')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', `
Watch it with: albertine report OUTPUT; or TensorBoard on OUTPUT/tensorboard. Ctrl-C saves; --resume goes on with the same result.

Example
  albertine vocab train corpus.txt --vocab-size 8000 --output vocab
  albertine shards build corpus.txt --tokenizer vocab --output shards
  albertine pretrain --shards shards --tokenizer vocab --preset mini --steps 2000 --output my-albert
`)
    .action(async () => {
      const { runPretrain } = await import('./pretrain-run.ts');
      await runPretrain(io, command.opts());
    });
}
