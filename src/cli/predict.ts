import type { Command } from 'commander';
import { addInputOptions, integer, oneOf } from './arguments.ts';
import type { CliIo } from './io.ts';
import { OVERWRITE } from './output-claim.ts';

/** `albertine predict`: labels for texts. */
export function registerPredict(program: Command, io: CliIo): void {
  const command = program.command('predict').argument('<model>', 'folder of a fine-tuned model, or a hub id').argument('[texts...]', 'texts; or - for standard input, a text a line; or one file of texts')
    .summary('labels for texts, by a fine-tuned model')
    .description('Applies a fine-tuned classifier to texts and writes a label with its probability for each, in input order.');
  addInputOptions(command)
    .option('-o, --output <file>', 'a .jsonl, .csv, .tsv or .parquet file, or - for standard output. Default: JSONL on standard output')
    .option('--overwrite', OVERWRITE)
    .option('--pair <text>', 'second text, for models fine-tuned on pairs; goes with every text given as an argument')
    .option('--pair-field <name>', 'field of the second text, for models fine-tuned on pairs; the first one is in --text-field. Standard input is JSONL then, unless --format says otherwise')
    .option('--top-k <n>', 'labels listed in "labels" (in tables label, label_2 ...), best first; "label" and "score" are always the best one. Default: all; in tables 1', integer({ min: 1 }))
    .option('--long-text <policy>', 'texts longer than the model was trained with: window (logits of the windows are averaged), truncate (cut, and counted), error. Default: window', oneOf('window', 'truncate', 'error'))
    .option('--max-length <n>', 'tokens per window, [CLS] and [SEP] included. Default: as in training', integer({ min: 3 }))
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--look-ahead <n>', 'texts read ahead and sorted by length together; 1 answers every line of a pipe at once. Default: 256', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', `
Output
  {"index":0,"label":"pos","score":0.97,"labels":[{"label":"pos","score":0.97},{"label":"neg","score":0.03}],"tokenCount":5,"windows":1,"truncatedTokens":0}
  "index" counts the texts from 0. A multi-label model adds "assigned", the labels at or above 0.5. A regression model has "value" instead.
  Tables (.csv, .tsv, .parquet) have the input's columns (one that is called as a column of the predictions becomes input_NAME), then index, label, score (label_2, score_2 ... with --top-k), assigned or value, and the counts.
  The file is written as NAME.partial.EXT and takes its name when it is complete; until then an older file of that name stays.

Examples
  albertine predict reviews-model "what a film" "never again"
  albertine predict reviews-model new-reviews.csv --text-field text --output labelled.csv --top-k 3
  cat lines.txt | albertine predict reviews-model - --look-ahead 1
Pairs of texts
  albertine predict nli "a man sleeps" --pair "somebody is awake"
  albertine predict nli pairs.csv --text-field premise --pair-field hypothesis
  albertine predict nli pairs.tsv --no-header --text-field 0 --pair-field 1
  echo '{"premise":"a man sleeps","hypothesis":"somebody is awake"}' | albertine predict nli - --text-field premise --pair-field hypothesis
`)
    .action(async (model: string, texts: string[]) => {
      const { runPredict } = await import('./predict-run.ts');
      await runPredict(io, model, { texts, flags: command.opts() });
    });
}
