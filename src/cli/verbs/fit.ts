import type { Command } from 'commander';
import { FIT_VERB_SETTINGS } from '../../tasks/fit/settings.ts';
import { addModelOption, integer } from '../flags/arguments.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine fit`: a classic classifier on vectors and words. */
export function registerFit(program: Command, io: CliIo): void {
  const command = program
    .command('fit')
    .summary('a classifier in seconds: on vectors, words, or both')
    .description(
      'Learns a classic classifier of texts, or of pairs of texts, in seconds: logistic regression, SVM, ridge, nearest neighbours or centroids, on vectors of a model, on words, or on both. The answer to "I have 200 labelled rows".',
    );
  addModelOption(addSettings(command, FIT_VERB_SETTINGS))
    .requiredOption('-o, --output <folder>', 'folder to be made; evaluate and predict open it')
    .option('--overwrite', OVERWRITE)
    .option('--json', 'the result as JSON on standard output, in place of the lines')
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no result: only the output folder, notes and errors')
    .addHelpText('after', MANUAL)
    .action(async () => {
      const { runFit } = await import('./fit-run.ts');
      await runFit(io, command.opts());
    });
}

const MANUAL = `
The strength of the penalty is chosen by cross-validation on the training rows; equal texts are kept in one part. Its figure is of held-out rows, and a
little too good because the strength was chosen by it: for a figure to quote give --eval.

Pairs of texts (--pair-field): of the vectors u and v it learns on |u - v| and u * v, of the words on what the two share and where they differ.

How long: seconds for a few labels. The svm learns every label against the rest, in every part and for every strength: thousands of rows times dozens of
labels take minutes (10,000 rows of 77 labels: about 3 with logistic and more with the svm). --classifier logistic, fewer --strengths and fewer --folds are faster.

What is in --output
  fit.json, fit.safetensors   labels, vocabulary, coefficients
  encoder/                    a copy of the model, unless --features words
  README.md                   what it is

Which one: both with the svm did best on average over the sets in docs/tasks/fit.md; logistic is next, and faster with many labels. With the rows to spare compare with albertine
finetune classify on the same --eval.

Examples
  albertine fit --train reviews.csv --output reviews-fit
  albertine fit --train train.jsonl --eval test.jsonl --label-field intent --output intents
  albertine fit --train tags.csv --problem multiLabel --label-separator ";" --output tags-fit
  albertine fit --train questions.csv --text-field first --pair-field second --output same-question
  albertine fit --train prices.csv --problem regression --label-field price --output price-fit
Then
  albertine evaluate reviews-fit --data test.csv
  albertine predict reviews-fit "what a film"
  albertine predict same-question "how do I pay?" --pair "where can I pay?"
`;
