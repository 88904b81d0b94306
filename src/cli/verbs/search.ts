import type { Command } from 'commander';
import { addModelOption, integer, number, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine search`: finds passages of indexed documents. */
export function registerSearch(program: Command, io: CliIo): void {
  const command = program
    .command('search')
    .argument('<index>', 'the folder of an index, as albertine index build writes it')
    .argument('[queries...]', 'what to look for; or - for standard input, a query a line')
    .summary('search documents by meaning and words')
    .description('Finds the passages of indexed documents that answer a query best, by vectors and words together.')
    .option('-k, --limit <n>', 'passages a query. Default: 10', integer({ min: 1 }))
    .option(
      '--mode <name>',
      'hybrid (cosine and BM25 together), vector or lexical (BM25 alone, which needs no model). Default: hybrid, which measures best',
      oneOf('hybrid', 'vector', 'lexical'),
    )
    .option(
      '--filter <condition...>',
      'only passages whose field is so: lang=zh, lang=en,zh, lang!=en, year>=2020, year<=2021, file=docs/*. Several must all be met',
    )
    .option(
      '--rerank <ranker>',
      'orders the best --pool anew: albertscore (how well every token of the query is matched), or the folder or hub id of a fine-tuned ranker',
    )
    .option(
      '--mmr <n>',
      'maximal marginal relevance among the best --pool: from 0, the best ones, to 1, those least alike',
      number({ min: 0, max: 1 }),
    )
    .option('--pool <n>', 'passages that --rerank and --mmr choose among. Default: 50', integer({ min: 1 }))
    .option(
      '--oversample <n>',
      'of an index with int8 or binary vectors, or in LanceDB or PostgreSQL: candidates that are compared by their whole vectors, for each passage wanted. Default: int8 4, binary 16, LanceDB 4, PostgreSQL 2',
      integer({ min: 1 }),
    )
    .option('--json', 'a line of JSON a passage, in place of text for people');
  addModelOption(command, 'where it was when the index was built')
    .option(
      '--database <url>',
      'of an index in PostgreSQL: its URL with the password. Default: $ALBERTINE_DATABASE_URL, else as it was built, without a password',
    )
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress; notes and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, {}).action(async (index: string, queries: string[]) => {
    const { runSearch } = await import('./search-run.ts');
    await runSearch(io, { index, queries, flags: command.opts() });
  });
}

const MANUAL = `
Output
  {"query":0,"rank":1,"score":0.71,"scores":{"vector":0.62,"lexical":9.3},"file":"docs/a.md","start":120,"end":390,"text":"...","tokens":61,"title":"...","headings":["..."]}
  "start" and "end" are UTF-16 positions: in the file; in the text of the row ("row" counts from 1, a header too); of a PDF in the text that is read out of it ("page").
  "score" gives the order: with --rerank it is the ranker's; else in hybrid mode 0.15 of the cosine, scaled over the best 100, and 0.85 of BM25, as a share of
  what a passage could reach; else the one part that there is. "scores" has the parts as they are: the cosine, and BM25.

The query is embedded with the model that the index was built with; another one is refused. A long query is read in windows, not cut.

Examples
  albertine search my-index "how do I keep an index up to date"
  albertine search my-index "怎样更新索引" --limit 3 --json
  albertine search news "solar power" --filter lang=en "year>=2020" --mmr 0.3
  albertine search my-index - --rerank albertscore --json < queries.txt
`;
