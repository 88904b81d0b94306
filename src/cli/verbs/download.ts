import type { Command } from 'commander';
import { list } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, formatBytes } from '../terminal/progress-bar.ts';

interface DownloadFlags {
  revision?: string;
  token?: string | false;
  cache?: string;
  endpoint?: string;
  files?: string[];
  quiet?: boolean;
}

/** `albertine download`: a model from the Hugging Face hub into the shared cache. */
export function registerDownload(program: Command, io: CliIo): void {
  const command = program
    .command('download')
    .argument('<id>', 'hub id: owner/name or owner/name@revision')
    .summary('fetch a model from the Hugging Face hub')
    .description(
      'Fetches what an ALBERT needs of a hub repository into the cache that Python shares, and prints the folder. Interrupted transfers go on where they stopped.',
    )
    .option('--revision <name>', 'branch, tag or commit. Default: main')
    .option('--token <token>', 'access token. Default: HF_TOKEN, then the one that "hf auth login" stored')
    .option('--no-token', 'send no access token')
    .option('--cache <folder>', 'cache folder. Default: HF_HUB_CACHE, then HF_HOME/hub, then ~/.cache/huggingface/hub')
    .option('--endpoint <url>', 'address of the hub or a mirror. Default: HF_ENDPOINT, then https://huggingface.co')
    .option(
      '--files <list>',
      'exact names of the files wanted, separated by commas. Default: configuration, tokeniser and one set of weights',
      list,
    )
    .option('-q, --quiet', 'no progress; only the folder is printed')
    .addHelpText(
      'after',
      `
HF_HUB_OFFLINE=1 opens no connection: the command then tells what the cache holds.

Examples
  albertine download albert/albert-base-v2
  albertine download voidful/albert_chinese_tiny --cache ./models
`,
    )
    .action(async (id: string) => {
      await runDownload(io, id, command.opts());
    });
}

async function runDownload(
  io: CliIo,
  id: string,
  { revision, token, cache, endpoint, files, quiet = false }: DownloadFlags,
): Promise<void> {
  const { downloadModel } = await import('../../checkpoint/hub-node.ts');
  const bar = createProgressBar(io, { quiet });
  const result = await downloadModel(id, {
    onProgress: bar.update,
    signal: io.signal,
    ...(revision !== undefined && { revision }),
    ...(cache !== undefined && { cacheFolder: cache }),
    ...(endpoint !== undefined && { endpoint }),
    ...(files && { files }),
    // Commander sets true for "--no-token not given".
    ...(token !== undefined && (token as unknown) !== true && { token }),
  }).finally(() => bar.finish());
  if (!quiet) {
    for (const file of result.files)
      io.stderr.write(
        `${file.name}  ${formatBytes(file.bytes)}  ${file.fromCache ? 'was in the cache' : `checked by ${file.verified}`}\n`,
      );
    io.stderr.write(`revision ${result.revision}, ${formatBytes(result.bytes)}\n`);
  }
  await io.stdout.write(`${result.folder}\n`);
}
