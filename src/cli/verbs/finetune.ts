import { InvalidArgumentError, type Command } from 'commander';
import type { TaskManual, TrainingManual } from '../../tasks/manual.ts';
import { TASKS } from '../../tasks/registry.ts';
import { addModelOption, integer, list, number, oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { addKeepingOptions, addOptimizerOptions, addScheduleOptions } from '../flags/trainer-flags.ts';
import { requireVerb } from './verbs.ts';

/** `albertine finetune <task>`: a verb for every task of the registry. */
export function registerFinetune(program: Command, io: CliIo): void {
  const group = program.command('finetune')
    .summary('train a model for a task on your own data')
    .description(`Trains a checkpoint for a task on your data: ${TASKS.map(({ name }) => `albertine finetune ${name} --help`).join(', ')}`);
  requireVerb(group);
  for (const task of TASKS) registerTask(group, io, task);
}

function registerTask(group: Command, io: CliIo, task: TaskManual): void {
  const { summary, description, settings, training, saved, facts, manual } = task.finetune;
  const command = addSettings(group.command(task.name).summary(summary).description(description), settings);
  addTrainingOptions(addModelOption(command), training);
  if (training.microBatches) command.option('--micro-batch-tokens <n>', 'padded tokens computed at a time; a step with more is split, with the same result up to rounding. Default: 4096', integer({ min: 1 }));
  command.addHelpText('after', `${runManual(saved, facts)}${manual}`).action(async () => {
    const { runFinetune } = await import('./finetune-run.ts');
    await runFinetune(io, task, command.opts());
  });
}

/** Options of a training run, whatever the task. */
function addTrainingOptions(command: Command, defaults: TrainingManual): Command {
  command
    .requiredOption('-o, --output <folder>', 'receives the model, the metrics and the checkpoints to resume from')
    .option('--resume', 'continue the run in --output after its last checkpoint, with the same options; the result is that of an uninterrupted run')
    .option('--overwrite', 'start anew although --output has a model or an unfinished run, which is lost')
    .option('--epochs <n>', `passes over the training rows; may be fractional. Default: ${defaults.epochs}`, number({ above: 0 }))
    .option('--max-steps <n>', 'steps in all, instead of --epochs', integer({ min: 1 }))
    .option('--batch-size <n>', `rows a step takes, exactly; at the end of an epoch it goes on with the next one. Default: ${defaults.batchSize}`, integer({ min: 1 }))
    .option('--learning-rate <x>', 'highest rate. Default: 1e-5 from a hidden size of 1024, 3e-5 from 512, 1e-4 from 300; below that, and from untrained weights, 5e-4; lamb: 10 times that, sgd: 100 times', number({ above: 0 }));
  addScheduleOptions(command, { warmupRatio: 0.1 });
  addOptimizerOptions(command, { usual: 'adamw' });
  command
    .option('--dropout <share>', defaults.dropout, number({ min: 0, below: 1 }))
    .option('--max-length <n>', `tokens per example, [CLS] and [SEP] included; longer ones are cut and counted. Default: ${defaults.maxLength}`, integer({ min: 3 }))
    .option('--no-shuffle', 'keep the rows in the order of the file')
    .option('--seed <n>', 'of fresh weights, order and dropout: the same seed gives the same weights. Default: 1', integer({ min: 0, max: 0x7fffffff }))
    .option('--layer-decay <x>', 'factor on the rate from each layer group to the one below, embeddings last. Default: 1', number({ above: 0, max: 1 }))
    .option('--freeze <names>', 'parameters that stay as they are, separated by commas: prefixes such as albert.embeddings, or with * for anything', list)
    .option('--evaluate-every <steps>', `steps between evaluations. Default: ${defaults.evaluateEvery}`, integer({ min: 1 }))
    .option('--patience <n>', 'stop after n evaluations without improvement. Default: never', integer({ min: 1 }));
  return addKeepingOptions(command)
    .option('--save-activations <depths>', 'depths whose intermediate values are kept for the backward pass: all, none, or how many; fewer take less memory and more time. Default: all', activations)
    .option('--device <name>', 'where the network is trained: cpu, or webgpu (a graphics processor). Default: cpu', oneOf('cpu', 'webgpu'))
    .option('--threads <n>', 'processor threads. Default: those of the run that --resume continues, or those this process may use', integer({ min: 1 }))
    .option('--no-tensorboard', 'write no TensorBoard files')
    .option('-q, --quiet', 'no progress, no facts about the data and no result: only the output folder, notes, warnings and errors');
}

function activations(text: string): 'all' | 'none' | number {
  if (text === 'all' || text === 'none') return text;
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be all, none or a whole number.');
  return Number(text);
}

const runManual = (model: string, facts: string): string => `
What is in --output
  config.json, model.safetensors, tokeniser files, README.md   ${model}
  metrics.jsonl      a line a step: step, loss (mean of the step, before the update), learningRate, gradNorm, tokens, seconds
  events.jsonl       evaluations, skipped steps, warnings
  run.json           settings, ${facts}
  tensorboard/       the same for: tensorboard --logdir FOLDER
  checkpoints/       the last two checkpoints to resume from; not needed once the run has finished

Interrupting
  Ctrl-C finishes the step, saves a checkpoint and ends with exit code 130; a killed run loses the steps since its last checkpoint.
  Either way the same command with --resume continues.
  Exit codes: 0 done, 1 failed, 2 wrong options, 130 interrupted.
`;
