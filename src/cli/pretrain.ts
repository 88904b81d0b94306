import type { Command } from 'commander';
import { integer, list, number, oneOf } from './arguments.ts';
import type { CliIo } from './io.ts';

/** `albertine pretrain`: masked language model and sentence order on token shards. */
export function registerPretrain(program: Command, io: CliIo): void {
  const command = program.command('pretrain')
    .summary('pretrain a model on token shards')
    .description('Pretrains an ALBERT on masked tokens and sentence order, from random weights or from a checkpoint (domain adaptation). Flags replace what --config says.')
    .option('-c, --config <file>', 'JSON file with the settings below, named as in the API (batchSize, maxLength ...)')
    .requiredOption('-o, --output <folder>', 'receives the model, the metrics and the checkpoints to resume from')
    .option('--shards <list>', 'folders or addresses of shards, from albertine shards build', list)
    .option('--held-out <list>', 'folders of shards for evaluation', list)
    .option('--tokenizer <folder>', 'the tokeniser that the shards were made with; not with --from')
    .option('--preset <name>', 'shape of a new network; see albertine init --help. Default: mini')
    .option('--from <model>', 'continue from this checkpoint (folder or hub id) instead of random weights')
    .option('--word-embeddings <kind>', 'start of a new network: random, or cooccurrence, from counts over the shards: a minute or two that save a short run many steps. Default: random', oneOf('random', 'cooccurrence'))
    .option('--objective <name>', 'besides masked tokens: sop (sentence order), nsp (next sentence) or none. Default: sop', oneOf('sop', 'nsp', 'none'))
    .option('--steps <n>', 'steps in all', integer({ min: 1 }))
    .option('--batch-size <n>', 'sequences a step takes. Default: 256', integer({ min: 1 }))
    .option('--max-length <n>', 'tokens of a sequence. Default: 128', integer({ min: 8 }))
    .option('--learning-rate <x>', 'highest rate. Default: ALBERT\'s 1.76e-3 for 4096 sequences, times the root of batch size / 4096', number({ above: 0 }))
    .option('--schedule <kind>', 'after warm-up: linear, cosine, polynomial (to 0) or constant. Default: linear', oneOf('linear', 'cosine', 'constant', 'polynomial'))
    .option('--warmup-ratio <share>', 'share of the steps in which the rate rises from 0. Default: 0.025', number({ min: 0, below: 1 }))
    .option('--warmup-steps <n>', 'the same as a number of steps, instead of --warmup-ratio', integer({ min: 0 }))
    .option('--final-learning-rate <x>', 'linear, cosine and polynomial: the rate at the end. Default: 0', number({ min: 0 }))
    .option('--power <x>', 'polynomial: exponent of what is left of the way to the end. Default: 1, which is linear', number({ above: 0 }))
    .option('--restarts <n>', 'cosine: how often the rate jumps back to the highest. Default: 0', integer({ min: 0 }))
    .option('--optimizer <name>', 'lamb, adamw or sgd. Default: lamb', oneOf('adamw', 'lamb', 'sgd'))
    .option('--weight-decay <x>', 'decoupled, not on bias and LayerNorm. Default: 0.01; sgd 0', number({ min: 0 }))
    .option('--adam-epsilon <x>', 'lamb and adamw. Default: 1e-6; adamw 1e-8', number({ above: 0 }))
    .option('--beta1 <x>', 'lamb and adamw: decay of the mean of gradients. Default: 0.9', number({ min: 0, below: 1 }))
    .option('--beta2 <x>', 'lamb and adamw: decay of the mean of their squares. Default: 0.999', number({ min: 0, below: 1 }))
    .option('--momentum <x>', 'sgd. Default: 0.9', number({ min: 0, below: 1 }))
    .option('--max-grad-norm <x>', 'global gradient norm above which gradients are scaled down; 0: never. Default: 1', number({ min: 0 }))
    .option('--mask-probability <share>', 'of an example\'s tokens, to be predicted. Default: 0.15', number({ above: 0, max: 1 }))
    .option('--max-ngram <n>', 'longest run of words masked together. Default: 3', integer({ min: 1, max: 64 }))
    .option('--max-predictions <n>', 'most tokens of an example that are predicted. Default: no limit', integer({ min: 1 }))
    .option('--evaluate-every <n>', 'steps between evaluations. Default: a twentieth of the run', integer({ min: 1 }))
    .option('--checkpoint-every <n>', 'steps between checkpoints. Default: a tenth of the run, at most 500', integer({ min: 1 }))
    .option('--keep-checkpoints <n>', 'checkpoints that are kept, the newest ones. Default: 2', integer({ min: 1 }))
    .option('--spike-factor <x>', 'a step whose gradient norm is this many times the average is not applied; 0: always applied. Default: 20', number({ min: 0 }))
    .option('--roll-back-after <n>', 'steps in a row that are not applied, after which the weights of the last checkpoint come back at half the rate. Default: 5', integer({ min: 1 }))
    .option('--histogram-every <n>', 'steps between histograms of weights and gradients, for TensorBoard and in events.jsonl. Default: none', integer({ min: 1 }))
    .option('--micro-batch-tokens <n>', 'padded tokens of one forward and backward pass. Default: 4096', integer({ min: 1 }))
    .option('--seed <n>', 'of the weights, the order of the data and the masks. Default: 1', integer())
    .option('--device <name>', 'where the network is trained: cpu, or webgpu (a graphics processor). Default: cpu', oneOf('cpu', 'webgpu'))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
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
