import type { Command } from 'commander';
import { addComputeOptions, addInputOptions, addModelOption, integer, layers, oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** `albertine embed`: texts to vectors. */
export function registerEmbed(program: Command, io: CliIo): void {
  const command = program
    .command('embed')
    .argument('[texts...]', 'texts; or - for standard input, a text a line; or one file of texts')
    .summary('turn texts into vectors')
    .description(
      'Turns texts into vectors (embeddings), one a text, a token or a word, and writes them in input order.',
    );
  addInputOptions(addModelOption(command))
    .option(
      '-o, --output <file>',
      'where the vectors go: .jsonl, .csv, .tsv, .npy or .parquet, with a sidecar FILE.meta.json; or - for standard output. Default: JSONL on standard output',
    )
    .option(
      '--pooling <how>',
      "one vector a text: mean (of all tokens), cls (first token), max, mean_sqrt (sum over the root of the count), weighted (later tokens count more), pooler (the checkpoint's own); or tokens, words: a vector for each, JSONL only. Default: as the model was trained, where its folder says so, else mean",
      oneOf('mean', 'cls', 'max', 'mean_sqrt', 'weighted', 'pooler', 'tokens', 'words'),
    )
    .option(
      '--layers <list>',
      'depths whose vectors are used: 0 is the embeddings, 1 the first layer, -1 the last, as in -1,-2; or static: the embedding table alone, without running the network. Default: -1',
      layers,
    )
    .option(
      '--layer-combination <how>',
      'several layers are combined by mean or concat. Default: mean',
      oneOf('mean', 'concat'),
    )
    .option(
      '--normalize',
      "scale every vector to length 1. Default: as the model's folder says (a Normalize module of sentence-transformers), else no",
    )
    .option('--no-normalize', 'leave vectors as they are, whatever the folder says')
    .option(
      '--prompt <name|text>',
      'what stands before every text: the name of a prompt in the model\'s folder (albertine info lists them), or the text itself, as in "query: "; "" is none. Default: the folder\'s default prompt, else none',
    )
    .option(
      '--dimensions <n>',
      'keep the first n numbers of a vector and scale to length 1. Default: all',
      integer({ min: 1 }),
    )
    .option(
      '--quantize <type>',
      'store vectors as int8 (a byte a number), binary (a bit a number, 1 where positive, packed from the highest bit) or none. Default: none',
      oneOf('none', 'int8', 'binary'),
    )
    .option(
      '--long-text <policy>',
      'texts longer than the model takes: window (read in several windows, nothing is lost), truncate (cut, and counted), error. Default: window',
      oneOf('window', 'truncate', 'error'),
    )
    .option(
      '--max-length <n>',
      'tokens per window, [CLS] and [SEP] included. Default: as many as the model has positions',
      integer({ min: 3 }),
    )
    .option('--stride <n>', 'tokens that consecutive windows share. Default: 0', integer({ min: 0 }))
    .option(
      '--window-combination <how>',
      'windows of a text: mean (weighted by tokens) or concat (one after the other, see --segments). Default: mean',
      oneOf('mean', 'concat'),
    )
    .option(
      '--segments <n>',
      'with --window-combination concat: windows in a vector, zero-filled for shorter texts. Default: 1',
      integer({ min: 1 }),
    )
    .option('--no-special', 'with --pooling tokens: leave [CLS] and [SEP] out')
    .option(
      '--row-numbers',
      'add "row", the row of the input (1-based, a header line counts), to every record; tells which text a vector belongs to when rows were skipped. Not for .npy',
    )
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option(
      '--look-ahead <n>',
      'texts read ahead and sorted by length together; 1 answers every line of a pipe at once. Default: 1024',
      integer({ min: 1 }),
    );
  addComputeOptions(command)
    .option(
      '--resume',
      'continue an interrupted output after its last complete record (not Parquet). Refused if model, options or input differ',
    )
    .option('--overwrite', OVERWRITE)
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', MANUAL)
    .action(async (texts: string[]) => {
      const { runEmbed } = await import('./embed-run.ts');
      await runEmbed(io, texts, command.opts());
    });
}

const MANUAL = `
Output
  .jsonl            {"index":0,"embedding":[0.12,...],"tokenCount":12,"windows":1,"truncatedTokens":0}
                    "index" counts the texts embedded from 0 (it is the row of a .npy); "tokenCount" the tokens of the whole text
                    without [CLS] and [SEP]; "truncatedTokens" those that --long-text truncate cut off; "unknownTokens", where there
                    are any, those for what the vocabulary lacks (in tables: only in the counts of FILE.meta.json).
  .jsonl, tokens    {"index":0,"tokens":[{"token":"▁a","id":21,"start":0,"end":1,"embedding":[...]},...]}
                    "start" and "end" are UTF-16 positions in the text, -1 for [CLS] and [SEP]. Words have no "id".
  .csv, .tsv        the same as columns: index, embedding_0, embedding_1 ..., tokenCount, windows, truncatedTokens
  .parquet          the same as columns, the embedding a list
  .npy              a matrix [texts, dimensions] (float32; int8 or uint8 when quantised) for numpy.load
  FILE.meta.json    fingerprint (vectors are comparable only where it is equal), options, counts, rows skipped

Quantisation
  int8 maps each dimension's range to -128..127. The ranges are those of the first --look-ahead texts and are stored in the sidecar
  ("quantization"): value = (q + 128) * step + min. Values outside are clipped and counted.

Interrupting
  The output is written as NAME.partial.EXT and takes its name when it is complete; until then an older file of that name stays.
  Ctrl-C leaves that partial file, valid, with the records finished so far; the same command with --resume goes on after them.
  Exit codes: 0 done, 1 failed, 2 wrong options, 130 interrupted.

Examples
  albertine embed "a text" "another text" --normalize
  albertine embed reviews.csv --text-field text --output reviews.npy
  zcat corpus.gz | albertine embed - --output corpus.parquet
  albertine embed --input notes.jsonl --pooling tokens --output tokens.jsonl
  albertine embed --input books.jsonl --output books.npy --stride 64 --resume
`;
