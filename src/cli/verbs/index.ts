import type { Command } from 'commander';
import { addFormOptions, addModelOption, integer, oneOf } from '../flags/arguments.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';
import { requireVerb } from './verbs.ts';

/** `albertine index`: documents that `albertine search` searches. */
export function registerIndex(program: Command, io: CliIo): void {
  const command = program
    .command('index')
    .summary('make documents searchable, and keep them so')
    .description(
      'Cuts documents into chunks, embeds them and writes an index, a folder that albertine search searches by meaning and by words. English and Chinese, in one index too.',
    );
  registerBuild(command, io);
  registerUpdate(command, io);
  registerInfo(command, io);
  requireVerb(command);
}

const DATABASE =
  'of --store pgvector: postgresql://user:password@host/name; the index remembers it without the password. Default: $ALBERTINE_DATABASE_URL';

function registerBuild(parent: Command, io: CliIo): void {
  const command = parent
    .command('build')
    .argument('<sources...>', 'files and folders: .txt, .md, .html, .pdf, .jsonl, .csv, .tsv, .parquet')
    .summary('build an index of files and folders')
    .description('Builds an index of files and folders.')
    .requiredOption('-o, --output <folder>', 'the folder of the index')
    .option('--overwrite', OVERWRITE);
  addModelOption(command)
    .option(
      '--chunk-tokens <n>',
      'most tokens of a chunk, its title and headings among them. Default: 256, or what the model reads at once if that is less',
      integer({ min: 16 }),
    )
    .option(
      '--overlap <n>',
      'most tokens that a chunk repeats of the one before, in whole sentences. Default: 0',
      integer({ min: 0 }),
    )
    .option(
      '--store <name>',
      'where vectors are kept: exact (files of the index, every vector compared), lancedb (files too, approximate where there are many) or pgvector (a PostgreSQL database). Default: exact',
      oneOf('exact', 'lancedb', 'pgvector'),
    )
    .option(
      '--vectors <form>',
      'of --store exact, what searches have in memory: f32, int8 (a quarter of it) or binary (less than a twentieth), the best of which are compared again in f32, from disk. Default: f32',
      oneOf('f32', 'int8', 'binary'),
    )
    .option('--database <url>', DATABASE)
    .option(
      '--prompt <text>',
      'what stands before every chunk where it is embedded, or the name of a prompt of the model. Default: its prompt for documents, where it has one',
    )
    .option('--text-field <name>', 'rows: field that holds the text. Default: "text", or the only one there is')
    .option('--title-field <name>', 'rows: field that holds the title. Default: "title", where there is one');
  addFormOptions(command).option(
    '--on-error <action>',
    'what to do with a file or a row that cannot be read: "stop" or "skip". Skipped ones are counted and listed. Default: stop',
    oneOf('stop', 'skip'),
  );
  addRunOptions(command).addHelpText('after', BUILD_MANUAL);
  nameFlags(command, {}).action(async (sources: string[]) => {
    const { runIndexBuild } = await import('./index-run.ts');
    await runIndexBuild(io, sources, command.opts());
  });
}

function registerUpdate(parent: Command, io: CliIo): void {
  const command = parent
    .command('update')
    .argument('<index>', 'the folder of the index')
    .summary('bring an index up to date with its files')
    .description(
      'Brings an index up to date with the files and folders that it was built of, with the same settings: new files, changed ones (by their content) and those that are gone.',
    );
  addModelOption(command, 'where it was when the index was built').option('--database <url>', DATABASE);
  addRunOptions(command).addHelpText('after', UPDATE_MANUAL);
  command.action(async (index: string) => {
    const { runIndexUpdate } = await import('./index-run.ts');
    await runIndexUpdate(io, index, command.opts());
  });
}

function registerInfo(parent: Command, io: CliIo): void {
  const command = parent
    .command('info')
    .argument('<index>', 'the folder of the index')
    .summary('say what an index holds')
    .description('Says what an index was made of and how, as JSON.');
  command.action(async (index: string) => {
    const { runIndexInfo } = await import('./index-run.ts');
    await runIndexInfo(io, index);
  });
}

function addRunOptions(command: Command): Command {
  return command
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no summary; notes and errors are still printed');
}

const BUILD_MANUAL = `
Sources
  Of a folder all files of the kinds above are read, those in folders inside it too; hidden ones and node_modules are passed over, links to folders not followed,
  and files of other kinds counted. A .txt, .md, .html or .pdf file is a document; of .jsonl, .csv, .tsv and .parquet every row is one, whose other fields can be
  filtered by (--filter lang=zh). So can simple "key: value" lines of the front matter of Markdown, and the language of HTML (lang). A .json file is read, as rows,
  where it is named itself. Of HTML scripts, styles and <nav> are left out; of PDFs only text is read, no pictures.

Chunks
  Paragraphs that are neighbours below the same heading, as many as --chunk-tokens allows; a longer paragraph is cut at its sentences, a longer sentence at tokens.
  Title and headings are embedded, and searched for words, with every chunk. Nothing is left out, and nothing repeated unless --overlap says so.

Interrupted, or killed, the same command goes on: what was embedded is in INDEX/work. An index that --overwrite replaces stays as it is until the new one is complete.
Stores
  exact: float32 vectors in the folder of the index, every one compared: right for up to some hundred thousand chunks, and with --vectors int8 or binary for a million.
  lancedb (npm install @lancedb/lancedb@0.22): also files in that folder; from 50,000 chunks on an approximate search.
  pgvector (npm install pg): a table of a PostgreSQL database with the extension vector, named by index and generation; texts and words stay in the folder.

Examples
  albertine index build docs --output my-index
  albertine index build handbook.pdf notes/*.md --output my-index --chunk-tokens 128
  albertine index build articles.jsonl --text-field body --title-field headline --output news
  albertine search my-index "how do I keep an index up to date"
`;

const UPDATE_MANUAL = `
Files whose content has not changed are not read again, and of changed ones only chunks whose text is new are embedded. The index can be searched meanwhile, and stays
as it is if the update is interrupted; the same command goes on. --model says where the model is now; another model than the index was built with is refused.

Example
  albertine index update my-index
`;
