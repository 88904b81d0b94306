import type { Command } from 'commander';
import { POOLINGS } from '../model/pooling.ts';
import { integer, oneOf } from './arguments.ts';
import { addDataOptions } from './finetune.ts';
import type { CliIo } from './io.ts';

/** `albertine evaluate`: a fine-tuned model's figures on labelled data. */
export function registerEvaluate(program: Command, io: CliIo): void {
  const command = program.command('evaluate').argument('<model>', 'folder of a fine-tuned model, or a hub id')
    .summary('how good a fine-tuned model is on labelled data')
    .description('Applies a fine-tuned classifier to labelled examples and prints accuracy, F1 and the like, per label too, and what is taken for what. Of a model of sentence embeddings (or any without a classifier, with --score-field or --pooling) prints how well the cosines of pairs agree with scores.')
    .requiredOption('--data <file>', 'labelled examples or scored pairs: .csv, .tsv, .jsonl or .parquet');
  addDataOptions(command)
    .option('--score-field <name>', 'embeddings: field of the similarity of text and pair, more for more similar. Default: score')
    .option('--pooling <how>', 'embeddings: how a text\'s vector is made, as in albertine embed. Default: the model\'s, else mean', oneOf(...POOLINGS))
    .option('--json', 'print one JSON object')
    .option('--long-text <policy>', 'texts longer than the model was trained with: truncate (as in training), window (as predict and embed do), error. Default: truncate; embeddings window', oneOf('truncate', 'window', 'error'))
    .option('--max-length <n>', 'tokens per text, [CLS] and [SEP] included. Default: as in training; embeddings: as many as the model has positions', integer({ min: 3 }))
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no notes')
    .addHelpText('after', `
--json has "accuracy", "macroF1", "weightedF1", "microF1", "matthews", "logLoss", "expectedCalibrationError" ... at its top level ("pearson", "spearman",
"mse" ... for regression), with "count", "labels", "perClass" and "confusionMatrix" (rows are the true labels). Figures that are undefined are null.
Of embeddings it has "spearman", "pearson", "rows" (pairs), "pooling".

Examples
  albertine evaluate reviews-model --data test.csv
  albertine evaluate reviews-model --data test.csv --json | jq .macroF1
  albertine evaluate sentences --data sts-test.csv --text-field a --pair-field b --score-field score --json
`)
    .action(async (model: string) => {
      const { runEvaluate } = await import('./evaluate-run.ts');
      await runEvaluate(io, model, command.opts());
    });
}
