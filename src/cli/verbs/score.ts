import { InvalidArgumentError, type Command } from 'commander';
import { addInputOptions, addModelOption, integer, list, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine score`: texts beside references. */
export function registerScore(program: Command, io: CliIo): void {
  const command = program
    .command('score')
    .enablePositionalOptions()
    .summary('score texts by references: ALBERTScore, BLEU, chrF, ROUGE')
    .description(
      'Scores candidates by references: ALBERTScore (greedy matching of contextual token vectors, as BERTScore), in any language that the model reads, and metrics of words beside it.',
    )
    .option('--candidates <file>', 'what is judged: a text a row')
    .option(
      '--references <files...>',
      'what it is judged by, row by row; of several files each candidate has several references',
    )
    .option(
      '--candidate-field <name>',
      'field of the candidate. Default: candidate in --input, else "text" or the only one',
    )
    .option(
      '--reference-field <name>',
      'field of the reference, a text or a list of texts. Default: reference in --input',
    )
    .option('--human-field <name>', 'field of a number by people, in --input: correlations are printed');
  addInputOptions(addModelOption(command))
    .option('-o, --output <file>', 'a .jsonl file, or - for standard output. Default: JSONL on standard output')
    .option(
      '--resume',
      'continue an interrupted output; 1,024 pairs at most are scored again. Refused if model, options or files differ',
    )
    .option('--overwrite', OVERWRITE)
    .option(
      '--metrics <names>',
      'albertscore, bleu, chrf (chrF++), rouge1, rouge2, rougeL, rougeLsum (line by line), cosine (of sentence vectors). Default: albertscore',
      list,
    )
    .option(
      '--bleu-tokenizer <name>',
      "13a, zh, char or none, as sacrebleu has them, or auto: zh where a reference has Chinese, else 13a, pair by pair (a file of both is then no number of sacrebleu's). Default: auto",
      oneOf('auto', '13a', 'zh', 'char', 'none'),
    )
    .option(
      '--rouge-tokens <name>',
      'what ROUGE counts: english (runs of a to z and 0 to 9, as rouge_score), characters (Chinese ones singly, and other words), words (Chinese cut into words), or auto: characters where a reference has Chinese, else english. Default: auto',
      oneOf('auto', 'english', 'characters', 'words'),
    )
    .option('--rouge-stemmer', 'ROUGE counts English words by their stems (Porter), as rouge_score with use_stemmer')
    .option(
      '--layer <depth>',
      'depth whose token states are compared, or auto: the one whose F1 correlates best with --human-field, or most negatively where lower numbers are better, as error rates. Default: as measured for the sizes of ALBERT; the last of a model for sentence vectors; else three quarters of the depths',
      depth,
    )
    .option('--idf [file]', 'weigh tokens by how rare they are: in the references, or in the texts of a file')
    .option(
      '--rescale [baseline]',
      'scores on a scale where unrelated texts are at 0: a file of albertine score baseline, or auto: of these references drawn at random. Default of the flag: auto',
    )
    .option(
      '--several <how>',
      'of several references: best, each figure the largest, or mean. Default: best',
      oneOf('best', 'mean'),
    )
    .option(
      '--compare <files...>',
      'further candidates for the same references: their scores too, and whether they differ from the first, with paired tests (BLEU and chrF: of the corpus figures)',
    )
    .option('--html <file>', 'a page with the token similarities of the first pairs (of up to 160 tokens)')
    .option('--html-pairs <n>', 'pairs of that page. Default: 20', integer({ min: 1 }))
    .option('--json', 'the summary as JSON on standard output, in place of the lines')
    .option('--max-length <n>', 'tokens of a window of a long text. Default: those of the model', integer({ min: 3 }))
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, { rescale: 'baseline' }).action(async () => {
    const { runScore } = await import('./score-run.ts');
    await runScore(io, command.opts());
  });
  registerBaseline(command, io);
}

/** `albertine score baseline`: what unrelated texts score. */
function registerBaseline(score: Command, io: CliIo): void {
  const command = score
    .command('baseline')
    .summary('what unrelated texts score, for --rescale')
    .description('Scores pairs of texts that are drawn at random from a corpus: what scores are rescaled by.')
    .requiredOption('--output <file>', 'a .json file')
    .option('--overwrite', OVERWRITE);
  addInputOptions(addModelOption(command))
    .option('--pairs <n>', 'pairs that are drawn. Default: 2,000', integer({ min: 1 }))
    .option('--seed <n>', 'of the drawing. Default: 1', integer())
    .option('--layer <depth>', 'as of albertine score', integer())
    .option('--idf', 'weigh tokens by how rare they are in the texts')
    .option('--max-length <n>', 'as of albertine score', integer({ min: 3 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      `
Up to 20,000 texts are drawn from, evenly over the file. A baseline is for one model, layer and weighting, and says so: other scores refuse it.

Examples
  albertine score baseline --input corpus.txt --output baseline.json
  albertine score --candidates system.txt --references people.txt --rescale baseline.json
`,
    )
    .action(async () => {
      const { runScoreBaseline } = await import('./score-baseline-run.ts');
      await runScoreBaseline(io, command.opts());
    });
}

function depth(text: string): number | 'auto' {
  if (text === 'auto') return text;
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('It must be a depth, such as 5 or -1, or auto.');
  return Number(text);
}

const MANUAL = `
Output
  {"index":0,"precision":0.93,"recall":0.91,"f1":0.92}
  precision: how well the tokens of the candidate are matched; recall: those of the reference. Equal texts score 1. Texts without tokens score 0.
  With --compare each line names its candidates, and one file's lines follow another's.
  Then a summary: means with 95 % bootstrap intervals, corpus figures of BLEU and chrF, and the fingerprint of what made the numbers: scores of different fingerprints
  cannot be compared. Beside --output it stands in <output>.meta.json, with the hashes of the files that were read.
  Interrupted, or killed, an output lies in <name>.partial.jsonl; --resume goes on from there and gives the same file and summary as a run that was never interrupted.

Long texts are read in windows; nothing is cut off.

Examples
  albertine score --candidates system.txt --references people.txt
  albertine score --candidates system.txt --references people1.txt people2.txt --idf --rescale --metrics albertscore,bleu,chrf
  albertine score --candidates a.txt --compare b.txt --references people.txt
  albertine score --input judged.jsonl --human-field score --layer auto
`;
