import type { Command } from 'commander';
import { addInputOptions, addModelOption, integer } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** `albertine tokenize`: texts to token ids. */
export function registerTokenize(program: Command, io: CliIo): void {
  const command = program
    .command('tokenize')
    .argument('[texts...]', 'texts; or - for standard input, a text a line; or one file of texts')
    .summary('turn texts into token ids')
    .description(
      'Turns texts into token ids with their pieces and their places in the text. Needs only the tokeniser of a model, not its weights.',
    );
  addInputOptions(addModelOption(command))
    .option('-o, --output <file>', 'where the records go: .jsonl, or - for standard output, the default')
    .option('--overwrite', OVERWRITE)
    .option('--no-special', 'leave [CLS] and [SEP] out')
    .option(
      '--max-length <n>',
      'cut texts to this many tokens, [CLS] and [SEP] included; what was cut is in "truncatedTokens". Default: no limit',
      integer({ min: 1 }),
    )
    .option(
      '--pair-field <name>',
      'field that holds a second text: tokenised together as [CLS] first [SEP] second [SEP]; records gain "typeIds"',
    )
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText(
      'after',
      `
--model also takes the file of a tokeniser alone: spiece.model, vocab.txt or tokenizer.json.

Output, a line a text
  {"ids":[2,21,3],"tokens":["[CLS]","▁a","[SEP]"],"offsets":[[-1,-1],[0,1],[-1,-1]],"truncatedTokens":0}
  "offsets" are UTF-16 positions in the text, -1 for [CLS] and [SEP]. Where the vocabulary lacks something, "unknownTokens" counts it.

Examples
  albertine tokenize "A lovely café!"
  albertine tokenize --model ./my-albert --input corpus.txt --output corpus.jsonl --no-special
`,
    )
    .action(async (texts: string[]) => {
      const { runTokenize } = await import('./tokenize-run.ts');
      await runTokenize(io, texts, command.opts());
    });
}
