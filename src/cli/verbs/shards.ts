import type { Command } from 'commander';
import { integer, oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { requireVerb } from './verbs.ts';

/** `albertine shards build`: token shards for pretraining. */
export function registerShards(program: Command, io: CliIo): void {
  const shards = program
    .command('shards')
    .summary('turn text into token shards for pretraining')
    .description('Makes and checks token shards.');
  requireVerb(shards);
  const build = shards
    .command('build')
    .argument(
      '<sources...>',
      'NAME=FILES or FILES, a comma between files: text with a blank line between documents, .jsonl, .csv or .parquet, text also gzipped; NAME*WEIGHT=FILES is read WEIGHT times an epoch',
    )
    .summary('turn documents into token shards')
    .description(
      'Tokenises documents once, in parallel, into immutable files with checksums and a manifest. Interrupted builds keep their finished shards.',
    )
    .requiredOption(
      '--tokenizer <model>',
      'whose tokeniser: a folder with spiece.model, vocab.txt or tokenizer.json, a hub id, or a built-in name (albertine-nano-en-zh)',
    )
    .requiredOption('-o, --output <folder>', 'folder for the shards and manifest.json')
    .option('--locale <tag>', 'language for sentence boundaries, such as en or zh. Default: language-neutral rules')
    .option(
      '--segments <unit>',
      'what documents are divided into for sentence pairs: sentence or paragraph. Default: sentence',
      oneOf('sentence', 'paragraph'),
    )
    .option('--text-field <name>', 'field that holds a document, for JSONL, CSV and Parquet. Default: text')
    .option('--shard-tokens <n>', 'tokens of a shard. Default: 4194304', integer({ min: 1024 }))
    .option('--workers <n>', 'threads that tokenise. Default: the processors this process may use', integer({ min: 0 }))
    .option(
      '--on-error <action>',
      'rows that cannot be used: stop or skip (counted and listed). Default: stop',
      oneOf('stop', 'skip'),
    )
    .option(
      '--overwrite',
      'build again in a folder with finished shards; those that the same inputs give are kept. Default: refuse',
    )
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText(
      'after',
      `
Examples
  albertine shards build wiki.txt.gz --tokenizer vocab --output shards
  albertine shards build "books*0.3=a.txt,b.txt" wiki=wiki.jsonl --tokenizer vocab --output shards
`,
    )
    .action(async (sources: string[]) => {
      const { runShardsBuild } = await import('./shards-run.ts');
      await runShardsBuild(io, sources, build.opts());
    });
  shards
    .command('verify')
    .argument('<folder>', 'folder of shards')
    .summary('check every shard against its checksum')
    .description('Reads every shard and compares it with the checksum in the manifest.')
    .action(async (folder: string) => {
      const { runShardsVerify } = await import('./shards-run.ts');
      await runShardsVerify(io, folder);
    });
}
