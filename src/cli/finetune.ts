import { InvalidArgumentError, type Command } from 'commander';
import { QUOTE_STYLES } from '../data/csv.ts';
import { PROBLEM_TYPES } from '../data/dataset.ts';
import { TEXT_ENCODINGS } from '../data/lines.ts';
import { ROW_FORMATS } from '../data/rows.ts';
import { addModelOption, integer, list, number, oneOf } from './arguments.ts';
import type { CliIo } from './io.ts';
import { addKeepingOptions, addOptimizerOptions, addScheduleOptions } from './trainer-flags.ts';
import { requireVerb } from './verbs.ts';

/** `albertine finetune <task>`. */
export function registerFinetune(program: Command, io: CliIo): void {
  const group = program.command('finetune')
    .summary('train a model for a task on your own data')
    .description('Trains a checkpoint for a task on your data: albertine finetune classify --help, albertine finetune embedding --help');
  requireVerb(group);
  registerClassify(group, io);
  registerEmbedding(group, io);
}

function registerClassify(group: Command, io: CliIo): void {
  const command = group.command('classify')
    .summary('texts or pairs of texts into labels or numbers')
    .description('Fine-tunes a checkpoint into a classifier of texts (or pairs of texts): one label a text, several, or a number.')
    .requiredOption('--train <file>', 'labelled examples: .csv, .tsv, .jsonl or .parquet; text formats may be gzipped')
    .option('--eval <file>', 'held-out examples, of the same form. Default: a tenth of --train is held out, with the same mix of labels')
    .option('--problem <type>', 'singleLabel (one label a text), multiLabel (any number), regression (a number). Default: singleLabel', oneOf(...PROBLEM_TYPES));
  addDataOptions(command)
    .option('--metric <name>', 'the evaluation\'s figure by which the best weights are kept. Default: accuracy; macroF1 (multiLabel), spearman (regression)')
    .option('--label-smoothing <share>', 'share of the target spread over all labels. Default: 0', number({ min: 0, below: 1 }))
    .option('--fresh-head', 'start a new classifier also where the model\'s own answers the same labels, which otherwise is kept')
    .option('--drop-duplicates', 'leave out rows whose text and label stood before, and training rows whose text is held out (case and white space do not count). Default: count and tell')
    .option('--no-words-baseline', 'do not also classify the held-out examples by their words alone (tf-idf and logistic regression, seconds). Default: do, and print the figures beside the model\'s')
    .option('--balance-classes', 'weigh labels by the inverse of their frequency')
    .option('--calibrate', 'fit a temperature on the held-out examples, so that probabilities mean what they say');
  addTrainingOptions(addModelOption(command), {
    epochs: 'as many as give 200 steps and 6 a label, at least 3 and at most 20', batchSize: '32', dropout: 'hidden, attention and classifier dropout. Default: the checkpoint\'s', maxLength: '256, or as many as the model takes', evaluateEvery: 'an epoch',
  })
    .option('--micro-batch-tokens <n>', 'padded tokens computed at a time; a step with more is split, with the same result up to rounding. Default: 4096', integer({ min: 1 }))
    .addHelpText('after', `${runManual('the model with its labels, as Hugging Face\'s transformers loads it', 'class counts, confusion matrix of the held-out examples')}${CLASSIFY_EXAMPLES}`)
    .action(async () => {
      const { runFinetuneClassify } = await import('./finetune-run.ts');
      await runFinetuneClassify(io, command.opts());
    });
}

function registerEmbedding(group: Command, io: CliIo): void {
  const command = group.command('embedding')
    .summary('texts into vectors whose cosine tells how similar they mean')
    .description('Trains a checkpoint to embed sentences: on texts alone (simcse), on pairs that belong together, or on pairs with a score of similarity.')
    .requiredOption('--train <file...>', 'texts (.txt, a text a line), or .csv, .tsv, .jsonl or .parquet; text formats may be gzipped; several files are read as one')
    .option('--eval <file...>', 'scored pairs to choose the best weights by. Default: a tenth of scored --train is held out; otherwise the last weights are kept')
    .option('--objective <name>', 'simcse (each text is to find itself under another dropout among the texts of the step), pairs (the second text of its pair), scored (cosines follow scores). Default: by the fields given; simcse for .txt', oneOf('simcse', 'pairs', 'scored'))
    .option('--text-field <name>', 'field or column of the text. Default: text')
    .option('--pair-field <name>', 'field of the second text. Default: pair, where pairs are read')
    .option('--score-field <name>', 'field of the similarity, more for more similar. Default: score, where scores are read')
    .option('--eval-fields <names>', 'fields of text, pair and score in --eval, separated by commas, where they differ', list);
  addFileOptions(command)
    .option('--pooling <how>', 'a text\'s vector is the mean of its tokens\' vectors, or that of its first token (cls). Stored with the model. Default: the model\'s, else mean', oneOf('mean', 'cls'))
    .option('--temperature <x>', 'simcse and pairs: divides cosines; lower looks harder at the most similar wrong texts. Default: 0.05', number({ above: 0 }))
    .option('--no-symmetric', 'pairs: look for the second text of a first one only, not for the first of a second too')
    .option('--loss <name>', 'scored: cosent (the order of scores counts) or cosine (cosines are to be score / --max-score). Default: cosent', oneOf('cosent', 'cosine'))
    .option('--max-score <x>', 'with --loss cosine: score of texts that mean the same. Default: the highest in --train', number({ above: 0 }))
    .option('--drop-duplicates', 'leave out rows that stood before with the same score (a pair is the same either way round), and training rows that are held out. Default: count and tell')
    .option('--group-by-length', 'put rows of similar length into the same step: less padding, so faster; texts are then told from others of their length')
    .option('--metric <name>', 'figure by which the best weights are kept: spearman or pearson. Default: spearman', oneOf('spearman', 'pearson'));
  addTrainingOptions(addModelOption(command), {
    epochs: '1; scored 4', batchSize: '64; scored 32', dropout: 'hidden and attention dropout. Default: 0.1 for simcse, else the checkpoint\'s', maxLength: '128, or as many as the model takes', evaluateEvery: 'an epoch, at most 250',
  })
    .addHelpText('after', `${runManual('the model, as Hugging Face\'s transformers loads it\n  modules.json, sentence_bert_config.json, 1_Pooling/           pooling and length: with them sentence-transformers loads it', 'figures of the best weights')}${EMBEDDING_MANUAL}`)
    .action(async () => {
      const { runFinetuneEmbedding } = await import('./finetune-run.ts');
      await runFinetuneEmbedding(io, command.opts());
    });
}

/** Fields and format of labelled files. */
export function addDataOptions(command: Command): Command {
  return addFileOptions(command
    .option('--text-field <name>', 'field or column of the text. Default: text')
    .option('--pair-field <name>', 'field of the second text, for pairs')
    .option('--label-field <name>', 'field of the label. Default: label')
    .option('--label-separator <text>', 'multiLabel: what stands between labels in a field. Default: a comma'));
}

/** How files are read. */
export function addFileOptions(command: Command): Command {
  return command
    .option('--format <format>', 'format of the files where the extension does not tell it', oneOf(...ROW_FORMATS))
    .option('--encoding <name>', `encoding of text files, never guessed: ${TEXT_ENCODINGS.join(', ')}. Default: utf-8`, oneOf(...TEXT_ENCODINGS))
    .option('--delimiter <character>', 'CSV and TSV: what separates columns. Default: comma or tab')
    .option('--quotes <style>', `CSV and TSV: ${QUOTE_STYLES.join(', ')}. Default: rfc4180 for CSV, auto for TSV`, oneOf(...QUOTE_STYLES))
    .option('--no-header', 'CSV and TSV: the first line is a record; columns are called 0, 1, 2 ...')
    .option('--on-error <action>', 'what to do with a row that cannot be used: stop or skip (counted and listed). Default: stop', oneOf('stop', 'skip'));
}

/** What differs between tasks in the help of {@link addTrainingOptions}. */
interface TrainingDefaults {
  epochs: string;
  batchSize: string;
  /** The whole help of `--dropout`. */
  dropout: string;
  maxLength: string;
  evaluateEvery: string;
}

/** Options of a training run, whatever the task. */
export function addTrainingOptions(command: Command, defaults: TrainingDefaults): Command {
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

const CLASSIFY_EXAMPLES = `
Examples
  albertine finetune classify --train reviews.csv --output reviews-model
  albertine finetune classify --train train.tsv --eval dev.tsv --text-field sentence --label-field polarity --epochs 4 --output model
  albertine finetune classify --model albert/albert-base-v2 --train pairs.jsonl --text-field premise --pair-field hypothesis --output nli
  albertine finetune classify --train sts.csv --problem regression --text-field a --pair-field b --label-field score --output sts
Then
  albertine report reviews-model
  albertine evaluate reviews-model --data test.csv
  albertine predict reviews-model "what a film"
`;

const EMBEDDING_MANUAL = `
Memory
  Every text of a step is compared with all the others, so a step is computed at once, two texts for each row: --batch-size and --max-length decide
  what it takes. --save-activations none takes least and costs one more forward pass.
  Texts that are equal (after cutting) are never taken for wrong answers to each other.

Examples
  albertine finetune embedding --train sentences.txt --output step1
  albertine finetune embedding --model step1 --train questions.jsonl --text-field question --pair-field answer --output step2
  albertine finetune embedding --model step2 --train sts.csv --text-field a --pair-field b --score-field score --output sentences
  albertine finetune embedding --train sentences.txt --eval sts-dev.csv --no-header --eval-fields 0,1,2 --output step1
Then
  albertine evaluate sentences --data sts-test.csv --text-field a --pair-field b --score-field score
  albertine embed --model sentences "a text" "another"
`;
