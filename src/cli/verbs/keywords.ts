import { InvalidArgumentError, type Command } from 'commander';
import { addInputOptions, addModelOption, integer, list, number, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine keywords`: what documents are about, in their own words. */
export function registerKeywords(program: Command, io: CliIo): void {
  const command = program
    .command('keywords')
    .argument('[texts...]', 'documents; or - for standard input, a document a line; or one file of documents')
    .summary('find the keywords of documents')
    .description(
      'Finds the phrases of a document that say what it is about, by their vectors and its own (as KeyBERT), and where each stands. English and Chinese, in one file too.',
    );
  addInputOptions(addModelOption(command))
    .option('--documents <files...>', 'files that hold a document each, in place of texts and --input')
    .option('-o, --output <file>', 'a .jsonl file, or - for standard output. Default: standard output')
    .option(
      '--resume',
      'continue an interrupted output after its last whole line. Refused if model, options or files differ',
    )
    .option('--overwrite', OVERWRITE)
    .option('-k, --top-k <n>', 'keywords a document. Default: 10', integer({ min: 1 }))
    .option(
      '--ngrams <range>',
      'candidates: all runs of so many words without a stop word, as in 1-3. Default: phrases, the longest runs between stop words and punctuation (up to 5 words), which measure better',
      range,
    )
    .option('--candidates <file>', 'candidates: phrases of a file (as of --input), wherever a document has them')
    .option('--pattern <regexp>', 'candidates: what a regular expression (JavaScript, with Unicode) matches')
    .option(
      '--stop-words <list>',
      'words that no candidate holds: en, zh, none, or a file of words, or several of them. Default: en,zh',
      list,
    )
    .option(
      '--vectors <kind>',
      'candidates as vectors: isolated (a text of its own), contextual (the mean of its tokens inside the document, one pass; faster) or both (mean of the two cosines). Default: isolated, which measures best',
      oneOf('isolated', 'contextual', 'both'),
    )
    .option(
      '--ranking <how>',
      'combined (the cosine with the document, the place of the first occurrence, the counts of occurrences and words) or similarity (the cosine alone, as KeyBERT). Default: combined, which measures better',
      oneOf('combined', 'similarity'),
    )
    .option(
      '--method <name>',
      'how keywords are chosen: none (the best), mmr (maximal marginal relevance), max-sum (of the --pool best those least alike). Default: none; mmr with --diversity',
      oneOf('none', 'mmr', 'max-sum'),
    )
    .option('--diversity <n>', 'of mmr: 0, the best, to 1, least alike. Default: 0.5', number({ min: 0, max: 1 }))
    .option('--pool <n>', 'of max-sum. Default: 20, or --top-k + 5 where that is more', integer({ min: 1 }))
    .option('--seed-words <words>', 'words, separated by commas, that the document is drawn towards', list)
    .option(
      '--max-length <n>',
      'tokens of a window of a long document. Default: those of the model',
      integer({ min: 3 }),
    )
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, {}).action(async (texts: string[]) => {
    const { runKeywords } = await import('./keywords-run.ts');
    await runKeywords(io, texts, command.opts());
  });
}

function range(text: string): [number, number] {
  const found = /^(\d+)(?:-(\d+))?$/.exec(text.trim());
  const [min, max] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (!found || min < 1 || max < min)
    throw new InvalidArgumentError('It must be a number of words, such as 2, or a range, such as 1-3.');
  return [min, max];
}

const MANUAL = `
Output
  {"index":0,"keywords":[{"text":"solar cells","score":0.61,"offsets":[[4,15],[80,90]]},...]}
  "index" counts the documents from 0. "text" is as it stands in the document, in its most frequent form; "offsets" are UTF-16 positions of every occurrence,
  singulars and plurals together. The best comes first; scores order the keywords of one document and say little across documents (with --ranking similarity
  they are cosines). A document without candidates has none. "windows" says in how many a long document was read, where there were several.

  The file is written as NAME.partial.jsonl and takes its name when it is complete; <output>.meta.json beside it has the counts, the fingerprint, the options, and
  the hashes of the files that were read. Interrupted, or killed, --resume goes on after the last whole line and gives the same file and counts as a run that was
  never interrupted; documents must come from files or arguments, as standard input cannot be read again.

A document has the same keywords whatever other documents are in the file. Long documents are read in windows; nothing is cut off. Of a .txt file every line is a
document; --documents takes whole files.

Examples
  albertine keywords "Solar cells turn light into electricity. Thin films make solar cells cheap."
  albertine keywords --input docs.jsonl --top-k 10 --output k.jsonl
  albertine keywords --documents a.txt b.txt --diversity 0.5
  albertine keywords --input docs.csv --text-field body --candidates thesaurus.txt --output k.jsonl
  albertine keywords --input docs.jsonl --ngrams 1-3 --ranking similarity --method mmr --diversity 0.7
`;
