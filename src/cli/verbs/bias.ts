import type { Command } from 'commander';
import { integer, number, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine bias`: whether a model treats groups alike. */
export function registerBias(program: Command, io: CliIo): void {
  const command = program
    .command('bias')
    .argument('[model]', 'folder of a fine-tuned classifier or of an embedding model, or a hub id')
    .summary('whether a model treats groups of people alike')
    .description(
      'Swaps terms for people in templates and compares what a classifier says of the groups: scores, and errors where the right label is known. Of a model without a classifier it tests associations of vectors (WEAT, SEAT).',
    )
    .option(
      '--templates <file>',
      'sentences with a slot such as {person}: .txt, or rows with text and perhaps label and pair. Default: those that are shipped',
    )
    .option('--groups <file>', 'terms by group, as JSON (see --print-lists). Default: those that are shipped')
    .option('--language <name>', 'of the lists that are shipped: en or zh. Default: en', oneOf('en', 'zh'))
    .option('--class <label>', 'the label whose scores are compared. Default: all; of two only the second')
    .option(
      '--weat [file]',
      'test associations of vectors, with the word sets of a JSON file. Default of the flag: those that are shipped',
    )
    .option(
      '--sentences <file>',
      'with --weat: sentences with {word}, a line each, for SEAT. Default: those that are shipped',
    )
    .option(
      '--fail-over <gap>',
      'end with exit code 1 where a gap (with --weat an effect size), whatever its sign, is larger',
      number({ min: 0 }),
    )
    .option(
      '--samples <n>',
      'draws of tests and intervals (with --weat divisions of the targets, if there are more). Default: 10,000; 100,000 with --weat',
      integer({ min: 1 }),
    )
    .option('--seed <n>', 'of the draws. Default: 1', integer())
    .option('--gaps <n>', 'gaps that are printed, the largest first. Default: 15', integer({ min: 1 }))
    .option('--json', 'everything as JSON on standard output, in place of the tables')
    .option('--html <file>', 'a page with all figures')
    .option('--overwrite', OVERWRITE)
    .option('--print-lists', 'print the lists that are shipped as JSON, and do nothing else: a start for your own')
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, { class: 'label' }).action(async (model: string | undefined) => {
    const { runBias } = await import('./bias-run.ts');
    await runBias(io, model, command.opts());
  });
}

const MANUAL = `
Files
  --templates   {"text":"{person} was terrible.","label":"negative"}   a row; without label it counts for scores only
  --groups      [{"name":"gender","slot":"person","groups":{"women":["my mother","this woman"],"men":["my father","this man"]}}]
  --weat        [{"name":"mine","X":{"name":"flowers","words":["rose","tulip"]},"Y":{...},"A":{...},"B":{...}}]

Gaps are means over templates of the first group less the second, with 95 % bootstrap intervals; p-values are corrected for all comparisons (Holm).
The lists that are shipped are small and illustrative: they show some gaps, and prove the absence of none.

Examples
  albertine bias sentiment
  albertine bias sentiment --templates mine.csv --groups mine.json --fail-over 0.05
  albertine bias sentiment --language zh --html bias.html
  albertine bias albertine-nano-en-zh --weat
  albertine bias --print-lists > lists.json
`;
