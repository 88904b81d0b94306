import type { Command } from 'commander';
import { integer, list, number, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';
import { addComparedOptions } from './duplicates.ts';

/** `albertine cluster`: what texts are about, without labels. */
export function registerCluster(program: Command, io: CliIo): void {
  const command = program
    .command('cluster')
    .argument('[file]', 'file of texts; or - for standard input, a text a line')
    .summary('group texts by what they are about')
    .description(
      'Groups the texts of a file, or the chunks of an index, by their vectors, and says what each group is about: its most central texts and its keywords. English and Chinese.',
    );
  addComparedOptions(command)
    .option(
      '-o, --output <file>',
      'a cluster for each row: .jsonl, .csv, .tsv or .parquet, with a sidecar FILE.meta.json (all clusters); or - for standard output. Default: only the summary',
    )
    .option('--overwrite', OVERWRITE)
    .option(
      '--method <name>',
      'communities (as many as there are, around a central text; what is near nothing is in none) or k-means (--clusters of them; every text is in one). Default: communities; k-means with --clusters',
      oneOf('communities', 'k-means'),
    )
    .option(
      '--threshold <n>',
      'of communities: least cosine with the central text. Default: 0.75',
      number({ min: -1, max: 1 }),
    )
    .option('--min-size <n>', 'of communities: fewest texts. Default: 10', integer({ min: 1 }))
    .option('-n, --clusters <n>', 'of k-means: how many', integer({ min: 1 }))
    .option('--seed <n>', 'of k-means: of the first centres. Default: 1', integer())
    .option('--keywords <n>', 'keywords of a cluster. Default: 10', integer({ min: 0 }))
    .option('--central <n>', 'central texts of a cluster. Default: 3', integer({ min: 0 }))
    .option('--stop-words <list>', 'languages whose stop words are no keywords: en, zh or none. Default: en,zh', list)
    .option(
      '--label-field <name>',
      'field of labels by people: measures how well clusters agree with them (adjusted Rand index, V-measure, purity)',
    )
    .option('--json', 'the summary as JSON on standard output, in place of text')
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, {}).action(async (file: string | undefined) => {
    const { runCluster } = await import('./cluster-run.ts');
    await runCluster(io, file, command.opts());
  });
}

const MANUAL = `
Output
  {"row":2,"cluster":0,"similarity":0.83,"text":"..."}
  "row" is that of the file (from 1, a header counts); with --index a place is "file", "row" (of files of rows), "start" and "end". Clusters are numbered from the
  largest, 0; -1 is none. "similarity" is the cosine with the centre: of a community its central text, of k-means the middle; of texts in no cluster that with
  the nearest centre.
  The summary has for every cluster its size, its central texts (those with the highest mean cosine with all of it) and keywords (class-based tf-idf: frequent here
  and rare in the others).

Communities: the text with most others within --threshold becomes a centre and takes them, then the next one that is left, down to --min-size (as community_detection
of sentence-transformers). A higher threshold gives more and purer clusters and leaves more texts in none; choose it by looking.
K-means: spherical, with k-means++; with the same --seed the same clusters on the same machine.

Every text is compared with every other by communities: time grows by the square of the texts. All texts and vectors are in memory.

Examples
  albertine cluster questions.csv
  albertine cluster reviews.jsonl --threshold 0.65 --min-size 5 --output clusters.jsonl
  albertine cluster news.csv --clusters 20 --output clusters.csv
  albertine cluster banking77.csv --label-field category --clusters 77 --json
  albertine cluster --index my-index --clusters 12
`;
