import type { Command } from 'commander';
import { addInputOptions, addModelOption, integer, number, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine duplicates`: texts of a file that say the same. */
export function registerDuplicates(program: Command, io: CliIo): void {
  const command = program
    .command('duplicates')
    .argument('[file]', 'file of texts; or - for standard input, a text a line')
    .summary('find near duplicates among texts')
    .description(
      'Finds texts of a file, or chunks of an index, that are equal or say the same, by the cosine of their vectors; as pairs, as groups, or the file without them. English and Chinese.',
    );
  addComparedOptions(command)
    .option(
      '-o, --output <file>',
      '.jsonl, .csv, .tsv or .parquet (with --keep of a .txt also .txt), with a sidecar FILE.meta.json; or - for standard output. Default: JSONL on standard output',
    )
    .option('--overwrite', OVERWRITE)
    .option('--threshold <n>', 'least cosine of near duplicates. Default: 0.9', number({ min: -1, max: 1 }))
    .option('-k, --top-k <n>', 'of pairs: nearest texts that are looked at for each. Default: 100', integer({ min: 1 }))
    .option('--max-pairs <n>', 'most pairs: the best. Default: 500000', integer({ min: 1 }))
    .option('--groups', 'groups in place of pairs: texts that pairs join, directly or over others')
    .option(
      '--keep <which>',
      'writes the rows of the file without the duplicates; first: of what is equal or near, the first row stays',
      oneOf('first'),
    )
    .option('--exact', 'only equal texts (case, white space and compatibility forms aside); needs no model')
    .option('--json', 'the summary as JSON on standard output, in place of records there')
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, {}).action(async (file: string | undefined) => {
    const { runDuplicates } = await import('./duplicates-run.ts');
    await runDuplicates(io, file, command.opts());
  });
}

/** Where texts and vectors come from, of commands that compare all with all. */
export function addComparedOptions(command: Command): Command {
  return addInputOptions(addModelOption(command))
    .option(
      '--index <folder>',
      'the chunks of a search index with its vectors, in place of a file; nothing is embedded',
    )
    .option('--vectors <file>', 'vectors of the file, from albertine embed --output VECTORS.npy; nothing is embedded')
    .option('--max-length <n>', 'tokens of a window of a long text. Default: those of the model', integer({ min: 3 }))
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }));
}

const MANUAL = `
Output
  pairs      {"score":0.97,"exact":false,"firstRow":2,"secondRow":9,"firstText":"...","secondText":"..."}
             Equal texts first ("exact", each with the first row that has it), then the pairs of different texts by falling cosine.
  --groups   {"group":0,"row":2,"text":"..."}, a line a row, by group
  --keep     the rows as they were, all fields
  Rows are those of the file (from 1, a header counts). With --index a place is "file", "row" (of files of rows), "start" and "end".

Every text is compared with every other (no approximation), block by block: time grows by the square of the texts, memory does not. All texts and their
vectors (4 bytes times the model's width each) are in memory. Texts that differ in case, white space or compatibility forms alone are equal and embedded once.

--groups joins over others: a is near b, b is near c, and a and c are in one group however far apart. --keep compares with rows that stay: whatever is left out
is equal to one of them, or at least --threshold near it.

Examples
  albertine duplicates questions.csv --threshold 0.95
  albertine duplicates train.jsonl --keep first --output train-distinct.jsonl
  albertine duplicates crawl.txt --exact --keep first --output distinct.txt
  albertine duplicates --index my-index --groups --output copies.csv
  albertine embed --input big.jsonl --output big.npy
  albertine duplicates big.jsonl --vectors big.npy --output pairs.parquet
`;
