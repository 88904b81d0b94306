import { basename } from 'node:path';
import { AlbertineError, describeValue, requireOneOf } from '../../core/errors.ts';
import { readJsonFile } from '../../core/files-node.ts';
import { requireValues, type Setting } from '../../core/settings.ts';
import { createApiKey } from '../../server/keys.ts';
import { startServer, type AlbertineServer } from '../../server/server.ts';
import { SERVER_SETTINGS, type ServerSettings } from '../../server/settings.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';

/** The flags of `albertine serve` that are no settings. */
export interface ServeFlags {
  model?: string[];
  index?: string[];
  config?: string;
  device?: string;
  newKey?: string;
}

const DEVICES = ['cpu', 'webgpu'] as const;

/** What another command that serves does differently. */
export interface ServeWays {
  /** Settings where neither a flag, the environment nor the file has them. */
  usual?: ServerSettings;
  /** Settings that are not to be chosen. */
  fixed?: ServerSettings;
  /** What to print, and do, when it listens. */
  onListening?: (server: AlbertineServer) => Promise<void>;
}

/** Runs `albertine serve` until it is interrupted. */
export async function runServe(io: CliIo, flags: ServeFlags, ways: ServeWays = {}): Promise<void> {
  if (flags.newKey !== undefined) {
    const { key, entry } = createApiKey(flags.newKey);
    await io.stdout.write(`${key}\n${JSON.stringify(entry)}\n`);
    io.stderr.write('note: the key is shown this once; the second line goes into "keys" of the file of --keys\n');
    return;
  }
  const { models: inFile, ...file } = flags.config === undefined ? {} : await readConfig(flags.config);
  const models = flags.model ? namedFolders('model', flags.model) : inFile;
  const indexes = flags.index && namedFolders('index', flags.index);
  const device = flags.device === undefined ? undefined : requireOneOf('device', flags.device, DEVICES);
  const bar = createProgressBar(io, {});
  const server = await startServer({
    ...ways.usual,
    ...file,
    ...ofEnvironment(io.env),
    ...optionsOfFlags(SERVER_SETTINGS, flags as Record<string, unknown>),
    ...ways.fixed,
    ...(models && { models }),
    ...(indexes && { indexes }),
    load: { onProgress: bar.update, signal: io.signal, ...(device !== undefined && { device }) },
    logStream: { write: (line) => io.stderr.write(line) },
  }).finally(() => bar.finish());
  if (ways.onListening) await ways.onListening(server);
  else await io.stdout.write(`${server.models.join(', ')}: ${server.url}\n`);
  if (!io.signal.aborted) await new Promise((resolve) => io.signal.addEventListener('abort', resolve, { once: true }));
  io.stderr.write('note: closing; requests that have begun are answered\n');
  await server.close();
}

/** `NAME=FOLDER`, or a folder alone, whose own name it gets. */
function namedFolders(flag: 'model' | 'index', entries: readonly string[]): Record<string, string> {
  const folders: Record<string, string> = {};
  for (const entry of entries) {
    const [, name, path] = /^([^=/\\]+)=(.+)$/.exec(entry) ?? [undefined, basename(entry), entry];
    if (Object.hasOwn(folders, name!)) throw new UsageError(`--${flag}: two are called ${name!}`);
    folders[name!] = path!;
  }
  return folders;
}

async function readConfig(path: string): Promise<ServerSettings & { models?: Record<string, string> }> {
  const content = await readJsonFile(path);
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new AlbertineError('invalid_config', `${path} must hold an object of settings`, { value: content });
  const { models, ...settings } = content as Record<string, unknown>;
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(SERVER_SETTINGS, name));
  if (unknown !== undefined)
    throw new AlbertineError('invalid_config', `${path}: there is no setting ${describeValue(unknown)}`, {
      value: unknown,
      hint: `There are models, ${Object.keys(SERVER_SETTINGS).join(', ')}`,
    });
  requireValues(settings, SERVER_SETTINGS);
  const isNames = (value: unknown): value is Record<string, string> =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string');
  if (models !== undefined && !isNames(models))
    throw new AlbertineError('invalid_config', `${path}: "models" must be folders by name`, { value: models });
  return { ...(settings as ServerSettings), ...(models !== undefined && { models }) };
}

/** Settings that the environment names, such as `ALBERTINE_QUEUE_TOKENS`. */
function ofEnvironment(env: CliIo['env']): ServerSettings {
  return Object.fromEntries(
    Object.entries(SERVER_SETTINGS as Record<string, Setting>).flatMap(([name, setting]) => {
      const variable = variableOf(name);
      const text = env[variable];
      return text === undefined || text === '' ? [] : [[name, parsed(variable, text, setting)]];
    }),
  );
}

/** The environment variable of a setting. */
export const variableOf = (name: string): string =>
  `ALBERTINE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

function parsed(variable: string, text: string, setting: Setting): unknown {
  switch (setting.kind) {
    case 'number': {
      const value = Number(text);
      if (!Number.isFinite(value)) throw new UsageError(`${variable} must be a number, got ${describeValue(text)}`);
      return value;
    }
    case 'flag':
      if (!/^(0|1|true|false)$/i.test(text))
        throw new UsageError(`${variable} must be 1 or 0, got ${describeValue(text)}`);
      return /^(1|true)$/i.test(text);
    case 'list':
      return text.split(',').map((entry) => entry.trim());
    default:
      return text;
  }
}
