import type { Command } from 'commander';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { readJsonFile } from '../../core/files-node.ts';
import type { Settings } from '../../core/settings.ts';
import type { PretrainConfig, PretrainOptions } from '../../tasks/pretrain/options.ts';
import { pretrain } from '../../tasks/pretrain/pretrain-node.ts';
import { PRETRAIN_CONFIG_SETTINGS, PRETRAIN_RUN_SETTINGS } from '../../training/pretraining/settings.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';
import { interrupted, listeners, requireConsistentFlags, unlessFinished } from './training-run.ts';

type Config = Partial<PretrainConfig>;

/** Events that tell how the run goes. */
const FACTS = ['data', 'saved', 'resumed', 'wandb', 'words'];

/**
 * Settings of the file that a flag replaces under another name: another start, one length throughout, another warm-up.
 */
const REPLACED: Partial<Record<keyof PretrainConfig, readonly (keyof PretrainConfig)[]>> = {
  from: ['model', 'tokenizer', 'wordEmbeddings'],
  model: ['from'],
  tokenizer: ['from'],
  maxLength: ['lengths'],
  warmupSteps: ['warmupRatio'],
  warmupRatio: ['warmupSteps'],
};

/** Runs `albertine pretrain`. */
export async function runPretrain(io: CliIo, command: Command): Promise<void> {
  const flags = command.opts<Record<string, unknown> & { config?: string; quiet?: boolean }>();
  const { quiet = false } = flags;
  requireConsistentFlags(flags);
  const settings = withFlags(
    flags.config === undefined ? {} : await readConfig(flags.config),
    optionsOfFlags(PRETRAIN_CONFIG_SETTINGS, flags),
  );
  const { shards, steps } = settings;
  if (!shards) throw new UsageError('--shards is missing (or "shards" in --config)');
  if (steps === undefined) throw new UsageError('--steps is missing (or "steps" in --config)');
  const run = optionsOfFlags(PRETRAIN_RUN_SETTINGS, flags) as unknown as Pick<PretrainOptions, 'output'>;
  const bar = createProgressBar(io, { quiet });
  const started = performance.now();
  const result = await pretrain({
    ...settings,
    shards,
    steps,
    ...run,
    ...listeners(io, command, { bar, quiet, facts: FACTS }),
  })
    .catch(unlessFinished(io))
    .finally(() => bar.finish());
  if (result === undefined) return await io.stdout.write(`${run.output}\n`);
  if (result.outcome === 'interrupted') throw interrupted(result);
  if (!quiet) {
    io.stderr.write(`${countOf(result.steps, 'step')} in ${formatDuration((performance.now() - started) / 1000)}\n`);
    for (const [name, value] of Object.entries(result.evaluation ?? {}))
      io.stderr.write(`  ${name.padEnd(20)}${value.toPrecision(4)}\n`);
  }
  await io.stdout.write(`${result.output}\n`);
}

/**
 * The settings of the file, with what flags say in their place. Settings within a group (`masking`, `optimizer`,
 * `guard`) are replaced one by one.
 */
function withFlags(config: Config, given: Config): Config {
  const replaced = (Object.keys(given) as (keyof PretrainConfig)[]).flatMap((name) => REPLACED[name] ?? []);
  const kept = Object.fromEntries(
    Object.entries(config).filter(([name]) => !replaced.includes(name as keyof PretrainConfig)),
  );
  const values = Object.entries(given).map(([name, value]): [string, unknown] => {
    const isGroup = (PRETRAIN_CONFIG_SETTINGS as Settings)[name].kind === 'group';
    return [name, isGroup ? { ...(kept[name] as object), ...(value as object) } : value];
  });
  return { ...kept, ...Object.fromEntries(values) };
}

async function readConfig(path: string): Promise<Config> {
  const json = await readJsonFile(path);
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new AlbertineError('invalid_file', `${path} must hold a JSON object`, { value: path });
  const unknown = Object.keys(json).filter((key) => !Object.hasOwn(PRETRAIN_CONFIG_SETTINGS, key));
  if (unknown.length > 0)
    throw new AlbertineError('invalid_config', `${path} has unknown settings: ${unknown.join(', ')}`, {
      value: unknown,
      hint: `There are ${Object.keys(PRETRAIN_CONFIG_SETTINGS)
        .map((name) => JSON.stringify(name))
        .join(', ')}`,
    });
  return json as Config;
}
