import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { PERTURBATION_MANUAL, type PerturbationAbout } from '../../perturbation/manual.ts';
import { integer, list, number } from '../flags/arguments.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { ROBUSTNESS_SETTINGS } from '../flags/task-flags.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine robustness`: a fine-tuned model with its texts perturbed. */
export function registerRobustness(program: Command, io: CliIo): void {
  const command = program
    .command('robustness')
    .argument(
      '<model>',
      'folder of a fine-tuned model (labels, entities, answers) or of albertine fit (labels), or a hub id',
    )
    .summary('how a fine-tuned model stands typing errors, other spellings, replaced names, attacks')
    .description(
      'Asks a fine-tuned model for labelled rows as they are, and with their texts changed in ways that leave what is right as it is: typing errors, case, look-alike characters, other names and numbers, words left out, and more. Prints how its figure falls, how many answers stay the same, the worst groups and examples.',
    )
    .requiredOption('--data <file>', 'labelled examples, of the form that the model was fine-tuned on')
    .option(
      '--perturbations <names>',
      'which ones, or all. Default: the usual ones of the language that the data are in',
      list,
    )
    .option(
      '--severities <numbers>',
      'shares of the places that are changed, above 0, up to 1. Default: 0.1,0.3',
      shares,
    )
    .option('--seed <n>', 'of the perturbations and the attack. Default: 1', integer())
    .option('--limit <n>', 'rows that are asked, evenly spread over the file. Default: all', integer({ min: 1 }))
    .option('--examples <n>', 'examples of failures kept for each condition. Default: 5', integer({ min: 0 }))
    .option('--attack', 'also search for words whose replacement turns right answers wrong (classifiers)')
    .option('--attack-search <names>', 'greedy, random, or both to compare them. Default: greedy', list)
    .option('--queries <n>', 'texts that an attack may ask the model for a row. Default: 200', integer({ min: 1 }))
    .option('--attack-limit <n>', 'rows that are attacked, evenly spread. Default: 100', integer({ min: 1 }))
    .option(
      '--meaning <f1>',
      'ALBERTScore F1 that a text with synonyms, or of an attack, must have beside the original. Default: 0.9',
      number({ min: 0, max: 1 }),
    )
    .option('--words-model <model>', 'model for the words near a word and for ALBERTScore. Default: the built-in model')
    .option(
      '--fail-under <figure>',
      'exit code 1 where the figure falls below this in any condition or under attack',
      number({ min: 0, max: 1 }),
    )
    .option('-o, --output <file>', 'a .jsonl file with every text and answer')
    .option('--html <file>', 'a page with a heat map, and failures with the edits marked')
    .option(
      '--resume',
      'continue an interrupted --output: perturbations at severities that it has whole are not asked again. An attack begins anew. Refused if model, options or data differ',
    )
    .option('--overwrite', OVERWRITE);
  addSettings(command, ROBUSTNESS_SETTINGS)
    .option('--json', 'print one JSON object')
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no notes')
    .addHelpText('after', MANUAL)
    .action(async (model: string) => {
      const { runRobustness } = await import('./robustness-run.ts');
      await runRobustness(io, model, command.opts());
    });
}

function shares(text: string): number[] {
  return list(text).map((entry) => {
    const value = Number(entry);
    if (!(value > 0 && value <= 1))
      throw new InvalidArgumentError('It must be numbers above 0, up to 1, such as 0.1,0.3.');
    return value;
  });
}

const row = ([name, { languages, summary, usual = true }]: [string, PerturbationAbout]): string =>
  `  ${name.padEnd(13)} ${languages.join(' ').padEnd(6)} ${summary}${usual ? '' : ' (only if named, or all)'}`;

const MANUAL = `
Perturbations
${Object.entries(PERTURBATION_MANUAL).map(row).join('\n')}
  Severity is the share of the places where something can be changed that are changed: words for typos, numbers for numbers.
  It is rounded up: a text with one place is changed at any severity. What is changed at a severity is changed at a higher one too.
  Negations stay. Labelled entities and answers are carried along, or left alone where they could be torn.

Columns
  changed      rows whose text was changed; the others count with their answer to the clean text
  figure       the task's own (accuracy, macroF1, f1), over all rows, and its difference to the clean rows with a 95 % bootstrap interval
  consistency  share of the changed rows whose answer stayed the same
  ECE          expected calibration error, of models with one label a text
  worst group  label, or third of the lengths, with the lowest share of right answers

Interrupted, or killed, a run with --output leaves NAME.partial.jsonl; the same command with --resume asks for the rows as they are, reads back the perturbations at
severities that are there whole, goes on with the others, and gives the same file and report as a run that was never interrupted. Word vectors are computed again,
and an attack, which is not in the file, begins anew.

Examples
  albertine robustness runs/reviews --data test.csv
  albertine robustness runs/reviews --data test.csv --perturbations typos,case,numbers --severities 0.1,0.2,0.4 --html robustness.html
  albertine robustness runs/reviews --data test.csv --attack --attack-search greedy,random --queries 200
  albertine robustness runs/reviews --data test.csv --perturbations all --output answers.jsonl --resume
  albertine robustness runs/reviews --data test.csv --limit 500 --fail-under 0.8 --quiet
`;
