/** The command that makes a model from a recipe; see README.md in this folder, or `npx tsx recipes/build.ts --help`. */
import { parseArgs } from 'node:util';
import { reportError, UsageError, EXIT } from '../src/cli/terminal/errors.ts';
import { processIo, type CliIo } from '../src/cli/terminal/io.ts';
import { createProgressBar } from '../src/cli/terminal/progress-bar.ts';
import { buildRecipe } from './build-recipe.ts';
import { readRecipe } from './recipe.ts';

const HELP = `Usage: npx tsx recipes/build.ts RECIPE --corpus FOLDER --output FOLDER [options]

Makes a model from text as RECIPE (a JSON file) says: vocabulary, shards, pretraining, distillation, contrastive training, release.
A second call goes on where the first one stopped, and runs again only what changed settings or files ask for.

  --corpus FOLDER        the recipe's text files are below it
  --output FOLDER        receives a folder per stage, and stages.json, which remembers what is finished
  --data FOLDER          further data files, which the recipe names data:FILE
  --only STAGE[,STAGE]   these stages only: vocabulary, shards, pretrain, sentences, distill (or distill/STEP), contrastive, release
  --from-stage STAGE     this stage and all after it once more, although they are finished
  --use STAGE=FOLDER     takes a folder made elsewhere (another machine) for a stage; may be repeated
  --threads N            processor threads. Default: those this process may use
  --quiet                no progress; notes are still printed
  --debug                errors with all details
  --help                 this text

Ctrl-C saves; the same command goes on. Progress is written to standard error, the output folder's name to standard output.
`;

const OPTIONS = {
  corpus: { type: 'string' },
  output: { type: 'string' },
  data: { type: 'string' },
  only: { type: 'string' },
  'from-stage': { type: 'string' },
  use: { type: 'string', multiple: true },
  threads: { type: 'string' },
  quiet: { type: 'boolean' },
  debug: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function main(io: CliIo, args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help) return io.stdout.write(HELP);
  if (positionals.length !== 1) throw new UsageError(`one recipe is needed, got ${positionals.length}; see --help`);
  const { corpus, output, data, only, threads, quiet = false } = values;
  if (corpus === undefined) throw new UsageError('--corpus is missing');
  if (output === undefined) throw new UsageError('--output is missing');
  const recipe = await readRecipe(positionals[0]);
  const bar = createProgressBar(io, { quiet });
  await buildRecipe({
    recipe,
    corpus,
    output,
    signal: io.signal,
    onProgress: bar.update,
    onNote: bar.note,
    ...(data !== undefined && { data }),
    ...(only !== undefined && { only: only.split(',') }),
    ...(values['from-stage'] !== undefined && { from: values['from-stage'] }),
    ...(values.use && { use: Object.fromEntries(values.use.map(parseUse)) }),
    ...(threads !== undefined && { threads: parseThreads(threads) }),
  }).finally(() => bar.finish());
  await io.stdout.write(`${output}\n`);
}

function parse(args: string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseUse(text: string): [string, string] {
  const match = /^([\w/-]+)=(.+)$/.exec(text);
  if (!match) throw new UsageError(`--use takes STAGE=FOLDER, got ${text}`);
  return [match[1], match[2]];
}

function parseThreads(text: string): number {
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1)
    throw new UsageError(`--threads must be a whole number of at least 1, got ${text}`);
  return threads;
}

const io = processIo();
try {
  await main(io, process.argv.slice(2));
} catch (error) {
  process.exitCode = reportError(io, error, process.argv.includes('--debug'));
  if (process.exitCode === EXIT.interrupted) process.exit();
}
