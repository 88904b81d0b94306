import { Command, CommanderError } from 'commander';
import { packageVersion } from '../core/version-node.ts';
import { registerAnswer } from './verbs/answer.ts';
import { registerBias } from './verbs/bias.ts';
import { registerCluster } from './verbs/cluster.ts';
import { registerConvert } from './verbs/convert.ts';
import { registerDemo } from './verbs/demo.ts';
import { registerDistill } from './verbs/distill.ts';
import { registerDownload } from './verbs/download.ts';
import { registerDuplicates } from './verbs/duplicates.ts';
import { registerEmbed } from './verbs/embed.ts';
import { EXIT, reportError, type FailedCommand } from './terminal/errors.ts';
import { registerEvaluate } from './verbs/evaluate.ts';
import { registerExplain } from './verbs/explain.ts';
import { registerFillMask } from './verbs/fill-mask.ts';
import { registerFit } from './verbs/fit.ts';
import { registerFinetune } from './verbs/finetune.ts';
import { registerIndex } from './verbs/index.ts';
import { registerInfo } from './verbs/info.ts';
import { registerInit } from './verbs/init.ts';
import type { CliIo } from './terminal/io.ts';
import { registerKeywords } from './verbs/keywords.ts';
import { registerParity } from './verbs/parity.ts';
import { registerPlayground } from './verbs/playground.ts';
import { registerPredict } from './verbs/predict.ts';
import { registerProbe } from './verbs/probe.ts';
import { registerReport } from './verbs/report.ts';
import { registerPretrain } from './verbs/pretrain.ts';
import { registerRuns } from './verbs/runs.ts';
import { registerShards } from './verbs/shards.ts';
import { registerTokenize } from './verbs/tokenize.ts';
import { registerTune } from './verbs/tune.ts';
import { requireVerb } from './verbs/verbs.ts';
import { registerVocab } from './verbs/vocab.ts';
import { registerRobustness } from './verbs/robustness.ts';
import { registerScore } from './verbs/score.ts';
import { registerSearch } from './verbs/search.ts';
import { registerServe } from './verbs/serve.ts';
import { registerZeroShot } from './verbs/zero-shot.ts';

/**
 * Runs `albertine <argv>` and returns its exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted. Never throws and
 * never ends the process.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const debug = argv.slice(0, end).includes('--debug') || (io.env['ALBERTINE_DEBUG'] ?? '0') !== '0';
  const pending: Promise<void>[] = [];
  let running: Command | undefined;
  try {
    const program = buildProgram(io, (text) => pending.push(io.stdout.write(text)));
    program.hook('preAction', (_program, command) => {
      running = command;
    });
    await program.parseAsync(
      argv.filter((argument, index) => argument !== '--debug' || index >= end),
      { from: 'user' },
    );
    await Promise.all(pending);
    return EXIT.ok;
  } catch (error) {
    await Promise.allSettled(pending);
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(io, error, debug, running && failedCommand(running));
  }
}

function failedCommand(command: Command): FailedCommand {
  const { output } = command.opts<{ output?: string }>();
  // The index of a Parquet file is written at its end.
  return {
    command,
    output,
    canResume:
      output !== undefined && !output.endsWith('.parquet') && command.options.some(({ long }) => long === '--resume'),
  };
}

function buildProgram(io: CliIo, writeHelp: (text: string) => void): Command {
  const program = new Command('albertine')
    .description('ALBERT on your machine: tokenise and embed texts, inspect, convert and make checkpoints.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .exitOverride()
    // A command with flags of its own may hold commands with flags of the same names.
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for all options)')
    .configureOutput({
      writeOut: writeHelp,
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => Math.min(120, io.stdout.columns),
      outputError: (text, write) => write(text.replace(/^error: /, 'albertine: ')),
    })
    .addHelpText(
      'after',
      `
Every command has its own manual: albertine embed --help
--debug (or ALBERTINE_DEBUG=1) with any command prints an error's code, value and stack.

Examples
  albertine demo
  albertine embed "some text" "another" --normalize
  albertine embed --input reviews.csv --text-field text --output reviews.npy
  albertine info albert/albert-base-v2
`,
    );
  for (const register of [
    registerEmbed,
    registerTokenize,
    registerInfo,
    registerInit,
    registerDownload,
    registerConvert,
    registerVocab,
    registerShards,
    registerPretrain,
    registerFinetune,
    registerTune,
    registerFit,
    registerDistill,
    registerEvaluate,
    registerPredict,
    registerAnswer,
    registerFillMask,
    registerZeroShot,
    registerIndex,
    registerSearch,
    registerScore,
    registerKeywords,
    registerCluster,
    registerDuplicates,
    registerRobustness,
    registerExplain,
    registerBias,
    registerProbe,
    registerReport,
    registerRuns,
    registerServe,
    registerPlayground,
    registerParity,
    registerDemo,
  ])
    register(program, io);
  requireVerb(program);
  return program;
}
