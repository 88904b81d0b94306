import { basename } from 'node:path';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { readJsonFile } from '../../core/files-node.ts';
import { requireValues, type Setting } from '../../core/settings.ts';
import type { Device } from '../../runtime/devices.ts';
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
  device?: Device;
  newKey?: string;
}

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
  const file = flags.config === undefined ? {} : await readConfig(flags.config);
  const models = flags.model && namedFolders('model', flags.model);
  const indexes = flags.index && namedFolders('index', flags.index);
  const bar = createProgressBar(io, {});
  const server = await startServer({
    ...ways.usual,
    ...file,
    ...ofEnvironment(io.env),
    ...optionsOfFlags(SERVER_SETTINGS, flags as Record<string, unknown>),
    ...ways.fixed,
    ...(models && { models }),
    ...(indexes && { indexes }),
    load: { onProgress: bar.update, signal: io.signal, ...pick(flags, ['device']) },
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

/** Keys of the configuration file that hold folders by name. */
const FOLDERS = ['models', 'indexes'] as const;

async function readConfig(
  path: string,
): Promise<ServerSettings & Partial<Record<(typeof FOLDERS)[number], Record<string, string>>>> {
  const content = await readJsonFile(path);
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new AlbertineError('invalid_config', `${path} must hold an object of settings`, { value: content });
  const known = [...FOLDERS, ...Object.keys(SERVER_SETTINGS)];
  const unknown = Object.keys(content).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new AlbertineError('invalid_config', `${path}: there is no setting ${describeValue(unknown)}`, {
      value: unknown,
      hint: `There are ${known.join(', ')}`,
    });
  for (const name of FOLDERS) {
    const value = (content as Record<string, unknown>)[name];
    if (value !== undefined && !isTexts(value))
      throw new AlbertineError('invalid_config', `${path}: ${JSON.stringify(name)} must be folders by name`, { value });
  }
  requireValues(content, SERVER_SETTINGS);
  return content;
}

const isTexts = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((one) => typeof one === 'string');

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
