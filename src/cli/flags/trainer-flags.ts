import type { Command } from 'commander';
import { integer, number, oneOf } from './arguments.ts';

/** Options of the learning-rate schedule; `warmupRatio` is the command's default. */
export function addScheduleOptions(command: Command, { warmupRatio }: { warmupRatio: number }): Command {
  return command
    .option('--schedule <kind>', 'after warm-up: linear, cosine, polynomial (to 0) or constant. Default: linear', oneOf('linear', 'cosine', 'constant', 'polynomial'))
    .option('--warmup-ratio <share>', `share of the steps in which the rate rises from 0. Default: ${warmupRatio}`, number({ min: 0, below: 1 }))
    .option('--warmup-steps <n>', 'the same as a number of steps, instead of --warmup-ratio', integer({ min: 0 }))
    .option('--final-learning-rate <x>', 'linear, cosine and polynomial: the rate at the end. Default: 0', number({ min: 0 }))
    .option('--power <x>', 'polynomial: exponent of what is left of the way to the end. Default: 1, which is linear', number({ above: 0 }))
    .option('--restarts <n>', 'cosine: how often the rate jumps back to the highest. Default: 0', integer({ min: 0 }));
}

/** Options of the optimiser; `usual` is the command's default. */
export function addOptimizerOptions(command: Command, { usual }: { usual: 'adamw' | 'lamb' }): Command {
  return command
    .option('--optimizer <name>', `adamw, lamb or sgd. Default: ${usual}`, oneOf('adamw', 'lamb', 'sgd'))
    .option('--weight-decay <x>', 'decoupled, not on bias and LayerNorm. Default: 0.01; sgd 0', number({ min: 0 }))
    .option('--adam-epsilon <x>', 'adamw and lamb. Default: 1e-8; lamb 1e-6', number({ above: 0 }))
    .option('--beta1 <x>', 'adamw and lamb: decay of the mean of gradients. Default: 0.9', number({ min: 0, below: 1 }))
    .option('--beta2 <x>', 'adamw and lamb: decay of the mean of their squares. Default: 0.999', number({ min: 0, below: 1 }))
    .option('--momentum <x>', 'sgd. Default: 0.9', number({ min: 0, below: 1 }))
    .option('--max-grad-norm <x>', 'global gradient norm above which gradients are scaled down; 0: never. Default: 1', number({ min: 0 }));
}

/** Options of checkpoints, guards and histograms. */
export function addKeepingOptions(command: Command): Command {
  return command
    .option('--checkpoint-every <n>', 'steps between checkpoints to resume from. Default: a tenth of the run, at most 500', integer({ min: 1 }))
    .option('--keep-checkpoints <n>', 'checkpoints that are kept, the newest ones, also when the run is finished. Default: 2, and none of a finished run: its model is all that is needed', integer({ min: 1 }))
    .option('--spike-factor <x>', 'a step whose gradient norm is this many times the average is not applied; 0: always applied. Default: 20', number({ min: 0 }))
    .option('--roll-back-after <n>', 'steps in a row that are not applied, after which the weights of the last checkpoint come back at half the rate. Default: 5', integer({ min: 1 }))
    .option('--histogram-every <n>', 'steps between histograms of weights and (on the processor) gradients, for TensorBoard and in events.jsonl. Default: none', integer({ min: 1 }));
}
