import type { Command } from 'commander';
import { addInputOptions, integer, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine explain`: why a classifier answers as it does. */
export function registerExplain(program: Command, io: CliIo): void {
  const command = program
    .command('explain')
    .argument('<model>', 'folder of a fine-tuned classifier, or a hub id')
    .argument('[texts...]', 'texts; or - for standard input, a text a line; or one file of texts')
    .summary('why a classifier answers as it does: words for and against')
    .description(
      'Says what in a text speaks for a label and what against it, which smallest edit changes the answer, and how faithful the explanation is. For classifiers of texts and of pairs, and for regressions.',
    );
  addInputOptions(command)
    .option('--pair <text>', 'the second text, for a model of pairs')
    .option('--pair-field <name>', 'field of the second text, in a file')
    .option(
      '--method <name>',
      'integrated-gradients, gradient-x-input, attention-rollout (of no label, never against) or occlusion. Default: integrated-gradients',
      oneOf('integrated-gradients', 'gradient-x-input', 'attention-rollout', 'occlusion'),
    )
    .option('--class <label>', 'the label that is explained. Default: the one that is predicted')
    .option('--unit <unit>', 'token, word or character. Default: word', oneOf('token', 'word', 'character'))
    .option(
      '--baseline <what>',
      'what "no word" is, for integrated gradients and occlusion: mask, pad, or zero (integrated gradients). Default: mask',
      oneOf('mask', 'pad', 'zero'),
    )
    .option(
      '--steps <n>',
      'points of the integral. Default: 32, doubled until attributions add up to within a thousandth, up to 1024',
      integer({ min: 1, max: 100_000 }),
    )
    .option('--counterfactual', 'also search the smallest edit that changes the answer')
    .option('--to <label>', 'with --counterfactual: what the answer is to become. Default: anything else')
    .option(
      '--candidates <source>',
      "with --counterfactual: words that are tried in the place of others: neighbours in the model's own vocabulary, the guesses of the built-in model for the gap (fill-mask), or none (words are deleted only). Default: neighbours",
      oneOf('neighbours', 'fill-mask', 'none'),
    )
    .option(
      '--max-queries <n>',
      'with --counterfactual: texts that the model is asked at most. Default: 2000',
      integer({ min: 1 }),
    )
    .option('--faithfulness', 'also measure deletion and insertion curves, beside random rankings')
    .option('--html <file>', 'a page with the first 200 texts highlighted')
    .option('-o, --output <file>', 'a .jsonl file, or - for standard output. Default: JSONL on standard output')
    .option('--overwrite', OVERWRITE)
    .option(
      '--max-length <n>',
      'tokens of a window of a long text. Default: those of the training',
      integer({ min: 3 }),
    )
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, { class: 'label' }).action(async (model: string, texts: string[]) => {
    const { runExplain } = await import('./explain-run.ts');
    await runExplain(io, model, { texts, flags: command.opts() });
  });
}

const MANUAL = `
Output, a line of JSON for each text
  {"index":0,"label":"positive","score":0.98,"class":"positive","method":"integrated-gradients","logit":2.1,"baseline":"mask","completeness":{...},
   "unit":"word","attributions":[{"text":"A","start":0,"end":1,"attribution":0.03}, ...],"special":0,"tokenCount":9, ...}
  attribution: how much of the logit (of a regression: of the number) is due to it; above 0 for the class, below 0 against it. Offsets are UTF-16, in the text as given.
  completeness: what attributions ought to add up to (difference), what they add up to (sum), and whether that is within a thousandth (complete).
  In pairs every attribution has its "side": text or pair.

What is explained is the logit. Integrated gradients and gradient x input are taken at the word embeddings; special tokens stay as they are.
Long texts are read in windows, as predict reads them. Pairs are cut to the model's length, and the tokens that are lost are counted.
int8 models are explained with their rounded weights in f32.

Examples
  albertine explain sentiment "A gripping, beautifully acted film." --html why.html
  albertine explain sentiment reviews.csv --text-field text --method occlusion -o why.jsonl
  albertine explain sentiment "The plot is thin." --counterfactual
  albertine explain sentiment reviews.csv --faithfulness -o why.jsonl
  albertine explain nli "It rains." --pair "The street is wet." --class entailment
`;
