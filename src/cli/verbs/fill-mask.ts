import type { Command } from 'commander';
import { addInputOptions, addModelOption, integer, list } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** `albertine fill-mask`: words for `[MASK]`. */
export function registerFillMask(program: Command, io: CliIo): void {
  const command = program
    .command('fill-mask')
    .argument('[texts...]', 'texts with [MASK]; or - for standard input, a text a line; or one file of texts')
    .summary('words for [MASK], or how likely a text is')
    .description(
      'Guesses the words that are masked in texts, by a pretrained model; or with --score says how likely each token of a text is.',
    );
  addInputOptions(addModelOption(command))
    .option('-o, --output <file>', 'a .jsonl file, or - for standard output. Default: JSONL on standard output')
    .option('--overwrite', OVERWRITE)
    .option('--top-k <n>', 'guesses for each mask, best first. Default: 5', integer({ min: 1 }))
    .option('--candidates <words>', 'judge only these words, separated by commas; they may be of several pieces', list)
    .option(
      '--score',
      "no masks: the logarithm of every token's probability with that token masked, and their sum (pseudo-log-likelihood); as many passes as tokens",
    )
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress; notes and errors are still printed')
    .addHelpText(
      'after',
      `
Output
  {"index":0,"text":"the capital of france is paris","masks":[{"start":4,"end":10,"guesses":[{"text":"capital","score":0.61,"token":"\u2581capital"}, ..]}],"tokenCount":6,"truncatedTokens":0}
  Each mask is filled with the others still masked. "start" and "end" are UTF-16 positions of the mask. With --candidates scores are among those, and "logProbability" is the sum over a word's pieces.
  --score: {"index":0,"pseudoLogLikelihood":-12.3,"pseudoPerplexity":7.8,"tokens":[{"token":"\u2581the","start":0,"end":3,"logProbability":-0.4}, ..]}

Examples
  albertine fill-mask "The capital of [MASK] is Paris."
  albertine fill-mask "I [MASK] my tea with milk." --candidates drink,water,sell
  albertine fill-mask --score "The cat sat on the mat." "The mat sat on the cat."
`,
    )
    .action(async (texts: string[]) => {
      const { runFillMask } = await import('./fill-mask-run.ts');
      await runFillMask(io, texts, command.opts());
    });
}
