import { InvalidArgumentError, type Command } from 'commander';
import { integer, list, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import { requireVerb } from './verbs.ts';

const share = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be a number above 0 and at most 1.');
  return value;
};

/** `albertine vocab train`: a vocabulary from text files. */
export function registerVocab(program: Command, io: CliIo): void {
  const vocab = program.command('vocab').summary('train a vocabulary').description('Makes tokeniser vocabularies.');
  requireVerb(vocab);
  const command = vocab
    .command('train')
    .argument(
      '<inputs...>',
      'text files or folders: .txt (a line at a time), .jsonl, both also .gz; FILE=WEIGHT counts a file that many times',
    )
    .summary('train a vocabulary from text')
    .description(
      "Trains a SentencePiece Unigram model (spiece.model, which Google's SentencePiece loads, and tokenizer.json) or a WordPiece vocabulary (vocab.txt).",
    )
    .requiredOption('-o, --output <folder>', 'folder for the vocabulary and training-report.json')
    .option('--algorithm <name>', 'unigram or wordpiece. Default: unigram', oneOf('unigram', 'wordpiece'))
    .option('--vocab-size <n>', 'pieces, special ones included. Default: 30000', integer({ min: 10 }))
    .option(
      '--character-coverage <share>',
      "unigram: share of the text's characters that get a piece of their own; the rest is <unk>. Default: 0.9995",
      share,
    )
    .option('--required-characters <text>', 'unigram: characters that get a piece however rare they are')
    .option('--user-symbols <list>', 'unigram: pieces that are always kept whole, written as after lower-casing', list)
    .option('--byte-fallback', 'unigram: write characters without a piece as bytes instead of <unk>')
    .option('--keep-accents', 'unigram: do not strip accents. Default: strip them, as ALBERT does')
    .option('--keep-case', 'do not lower-case. Default: lower-case, as ALBERT does')
    .option('--split-digits', 'unigram: every digit is a piece of its own')
    .option(
      '--split-han',
      'unigram: every Chinese character is a piece of its own. Default: words of several characters, too',
    )
    .option(
      '--max-piece-length <n>',
      'unigram: longest piece in characters, at most 64. Default: 16',
      integer({ min: 1, max: 64 }),
    )
    .option(
      '--no-hard-vocab-limit',
      'unigram: make a smaller vocabulary where the text yields fewer pieces than --vocab-size. Default: that is an error',
    )
    .option('--sample <lines>', 'draw this many lines at random. Default: all', integer({ min: 1 }))
    .option('--text-field <name>', 'field of .jsonl rows that holds the text. Default: text')
    .option('--seed <n>', 'seed of the sample. Default: 1', integer())
    .option('--resume', 'continue an interrupted run after its last finished stage')
    .option('--overwrite', OVERWRITE)
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText(
      'after',
      `
Memory is bounded whatever the size of the files: distinct words are counted, and the rarest beyond 12 million are dropped and reported.

Examples
  albertine vocab train corpus/ --vocab-size 16000 --output vocab
  albertine vocab train en.txt.gz zh.txt.gz=2 --output vocab --sample 2000000
  albertine vocab train zh.txt --algorithm wordpiece --vocab-size 21128 --output vocab
`,
    )
    .action(async (inputs: string[]) => {
      const { runVocabTrain } = await import('./vocab-run.ts');
      await runVocabTrain(io, inputs, command.opts());
    });
  nameFlags(command, { sample: 'inputSentenceSize', userSymbols: 'userDefinedSymbols' });
}
